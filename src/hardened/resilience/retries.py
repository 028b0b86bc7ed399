"""Whether the same target is asked again, and when."""

from __future__ import annotations

from typing import Final

from hardened.resilience import backoff
from hardened.resilience.classify import Fault
from hardened.resilience.plan import Plan
from hardened.resilience.retry_budget import budget
from hardened_instrumentation.calls import Call

PATIENCE: Final = 3.0
"""Seconds that a provider may ask us to wait where another target could answer at once."""


class Retries:
    """Those of one call, for each target that is asked."""

    def __init__(self, call: Call, plan: Plan) -> None:
        self._most = (call.retries if plan.retries is None else plan.retries) or 0
        self._budgeted = plan.retry_budget is not None
        if plan.retry_budget is not None:
            budget.called(plan.retry_budget)

    def wait(self, found: Fault, attempt: int, left: float | None, *, more: bool) -> float | None:
        """Seconds until the same target is asked again; `None` if it shall not be.

        Where others can be asked, one that fails is asked once more, one that is silent or wants us to wait is not.

        Args:
            found: why it has failed.
            attempt: how often it was asked again before.
            left: seconds until the deadline of the call.
            more: whether others can be asked.
        """
        most = self._most
        if more and found.kind != "throttle":
            most = min(most, 0 if found.code == "timeout" else 1)
        if not found.again or attempt >= most:
            return None
        asked = found.retry_after
        longest = PATIENCE if more else backoff.LONGEST if left is None else left
        if asked is not None and asked > longest:
            return None
        wait = backoff.pause(attempt) if asked is None else backoff.after(asked)
        if left is not None and wait >= left:
            return None
        if self._budgeted and not budget.take():
            return None
        return wait
