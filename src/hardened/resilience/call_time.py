"""The time of one call: when it must be over, and how long its next request may take."""

from __future__ import annotations

import time

from hardened.errors import DeadlineExceeded, as_sdk_error
from hardened.resilience.classify import Fault
from hardened.resilience.plan import Plan
from hardened.telemetry.record import CallRecord
from hardened_instrumentation.calls import Call, Limits


class CallTime:
    """The limits of the policy, of the code around the call, and of the call's kind.

    Attributes:
        deadline: when the call must be over, by `time.monotonic`; `None` if it may take its time.
    """

    def __init__(self, call: Call, plan: Plan, record: CallRecord) -> None:
        self._sdk = call.sdk
        self._began = record.began
        self._one_request = plan.first_token_timeout if call.stream else plan.attempt_timeout
        self._silence = plan.stream_idle_timeout or plan.first_token_timeout
        own = None if plan.deadline is None else self._began + plan.deadline
        self.deadline = _least(own, record.deadline)

    def left(self) -> float | None:
        """Seconds until the deadline."""
        return None if self.deadline is None else self.deadline - time.monotonic()

    def limits(self) -> Limits:
        """How long the next request may take. Raises `DeadlineExceeded` if there is no time for one."""
        left = self.left()
        if left is not None and left <= 0:
            raise self.late()
        return Limits(_least(self._one_request, left), self._silence, self.deadline)

    def ended(self, found: Fault, limits: Limits) -> bool:
        """Whether it was the deadline that ended a request, not the limit that each request has."""
        if found.code != "timeout" or limits.answer is None:
            return False
        return self._one_request is None or limits.answer < self._one_request

    def late(self) -> DeadlineExceeded:
        """What the application sees when time is up."""
        return as_sdk_error(DeadlineExceeded, self._sdk)(seconds=time.monotonic() - self._began)


def _least(*limits: float | None) -> float | None:
    return min((limit for limit in limits if limit is not None), default=None)
