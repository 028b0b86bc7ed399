"""What the active policy says about calls that fail, with nothing left open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from hardened.policy.active import active

if TYPE_CHECKING:
    from hardened.policy.schema import Policy, PresetName


class Preset(NamedTuple):
    """What a preset says where the policy does not. `None`: as the SDK has it, or without a limit. Times in seconds."""

    retries: int | None = None
    retry_budget: float | None = None
    deadline: float | None = None
    attempt_timeout: float | None = None
    first_token_timeout: float | None = None
    stream_idle_timeout: float | None = None
    validate_answers: bool = True


PRESETS: Final[Mapping[PresetName, Preset]] = {
    "observe": Preset(validate_answers=False),
    "balanced": Preset(),
    "strict": Preset(
        retries=3,
        retry_budget=0.1,
        deadline=30.0,
        attempt_timeout=8.0,
        first_token_timeout=8.0,
        stream_idle_timeout=10.0,
    ),
}


@dataclass(frozen=True, slots=True)
class Plan:
    """How calls are made. Times are in seconds; `None`: as the SDK has it, or without a limit.

    Attributes:
        validates: whether what is no answer is an error.
        buffers: whether a stream is read to its end before the application sees any of it, and sent again if it breaks.
    """

    retries: int | None
    retry_budget: float | None
    deadline: float | None
    attempt_timeout: float | None
    first_token_timeout: float | None
    stream_idle_timeout: float | None
    validates: bool
    buffers: bool


class _State:
    policy: Policy | None = None
    plan: Plan | None = None


def current() -> Plan:
    """The plan of the active policy."""
    policy = active()
    plan = _State.plan
    if plan is None or _State.policy is not policy:
        plan = compile(policy)
        _State.policy, _State.plan = policy, plan
    return plan


def compile(policy: Policy) -> Plan:
    """The plan of a policy. Where the mode is not `enforce`, what the policy does not say itself changes nothing."""
    preset = PRESETS[policy.preset if policy.mode == "enforce" else "observe"]
    said = {name: getattr(policy.resilience, name) for name in Preset._fields}
    chosen = preset._replace(**{name: value for name, value in said.items() if value is not None})
    return Plan(
        retries=chosen.retries,
        retry_budget=chosen.retry_budget,
        deadline=chosen.deadline,
        attempt_timeout=chosen.attempt_timeout,
        first_token_timeout=chosen.first_token_timeout,
        stream_idle_timeout=chosen.stream_idle_timeout,
        validates=chosen.validate_answers,
        buffers=policy.stream == "buffer",
    )
