"""Messages as JSON text for a span: always valid JSON, never longer than its budget, never a megabyte of base64."""

from __future__ import annotations

import binascii
import hashlib
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast

from pydantic_core import PydanticSerializationError, to_json

_BLOB_MARKS: Final = (b'"blob"', b"base64")  # without one of them, no part is a blob and no text holds a data URL
_DATA_URL: Final = re.compile(r"data:([\w.+-]+/[\w.+-]+)?(?:;[\w=.-]+)*;base64,([A-Za-z0-9+/_-]{32,}={0,2})")
_BASE64: Final = re.compile(r"(?:[A-Za-z0-9+/]{60,}\r?\n)*[A-Za-z0-9+/]{4,}={0,2}\s*")
_BASE64_LEAST: Final = 512  # characters; shorter ones may be words, and cost little
_MAX_DEPTH: Final = 64
_GAP: Final = 256  # characters that may be given up to cut between words; credentials are shorter
_LEAST: Final = 80  # bytes of a text below which cutting it further is worth nothing: the mark alone has 30


def encode(items: Sequence[Any], budget: int, scrub: Callable[[str], str] | None = None) -> tuple[str, bool]:
    """The JSON text of messages, message parts or tool definitions, and whether something was cut to fit.

    Blobs and data URLs are replaced by their size and digest, which is not counted as cutting. If the rest is longer
    than `budget` bytes (at least 2), the longest texts lose their middle, evenly; if that is not enough, the oldest
    items are dropped. What is no JSON is replaced by what comes nearest. `items` is not changed.

    `scrub` is applied to each text before it is cut: a match that is cut in two would no longer be found afterwards.
    """
    encoded = _quickly(items)
    if encoded is None or len(encoded) > budget or any(mark in encoded for mark in _BLOB_MARKS):
        plain = [_plain(item) for item in items]
        encoded = to_json(plain)
        if len(encoded) > budget:
            return _cut(plain, encoded, budget, scrub).decode(), True
    return encoded.decode(), False


def _quickly(items: Sequence[Any]) -> bytes | None:
    """The common case in one step; `None` if something in `items` is no JSON."""
    try:
        return to_json(items, inf_nan_mode="null")
    except (PydanticSerializationError, ValueError, RecursionError):
        return None


def _plain(value: Any, inside: tuple[int, ...] = ()) -> Any:
    """`value` as JSON types only, blobs summarised. Of an object that is no JSON only the type is kept.

    `inside` are the identities of the containers around `value`: one that contains itself is not followed.
    """
    if isinstance(value, str):
        return _without_base64(value if value.isascii() else value.encode("utf-8", "replace").decode())
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, bytes | bytearray):
        return _summary(value)
    if id(value) in inside or len(inside) > _MAX_DEPTH:
        return "…"
    inside = (*inside, id(value))
    if isinstance(value, Mapping):
        part = cast("Mapping[Any, Any]", value)
        return _blob(part) or {_key(key): _plain(inner, inside) for key, inner in part.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(inner, inside) for inner in cast("Sequence[Any]", value)]
    return f"<{type(value).__qualname__}>"


def _key(key: object) -> str:
    return str(_plain(key)) if isinstance(key, str | int | float | None) else f"<{type(key).__qualname__}>"


def _blob(part: Mapping[Any, Any]) -> dict[str, Any] | None:
    """Size and digest in place of the content, if `part` is a `blob` or a `uri` that holds its data."""
    kind, content, mime_type = part.get("type"), part.get("content"), part.get("mime_type")
    if kind == "uri" and isinstance(url := part.get("uri"), str) and (found := _DATA_URL.fullmatch(url)):
        mime_type, content = found.groups()
    elif kind != "blob" or not isinstance(content, str | bytes):
        return None
    data = _decoded(content) if isinstance(content, str) else content
    return {
        "type": "blob",
        "modality": _plain(part.get("modality")),
        "mime_type": _plain(mime_type),
        "size_bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }


def _without_base64(text: str) -> str:
    if ";base64," in text:
        return _DATA_URL.sub(lambda url: f"[{url[1] or 'data'}: {_summary(_decoded(url[2]))}]", text)
    if len(text) >= _BASE64_LEAST and _BASE64.fullmatch(text):
        return f"[base64: {_summary(_decoded(text))}]"
    return text


def _decoded(content: str) -> bytes:
    """The bytes behind base64, or behind the text itself if it is none."""
    try:
        return binascii.a2b_base64(content.translate({ord("-"): "+", ord("_"): "/"}))
    except ValueError:
        return content.encode("utf-8", "replace")


def _summary(data: bytes | bytearray) -> str:
    return f"{len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()}"


def _cut(plain: list[Any], encoded: bytes, budget: int, scrub: Callable[[str], str] | None) -> bytes:
    sizes: list[int] = []
    _each_text(plain, lambda text: sizes.append(_size(text)) or text)
    most = _share(sizes, budget - (len(encoded) - sum(sizes)))

    def shorten(text: str) -> str:
        if _size(text) <= most:
            return text
        text = scrub(text) if scrub else text
        return _without_middle(text, most) if _size(text) > most else text

    shortened = _each_text(plain, shorten)
    encoded = to_json(shortened)
    return encoded if len(encoded) <= budget else _newest(shortened, budget)


def _each_text(value: Any, change: Callable[[str], str]) -> Any:
    """`value` with every text replaced by what `change` makes of it; keys, and types that readers tell apart, stay."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: _each_text(inner, change) for key, inner in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_each_text(inner, change) for inner in cast("list[Any]", value)]
    return value


def _size(text: str) -> int:
    return len(to_json(text)) - 2


def _share(sizes: list[int], room: int) -> int:
    """How many bytes the longest texts may keep so that all of them together take no more than `room`."""
    left = len(sizes)
    for size in sorted(sizes):
        if size * left > room:
            return max(room // left, _LEAST)
        room -= size
        left -= 1
    return max(sizes, default=0)


def _without_middle(text: str, most: int) -> str:
    """`text` in `most` bytes of JSON: two thirds of them its begin, one its end."""
    room = most - _size(_mark(len(text)))
    head = _beginning(text, room * 2 // 3)
    tail = _beginning(text[::-1], room // 3)[::-1]
    return f"{head}{_mark(len(text) - len(head) - len(tail))}{tail}"


def _mark(characters: int) -> str:
    return f"…[truncated {characters} chars]…"


def _beginning(text: str, room: int) -> str:
    """The longest beginning of `text` that needs no more than `room` bytes, up to a gap between words if one is near.

    Half of an address or of a key would escape the scrubber.
    """
    length = min(len(text), max(room, 0))
    while (size := _size(text[:length])) > room:
        length = min(length - 1, length * room // size)
    gap = max(text.rfind(space, max(length - _GAP, 0), length) for space in (" ", "\n"))
    return text[: gap if gap >= 0 else length]


def _newest(items: list[Any], budget: int) -> bytes:
    """As many of the last items as fit."""
    kept: list[bytes] = []
    room = budget - len(b"[]")
    for item in reversed(items):
        encoded = to_json(item)
        room -= len(encoded) + (1 if kept else 0)
        if room < 0:
            break
        kept.append(encoded)
    return b"[" + b",".join(reversed(kept)) + b"]"
