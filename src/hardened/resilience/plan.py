"""What the active policy says about calls that fail, with nothing left open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from hardened.policy.active import active
from hardened.policy.schema import reveal
from hardened.resilience.targets import Target
from hardened.store.breaker import BreakerRule
from hardened_instrumentation.calls import Destination

if TYPE_CHECKING:
    from hardened.policy.resilience import BreakerPolicy
    from hardened.policy.resilience import Target as TargetPolicy
    from hardened.policy.schema import Policy, PresetName

T = TypeVar("T")

DEFAULT: Final = "default"
"""The key of what holds for all features, or tenants, that are not named."""


class Crowd(NamedTuple):
    """How many may be at work at once, how many may wait for that, and how long, in seconds."""

    limit: int
    queue: int = 50
    wait: float = 9.0


class Preset(NamedTuple):
    """What a preset says where the policy does not. `None`: as the SDK has it, or without a limit. Times in seconds."""

    retries: int | None = None
    retry_budget: float | None = None
    deadline: float | None = None
    attempt_timeout: float | None = None
    first_token_timeout: float | None = None
    stream_idle_timeout: float | None = None
    validate_answers: bool = True
    breaker: bool = True
    context_window: bool = False


PRESETS: Final[Mapping[PresetName, Preset]] = {
    "observe": Preset(validate_answers=False, breaker=False),
    "balanced": Preset(),
    "strict": Preset(
        retries=3,
        retry_budget=0.1,
        deadline=30.0,
        attempt_timeout=8.0,
        first_token_timeout=8.0,
        stream_idle_timeout=10.0,
        context_window=True,
    ),
}


class Plan(NamedTuple):
    """How calls are made. Times are in seconds; `None`: as the SDK has it, or without a limit.

    Attributes:
        validates: whether what is no answer is an error.
        checks_window: whether what is too large for a model, by estimate, is refused.
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
    breaker: BreakerRule | None
    crowd: Crowd | None
    max_tokens: Mapping[str, int]
    max_input_tokens: int | None
    max_message_chars: int | None
    checks_window: bool
    pins: Mapping[str, tuple[str, ...]]
    routes: Mapping[str, tuple[Target, ...]]
    residency: Mapping[str, tuple[str, ...]]

    def fallbacks(self, feature: str | None) -> tuple[Target, ...]:
        """Whom to ask, in order, when the client's own service does not answer."""
        return said_for(self.routes, feature) or ()

    def max_tokens_of(self, feature: str | None) -> int | None:
        """Most tokens of an answer, where the application says nothing."""
        return said_for(self.max_tokens, feature)

    def regions(self, tenant: str | None) -> tuple[str, ...] | None:
        """The regions of targets to which data may go; `None`: all."""
        return said_for(self.residency, tenant)


def said_for(table: Mapping[str, T], name: str | None) -> T | None:
    """What is said for a feature or tenant, be it an empty list, which means nobody; else what holds for all others."""
    return table[name] if name is not None and name in table else table.get(DEFAULT)


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
    resilience = policy.resilience
    said = {name: getattr(resilience, name) for name in Preset._fields if name != "breaker"}
    said["breaker"] = resilience.breaker.enabled
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
        breaker=_rule(resilience.breaker) if chosen.breaker else None,
        crowd=Crowd(crowd.limit, crowd.queue, crowd.wait) if (crowd := resilience.concurrency).limit else None,
        max_tokens=resilience.max_tokens,
        max_input_tokens=resilience.max_input_tokens,
        max_message_chars=resilience.max_message_chars,
        checks_window=chosen.context_window,
        pins=resilience.pins,
        routes={
            feature: tuple(_target(name, policy.targets[name]) for name in names if name in policy.targets)
            for feature, names in policy.routes.items()
        },
        residency=policy.residency,
    )


def _rule(breaker: BreakerPolicy) -> BreakerRule:
    return BreakerRule(
        failures=breaker.failures,
        ratio=breaker.ratio,
        window=breaker.window,
        probe=breaker.probe,
        recovery=breaker.recovery,
        successes=breaker.successes,
    )


def _target(name: str, said: TargetPolicy) -> Target:
    key = reveal(said.api_key)
    elsewhere = said.base_url is not None or key is not None
    destination = Destination(said.base_url, key) if elsewhere else None
    return Target(name, said.provider, destination, said.model, said.region, said.static)
