"""A small HTTP/1.1 server on a loopback address, in a thread of its own."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import struct
import threading
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from hardened.testing.faults import Travel, middle
from hardened.testing.message import Answer, Request

TRICKLE: Final = 0.05  # seconds between two bytes
_MAX_HEAD = 1 << 18  # bytes of a request's head; long credentials and baggage fit


@dataclass(slots=True)
class Delivery:
    """An answer and the way in which it travels."""

    answer: Answer
    delay: float = 0.0
    chunk_delay: float = 0.0
    travel: Travel | None = None
    travel_after: int | None = None


class LoopbackServer:
    """Answers every request with what `respond` returns. `respond` runs in the server's thread, one call at a time."""

    def __init__(self, respond: Callable[[Request], Delivery], *, host: str, port: int, gzip: bool) -> None:
        if host != "localhost" and not ipaddress.ip_address(host).is_loopback:
            raise ValueError("a fake provider listens on a loopback address only: use 127.0.0.1 or ::1")
        self._respond = respond
        self._host = host
        self._gzip = gzip
        self.port = port
        self._started: threading.Event = threading.Event()
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="hardened-fake-provider", daemon=True)

    def start(self) -> None:
        """Listen. Raises `OSError` if the port is taken."""
        self._thread.start()
        self._started.wait()
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        """Stop listening and drop every open connection."""
        if self._loop is not None and self._stop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def again(self) -> LoopbackServer:
        """A server as this one, on the same port."""
        return LoopbackServer(self._respond, host=self._host, port=self.port, gzip=self._gzip)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except OSError as error:
            self._failure = error
        finally:
            self._started.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._connection, self._host, self.port, limit=_MAX_HEAD)
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        await self._stop.wait()
        server.close()  # the connections' tasks are cancelled when the loop ends

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (request := await _read_request(reader, writer)) is not None:
                await _Response(reader, writer, request, self._respond(request), self._gzip).send()
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, _Cut, ValueError):
            pass  # the client went away, sent something that is not HTTP, or a fault was scripted
        except asyncio.CancelledError:
            pass  # the server closes; a cancelled connection is how it ends, not an error
        finally:
            writer.close()


class _Cut(Exception):
    """The connection ends here, as scripted."""


async def _read_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Request | None:
    """The next request of a connection, or `None` at its end."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    request_line, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    method, target, version = request_line.split(" ", 2)
    if not version.startswith("HTTP/1."):
        raise ValueError("not an HTTP/1 request")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = await _read_chunked(reader)
    else:
        body = await reader.readexactly(int(headers.get("content-length") or 0))
    path, _, query = target.partition("?")
    return Request(method=method, path=path, query=query, headers=headers, body=body)


async def _read_chunked(reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    while size := int((await reader.readline()).split(b";")[0], 16):
        body += await reader.readexactly(size)
        await reader.readline()
    await reader.readline()
    return bytes(body)


class _Response:
    """Writes one delivery to one connection."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        request: Request,
        delivery: Delivery,
        gzip: bool,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._delivery = delivery
        self._method = request.method
        self._travel = delivery.travel
        accepts = "gzip" in request.headers.get("accept-encoding", "")
        self._compressor = zlib.compressobj(wbits=31) if gzip and accepts else None  # 31: gzip's own header

    async def send(self) -> None:
        delivery = self._delivery
        if delivery.delay:
            await asyncio.sleep(delivery.delay)
        if self._travel in ("hang", "reset"):
            await self._fail()
        if delivery.answer.events is None:
            await self._send_body(delivery.answer.body)
        else:
            await self._send_events(delivery.answer.events)

    async def _send_body(self, body: bytes) -> None:
        if self._travel == "garbage":
            body = b"<html>upstream failure</html>"
        if self._compressor:
            body = self._compressor.compress(body) + self._compressor.flush()
        self._head({"content-length": str(len(body))})
        await self._after_headers()
        if self._method == "HEAD":
            body = b""
        if self._travel == "trickle":
            for byte in body[:-1]:
                self._writer.write(bytes([byte]))
                await self._writer.drain()
                await asyncio.sleep(TRICKLE)
            body = body[-1:]
        if self._travel in ("cut", "stall"):
            self._writer.write(body[: len(body) // 2])
            await self._fail()
        self._writer.write(body)
        await self._writer.drain()

    async def _send_events(self, events: list[bytes]) -> None:
        delivery = self._delivery
        self._head({"transfer-encoding": "chunked"})
        await self._after_headers()
        delay, after = delivery.chunk_delay, delivery.travel_after
        if after is None:
            after = middle(events)
        if self._travel == "trickle":
            events, delay, after = [bytes([byte]) for event in events for byte in event], TRICKLE, None
        for number, event in enumerate(events):
            if delay:
                await self._writer.drain()
                await asyncio.sleep(delay)
            if self._travel and number == after:
                if self._travel == "end":
                    break
                if self._travel != "garbage":
                    await self._fail()
                self._chunk(b'data: {"id": "unfin\n\n')
            self._chunk(event)
        if self._compressor and (rest := self._compressor.flush()):
            self._writer.write(b"%x\r\n%s\r\n" % (len(rest), rest))
        self._writer.write(b"0\r\n\r\n")
        await self._writer.drain()

    def _head(self, framing: dict[str, str]) -> None:
        answer = self._delivery.answer
        headers = {"content-type": answer.content_type, **framing, **answer.headers}
        if self._compressor:
            headers["content-encoding"] = "gzip"
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._writer.write(f"HTTP/1.1 {answer.status} Fake\r\n{lines}\r\n".encode("latin-1"))

    def _chunk(self, data: bytes) -> None:
        if self._writer.is_closing():  # asyncio would log every further piece as a warning
            raise ConnectionResetError("the client hung up")
        if self._compressor:
            data = self._compressor.compress(data) + self._compressor.flush(zlib.Z_SYNC_FLUSH)
        self._writer.write(b"%x\r\n%s\r\n" % (len(data), data))

    async def _after_headers(self) -> None:
        if self._travel in ("reset_after_headers", "hang_after_headers"):
            await self._fail()

    async def _fail(self) -> None:
        """Let what was written arrive, then end the connection, or say nothing more for as long as it lives."""
        await self._writer.drain()
        if self._travel in ("hang", "hang_after_headers", "stall"):
            await self._reader.read()  # ends when the client hangs up
        elif self._travel in ("reset", "reset_after_headers"):
            at_once = struct.pack("ii", 1, 0)  # linger for no time: the kernel sends RST in place of FIN
            self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
            self._writer.transport.abort()
        raise _Cut
