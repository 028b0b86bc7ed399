"""The guards of this process: one set, made from the active policy."""

from __future__ import annotations

import os
import threading

from hardened.guards.engine import Guards


class _State:
    guards: Guards | None = None  # made from the active policy
    chosen: Guards | None = None  # set by hand
    lock = threading.Lock()


def _after_fork() -> None:
    """In a forked child: the lock may have been held by a thread that is not there any more."""
    _State.lock = threading.Lock()


os.register_at_fork(after_in_child=_after_fork)


def current() -> Guards:
    """The guards of the active policy, or those given to `use`. New ones when the policy has changed."""
    if _State.chosen is not None:
        return _State.chosen
    from hardened.policy.active import active_plan

    plan = active_plan()
    guards = _State.guards
    if guards is not None and guards.plan is plan:
        return guards
    with _State.lock:
        if _State.guards is None or _State.guards.plan is not plan:
            _State.guards = Guards(plan)
        return _State.guards


def use(guards: Guards | None) -> None:
    """Put `guards` in the place of those of the active policy, for example in a test; None puts those back."""
    _State.chosen = guards
