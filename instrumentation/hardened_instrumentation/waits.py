"""How long one may wait for the next piece of a body: until it was silent for too long, or its time is over.

An HTTP client asks once for the longest wait, when a body begins; the last wait of a body that has used up most of its
time must be shorter. An async caller's wait is cancelled. A sync one's is the time-out of the read itself: that of a
connection whose reads carry many streams (HTTP/2) is asked for each time, that of others is given where they read.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import contextmanager
from functools import lru_cache
from types import ModuleType
from typing import Any, Final

from hardened_instrumentation.http_reply import package_of

LEAST: Final = 0.001
"""Seconds that a wait lasts beyond the end of its time: what has arrived is read, and it is over for any clock."""


def limit_waits(response: Any, silence: float | None, until: float | None) -> None:
    """Wait for each next piece of the body at most `silence` seconds, and not after `until` (by the monotonic clock).

    `None` is no limit. Whoever reads the body then raises the HTTP client's own `ReadTimeout`.
    """
    limit = _Limit(response, silence, until)
    limit.tell()
    if until is None:
        return
    package = package_of(response.__class__)
    sync_body, async_body, both = _bodies(package)
    inner = response.stream
    is_sync, is_async = isinstance(inner, package.SyncByteStream), isinstance(inner, package.AsyncByteStream)
    body = both if is_sync and is_async else sync_body if is_sync else async_body
    response.stream = body(inner, limit)


class _Limit:
    """The limit of one body."""

    def __init__(self, response: Any, silence: float | None, until: float | None) -> None:
        self.request = response.request
        self._silence = silence
        self._until = until
        self._connection = response.extensions.get("network_stream")
        self._read: Any = None  # what stands in the place of the connection's `read`
        self._shared = response.extensions.get("http_version") == b"HTTP/2"

    def left(self) -> float | None:
        """Seconds until the time of the body is over."""
        return None if self._until is None else max(self._until - time.monotonic(), 0.0) + LEAST

    def tell(self) -> None:
        """Let the HTTP client wait so long, whenever it asks next."""
        told = self.request.extensions.get("timeout", {})
        self.request.extensions["timeout"] = {**told, "read": self._longest()}

    @contextmanager
    def on_connection(self) -> Generator[None]:
        """Let each read of a connection that carries only this body wait so long."""
        connection = self._connection
        if connection is None or self._shared or not hasattr(connection, "__dict__"):
            yield
            return
        original = connection.read

        def read(max_bytes: int, timeout: float | None = None) -> bytes:
            return original(max_bytes, timeout=self._longest())

        connection.read = self._read = read
        try:
            yield
        finally:
            self.off_connection()

    def off_connection(self) -> None:
        """Let the connection wait as before. It may carry another body already, with a limit of its own."""
        if self._read is not None and self._connection.__dict__.get("read") is self._read:
            del self._connection.read

    def _longest(self) -> float | None:
        return min((wait for wait in (self._silence, self.left()) if wait is not None), default=None)


@lru_cache(maxsize=2)
def _bodies(package: ModuleType) -> tuple[Any, Any, Any]:
    """Stream classes of that package, which checks the type of the streams that it reads."""

    class Body:
        def __init__(self, inner: Any, limit: _Limit) -> None:
            self.inner = inner
            self.limit = limit

        def __getattr__(self, name: str) -> Any:  # e.g. an observer that the SDK has put on its stream
            if name in ("inner", "limit"):
                raise AttributeError(name)
            return getattr(self.inner, name)

    class SyncBody(Body, package.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            pieces = iter(self.inner)
            with self.limit.on_connection():
                while (piece := next(pieces, None)) is not None:
                    yield piece
                    self.limit.tell()

        def close(self) -> None:
            self.limit.off_connection()  # what reads may be closed later than the connection is used again
            self.inner.close()

    class AsyncBody(Body, package.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            import anyio

            pieces = aiter(self.inner)
            while True:
                try:
                    with anyio.fail_after(self.limit.left()):
                        piece = await anext(pieces, None)
                except TimeoutError:
                    raise package.ReadTimeout("its time is over", request=self.limit.request) from None
                if piece is None:
                    return
                yield piece

        async def aclose(self) -> None:
            await self.inner.aclose()

    class SyncAsyncBody(SyncBody, AsyncBody):
        pass

    return SyncBody, AsyncBody, SyncAsyncBody
