"""How events stand in the bytes of a streamed body: server-sent events, and the event stream of AWS.

A decoder cuts bytes into `WireEvent`s and loses nothing: an event that nobody changes is written back byte for byte.
"""

from __future__ import annotations

import base64
import json
import re
import struct
import zlib
from functools import lru_cache
from typing import Any

from pydantic_core import from_json, to_json

from hardened_instrumentation.calls import WireEvent


def parse_json(text: bytes | str) -> Any:
    """The value, or `None` for what is not JSON.

    What the quick parser refuses may still be read by the SDKs, with the standard library: a byte order mark, UTF-16,
    half of a surrogate pair.
    """
    try:
        return from_json(text)
    except ValueError:
        pass
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def dump_json(value: Any) -> bytes:
    """Compact JSON in ASCII, so that no character set of a header can misread it."""
    try:
        encoded = to_json(value, inf_nan_mode="constants")
    except ValueError:
        encoded = None
    if encoded is not None and encoded.isascii():
        return encoded
    return json.dumps(value, separators=(",", ":")).encode("ascii")


_BLANK_LINE = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r(?!\n))")
"""Two ends of lines, each of any kind. What belongs to an end and comes later is a line without meaning."""


class ServerSentEvents:
    """WHATWG HTML, section 9.2 (server-sent events), as far as providers use it: `event` and `data` fields."""

    def __init__(self) -> None:
        self._pending = b""
        self._scanned = 0

    def feed(self, chunk: bytes) -> list[WireEvent]:
        if (
            not self._pending
            and chunk.endswith(b"\n\n")
            and chunk.find(b"\n\n") == len(chunk) - 2
            and b"\r" not in chunk
        ):
            return [_sse_event(chunk)]  # the usual case: a chunk is an event
        buffer = self._pending + chunk if self._pending else chunk
        events: list[WireEvent] = []
        start = 0
        for end in _BLANK_LINE.finditer(buffer, self._scanned):
            events.append(_sse_event(buffer[start : end.end()]))
            start = end.end()
        self._pending = buffer[start:]
        self._scanned = max(0, len(self._pending) - 3)
        return events

    def flush(self) -> list[WireEvent]:
        rest, self._pending, self._scanned = self._pending, b"", 0
        return [WireEvent(None, None, rest)] if rest else []  # without a blank line it is no event

    def encode(self, event: WireEvent) -> bytes:
        name = f"event: {event.name}\n".encode() if event.name else b""
        return name + b"data: " + dump_json(event.data) + b"\n\n"


def _sse_event(raw: bytes) -> WireEvent:
    name: str | None = None
    data: bytes | None = None
    for line in raw.splitlines():
        if line.startswith(b"data:"):
            value = line[6:] if line[5:6] == b" " else line[5:]
            data = value if data is None else data + b"\n" + value
        elif line.startswith(b"event:"):
            name = _event_name(line)
    return WireEvent(name, parse_json(data) if data and data.lstrip()[:1] == b"{" else None, raw)


@lru_cache(maxsize=64)
def _event_name(line: bytes) -> str:
    return line[6:].strip().decode("utf-8", "replace")


class JsonLines:
    """A JSON value in each line, as the results of batches come (`application/x-jsonl`)."""

    def __init__(self) -> None:
        self._pending = b""

    def feed(self, chunk: bytes) -> list[WireEvent]:
        *lines, self._pending = (self._pending + chunk).split(b"\n")
        return [WireEvent(None, parse_json(line), line + b"\n") for line in lines]

    def flush(self) -> list[WireEvent]:
        rest, self._pending = self._pending, b""
        return [WireEvent(None, parse_json(rest), rest)] if rest else []

    def encode(self, event: WireEvent) -> bytes:
        return dump_json(event.data) + b"\n"


class AwsEventStream:
    """`application/vnd.amazon.eventstream` as Bedrock sends it: `{"bytes": base64(JSON)}` in each message.

    Message: total length, headers length, CRC32 of the two, headers, payload, CRC32 of all before (big-endian, AWS
    "Event stream encoding" in the Transcribe and SDK documentation).
    """

    _PRELUDE = struct.Struct(">II")
    _CRC = struct.Struct(">I")

    def __init__(self) -> None:
        self._pending = b""
        self._headers = b""

    def feed(self, chunk: bytes) -> list[WireEvent]:
        self._pending += chunk
        events: list[WireEvent] = []
        while len(self._pending) >= 12:
            total, _ = self._PRELUDE.unpack_from(self._pending)
            if total < 16:  # these are not messages of AWS
                return [*events, *self.flush()]
            if len(self._pending) < total:
                break
            events.append(self._event(self._pending[:total]))
            self._pending = self._pending[total:]
        return events

    def flush(self) -> list[WireEvent]:
        rest, self._pending = self._pending, b""
        return [WireEvent(None, None, rest)] if rest else []

    def encode(self, event: WireEvent) -> bytes:
        payload = dump_json({"bytes": base64.b64encode(dump_json(event.data)).decode()})
        prelude = self._PRELUDE.pack(16 + len(self._headers) + len(payload), len(self._headers))
        message = prelude + self._CRC.pack(zlib.crc32(prelude)) + self._headers + payload
        return message + self._CRC.pack(zlib.crc32(message))

    def _event(self, raw: bytes) -> WireEvent:
        _, headers_length = self._PRELUDE.unpack_from(raw)
        payload = parse_json(raw[12 + headers_length : -4])
        inner = payload.get("bytes") if isinstance(payload, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        if not isinstance(inner, str):
            return WireEvent(None, None, raw)
        self._headers = raw[12 : 12 + headers_length]
        try:
            return WireEvent(None, parse_json(base64.b64decode(inner)), raw)
        except ValueError:
            return WireEvent(None, None, raw)
