"""The words between a seam and whoever handles its calls.

A seam turns one call of a provider SDK into a `Call` and hands it to a handler. The handler answers with a `Flow`: a
generator that yields effects and receives their results, so that one implementation serves sync and async callers. It
ends when the response is delivered; a streamed response goes on as a `StreamSession`, which is synchronous.

    def flow(call):
        ...                                     # look at call.body, change it, or raise
        reply = yield from perform(Send(call))  # the provider answered; the SDK has parsed nothing yet
        ...                                     # look at reply.body, change it, or raise
        yield from perform(Deliver(reply))      # the SDK builds its own object from the reply

What a flow raises reaches the application unchanged.

None of these has a `repr`: who logs one must not log what was said. Nobody compares them either, and what a class does
not generate is not paid for at import.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, Protocol, TypeVar

T = TypeVar("T")
Json = dict[str, Any]

Role = Literal["user", "assistant", "tool", "document", "system"]
SlotKind = Literal["text", "arguments", "reasoning", "opaque"]
Ending = Literal["read", "closed", "dropped", "cancelled", "failed"]


@dataclass(slots=True, eq=False, repr=False)
class Slot:
    """One place in a wire body that holds text: `holder[key]`. Writing it changes the body.

    `kind` is `text`, `arguments` (JSON text of a tool call), `reasoning` (signed by the provider: never rewritten), or
    `opaque` (image, audio, file: `key` names the modality and there is nothing to read).
    """

    holder: Any
    key: Any
    role: Role
    kind: SlotKind = "text"
    beside: Json | None = None  # the object, if not the holder, with the token probabilities of this text
    tool: str | None = None  # the tool whose arguments these are, where that is known

    def read(self) -> str:
        return self.holder[self.key]

    def write(self, text: str) -> None:
        """Replace the text and drop what repeats it token by token or points into it by offsets."""
        self.holder[self.key] = text
        for container in (self.holder, self.beside):
            if isinstance(container, dict):
                for repeated in ("logprobs", "annotations", "citations", "words", "tokens"):
                    value: Any = container.get(repeated)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
                    if isinstance(value, list):
                        container[repeated] = []
                    elif value and repeated == "logprobs":
                        container[repeated] = None


@dataclass(slots=True, eq=False, repr=False)
class Usage:
    """Tokens as the provider counted them. `input` includes cached tokens, `output` includes reasoning tokens."""

    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None
    input_audio: int | None = None
    output_audio: int | None = None
    raw: Json | None = None  # the provider's own usage object, for pricing


@dataclass(slots=True, eq=False, repr=False)
class RequestView:
    """What a request body says, in the shapes of the OpenTelemetry GenAI conventions."""

    model: str | None = None
    parameters: dict[str, Any] = field(default_factory=dict[str, Any])  # gen_ai.request.* attributes by full name
    system: list[Json] = field(default_factory=list[Json])  # message parts
    messages: list[Json] = field(default_factory=list[Json])  # [{"role", "parts"}]
    tools: list[Json] = field(default_factory=list[Json])
    conversation_id: str | None = None
    output_type: str | None = None


@dataclass(slots=True, eq=False, repr=False)
class ResponseView:
    """What a response says, in the shapes of the OpenTelemetry GenAI conventions."""

    id: str | None = None
    model: str | None = None
    finish_reasons: tuple[str, ...] = ()
    usage: Usage | None = None
    messages: list[Json] = field(default_factory=list[Json])  # [{"role", "parts", "finish_reason"}]
    attributes: dict[str, Any] = field(default_factory=dict[str, Any])  # further attributes by full name
    complete: bool = True  # a terminal event was seen
    refused: bool = False  # the model declined in so many words; a content filter is a finish reason


@dataclass(slots=True, eq=False, repr=False)
class WireEvent:
    """One event of a streamed response.

    An event whose `data` was changed is encoded again; one that was not goes on byte for byte (`raw`). `data` is `None`
    for what is not a JSON object, such as `[DONE]`, a comment, or an event that was cut off.
    """

    name: str | None
    data: Any
    raw: bytes
    changed: bool = False


@dataclass(slots=True, eq=False, repr=False)
class Delta:
    """A piece of a text field that grows over the events of a stream; `place` identifies the field in the stream."""

    slot: Slot
    place: tuple[Any, ...]


@dataclass(slots=True, eq=False, repr=False)
class EventView:
    """What one event of a stream means.

    Attributes:
        deltas: pieces of growing fields in this event.
        closes: the fields that end with this event. Text held back for them must go out before the application sees the
            event's end: appended to the field's delta in this same event if there is one, else as `tail` events.
        snapshots: whole texts that the event repeats, with the place of the field they repeat where there is one.
        content: whether the event carries generated content.
        terminal: whether the event says that the response is complete.
    """

    deltas: Sequence[Delta] = ()
    closes: Sequence[tuple[Any, ...]] = ()
    snapshots: Sequence[Delta] = ()
    content: bool = False
    terminal: bool = False


class EventReader(Protocol):
    """Reads the events of one stream in order; keeps what is needed to describe the response. One per stream."""

    def read(self, event: WireEvent) -> EventView:
        """What `event` means. Call `collect` after the event's slots have their final text."""
        ...

    def collect(self, event: WireEvent, view: EventView) -> None:
        """Remember the event as the application sees it."""
        ...

    def tail(self, place: tuple[Any, ...], text: str) -> WireEvent:
        """An event that carries `text` as one more piece of the field at `place`."""
        ...

    def response(self) -> ResponseView:
        """The response as far as it has been read."""
        ...


class Wire(Protocol):
    """A provider's wire format for one operation: pure functions over request and response bodies."""

    def request(self, body: Json) -> RequestView: ...

    def request_slots(self, body: Json) -> list[Slot]:
        """Every text of a request, in a stable order."""
        ...

    def response(self, body: Json) -> ResponseView: ...

    def response_slots(self, body: Json) -> list[Slot]:
        """Every generated text of a response, in a stable order."""
        ...

    def reader(self) -> EventReader | None:
        """A reader for one streamed response, or `None` if this operation does not stream events."""
        ...


@dataclass(slots=True, eq=False, repr=False)
class Call:
    """One logical request to a model, as the application made it; however often it is sent."""

    sdk: str  # the SDK's package: openai, anthropic, …
    provider: str  # gen_ai.provider.name
    operation: str | None  # gen_ai.operation.name; None for a route that is not a model call
    route: str  # low-cardinality name of the endpoint: "chat/completions"
    method: str
    wire: Wire
    body: Json | None  # the wire body, owned by the application until replaced: never mutate it
    stream: bool
    server_address: str | None = None
    server_port: int | None = None
    headers: dict[str, str] = field(default_factory=dict[str, str])  # added to the request, e.g. traceparent
    propagate: bool = False  # whether the SDK itself would have sent the trace context
    binary: bool = False  # whether the answer is no text, whatever its header says
    native_span: bool = False  # whether the SDK itself emits the span of this call
    retries: int | None = None  # how often the SDK itself would send it again; None: nobody but the SDK can do so
    read_timeout: float | None = None  # seconds that the SDK waits for the next bytes of an answer
    max_retries: int | None = None  # what the SDK shall do of it within one `Send`; None leaves its own count
    body_changed: bool = False
    timeout_error: Callable[[], Exception] = TimeoutError  # what the SDK itself raises when nobody answers in time

    def replace(self, body: Json) -> None:
        """Send `body` instead of the application's."""
        self.body, self.body_changed = body, True


ReplyKind = Literal["json", "text", "events", "binary"]


class Reply(Protocol):
    """The provider's answer before the SDK has looked at it."""

    @property
    def status(self) -> int: ...

    @property
    def kind(self) -> ReplyKind:
        """`json` or `text` (the body is at hand), `events` (a stream of them), or `binary`."""
        ...

    @property
    def retries(self) -> int:
        """How many attempts the SDK made before this answer."""
        ...

    @property
    def body(self) -> Any:
        """The parsed body of a `json` reply, `None` if it is not valid JSON; the text of a `text` reply."""
        ...

    def replace(self, body: Any) -> None:
        """Let the SDK see `body` instead."""
        ...

    def label(self, name: str, value: str) -> None:
        """Add a header to the response."""
        ...

    def attach(self, session: StreamSession) -> None:
        """Let `session` see and change the events of an `events` reply."""
        ...

    def watch(self, watcher: StreamWatcher) -> None:
        """Let `watcher` hear the bytes of an `events` or `binary` reply, which goes on as it is."""
        ...

    def framing(self) -> Framing:
        """What cuts the bytes of an `events` reply into events."""
        ...


class StreamSession(Protocol):
    """Follows one streamed response. Synchronous: called between two reads of the application."""

    def feed(self, event: WireEvent) -> Sequence[WireEvent]:
        """What the application shall see in place of `event`: the event, changed or not, more events, or nothing."""
        ...

    def finish(self, how: Ending, error: BaseException | None = None) -> Sequence[WireEvent]:
        """The stream is over; called exactly once. For `read`, may return last events for the application.

        With `dropped` the call comes from a finaliser and may be in any thread: do no more than hand over to a worker.
        """
        ...


class StreamWatcher(Protocol):
    """Follows one streamed body without a say in it. Synchronous, as a `StreamSession` is."""

    def heard(self, chunk: bytes) -> None:
        """The next bytes are on their way to the application."""
        ...

    def finish(self, how: Ending, error: BaseException | None = None) -> None:
        """The stream is over; called exactly once, as that of a `StreamSession` is."""
        ...


class Framing(Protocol):
    """Cuts the bytes of one stream into events, and makes bytes of an event."""

    def feed(self, chunk: bytes) -> list[WireEvent]:
        """The events that `chunk` completes."""
        ...

    def flush(self) -> list[WireEvent]:
        """What is left when the body ends; an unfinished event has no `data`."""
        ...

    def encode(self, event: WireEvent) -> bytes: ...


class Effect(Generic[T]):
    """Something that a flow asks its driver to do. `T` is what the driver sends back."""

    __slots__ = ()


@dataclass(slots=True, eq=False, repr=False)
class Limits:
    """How long one request may take, where that is less than the SDK itself would wait.

    Attributes:
        answer: seconds until the answer is there; of a stream, its head. An async caller is interrupted then, and a
            sync one that reads a body; one that waits for the head, when nothing has arrived for so long.
        silence: seconds between two pieces of a stream.
        until: when the body of a stream must be over, by the monotonic clock.
    """

    answer: float | None = None
    silence: float | None = None
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Destination:
    """Somewhere else to send a call. Without an address it is the client's own, with another key.

    `speaks` names the SDK whose wire is spoken there, where that is not the call's.
    """

    base_url: str | None = None
    api_key: str | None = field(default=None, repr=False)
    speaks: str | None = None


@dataclass(slots=True, eq=False, repr=False)
class Send(Effect[Reply]):
    """Let the SDK send the call. A flow may send several times: the last answer is delivered, the others are dropped.

    `scope` is entered around the SDK's work, in its frame. `attempt` is how often the flow has sent the call before.
    With `to` it goes there instead of to the client's own address. Where another wire is spoken there, `body` is the
    request in that wire, and the reply comes in it too.
    """

    call: Call
    scope: AbstractContextManager[object]
    attempt: int = 0
    limits: Limits | None = None
    to: Destination | None = None
    body: Json | None = None


@dataclass(slots=True, eq=False, repr=False)
class Deliver(Effect[object]):
    """Let the SDK build its own object from the reply; the object is the result of the application's call."""

    reply: Reply


@dataclass(slots=True, eq=False, repr=False)
class Work(Effect[T]):
    """Run a blocking function: in place for a sync caller, in a bounded thread for an async one.

    With a `twin` that is a coroutine function, an async caller awaits that instead.
    """

    function: Callable[[], T]
    twin: Callable[[], Awaitable[T]] | None = None


@dataclass(slots=True, eq=False, repr=False)
class Peek(Effect[bool]):
    """Read the bytes of an `events` reply from their begin until `enough` has seen enough; the result says whether they
    ended before. The application will read them all the same.

    Raises what reading and `enough` raise, and `TimeoutError` after `timeout` seconds.
    """

    reply: Reply
    enough: Callable[[bytes], bool]
    timeout: float | None = None


@dataclass(slots=True, eq=False, repr=False)
class Until(Effect[bool]):
    """Wait until somebody calls what `listen` is given, from any thread; the result says whether that was in time."""

    listen: Callable[[Callable[[], None]], None]
    seconds: float


@dataclass(slots=True, eq=False, repr=False)
class Compose(Effect[Reply]):
    """Make a reply that no provider has sent; `body` is JSON, or the bytes of a stream of events."""

    body: Json | bytes
    content_type: str = "application/json"


@dataclass(slots=True, eq=False, repr=False)
class Sleep(Effect[None]):
    """Wait so many seconds."""

    seconds: float


Flow = Generator[Effect[Any], Any, None]


def perform(effect: Effect[T]) -> Generator[Effect[Any], Any, T]:
    """Yield `effect` and return its typed result: `reply = yield from perform(Send(call))`."""
    return (yield effect)


class Handler(Protocol):
    """Whoever handles the calls of all seams."""

    def __call__(self, call: Call) -> Flow | None:
        """The flow for `call`, or `None` to let it pass untouched."""
        ...
