"""What each preset does about detectors and message content: the one table in code; docs/configuration.md prints it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from hardened.guards.plan import OnError, Operator, OperatorName
from hardened.guards.verdict import STAGES, Action, Stage
from hardened.policy.schema import DetectorPolicy, Masked, Policy, PresetName

# The operating points of `injection`, in the detector's own scores: a finding counts from the first on, and is sure
# enough to block from the second on.
DEFAULT_POINT: Final = 0.5
BLOCK_POINT: Final = 0.9
TOPIC_POINT: Final = 0.6
LEAK_POINT: Final = 0.5  # half of the instructions

# Credentials and personal data flow everywhere. Injections hide in what the model reads, topics in the conversation,
# leaks of the application's instructions in what the model says.
_EVERYWHERE: Final = STAGES
_READ: Final[tuple[Stage, ...]] = ("input", "retrieval", "tool_result")
_SAID: Final[tuple[Stage, ...]] = ("input", "output")
_ANSWERED: Final[tuple[Stage, ...]] = ("output", "tool_call")


def _row(action: Action, stages: tuple[Stage, ...], **other: Action) -> dict[Stage, Action]:
    """`action` at all `stages`, except where `other` says otherwise."""
    return {stage: other.get(stage, action) for stage in stages}


ACTIONS: Final[Mapping[PresetName, Mapping[str, Mapping[Stage, Action]]]] = {
    "observe": {
        "secrets": _row("warn", _EVERYWHERE),
        "pii": _row("warn", _EVERYWHERE),
        "injection": _row("warn", _READ),
        "topic": _row("warn", _SAID),
        "canary": _row("warn", _ANSWERED),
        "prompt_leak": _row("warn", _ANSWERED),
    },
    "balanced": {
        "secrets": _row("redact", _EVERYWHERE),
        "pii": _row("warn", _EVERYWHERE),
        "injection": _row("warn", _READ),
        "topic": _row("warn", _SAID),
        "canary": _row("warn", _ANSWERED),
        "prompt_leak": _row("warn", _ANSWERED),
    },
    "strict": {
        "secrets": _row("redact", _EVERYWHERE, input="block"),
        "pii": _row("redact", _EVERYWHERE),
        "injection": _row("block", _READ, input="warn"),
        "topic": _row("warn", _SAID),
        "canary": _row("block", _ANSWERED),
        "prompt_leak": _row("warn", _ANSWERED),
    },
}

CONTENT: Final[Mapping[PresetName, bool]] = {"observe": True, "balanced": True, "strict": False}

_SCORES: Final[Mapping[str, tuple[float, float]]] = {
    "injection": (DEFAULT_POINT, BLOCK_POINT),
    "prompt_leak": (LEAK_POINT, LEAK_POINT),
    "topic": (TOPIC_POINT, TOPIC_POINT),  # below it lies what is unclear
}  # min_score, block_score
_FAIL_CLOSED: Final = ("secrets", "pii")


def on_error(preset: PresetName, detector: str) -> OnError:
    """What a failing detector means: those that keep private data in fail closed, in `strict` all do."""
    return "closed" if preset == "strict" or detector in _FAIL_CLOSED else "open"


class Effective(NamedTuple):
    """One detector with nothing left open: what the policy says, else its preset, else `allow`."""

    actions: Mapping[Stage, Action]
    on_error: OnError
    min_score: float  # from here on a finding counts
    block_score: float  # from here on it may block
    timeout: float | None  # seconds
    options: Mapping[str, Any]
    operators: Mapping[str, Operator]  # by category, `""` for all others


def effective(policy: Policy) -> dict[str, Effective]:
    """Every detector that runs somewhere, in the order in which they run: the preset's, then the policy's own."""
    names = dict.fromkeys((*ACTIONS[policy.preset], *policy.detectors))
    found = {name: _effective(policy.preset, name, policy.detectors.get(name)) for name in names if _runs(policy, name)}
    return {name: one for name, one in found.items() if set(one.actions.values()) != {"allow"}}


def _runs(policy: Policy, name: str) -> bool:
    """Not switched off; and topics only when some are given."""
    own = policy.detectors.get(name)
    if name == "topic":
        return own is not None and own.enabled and bool(own.options.get("allow") or own.options.get("deny"))
    return own is None or own.enabled


def _effective(preset: PresetName, name: str, own: DetectorPolicy | None) -> Effective:
    given = own or DetectorPolicy.model_construct()
    preset_actions = ACTIONS[preset].get(name, {})
    said: dict[Stage, Action | None] = {stage: getattr(given, stage) for stage in STAGES}
    low, high = _SCORES.get(name, (0.0, 0.0))
    low = low if given.min_score is None else given.min_score
    high = high if given.block_score is None else given.block_score
    return Effective(
        actions={stage: said[stage] or preset_actions.get(stage, "allow") for stage in STAGES},
        on_error=given.on_error or on_error(preset, name),
        min_score=low,
        block_score=max(low, high),
        timeout=given.timeout_ms / 1000 if given.timeout_ms else None,
        options=given.options,
        operators=_operators(given),
    )


def _operators(given: DetectorPolicy) -> dict[str, Operator]:
    said: dict[str, OperatorName | Masked] = dict(given.operators)
    if given.operator:
        said[""] = given.operator
    return {category: _operator(setting) for category, setting in said.items()}


def _operator(setting: OperatorName | Masked) -> Operator:
    if isinstance(setting, Masked):
        return Operator("mask", setting.mask.keep_first, setting.mask.keep_last, setting.mask.char)
    return Operator(setting)
