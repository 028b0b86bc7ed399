"""AWS event-stream framing (`application/vnd.amazon.eventstream`).

A message is: total length, headers length, CRC32 of these two; headers; payload; CRC32 of all before it. A header is
its name with one byte of length, the type 7 (string), and its value with two bytes of length. Source: the event stream
encoding section of the Amazon Transcribe developer guide, and botocore's `eventstream` module, which reads it.
"""

from __future__ import annotations

import struct
from binascii import crc32


def event_stream_message(payload: bytes, *, event_type: str, content_type: str = "application/json") -> bytes:
    """One event of an AWS event stream."""
    headers = b"".join(
        struct.pack("B", len(name)) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
        for name, value in (
            (":event-type", event_type),
            (":content-type", content_type),
            (":message-type", "event"),
        )
    )
    lengths = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    message = lengths + struct.pack(">I", crc32(lengths)) + headers + payload
    return message + struct.pack(">I", crc32(message))
