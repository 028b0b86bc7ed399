"""The policy that holds in this process: one at a time, the last explicit choice wins."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hardened.errors import PolicyError
from hardened.guards.plan import Plan
from hardened.policy.compile import compile
from hardened.policy.load import Source, load_safe, load_with_source
from hardened.policy.schema import Policy

Listener = Callable[[Policy], None]

_log = logging.getLogger("hardened.policy")


@dataclass(slots=True)
class _State:
    """The active policy, where it comes from, and who wants to know when it changes. Written under the lock only."""

    policy: Policy | None = None
    source: str = ""
    explicit: bool = False  # chosen by a call, not found
    compiled: tuple[Policy, Plan] | None = None  # the plan and the policy that it belongs to
    listeners: list[Listener] = field(default_factory=list[Listener])


_state = _State()
_lock = threading.RLock()


def active() -> Policy:
    """The policy that holds; found as `load` does when none was chosen yet. Never raises.

    A broken policy is logged as an error once, and `load_safe` stands in for it.
    """
    if _state.policy is not None:
        return _state.policy
    with _lock:
        if _state.policy is None:
            try:
                _state.policy, _state.source = load_with_source()
            except PolicyError as error:
                _state.policy, _state.source = _stand_in(error)
        return _state.policy


def active_source() -> str:
    """Where the active policy comes from: a file, a preset, `zero configuration`."""
    active()
    return _state.source


def active_plan() -> Plan:
    """What the guards do under the active policy. Never raises.

    It is compiled when it is first asked for, so that an application can register its own detectors after the import.
    One that is still unknown then makes the policy broken, see `active`.
    """
    policy = active()
    compiled = _state.compiled
    if compiled is not None and compiled[0] is policy:
        return compiled[1]
    with _lock:
        try:
            plan = compile(policy)
        except PolicyError as error:
            policy, source = _stand_in(error)
            plan = compile(policy)
            _replace(policy, source)
        _state.compiled = (policy, plan)
        return plan


def set_active(policy: Policy, source: str) -> None:
    """Makes `policy` the one that holds, by explicit choice, and tells the listeners. The same policy again is silent.

    When it replaces another explicit choice, one warning names both sources.
    """
    with _lock:
        if policy == _state.policy:
            _state.explicit = True
            return
        if _state.explicit:
            _log.warning(
                "configured twice: the policy from %s holds now, that from %s no longer", source, _state.source
            )
        _state.explicit = True
        _replace(policy, source)


def on_change(callback: Listener) -> Callable[[], None]:
    """Calls `callback` with every new active policy, in the thread that sets it. Returns a function that ends this."""
    with _lock:
        _state.listeners.append(callback)

    def stop() -> None:
        with _lock:
            if callback in _state.listeners:
                _state.listeners.remove(callback)

    return stop


def configure(policy: Source | None = None, **overrides: Any) -> Policy:
    """Chooses the policy of this process and returns it.

    `policy` is a file, the name of a preset, a mapping or a `Policy`. Overrides change single settings
    (`mode="shadow"`, `detectors_pii_input="redact"`) or merge into a section (`telemetry={"content": False}`). Without
    `policy` they change the policy that was chosen before, if any, else the one that is found. `HARDENED_*` variables
    stay above all of it.

    Raises PolicyError; then the policy that held before still holds.
    """
    with _lock:
        if policy is None and _state.explicit:
            chosen, _ = load_with_source(_state.policy, overrides=overrides)
            compile(chosen)
            if chosen != _state.policy:
                _replace(chosen, _state.source)
        else:
            chosen, source = load_with_source(policy, overrides=overrides)
            compile(chosen)
            set_active(chosen, source)
        return active()


def _stand_in(error: PolicyError) -> tuple[Policy, str]:
    _log.error(
        "the policy cannot be used, so a safe one holds: secrets and personal data are redacted, messages are not "
        "recorded, nothing is blocked. To fix: %s",
        error,
    )
    return load_safe(), "safe policy"


def _replace(policy: Policy, source: str) -> None:
    _state.policy, _state.source = policy, source
    for listener in tuple(_state.listeners):
        try:
            listener(policy)
        except Exception as error:  # noqa: BLE001 - one listener's fault must not keep the others uninformed
            _log.error("a listener of the policy failed: %s", type(error).__name__)
