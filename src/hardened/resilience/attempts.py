"""One logical call, sent as often as it takes. The only place that sends again: the SDK's own retries are off."""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass
from itertools import count
from typing import Any, NoReturn

from hardened.errors import DeadlineExceeded, InvalidResponse, as_sdk_error
from hardened.resilience import backoff
from hardened.resilience.answers import CHECKED, of_reply
from hardened.resilience.classify import Fault, of_error
from hardened.resilience.plan import Plan, current
from hardened.resilience.retry_budget import budget
from hardened.resilience.streams import Faulty, Opening, StreamCheck
from hardened.spend.ledger import not_billed
from hardened.telemetry.record import CallRecord
from hardened_instrumentation.calls import Call, Effect, Limits, Peek, Reply, Send, Sleep, perform


@dataclass(frozen=True, slots=True)
class Answer:
    """What the provider answered in the end; of a stream, its begin, and what watches over the rest."""

    reply: Reply
    check: StreamCheck | None = None


def send(call: Call, record: CallRecord) -> Generator[Effect[Any], Any, Answer]:
    """The provider's answer to `call`.

    Raises what the SDK raised for the last request, as it is; `InvalidResponse` if that was no answer;
    `DeadlineExceeded` when time is up.
    """
    if call.retries is None or call.native_span:  # only the SDK can send it again, or its span shall cover all requests
        return Answer((yield from perform(Send(call, record.scope()))))
    call.max_retries = 0
    return (yield from _Attempts(call, current(), record).send())


class _Attempts:
    """The requests of one call."""

    def __init__(self, call: Call, plan: Plan, record: CallRecord) -> None:
        self._call = call
        self._plan = plan
        self._record = record
        self._retries = call.retries if plan.retries is None else plan.retries
        self._began = time.monotonic()
        self._deadline = self._ends()
        if plan.retry_budget is not None:
            budget.called(plan.retry_budget)

    def _ends(self) -> float | None:
        """When the call must be over: as the policy or the code around the call says, whatever is earlier."""
        own = None if self._plan.deadline is None else self._began + self._plan.deadline
        ends = [end for end in (own, self._record.deadline) if end is not None]
        return min(ends, default=None)

    def send(self) -> Generator[Effect[Any], Any, Answer]:
        for attempt in count():
            self._record.sending(attempt)
            limits = self._limits()
            reply: Reply | None = None
            try:
                reply = yield from perform(Send(self._call, self._record.scope(), attempt, limits))
                yield from self._inspect(reply, limits)
                return Answer(reply, self._check(reply))
            except Exception as error:
                found = error.fault if isinstance(error, Faulty) else of_error(self._call.sdk, error)
                if found is None:
                    raise
                wait = self._wait(found, attempt)
                self._record.attempt_failed(attempt, found.kind, found.code, wait)
                if wait is None:
                    if reply is not None and _is_said(reply, found):
                        return Answer(reply)
                    self._fail(found, error, limits)
                billed = not not_billed(error)
            if self._record.charge is not None and billed:
                yield from self._record.charge.again()
            yield from perform(Sleep(wait))
        raise AssertionError("unreachable")

    def _limits(self) -> Limits:
        """How long the next request may take."""
        left = None if self._deadline is None else self._deadline - time.monotonic()
        if left is not None and left <= 0:
            raise self._late()
        plan = self._plan
        answer = plan.first_token_timeout if self._call.stream else plan.attempt_timeout
        silence = plan.stream_idle_timeout or plan.first_token_timeout
        return Limits(_least(answer, left), _least(silence, left))

    def _inspect(self, reply: Reply, limits: Limits) -> Generator[Effect[Any], Any, None]:
        """Raises `Faulty` for an answer that is none, and what reading raises."""
        if not self._plan.validates:
            return
        if reply.kind != "events":
            found = of_reply(self._call, reply)
            if found is not None:
                raise Faulty(found)
            return
        reader = self._call.wire.reader()
        if reader is None or self._call.operation not in CHECKED:
            return
        opening = Opening(self._call, reply, reader, whole=self._plan.buffers)
        timeout = limits.answer if not self._plan.buffers else self._left()
        try:
            ended = yield from perform(Peek(reply, opening.enough, timeout))
        except TimeoutError:
            raise self._call.timeout_error() from None
        if ended:
            opening.ended()

    def _check(self, reply: Reply) -> StreamCheck | None:
        if reply.kind == "events" and self._plan.validates and self._call.operation in CHECKED:
            return StreamCheck(self._call, self._deadline)
        return None

    def _wait(self, found: Fault, attempt: int) -> float | None:
        """Seconds until the same request goes out again; `None` if it shall not."""
        if not found.again or attempt >= (self._retries or 0):
            return None
        left = self._left()
        asked = found.retry_after
        if asked is not None and asked > (backoff.LONGEST if left is None else left):
            return None
        wait = backoff.pause(attempt) if asked is None else backoff.after(asked)
        if left is not None and wait >= left:
            return None
        if self._plan.retry_budget is not None and not budget.take():
            return None
        return wait

    def _left(self) -> float | None:
        return None if self._deadline is None else self._deadline - time.monotonic()

    def _fail(self, found: Fault, error: Exception, limits: Limits) -> NoReturn:
        """The call has failed for good: raise what the application shall see."""
        if found.code == "timeout" and self._deadline is not None and limits.answer is not None:
            own = self._plan.first_token_timeout if self._call.stream else self._plan.attempt_timeout
            if own is None or limits.answer < own:  # it was the deadline that ended it
                raise self._late() from None
        if isinstance(error, Faulty):
            raise as_sdk_error(InvalidResponse, self._call.sdk)(reason=found.code, error_class=found.kind) from None
        raise error

    def _late(self) -> DeadlineExceeded:
        return as_sdk_error(DeadlineExceeded, self._call.sdk)(seconds=time.monotonic() - self._began)


def _is_said(reply: Reply, found: Fault) -> bool:
    """Whether the provider itself says, in a way that the SDK understands, that it failed: the SDK shall say so too."""
    if found.kind == "invalid":
        return False
    return reply.kind == "events" or (reply.kind == "json" and reply.body.get("status") == "failed")


def _least(*limits: float | None) -> float | None:
    return min((limit for limit in limits if limit is not None), default=None)
