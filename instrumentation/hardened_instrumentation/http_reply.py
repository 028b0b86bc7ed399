"""An HTTP response before the SDK has looked at it, for SDKs on `httpx` and on `httpx2`.

The response object stays the SDK's; only what it holds changes: its content, or the stream of bytes that it will read.
Both packages have the same attributes here (a contract test asserts them); which one it is says the response itself.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from functools import lru_cache
from types import ModuleType
from typing import Any, Generic, TypeVar

from hardened_instrumentation.calls import (
    Call,
    Ending,
    Framing,
    ReplyKind,
    StreamSession,
    StreamWatcher,
    WireEvent,
)
from hardened_instrumentation.dropped import Reading, bodies, hold_weakly
from hardened_instrumentation.framing import AwsEventStream, JsonLines, ServerSentEvents, dump_json, parse_json

_UNPARSED = object()


class HttpReply:
    """`calls.Reply` over one `Response` of httpx or httpx2."""

    def __init__(self, response: Any, call: Call, *, streamed: bool, retries: int = 0) -> None:
        self.response = response
        self.retries = retries
        self.kind: ReplyKind = _kind(response, call, streamed)
        self._from_aws = call.provider == "aws.bedrock"
        self._body: Any = _UNPARSED

    @property
    def status(self) -> int:
        return self.response.status_code

    @property
    def unread(self) -> bool:
        """Whether the body must be read before `body` can be used."""
        return self.kind in ("json", "text") and not hasattr(self.response, "_content")

    @property
    def body(self) -> Any:
        if self._body is _UNPARSED:
            self._body = parse_json(self.response.content) if self.kind == "json" else None
            if self._body is None:  # then it is text, whatever it says it is
                self.kind, self._body = "text", self.response.text
        return self._body

    def replace(self, body: Any) -> None:
        self._body = body
        if self.kind == "text":
            self.response._content = body.encode(self.response.encoding or "utf-8", "replace")
        else:
            self.response._content = dump_json(body)
        self.response.__dict__.pop("_text", None)
        self.make_readable_again()

    def label(self, name: str, value: str) -> None:
        self.response.headers[name] = value

    def make_readable_again(self) -> None:
        """The body is at hand, decoded; an application that reads it raw finds it as it is now."""
        response = self.response
        if (
            not isinstance(response.stream, package_of(response.__class__).ByteStream)
            or not response.is_stream_consumed
        ):
            response.is_stream_consumed = response.is_closed = False
        took = getattr(response.stream, "elapsed", None)  # httpx2 asks the stream for it, httpx keeps it itself
        if took is not None:
            response.elapsed = took
        response.stream = package_of(response.__class__).ByteStream(response.content)
        _drop_encoding(response, len(response.content))

    def peek(self, enough: Callable[[bytes], bool], timeout: float | None) -> bool:
        if hasattr(self.response, "_content"):
            return not enough(self.response._content)
        ahead = self._read_ahead(0)
        end = None if timeout is None else time.monotonic() + timeout
        while (chunk := ahead.more()) is not None:
            if enough(chunk):
                return False
            if end is not None and time.monotonic() > end:
                raise TimeoutError
        return True

    async def apeek(self, enough: Callable[[bytes], bool], timeout: float | None) -> bool:
        if hasattr(self.response, "_content"):
            return not enough(self.response._content)
        import anyio

        ahead = self._read_ahead(1)
        with anyio.fail_after(timeout):
            while (chunk := await ahead.more()) is not None:
                if enough(chunk):
                    return False
        return True

    def _read_ahead(self, kind: int) -> Any:
        body = _wrap(self.response, Tap(_Nobody()))
        hold_weakly(body, self.response)
        ahead = self.response.stream = _ahead(package_of(self.response.__class__))[kind](body)
        return ahead

    def drop(self) -> None:
        self.response.close()

    async def adrop(self) -> None:
        await self.response.aclose()

    def attach(self, session: StreamSession) -> None:
        self._send_through(Rewriter(session, self.framing()))

    def watch(self, watcher: StreamWatcher) -> None:
        self._send_through(Tap(watcher))

    def framing(self) -> Framing:
        content_type = _content_type(self.response)
        if self._from_aws and "amazon.eventstream" in content_type:
            return AwsEventStream()
        return JsonLines() if "jsonl" in content_type else ServerSentEvents()

    def _send_through(self, passage: Passage[Any]) -> None:
        if hasattr(self.response, "_content"):  # read already: by a mock, a cache, or an event hook of the application
            self.response._content = passage.feed(self.response._content) + passage.end()
        else:
            self.response.stream = _wrap(self.response, passage)


S = TypeVar("S", StreamSession, StreamWatcher)


class Passage(Generic[S]):
    """Bytes in, bytes out, past a session; ends the session exactly once, however the stream ends."""

    __slots__ = ("_decoder", "_session")

    def __init__(self, session: S) -> None:
        self._session = [session]
        self._decoder: Any = None

    def decode_with(self, decoder: Any) -> None:
        """Undo the content encoding (gzip, …) first; what comes out is not encoded any more."""
        self._decoder = decoder

    def feed(self, chunk: bytes) -> bytes:
        if not self._session:
            return b""
        return self._passed(chunk if self._decoder is None else _joined(self._decoder.decode(chunk)))

    def end(self) -> bytes:
        """The body was read to its end."""
        out = rest = b""
        if self._session:
            if self._decoder is not None:
                out = self._passed(_joined(self._decoder.flush()))
            rest = self._rest()
        return out + self._written(self._finish("read")) + rest  # what is no whole event must not come before one

    def stop(self, how: Ending, error: BaseException | None = None) -> None:
        """The body will not be read any further."""
        self._finish(how, error)

    def _passed(self, chunk: bytes) -> bytes:
        """What goes on of the next bytes."""
        raise NotImplementedError

    def _rest(self) -> bytes:
        """What goes on when there are no more bytes."""
        return b""

    def _written(self, events: Iterable[WireEvent]) -> bytes:
        """The bytes of events that the session adds at the end."""
        return b""

    def _finish(self, how: Ending, error: BaseException | None = None) -> Any:
        try:
            session = self._session.pop()  # atomic: the second of two endings finds nothing
        except IndexError:
            return ()
        return session.finish(how, error)


class Tap(Passage[StreamWatcher]):
    """Lets everything pass as it is."""

    __slots__ = ()

    def _passed(self, chunk: bytes) -> bytes:
        self._session[0].heard(chunk)
        return chunk


class _Nobody:
    """Hears a body that is only to be decoded."""

    def heard(self, chunk: bytes) -> None: ...

    def finish(self, how: Ending, error: BaseException | None = None) -> None: ...


class Rewriter(Passage[StreamSession]):
    """Lets a session change the events."""

    __slots__ = ("_framing",)

    def __init__(self, session: StreamSession, framing: Framing) -> None:
        super().__init__(session)
        self._framing = framing

    def _passed(self, chunk: bytes) -> bytes:
        events = self._framing.feed(chunk)
        if len(events) != 1:
            return self._through(events)
        passed = self._session[0].feed(events[0])
        if len(passed) != 1:
            return self._written(passed)
        event = passed[0]
        return self._framing.encode(event) if event.changed else event.raw

    def _rest(self) -> bytes:
        return self._through(self._framing.flush())

    def _through(self, events: list[WireEvent]) -> bytes:
        session = self._session[0]
        return b"".join([self._written(session.feed(event)) for event in events])

    def _written(self, events: Iterable[WireEvent]) -> bytes:
        return b"".join([self._framing.encode(event) if event.changed else event.raw for event in events])


def _kind(response: Any, call: Call, streamed: bool) -> ReplyKind:
    content_type = _content_type(response)
    if streamed or "event-stream" in content_type:
        return "events"
    if "json" in content_type or getattr(response, "_content", b"").lstrip()[:1] in (b"{", b"["):
        return "json"  # SDKs parse that whatever the header says
    if content_type.startswith("text/"):
        return "text"
    untold = content_type in ("", "application/octet-stream") and call.operation is not None and not call.binary
    return "json" if untold else "binary"


def _drop_encoding(response: Any, length: int | None) -> None:
    """What the application reads is not compressed any more; the headers must not say that it is."""
    response.headers.pop("content-encoding", None)
    if "content-length" in response.headers:
        if length is None:
            del response.headers["content-length"]
        else:
            response.headers["content-length"] = str(length)


def _content_type(response: Any) -> str:
    return response.headers.get("content-type", "").lower()


def _wrap(response: Any, passage: Passage[Any]) -> Any:
    package = package_of(response.__class__)
    decoder = response._get_content_decoder()
    identity = package._decoders.IdentityDecoder
    if not isinstance(decoder, identity):
        passage.decode_with(decoder)
        response._decoder = identity()
        _drop_encoding(response, None)
    sync_body, async_body, both = _bodies(package)
    inner = response.stream
    is_sync, is_async = isinstance(inner, package.SyncByteStream), isinstance(inner, package.AsyncByteStream)
    body = both if is_sync and is_async else sync_body if is_sync else async_body
    return body(inner, passage)


def response_class(request: Any) -> Any:
    """The class of the responses to a request, of `httpx` or of `httpx2`."""
    return package_of(request.__class__).Response


@lru_cache(maxsize=16)
def package_of(kind: type) -> ModuleType:
    """The `httpx` or `httpx2` that a request or response comes from."""
    for base in kind.__mro__:
        root = base.__module__.partition(".")[0]
        if base.__name__ in ("Request", "Response") and root in ("httpx", "httpx2"):
            return sys.modules[root]
    raise TypeError(f"{kind.__module__}.{kind.__qualname__} is of neither httpx nor httpx2")


@lru_cache(maxsize=2)
def _bodies(package: ModuleType) -> tuple[Any, Any, Any]:
    """Stream classes of that package, which checks the type of the streams that it reads."""

    class Body:
        def __init__(self, inner: Any, passage: Passage[Any]) -> None:
            self.inner = inner
            self.passage = passage

        def __getattr__(self, name: str) -> Any:  # e.g. an observer that the SDK has put on its stream
            if name in ("inner", "passage"):
                raise AttributeError(name)
            return getattr(self.inner, name)

        def __del__(self) -> None:
            passage = self.__dict__.get("passage")
            if passage is not None:
                passage.stop("dropped")

    class SyncBody(Body, package.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            passage = self.passage
            try:
                with Reading(self.inner) as pieces:
                    for chunk in pieces:
                        if out := passage.feed(chunk):
                            yield out
                if out := passage.end():
                    yield out
            except BaseException as error:
                passage.stop(_ending(error), error)
                raise

        def close(self) -> None:
            self.passage.stop("closed")
            self.inner.close()

    class AsyncBody(Body, package.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            passage = self.passage
            try:
                async for chunk in self.inner:
                    if out := passage.feed(chunk):
                        yield out
                if out := passage.end():
                    yield out
            except BaseException as error:
                passage.stop(_ending(error), error)
                raise

        async def aclose(self) -> None:
            self.passage.stop("closed")
            await self.inner.aclose()

    class SyncAsyncBody(SyncBody, AsyncBody):
        pass

    return SyncBody, AsyncBody, SyncAsyncBody


@lru_cache(maxsize=2)
def _ahead(package: ModuleType) -> tuple[Any, Any]:
    """Stream classes whose beginning can be read ahead: what was read comes first when the application reads."""

    class Ahead:
        def __init__(self, inner: Any) -> None:
            self.inner = inner
            self.kept: deque[bytes] = deque()

        def __getattr__(self, name: str) -> Any:
            if name == "inner":
                raise AttributeError(name)
            return getattr(self.inner, name)

    class SyncAhead(Ahead, package.SyncByteStream):
        def __init__(self, inner: Any) -> None:
            super().__init__(inner)
            self.rest = iter(inner)
            bodies.keep(self.rest)

        def __del__(self, leave: Callable[[Iterator[bytes]], None] = bodies.leave) -> None:
            if "rest" in self.__dict__:
                leave(self.rest)

        def more(self) -> bytes | None:
            chunk = next(self.rest, None)
            if chunk is not None:
                self.kept.append(chunk)
            return chunk

        def __iter__(self) -> Iterator[bytes]:
            while self.kept:
                yield self.kept.popleft()
            yield from self.rest

        def close(self) -> None:
            self.inner.close()

    class AsyncAhead(Ahead, package.AsyncByteStream):
        def __init__(self, inner: Any) -> None:
            super().__init__(inner)
            self.rest = aiter(inner)

        async def more(self) -> bytes | None:
            chunk = await anext(self.rest, None)
            if chunk is not None:
                self.kept.append(chunk)
            return chunk

        async def __aiter__(self) -> AsyncIterator[bytes]:
            while self.kept:
                yield self.kept.popleft()
            async for chunk in self.rest:
                yield chunk

        async def aclose(self) -> None:
            await self.rest.aclose()
            await self.inner.aclose()

    return SyncAhead, AsyncAhead


def _joined(decoded: Any) -> bytes:
    """What a content decoder returns: bytes in httpx, an iterator of bytes in httpx2."""
    return decoded if isinstance(decoded, bytes) else b"".join(decoded)


def _ending(error: BaseException) -> Ending:
    if isinstance(error, GeneratorExit):
        return "closed"
    return "failed" if isinstance(error, Exception) else "cancelled"
