"""One logical call, sent as often as it takes, to one target after the other.

The only place that sends again: the SDK's own retries are off.
"""

from __future__ import annotations

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
from hardened.resilience import diversion, statics
from hardened.resilience.answers import CHECKED
from hardened.resilience.call_time import CallTime
from hardened.resilience.classify import Fault, fault, not_billed, of_error
from hardened.resilience.health import Health
from hardened.resilience.inspection import inspect, is_said, translate
from hardened.resilience.last import CallOutcome, remember
from hardened.resilience.permits import permits
from hardened.resilience.plan import Plan, current
from hardened.resilience.retries import Retries
from hardened.resilience.streams import Faulty, StreamCheck
from hardened.resilience.targets import PRIMARY, Target, Unservable, prepared
from hardened.resilience.window import Size
from hardened.store.breaker import Event
from hardened.telemetry.record import CallRecord
from hardened_instrumentation.calls import Call, Effect, Limits, Reply, Send, Sleep, perform
from hardened_instrumentation.routes import provider_of_host

SERVED_BY: Final = "x-hardened-served-by"
"""Header of a response, where the policy names more than one target."""

OVER_BUDGET: Final = "the budget has no room for it"
"""Why a target is skipped."""


class Answer(NamedTuple):
    """What was answered in the end; of a stream, its begin, and what watches over the rest."""

    reply: Reply
    check: StreamCheck | None = None


class Failure(NamedTuple):
    """Why a target did not answer, and what the application sees if nobody else does."""

    fault: Fault
    error: Exception


class Broken(NamedTuple):
    """One request that failed; `reply`: what came, if anything did."""

    fault: Fault
    error: Exception
    reply: Reply | None


class Again(NamedTuple):
    """One request that failed, and is sent again after a pause. `failure`: what it is if it cannot be."""

    failure: Failure
    wait: float


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
        self._time = CallTime(call, plan, record)
        self._retries = Retries(call, plan)
        self._body = call.body
        self._home = call.provider, call.server_address, call.server_port
        self._sent = 0
        self._named = self._plan.fallbacks(record.feature)

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
            result = yield from self._request(target, health, place, attempt)
            if not isinstance(result, Again):
                return result
            try:
                yield from self._afford()
            except LimitError:
                if not self._more(place):
                    raise
                return result.failure  # others may cost less
            yield from perform(Sleep(result.wait))
            attempt += 1

    def _request(
        self, target: Target, health: Health, place: int, attempt: int
    ) -> Generator[Effect[Any], Any, Answer | Failure | Again]:
        """One request, if there is time and a place for it. `attempt`: how often the target was asked before."""
        limits = self._limits()
        try:
            leave = yield from self._enter(health.name)
        except Overloaded as full:
            self._failed(billed=False)
            refused = as_sdk_error(Overloaded, self._call.sdk)(target=target.name, retry_after=full.retry_after)
            return Failure(fault("throttle", "overloaded"), refused)
        kept = False
        try:
            reply = yield from self._exchange(target, health, limits)
            if isinstance(reply, Broken):
                wait = yield from self._tell(reply, target, health, place, attempt)
                return self._after(reply, wait, limits, target)
            self._sent += 1
            check = yield from self._watch(reply, health, leave)
            kept = check is not None
            return Answer(reply, check)
        finally:
            if not kept:
                leave()

    def _exchange(self, target: Target, health: Health, limits: Limits) -> Generator[Effect[Any], Any, Reply | Broken]:
        """Send, and look at what arrives. Raises what says nothing about the target."""
        reply: Reply | None = None
        try:
            self._record.sending(self._sent)
            scope = self._record.scope()
            foreign = target.foreign
            body = foreign.body if foreign else None
            to = (target.name == PRIMARY and diversion.instead(self._call)) or target.destination
            reply = yield from perform(Send(self._call, scope, self._sent, limits, to, body))
            if foreign is not None:
                translate(reply, foreign, self._body or {})
            if self._plan.validates:
                whole = self._plan.buffers
                timeout = self._time.left() if whole else limits.answer
                yield from inspect(self._call, reply, timeout, whole=whole)
            return reply
        except Exception as error:
            found = error.fault if isinstance(error, Faulty) else of_error(target.provider or "", error)
            if found is None:
                health.tell_later("neutral")
                raise
            return Broken(found, error, reply)
        except BaseException:
            health.tell_later("neutral")
            raise

    def _tell(
        self, broken: Broken, target: Target, health: Health, place: int, attempt: int
    ) -> Generator[Effect[Any], Any, float | None]:
        """Tell everybody of a request that failed. Returns the pause before the target is asked again, if it is."""
        found, more = broken.fault, self._more(place)
        gate = yield from health.tell("fail" if found.counts else "neutral")
        wait = None
        if not more or gate.state == "closed":
            wait = self._retries.wait(found, attempt, self._time.left(), more=more)
        self._record.attempt_failed(self._sent, target.name, found.kind, found.code, wait)
        self._failed(billed=not not_billed(broken.error))
        self._sent += 1
        return wait

    def _after(self, broken: Broken, wait: float | None, limits: Limits, target: Target) -> Answer | Failure | Again:
        """What a request that failed comes to."""
        found, reply = broken.fault, broken.reply
        failure = Failure(found, self._as_seen(found, broken.error, limits))
        if wait is not None:
            return Again(failure, wait)
        own = target.name == PRIMARY and not (found.elsewhere and self._fallbacks)
        if reply is not None and own and is_said(self._call, reply, found):
            return Answer(reply)
        return failure

    def _limits(self) -> Limits:
        """How long the next request may take."""
        try:
            return self._time.limits()
        except DeadlineExceeded:
            self._failed(billed=False)
            raise

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

    def _enter(self, name: str) -> Generator[Effect[Any], Any, Callable[[], None]]:
        """Wait for a place at the target; returns what gives it back."""
        crowd = self._plan.crowd
        if crowd is None:
            return lambda: None
        left = self._time.left()
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

            return StreamCheck(self._call, self._time.deadline, over)
        yield from health.tell("ok")
        return None

    def _served(self, target: Target, answer: Answer) -> Answer:
        outcome = CallOutcome(target.name, target.static is not None, self._sent)
        remember(outcome)
        if self._named:
            answer.reply.label(SERVED_BY, target.name)
            self._record.served_by(target.name, degraded=outcome.degraded)
        return answer

    def _as_seen(self, found: Fault, error: Exception, limits: Limits) -> Exception:
        """What the application shall see of a failure."""
        if self._time.ended(found, limits):
            return self._time.late()
        if isinstance(error, Faulty) and found.kind == "transport":
            return as_sdk_error(StreamInterrupted, self._call.sdk)(reason=found.code, error_class=found.kind)
        if isinstance(error, Faulty):
            return as_sdk_error(InvalidResponse, self._call.sdk)(reason=found.code, error_class=found.kind)
        return error


def _told(failures: list[Failure], too_dear: list[HardenedError]) -> Exception:
    """The error of the client's own service, with notes on how others failed, or why they were not asked."""
    first, *others = failures
    for other in others:
        first.error.add_note(f"hardened: a fallback was asked too, and failed: {other.fault.kind} ({other.fault.code})")
    for refused in too_dear:
        first.error.add_note(f"hardened: a fallback was not asked: {refused}")
    return first.error
