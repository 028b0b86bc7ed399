"""What is recorded of one call: its span, the spans of guards that found something, its metrics and its cost.

No method of `CallRecord` raises: a fault of ours must never become a fault of the application.
"""

from __future__ import annotations

import atexit
import os
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from functools import cache, wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind, Status, StatusCode

from hardened.errors import BlockedError
from hardened.guards.verdict import Decision, Stage, Verdict
from hardened.resilience import plan as resilience
from hardened.resilience.drift import drifted
from hardened.spend import tokens
from hardened.spend.prices import Cost
from hardened.telemetry import content, context, semconv
from hardened.telemetry.attributes import error_type, of_cost, of_usage
from hardened.telemetry.decisions import Decisions
from hardened.telemetry.faults import report
from hardened.telemetry.runtime import Runtime, runtime
from hardened.telemetry.scrub import scrub_text
from hardened_instrumentation.calls import Call, Ending, EventReader, Json, Reply, RequestView, ResponseView, Usage

if TYPE_CHECKING:
    from hardened.spend.ledger import CallCharge

P = ParamSpec("P")

STREAM_OUTCOMES: dict[Ending, str] = {
    "read": semconv.STREAM_INCOMPLETE,
    "closed": semconv.STREAM_ABORTED,
    "dropped": semconv.STREAM_ABORTED,
    "cancelled": semconv.STREAM_ABORTED,
    "failed": semconv.STREAM_ERROR,
}
"""Of a stream that ended before its terminal event."""


def contained(method: Callable[Concatenate[CallRecord, P], None]) -> Callable[Concatenate[CallRecord, P], None]:
    """Reports what `method` raises and goes on."""

    @wraps(method)
    def safe(self: CallRecord, *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            method(self, *args, **kwargs)
        except Exception as error:  # noqa: BLE001 - see the module's promise
            report(f"recording a call ({method.__name__})", error)

    return safe


_NOWHERE = context.Ambient()

_open: set[CallRecord] = set()
"""Calls that have not ended. A forked child forgets those of its parent, which will end them itself."""

os.register_at_fork(after_in_child=_open.clear)


@cache
def _end_at_exit() -> None:
    """Let the streams that are still open when the program ends be over then. Later nothing can be recorded any more.

    Asked for after the first span has begun: so it runs before what delivers at the exit.
    """
    atexit.register(_end_open)


def _end_open() -> None:
    for record in list(_open):
        record.left()


class CallRecord:
    """Follows one call from its begin to its end, which comes exactly once, whoever ends it.

    Attributes:
        began: when the application made the call, by `time.monotonic`: its deadline counts from here.
        charge: what is reserved for the call, told how it ended.
    """

    def __init__(self, call: Call) -> None:
        self._call = call
        self._ambient = _NOWHERE
        self._span: Span = INVALID_SPAN
        self._began, self._began_ns = time.perf_counter(), time.time_ns()
        self.began = time.monotonic()
        self._first: float | None = None
        self._over: tuple[int, float] | None = None
        self._request: RequestView | None = None
        self._response: ResponseView | None = None
        self._used: Usage | None = None
        self._attributes: dict[str, Any] = {}
        self._decisions = Decisions()
        self._unscanned: set[str] = set()
        self._held = 0
        self._attempts = 0
        self._free = False
        self._failure: str | None = None  # class of the last request's error
        self.charge: CallCharge | None = None
        _open.add(self)
        self._start()

    @contained
    def _start(self) -> None:
        call = self._call
        self._runtime: Runtime = runtime()
        self._ambient = context.current()
        if call.native_span or otel_context.get_value(_SUPPRESS_INSTRUMENTATION_KEY):
            return
        model = call.body.get("model") if call.body else None
        attributes: dict[str, Any] = {semconv.PROVIDER_NAME: call.provider, semconv.ROUTE: call.route}
        if call.operation:
            attributes[semconv.OPERATION_NAME] = call.operation
        if isinstance(model, str):
            attributes[semconv.REQUEST_MODEL] = model
        if call.server_address:
            attributes[semconv.SERVER_ADDRESS] = call.server_address
            attributes[semconv.SERVER_PORT] = call.server_port
        self._span = self._runtime.tracer().start_span(
            semconv.call_span_name(call.operation, f"{call.method.upper()} {call.route}", model),
            kind=SpanKind.CLIENT,
            attributes=attributes,
            start_time=self._began_ns,
        )
        _end_at_exit()
        if isinstance(model, str):
            self._runtime.prices.prefetch(call.provider, model)

    @property
    def request(self) -> RequestView | None:
        """What the request says, once it was `requested`."""
        return self._request

    def scope(self) -> AbstractContextManager[object]:
        """Makes the call's span the current one while the SDK works, for spans of the HTTP client below."""
        return _Scope(self._span)

    @contained
    def requested(self) -> None:
        """The request is as it will be sent."""
        call = self._call
        if call.propagate:
            self._runtime.inject(self._span, call.headers)
        if call.operation is None or call.body is None:
            return
        self._request = view = call.wire.request(call.body)
        if not self._span.is_recording():
            return
        attributes = self._attributes
        attributes.update(view.parameters)
        if call.stream:
            attributes[semconv.REQUEST_STREAM] = True
        if view.output_type:
            attributes[semconv.OUTPUT_TYPE] = view.output_type
        if view.conversation_id:
            attributes[semconv.CONVERSATION_ID] = view.conversation_id
        if self._ambient.prompt_version is None and (system := _system_prompt(view)):
            attributes[semconv.PROMPT_HASH] = context.prompt_hash(system)
        if self._runtime.captures_content:
            self._capture(
                (semconv.INPUT_MESSAGES, view.messages),
                (semconv.SYSTEM_INSTRUCTIONS, view.system),
                (semconv.TOOL_DEFINITIONS, view.tools),
            )

    def _capture(self, *captured: tuple[str, list[Json]]) -> None:
        for name, value in captured:
            if value:
                text, truncated = content.encode(value, self._runtime.content_budget, scrub_text)
                self._attributes[name] = text
                if truncated:
                    self._attributes[semconv.CONTENT_TRUNCATED] = True

    @property
    def deadline(self) -> float | None:
        """When the code around the call wants it to be over, by `time.monotonic`."""
        return self._ambient.deadline

    @property
    def priority(self) -> int:
        """1 goes before 2, 2 before 3."""
        return self._ambient.priority or 2

    @property
    def feature(self) -> str | None:
        return self._ambient.feature

    @property
    def tenant(self) -> str | None:
        return self._ambient.tenant

    @contained
    def target_skipped(self, target: str, reason: str) -> None:
        """A target of the policy is not asked."""
        self._span.add_event(semconv.TARGET_SKIPPED, {semconv.TARGET: target, semconv.TARGET_REASON: reason})

    @contained
    def served_by(self, target: str, *, degraded: bool) -> None:
        """This target has answered; `degraded`: with a fixed text."""
        self._attributes[semconv.SERVED_BY] = target
        if degraded:  # nobody was paid for it
            self._attributes[semconv.DEGRADED] = self._free = True
            return
        call = self._call
        self._attributes[semconv.PROVIDER_NAME] = call.provider
        if call.server_address:
            self._attributes[semconv.SERVER_ADDRESS] = call.server_address
            self._attributes[semconv.SERVER_PORT] = call.server_port
        if self._request is not None and call.body is not None:
            self._request.model = call.body.get("model")  # what was priced and asked for in the end

    def output_limited(self, tokens: int) -> None:
        """The policy said how long the answer may be, since the application did not."""
        self._attributes[semconv.MAX_TOKENS_INJECTED] = tokens

    @contained
    def _judge(self, response: ResponseView) -> None:
        """Whether it was refused, whether our limit cut it, and whether another model answered than was asked for."""
        attributes = self._attributes
        refusal = "content_filter" if "content_filter" in response.finish_reasons else "refusal"
        if response.refused or refusal == "content_filter":
            attributes[semconv.REFUSAL] = refusal
            self._span.add_event(semconv.REFUSED, {semconv.ERROR_CLASS: "policy", semconv.ERROR_TYPE: refusal})
        if semconv.MAX_TOKENS_INJECTED in attributes and "length" in response.finish_reasons:
            attributes[semconv.MAX_TOKENS_CUT] = True
        requested = self._request.model if self._request else None
        fingerprint = response.attributes.get(semconv.OPENAI_RESPONSE_SYSTEM_FINGERPRINT)
        if drifted(requested, response.model, fingerprint, resilience.current().pins):
            attributes[semconv.MODEL_DRIFT] = True
            said = {semconv.REQUEST_MODEL: requested or "", semconv.RESPONSE_MODEL: response.model or ""}
            self._span.add_event(semconv.MODEL_DRIFTED, said)

    def sending(self, attempt: int) -> None:
        """A request goes out, after so many others."""
        self._attempts = attempt + 1

    @contained
    def attempt_failed(self, attempt: int, target: str, kind: str, code: str, wait: float | None) -> None:
        """A request has failed. The next one to the same target follows after `wait` seconds; `None`: none does."""
        said: dict[str, Any] = {
            semconv.ATTEMPT_NUMBER: attempt + 1,
            semconv.TARGET: target,
            semconv.ERROR_CLASS: kind,
            semconv.ERROR_TYPE: code,
        }
        if wait is not None:
            said[semconv.ATTEMPT_WAIT] = wait
        self._span.add_event(semconv.ATTEMPT_FAILED, said)
        self._failure = kind

    @contained
    def answered(self, reply: Reply) -> None:
        """The provider has answered; its answer may still be refused."""
        if self._call.native_span:
            self._span = trace.get_current_span()  # the SDK's own span takes what we have to say
        if reply.retries:
            self._attributes[semconv.HTTP_REQUEST_RESEND_COUNT] = reply.retries
        self._failure = None

    @contained
    def responded(self, reply: Reply) -> None:
        """The response is as the application will see it."""
        body: Json | str | None = reply.body
        if isinstance(body, dict):
            self._response = self._call.wire.response(body)

    def refused(self, reply: Reply) -> None:
        """The response was paid for, but the application will not see it."""
        self.responded(reply)
        if self._response is not None:
            self._response.messages = []

    def first_content(self) -> None:
        """A stream has brought content; the first time counts."""
        if self._first is None:
            self._first = time.perf_counter()

    def over(self) -> None:
        """Nothing more comes: this is when the call ends, even if what came is only read later."""
        self._over = time.time_ns(), time.perf_counter()

    @property
    def foreign(self) -> bool:
        """Whether the span is the SDK's own, which ends it."""
        return self._call.native_span

    @contained
    def unscanned(self, modalities: Iterable[str]) -> None:
        """Parts of the call that no detector can read."""
        self._unscanned.update(modalities)

    def held(self, characters: int) -> None:
        """A stream guard has held back so many characters at most."""
        self._held = max(self._held, characters)

    @contained
    def decided(
        self, stage: Stage, decisions: Iterable[Decision], duration: float = 0.0, *, repeated: bool = False
    ) -> None:
        """Guards have decided. `repeated`: on a text that was decided before, as streams repeat theirs."""
        self._decisions.add(stage, decisions, duration, repeated=repeated)

    def verdict(self, verdict: Verdict, *, repeated: bool = False) -> None:
        """A whole text was judged."""
        self.decided(verdict.stage, verdict.decisions, verdict.duration, repeated=repeated)

    @contained
    def stream_ended(self, how: Ending, error: BaseException | None, reader: EventReader | None) -> None:
        """A streamed body is over."""
        if reader is not None:
            self._streamed(how, error, reader)
        if self._first is not None:
            self._attributes[semconv.RESPONSE_TIME_TO_FIRST_CHUNK] = self._first - self._began
        complete = self._attributes.get(semconv.STREAM_OUTCOME) == semconv.STREAM_COMPLETED
        # If the answer was all there, it does not matter what the application did afterwards.
        self.end(error if how in ("failed", "cancelled", "read") and not complete else None)

    @contained
    def _streamed(self, how: Ending, error: BaseException | None, reader: EventReader) -> None:
        self._attributes[semconv.STREAM_OUTCOME] = STREAM_OUTCOMES[how]
        if isinstance(error, BlockedError):
            self._attributes[semconv.STREAM_OUTCOME] = semconv.STREAM_BLOCKED
        if self._held:
            self._attributes[semconv.STREAM_HOLD_CHARS] = self._held
        self._response = response = reader.response()
        if response.complete and not isinstance(error, BlockedError):
            self._attributes[semconv.STREAM_OUTCOME] = semconv.STREAM_COMPLETED

    def left(self) -> None:
        """The program ends before the call does."""
        if self._call.stream:
            self._attributes[semconv.STREAM_OUTCOME] = semconv.STREAM_ABORTED
        self.end()

    @contained
    def end(self, error: BaseException | None = None) -> None:
        """The call is over; only the first end counts."""
        try:
            _open.remove(self)
        except KeyError:
            return
        ended, stopped = self._over or (time.time_ns(), time.perf_counter())
        duration = stopped - self._began
        self._finish_attributes(error)
        if self._call.native_span:  # the SDK ends its span now, and waits for no price
            self._tell(error)
        usage, model = self._used, self._model()
        if self._call.operation in PRICED and usage is not None and model:
            # The price may still be on its way: then the span ends later, in the background, at the time of now.
            tier = self._attributes.get(semconv.OPENAI_RESPONSE_SERVICE_TIER)
            try:
                self._runtime.prices.when_ready(
                    self._call.provider,
                    model,
                    lambda price: self._close(error, usage, duration, ended, price(usage, tier)),
                    requested=self._request.model if self._request else None,
                )
            except Exception as fault:  # noqa: BLE001 - the span must end all the same
                report("pricing a call", fault)
                self._close(error, usage, duration, ended, None)
        else:
            self._close(error, usage, duration, ended, None)

    def _model(self) -> str | None:
        answered = self._response.model if self._response else None
        return answered or (self._request.model if self._request else None)

    def _usage(self) -> tuple[Usage | None, bool]:
        """The tokens of the call, and whether they are estimated."""
        response, request = self._response, self._request
        if self._call.operation in (None, "fetch_response") or response is None or self._free:
            return None, False
        usage = response.usage
        if usage is not None and (usage.output is not None or self._call.operation == "embeddings"):
            return usage, False
        if not self._call.stream or request is None:
            return usage, False
        given = usage.input if usage is not None and usage.input is not None else tokens.estimate_request(request)
        return Usage(input=given, output=tokens.estimate_messages(response.messages)), True

    @contained
    def _finish_attributes(self, error: BaseException | None) -> None:
        attributes, response = self._attributes, self._response
        if error is not None:
            attributes[semconv.ERROR_TYPE] = error_type(error)
            if self._failure is not None:
                attributes[semconv.ERROR_CLASS] = self._failure
        if self._unscanned:
            attributes[semconv.GUARD_UNSCANNED] = sorted(self._unscanned)
        attributes.update(self._decisions.attributes())
        usage, estimated = self._usage()
        if usage is not None and not self._call.native_span:
            attributes.update(of_usage(usage))
            if estimated:
                attributes[semconv.USAGE_ESTIMATED] = True
        self._used = usage
        if response is not None:
            self._judge(response)
            attributes.update(response.attributes)
            for name, value in (
                (semconv.RESPONSE_ID, response.id),
                (semconv.RESPONSE_MODEL, response.model),
                (semconv.RESPONSE_FINISH_REASONS, response.finish_reasons),
            ):
                if value:
                    attributes[name] = value
            if response.messages and self._span.is_recording() and self._runtime.captures_content:
                self._capture((semconv.OUTPUT_MESSAGES, response.messages))

    @contained
    def _close(
        self, error: BaseException | None, usage: Usage | None, duration: float, ended: int, cost: Cost | None
    ) -> None:
        span, attributes = self._span, self._attributes
        try:
            if usage is not None and self._call.operation in PRICED:
                attributes.update(of_cost(cost))
            if not self._call.native_span:
                self._tell(error)
            elif span.is_recording():
                span.set_attributes(attributes)
            self._measure(error, usage, duration, cost)
        finally:
            if not self._call.native_span:
                span.end(ended)
            if self.charge is not None:
                self.charge.finish(error, usage, cost)

    @contained
    def _tell(self, error: BaseException | None) -> None:
        """Put on the span what is known, and the spans of guards below it."""
        if self._span.is_recording():
            self._span.set_attributes(self._attributes)
            if error is not None and not self._call.native_span:
                self._span.set_status(Status(StatusCode.ERROR, error_type(error)))
            with_span = trace.set_span_in_context(self._span, context.with_ambient(self._ambient))
            self._decisions.emit(self._runtime.tracer(), with_span)

    def _measure(self, error: BaseException | None, usage: Usage | None, duration: float, cost: Cost | None) -> None:
        call = self._call
        self._runtime.metrics.record(
            operation=call.operation,
            provider=call.provider,
            request_model=self._request.model if self._request else None,
            response_model=self._response.model if self._response else None,
            server_address=call.server_address,
            server_port=call.server_port,
            error_type=error_type(error) if error is not None else None,
            duration=duration,
            time_to_first_chunk=self._attributes.get(semconv.RESPONSE_TIME_TO_FIRST_CHUNK),
            usage=usage,
            cost=cost,
            feature=self._ambient.feature,
            attempts=self._attempts,
        )
        self._decisions.measure(self._runtime.metrics)


PRICED = frozenset({semconv.CHAT, semconv.TEXT_COMPLETION, semconv.EMBEDDINGS, semconv.GENERATE_CONTENT})
"""Operations that cost money."""


class _Scope:
    """`use_span` that may be left in another context: a coroutine that was dropped is closed by the garbage collector
    anywhere, where there is nothing to detach from."""

    __slots__ = ("_span", "_token")

    def __init__(self, span: Span) -> None:
        self._span = span

    def __enter__(self) -> None:
        self._token = (
            otel_context.attach(trace.set_span_in_context(self._span)) if self._span is not INVALID_SPAN else None
        )

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._token is not None and kind is not GeneratorExit:
            otel_context.detach(self._token)


def _system_prompt(view: RequestView) -> str:
    parts = list(view.system)
    for message in view.messages:
        if message["role"] in ("system", "developer"):
            parts += message["parts"]
    return "\n".join(part["content"] for part in parts if part.get("type") == "text")
