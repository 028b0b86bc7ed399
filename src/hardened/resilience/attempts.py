"""One logical call, sent as often as it takes, to one target after the other.

The only place that sends again: the SDK's own retries are off.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from functools import cached_property
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from hardened.errors import (
    DeadlineExceeded,
    HardenedError,
    InvalidResponse,
    LimitError,
    Overloaded,
    StreamInterrupted,
    UnknownPrice,
    as_sdk_error,
)
from hardened.resilience import backoff, diversion, statics
from hardened.resilience.answers import CHECKED, of_reply
from hardened.resilience.classify import Fault, fault, not_billed, of_error
from hardened.resilience.health import Health
from hardened.resilience.last import CallOutcome, remember
from hardened.resilience.permits import permits
from hardened.resilience.plan import Plan, current
from hardened.resilience.retry_budget import budget
from hardened.resilience.streams import Faulty, Opening, StreamCheck
from hardened.resilience.targets import PRIMARY, Foreign, Target, Unservable, prepared
from hardened.resilience.translation import Refused
from hardened.resilience.window import Size
from hardened.store.breaker import Event
from hardened.telemetry.record import CallRecord
from hardened_instrumentation.calls import Call, Effect, Limits, Peek, Reply, Send, Sleep, perform
from hardened_instrumentation.routes import provider_of_host

SERVED_BY: Final = "x-hardened-served-by"
"""Header of a response, where the policy names more than one target."""

OVER_BUDGET: Final = "the budget has no room for it"
"""Why a target is skipped."""

PATIENCE: Final = 3.0
"""Seconds that a provider may ask us to wait where another target could answer at once."""


class Answer(NamedTuple):
    """What was answered in the end; of a stream, its begin, and what watches over the rest."""

    reply: Reply
    check: StreamCheck | None = None


class Failure(NamedTuple):
    """Why a target did not answer, and what the application sees if nobody else does."""

    fault: Fault
    error: Exception


def send(call: Call, record: CallRecord, size: Size | None = None) -> Generator[Effect[Any], Any, Answer]:
    """The answer to `call`. `size`: how large it is, if it may be too large for a target.

    Raises what the SDK raised for the last request to the client's own service, as it is; `InvalidResponse` if that
    was no answer; `DeadlineExceeded` when time is up.
    """
    if call.retries is None or call.native_span:  # only the SDK can send it again, or its span shall cover all requests
        return Answer((yield from perform(Send(call, record.scope()))))
    call.max_retries = 0
    return (yield from _Attempts(call, current(), record, size).send())


def say(call: Call, record: CallRecord, text: str, name: str) -> Generator[Effect[Any], Any, Answer]:
    """`text` as the answer to `call`, served by `name`: nobody is asked."""
    reply = yield from perform(statics.compose(call, text))
    remember(CallOutcome(name, degraded=True, attempts=0))
    reply.label(SERVED_BY, name)
    record.served_by(name, degraded=True)
    return Answer(reply)


class _Attempts:
    """The requests of one call."""

    def __init__(self, call: Call, plan: Plan, record: CallRecord, size: Size | None) -> None:
        self._call = call
        self._size = size
        self._plan = plan
        self._record = record
        self._retries = (call.retries if plan.retries is None else plan.retries) or 0
        self._body = call.body
        self._home = call.provider, call.server_address, call.server_port
        self._sent = 0
        own = None if plan.deadline is None else record.began + plan.deadline
        self._deadline = _least(own, record.deadline)
        self._named = self._plan.fallbacks(record.feature)
        if plan.retry_budget is not None:
            budget.called(plan.retry_budget)

    @cached_property
    def _fallbacks(self) -> list[Target]:
        """The targets after the client's own that can serve this call; why others cannot is recorded.

        Only asked for when something has failed: to say a request in another wire takes time.
        """
        found: list[Target] = []
        for target in self._named:
            try:
                found.append(prepared(self._call, target, self._plan.regions(self._record.tenant)))
            except Unservable as reason:
                self._record.target_skipped(target.name, str(reason))
        return found

    def _targets(self) -> Iterator[Target]:
        yield Target(PRIMARY, self._call.sdk)
        yield from self._fallbacks

    def _more(self, place: int) -> bool:
        """Whether others can be asked after the target at this place."""
        return place < len(self._fallbacks)

    def send(self) -> Generator[Effect[Any], Any, Answer]:
        failures: list[Failure] = []
        too_dear: list[HardenedError] = []
        for place, target in enumerate(self._targets()):
            if target.static is not None:
                reply = yield from perform(statics.compose(self._call, target.static))
                return self._served(target, Answer(reply))
            window = self._size.exceeds(target) if self._size is not None else None
            if window is not None and self._more(place):
                self._record.target_skipped(target.name, f"the context window of its model is {window} tokens")
                continue
            health = Health(target.health_name(self._call), self._plan.breaker if self._call.operation else None)
            gate = yield from health.allows()
            if not gate.allowed and self._more(place):
                self._record.target_skipped(target.name, "its breaker is open")
                continue
            self._aim(target)
            try:
                yield from self._afford()
            except (LimitError, UnknownPrice) as refused:
                health.tell_later("neutral")
                self._failed(billed=False)
                self._record.target_skipped(target.name, OVER_BUDGET)
                if not failures and not self._more(place):
                    raise
                too_dear.append(refused)
                continue
            result = yield from self._ask(target, health, place)
            if isinstance(result, Answer):
                return self._served(target, result)
            if target.name != PRIMARY and not failures:
                result.error.add_note(
                    f"hardened: this is what the fallback {target.name!r} says, nobody before it was asked"
                )
            failures.append(result)
            if not result.fault.elsewhere:
                break
        raise _told(failures, too_dear)

    def _ask(self, target: Target, health: Health, place: int) -> Generator[Effect[Any], Any, Answer | Failure]:
        """Send to one target, again if need be. `place`: how many came before it."""
        attempt = 0
        while True:
            limits = self._limits()
            reply: Reply | None = None
            try:
                leave = yield from self._enter(health.name)
            except Overloaded as full:
                refused = as_sdk_error(Overloaded, self._call.sdk)(target=target.name, retry_after=full.retry_after)
                self._failed(billed=False)
                return Failure(fault("throttle", "overloaded"), refused)
            kept = False
            try:
                self._record.sending(self._sent)
                scope = self._record.scope()
                foreign = target.foreign
                body = foreign.body if foreign else None
                to = (target.name == PRIMARY and diversion.instead(self._call)) or target.destination
                reply = yield from perform(Send(self._call, scope, self._sent, limits, to, body))
                if foreign is not None:
                    self._translate(reply, foreign)
                yield from self._inspect(reply, limits)
            except Exception as error:
                found = error.fault if isinstance(error, Faulty) else of_error(target.provider or "", error)
                if found is None:
                    health.tell_later("neutral")
                    raise
                more = self._more(place)
                gate = yield from health.tell("fail" if found.counts else "neutral")
                wait = None if more and gate.state != "closed" else self._wait(found, attempt, more=more)
                self._record.attempt_failed(self._sent, target.name, found.kind, found.code, wait)
                self._failed(billed=not not_billed(error))
                self._sent += 1
                failure = Failure(found, self._as_seen(found, error, limits))
                if wait is None:
                    own = target.name == PRIMARY and not (more and found.elsewhere)
                    if reply is not None and own and _is_said(self._call, reply, found):
                        return Answer(reply)
                    return failure
            except BaseException:
                health.tell_later("neutral")
                raise
            else:
                self._sent += 1
                check = yield from self._watch(reply, health, leave)
                kept = check is not None
                return Answer(reply, check)
            finally:
                if not kept:
                    leave()
            try:
                yield from self._afford()
            except LimitError:
                if not more:
                    raise
                return failure  # others may cost less
            yield from perform(Sleep(wait))
            attempt += 1

    def _afford(self) -> Generator[Effect[Any], Any, None]:
        """Hold what the next request may cost beyond what is held. Raises LimitError or UnknownPrice."""
        if self._record.charge is not None:
            yield from self._record.charge.again(self._call)

    def _failed(self, *, billed: bool) -> None:
        """A request has failed, or was not sent in the end."""
        if self._record.charge is not None:
            self._record.charge.failed(billed=billed)

    def _aim(self, target: Target) -> None:
        """Make the call one for `target`."""
        call = self._call
        body = self._body if target.model is None else {**(self._body or {}), "model": target.model}
        if body is not None and body is not call.body:
            call.replace(body)
        call.provider, call.server_address, call.server_port = self._home
        if target.destination is not None and target.destination.base_url is not None:
            address = urlsplit(target.destination.base_url)
            call.server_address = address.hostname
            call.server_port = address.port or (443 if address.scheme == "https" else 80)
            default = target.destination.speaks or call.provider
            call.provider = provider_of_host(address.hostname or "", default)

    def _translate(self, reply: Reply, foreign: Foreign) -> None:
        """Let everybody from here on see the answer in the call's own wire. Raises `Faulty`."""
        if reply.kind == "events":
            reply.attach(foreign.translation.events(self._body or {}))
        elif isinstance(reply.body, dict):
            try:
                reply.replace(foreign.translation.answer(reply.body))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
            except Refused:
                raise Faulty(fault("invalid", "untranslatable", again=False)) from None

    def _enter(self, name: str) -> Generator[Effect[Any], Any, Callable[[], None]]:
        """Wait for a place at the target; returns what gives it back."""
        crowd = self._plan.crowd
        if crowd is None:
            return lambda: None
        left = self._left()
        crowd = crowd if left is None else crowd._replace(wait=min(crowd.wait, max(left, 0.0)))
        return (yield from permits(name).enter(name, crowd, self._record.priority))

    def _watch(
        self, reply: Reply, health: Health, leave: Callable[[], None]
    ) -> Generator[Effect[Any], Any, StreamCheck | None]:
        """What follows a stream to its end; of other answers, the health of the target is told at once."""
        if reply.kind == "events" and self._plan.validates and self._call.operation in CHECKED:

            def over(event: Event) -> None:
                leave()
                health.tell_later(event)

            return StreamCheck(self._call, self._deadline, over)
        yield from health.tell("ok")
        return None

    def _served(self, target: Target, answer: Answer) -> Answer:
        outcome = CallOutcome(target.name, target.static is not None, self._sent)
        remember(outcome)
        if self._named:
            answer.reply.label(SERVED_BY, target.name)
            self._record.served_by(target.name, degraded=outcome.degraded)
        return answer

    def _limits(self) -> Limits:
        """How long the next request may take."""
        left = self._left()
        if left is not None and left <= 0:
            self._failed(billed=False)
            raise self._late()
        plan = self._plan
        silence = plan.stream_idle_timeout or plan.first_token_timeout
        return Limits(_least(self._own_limit(), left), silence, self._deadline)

    def _own_limit(self) -> float | None:
        return self._plan.first_token_timeout if self._call.stream else self._plan.attempt_timeout

    def _left(self) -> float | None:
        return None if self._deadline is None else self._deadline - time.monotonic()

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
        except Exception as error:
            found = None if isinstance(error, Faulty) else of_error(self._call.sdk, error)
            if found is None:
                raise
            if found.code == "timeout":
                raise self._call.timeout_error() from None
            raise Faulty(found) from None  # the rest of this body would look like a stream that is over
        if ended:
            opening.ended()

    def _wait(self, found: Fault, attempt: int, *, more: bool) -> float | None:
        """Seconds until the same target is asked again; `None` if it shall not be.

        Where others can be asked, one that fails is asked once more, one that is silent or wants us to wait is not.
        """
        retries = self._retries
        if more and found.kind != "throttle":
            retries = min(retries, 0 if found.code == "timeout" else 1)
        if not found.again or attempt >= retries:
            return None
        left = self._left()
        asked = found.retry_after
        longest = PATIENCE if more else backoff.LONGEST if left is None else left
        if asked is not None and asked > longest:
            return None
        wait = backoff.pause(attempt) if asked is None else backoff.after(asked)
        if left is not None and wait >= left:
            return None
        if self._plan.retry_budget is not None and not budget.take():
            return None
        return wait

    def _as_seen(self, found: Fault, error: Exception, limits: Limits) -> Exception:
        """What the application shall see of a failure."""
        own = self._own_limit()
        if found.code == "timeout" and limits.answer is not None and (own is None or limits.answer < own):
            return self._late()  # it was the deadline that ended it
        if isinstance(error, Faulty) and found.kind == "transport":
            return as_sdk_error(StreamInterrupted, self._call.sdk)(reason=found.code, error_class=found.kind)
        if isinstance(error, Faulty):
            return as_sdk_error(InvalidResponse, self._call.sdk)(reason=found.code, error_class=found.kind)
        return error

    def _late(self) -> DeadlineExceeded:
        return as_sdk_error(DeadlineExceeded, self._call.sdk)(seconds=time.monotonic() - self._record.began)


def _told(failures: list[Failure], too_dear: list[HardenedError]) -> Exception:
    """The error of the client's own service, with notes on how others failed, or why they were not asked."""
    first, *others = failures
    for other in others:
        first.error.add_note(f"hardened: a fallback was asked too, and failed: {other.fault.kind} ({other.fault.code})")
    for refused in too_dear:
        first.error.add_note(f"hardened: a fallback was not asked: {refused}")
    return first.error


def _is_said(call: Call, reply: Reply, found: Fault) -> bool:
    """Whether the provider itself says, in a way that the SDK understands, that it failed: the SDK shall say so too.

    Of the events of a response the SDK makes no error: who waits for text would take it for an empty answer.
    """
    if found.kind in ("invalid", "transport"):
        return False
    if reply.kind == "events":
        return call.route != "responses"
    return reply.kind == "json" and reply.body.get("status") == "failed"


def _least(*limits: float | None) -> float | None:
    return min((limit for limit in limits if limit is not None), default=None)
