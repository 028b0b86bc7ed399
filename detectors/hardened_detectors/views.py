"""The same text as a reader or a decoder would see it, with a way back to the original offsets.

`fold` replaces characters one for one, so offsets stay, and a growing text can be folded piece by piece. `views_of`
gives the readings that change lengths: invisible characters removed, escapes undone, base64 decoded. Each is made only
where a cheap test says that it differs, and all are bounded: two rewritings deep, at most `_MOST_BLOBS` blobs of
`_LONGEST_BLOB` characters.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from .api import Finding

_DEPTH = 2
_LONGEST_BLOB = 8192
_MOST_BLOBS = 64


def _twins() -> dict[int, str]:
    """Characters that look or work like an ASCII character, and that character."""
    table: dict[int, str] = {}
    # Space separators (Zs) other than U+0020 and the Ogham space mark, which is visible.
    table.update(dict.fromkeys([0xA0, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000], " "))
    # Hyphens, dashes, minus signs.
    table.update(dict.fromkeys([*range(0x2010, 0x2016), 0x2212, 0xFE58, 0xFE63], "-"))
    # Full-width digits, letters and `@+-./:=_`: ASCII at a fixed distance. Other full-width punctuation is left alone,
    # it is ordinary in East Asian prose and would make every such text a changed one.
    full_width = [*range(0x30, 0x3A), *range(0x41, 0x5B), *range(0x61, 0x7B), *map(ord, "@+-./:=_")]
    table.update({code + 0xFEE0: chr(code) for code in full_width})
    # Decimal digits: Arabic, Persian, Devanagari, Bengali, Thai, and the five mathematical styles.
    for zero in (0x660, 0x6F0, 0x966, 0x9E6, 0xE50, *range(0x1D7CE, 0x1D800, 10)):
        table.update({zero + value: str(value) for value in range(10)})
    return table


_TWINS = _twins()
_HAS_TWIN = re.compile("[" + "".join(map(chr, _TWINS)) + "]")

# Format characters (Cf) that leave no trace on a screen: soft hyphen, joiners, direction marks, variation selectors,
# tags.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufe00-\ufe0f\ufeff\U000e0000-\U000e007f]+"
)
_ESCAPE = re.compile(
    r"%[0-7][0-9A-Fa-f]|(?:%[89A-Fa-f][0-9A-Fa-f]){2,4}"
    r"|\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}"
    r"|&(?:\#\d{1,7}|\#[xX][0-9A-Fa-f]{1,6}|[A-Za-z]{2,8});"
)
_BLOB = re.compile(rf"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{{24,{_LONGEST_BLOB}}}={{0,2}}(?![A-Za-z0-9+/_=-])")


def fold(text: str) -> str:
    """`text` with each twin of an ASCII character replaced by it: the same length, and `text` itself if it has none."""
    if text.isascii() or _HAS_TWIN.search(text) is None:
        return text
    return text.translate(_TWINS)


@dataclass(frozen=True, slots=True)
class View:
    """One reading of a text; character `k` of it stands for the original's characters `starts[k]` to `ends[k]`."""

    text: str
    starts: Sequence[int]
    ends: Sequence[int]

    def translate(self, findings: Iterable[Finding]) -> list[Finding]:
        """The findings with offsets of the original."""
        return [replace(f, start=self.starts[f.start], end=self.ends[f.end - 1]) for f in findings if f.start < f.end]


def views_of(text: str) -> Iterator[View]:
    """The readings of `text` that differ from it."""
    yield from _readings(View(text, range(len(text)), range(1, len(text) + 1)), _DEPTH)


def _readings(view: View, depth: int) -> Iterator[View]:
    for step in (_visible, _unescaped, _decoded):
        for reading in step(view):
            yield reading
            if depth > 1:
                yield from _readings(reading, depth - 1)


def _visible(view: View) -> Iterator[View]:
    if not view.text.isascii() and _INVISIBLE.search(view.text):
        yield _rewrite(view, _INVISIBLE, lambda _: "")


def _unescaped(view: View) -> Iterator[View]:
    text = view.text
    if ("%" in text or "\\" in text or "&" in text) and _ESCAPE.search(text):
        reading = _rewrite(view, _ESCAPE, _unescape)
        if reading.text != text:
            yield reading


def _unescape(escape: str) -> str:
    if escape[0] == "%":
        return binascii.unhexlify(escape.replace("%", "")).decode("utf-8", "replace")
    if escape[0] == "\\":
        return chr(int(escape[2:], 16))
    from html import unescape

    return unescape(escape)


def _decoded(view: View) -> Iterator[View]:
    """Each base64 blob (either alphabet) that decodes to text; every character of it stands for the whole blob."""
    for count, match in enumerate(_BLOB.finditer(view.text)):
        if count == _MOST_BLOBS:
            return
        text = _base64_text(match.group())
        if text:
            start, end = view.starts[match.start()], view.ends[match.end() - 1]
            yield View(text, [start] * len(text), [end] * len(text))


def _base64_text(blob: str) -> str | None:
    data = blob.rstrip("=").translate({ord("-"): "+", ord("_"): "/"})
    try:
        # Sixteen characters tell most blobs that are not text, long before all of it is decoded.
        if not _is_printable(base64.b64decode(data[:16])):
            return None
        text = base64.b64decode(data + "=" * (-len(data) % 4)).decode("utf-8")
    except ValueError:  # wrong length, or not UTF-8
        return None
    return text


def _is_printable(data: bytes) -> bool:
    return all(byte >= 32 or byte in b"\t\r\n" for byte in data)


def _rewrite(view: View, pattern: re.Pattern[str], replacement: Callable[[str], str]) -> View:
    parts: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    done = 0
    for match in pattern.finditer(view.text):
        at, to = match.span()
        new = replacement(match.group())
        parts += (view.text[done:at], new)
        starts.extend(view.starts[done:at])
        ends.extend(view.ends[done:at])
        starts.extend([view.starts[at]] * len(new))
        ends.extend([view.ends[to - 1]] * len(new))
        done = to
    parts.append(view.text[done:])
    starts.extend(view.starts[done:])
    ends.extend(view.ends[done:])
    return View("".join(parts), starts, ends)
