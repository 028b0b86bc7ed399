"""The same text as a reader or a decoder would see it, with a way back to the original offsets.

`fold` replaces characters one for one, so offsets stay, and a growing text can be folded piece by piece. `views_of`
gives the readings that need more than one character to be decided (`readings`): escapes undone, blobs decoded, values
put together again. They are made only where the gate says that they can differ, and all are bounded: `_DEPTH` readings
of readings, and each reading bounds what it decodes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from . import gate, readings
from .lazy import lazy
from .view import View

__all__ = ["View", "fold", "views_of"]

_DEPTH = 3
_AROUND = 512
_PIECE = 16_384
_GATE = gate.shared([reading.signal for reading in readings.ALL])


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


TWINS = _twins()
TWIN_CLASS = "".join(chr(code) for code in TWINS if code < 0x10000) + "\U0001d7ce-\U0001d7ff"
"""The inside of a character class: the twins. Those beyond 16 bits are one range: listed, they cost ten times more."""

_TWIN = lazy(f"[{TWIN_CLASS}]")


def fold(text: str) -> str:
    """`text` with each twin of an ASCII character replaced by it: the same length, and `text` itself if it has none."""
    if text.isascii():
        return text
    if len(text) > _PIECE:  # no call takes long, so that other threads can run in between
        return "".join(fold(text[at : at + _PIECE]) for at in range(0, len(text), _PIECE))
    return _TWIN.sub(lambda twin: TWINS[ord(twin.group())], text)


def views_of(text: str) -> Iterator[View]:
    """The readings of `text` that differ from it.

    Of a long text only the parts are read in which the gate saw something, with `_AROUND` characters on either side.
    """
    length = len(text)
    if length <= 2 * gate.STRETCH:
        yield from _views(View(text, range(length), range(1, length + 1)), _DEPTH)
        return
    stretches = sorted({stretch for found in _GATE.find(text).values() for stretch in found})
    for low, high in _pieces(text, stretches):
        yield from _views(View(text[low:high], range(low, high), range(low + 1, high + 1)), _DEPTH)


def _pieces(text: str, stretches: Sequence[gate.Span]) -> Iterator[gate.Span]:
    """The stretches with what is around them, as parts that begin and end at a line's end, if they can.

    Parts do not overlap, except where one is cut because it would be too long to be read without a pause.
    """
    low = high = 0
    for start, end in stretches:
        if start - _AROUND > high:
            if high:
                yield low, high
            low = max(high, text.rfind("\n", high, start - _AROUND) + 1 or start - _AROUND)
        high = end + _AROUND
        line = text.find("\n", high, high + _AROUND)
        high = min(line if line >= 0 else high, len(text))
        while high - low > _PIECE:
            cut = low + _PIECE
            cut = text.rfind("\n", low + _PIECE // 2, cut) + 1 or cut
            yield low, cut
            low = cut - _AROUND
    if high:
        yield low, high


def _views(view: View, depth: int) -> Iterator[View]:
    hits = _GATE.hits(view.text)
    if not hits:
        return
    chosen = [readings.ALL[index] for index in hits]
    # What only cleans is done in one go; what is decoded or put together is read from the cleaned text, too.
    cleaned = view
    for reading in chosen:
        if reading.cleans:
            cleaned = reading.make(cleaned)
    if cleaned is not view:
        yield cleaned
        if depth > 1:
            yield from _views(cleaned, depth - 1)
    for reading in chosen:
        other = view if reading.cleans else reading.make(view)
        if other is not view:
            yield other
            if reading.decodes and depth > 1:
                yield from _views(other, depth - 1)
