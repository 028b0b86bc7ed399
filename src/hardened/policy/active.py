"""The policy that holds in this process: one at a time, the last explicit choice wins."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from typing import Any

from hardened.errors import PolicyError
from hardened.guards.plan import Plan
from hardened.policy.compile import compile
from hardened.policy.load import Loaded, Source, load_safe, load_with_source
from hardened.policy.schema import Policy

Listener = Callable[[Policy], None]

_log = logging.getLogger("hardened.policy")


class _State:
    """The active policy, where it comes from, and who wants to know when it changes. Written under the lock only."""

    def __init__(self) -> None:
        self.loaded: Loaded | None = None
        self.explicit = False  # chosen by a call, not found
        self.compiled: tuple[Loaded, Plan] | None = None  # the plan and what it was compiled from
        self.listeners: list[Listener] = []


_state = _State()
_lock = threading.RLock()


def _after_fork() -> None:
    """In a forked child: the lock may have been held by a thread that is not there any more."""
    global _lock
    _lock = threading.RLock()


os.register_at_fork(after_in_child=_after_fork)


def active() -> Policy:
    """The policy that holds; found as `load` does when none was chosen yet. Never raises.

    A broken policy is logged as an error once, and `load_safe` stands in for it.
    """
    return _loaded().policy


def active_source() -> str:
    """Where the active policy comes from: a file, a preset, `zero configuration`."""
    return _loaded().source


def active_plan() -> Plan:
    """What the guards do under the active policy. Never raises.

    It is compiled when it is first asked for, so that an application can register its own detectors after the import.
    One that is still unknown then makes the policy broken, see `active`.
    """
    loaded = _loaded()
    compiled = _state.compiled
    if compiled is not None and compiled[0] is loaded:
        return compiled[1]
    with _lock:
        try:
            plan = compile(*loaded)
        except PolicyError as error:
            loaded = _stand_in(error)
            plan = compile(*loaded)
            _replace(loaded)
        _state.compiled = (loaded, plan)
        return plan


def set_active(policy: Policy, source: str) -> None:
    """Makes `policy` the one that holds, by explicit choice, and tells the listeners. The same policy again is silent.

    When it replaces another explicit choice, one warning names both sources.
    """
    _choose(Loaded(policy, source, {}))


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
        amended = _state.loaded if policy is None and _state.explicit else None
        chosen = load_with_source(amended.policy if amended else policy, overrides=overrides)
        compile(*chosen)
        refuse_without_budget(chosen)
        if amended is None:
            _choose(chosen)
        elif chosen.policy != amended.policy:
            _replace(chosen._replace(source=amended.source))
        return active()


def _loaded() -> Loaded:
    if _state.loaded is not None:
        return _state.loaded
    with _lock:
        if _state.loaded is None:
            try:
                _state.loaded = load_with_source()
                refuse_without_budget(_state.loaded)
            except PolicyError as error:
                _state.loaded = _stand_in(error)
        return _state.loaded


def refuse_without_budget(loaded: Loaded) -> None:
    """Preset `strict` promises that money has a limit. Raises PolicyError where it has none."""
    if loaded.policy.preset == "strict" and loaded.policy.mode == "enforce" and not _has_global_budget(loaded.policy):
        raise PolicyError(
            f"{loaded.source}: preset strict needs a budget in USD for all calls together, such as "
            "`budgets: {global: {day: 50 USD}}` in hardened.yaml, or HARDENED_BUDGETS_GLOBAL_DAY='50 USD'"
        )


def _has_global_budget(policy: Policy) -> bool:
    windows = (getattr(getattr(policy.budgets, "global"), name) for name in ("minute", "hour", "day", "month"))
    return any(amount is not None and amount.usd is not None for amount in windows)


def _stand_in(error: PolicyError) -> Loaded:
    _log.error(
        "hardened: the policy cannot be used, so a safe one holds: secrets and personal data are redacted, messages "
        "are not recorded, nothing is blocked. To fix: %s",
        error,
    )
    return load_safe()


def _choose(chosen: Loaded) -> None:
    with _lock:
        before = _state.loaded
        if before is None or chosen.policy != before.policy:
            if before is not None and _state.explicit:
                _log.warning(
                    "hardened: configured twice: the policy from %s holds now, that from %s no longer",
                    chosen.source,
                    before.source,
                )
            _replace(chosen)
        _state.explicit = True


def reset() -> None:
    """Forget what was chosen: the policy is found anew, as at the start of the process. For tests."""
    with _lock:
        _state.loaded, _state.explicit = None, False
        _replace(_loaded())


def _replace(loaded: Loaded) -> None:
    _state.loaded = loaded
    for listener in tuple(_state.listeners):
        try:
            listener(loaded.policy)
        except Exception as error:  # noqa: BLE001 - one listener's fault must not keep the others uninformed
            _log.error("hardened: a listener of the policy failed: %s", type(error).__name__)
