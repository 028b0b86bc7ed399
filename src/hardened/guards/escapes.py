"""Backslash escapes: the characters that they mean, and the way back to where they are written.

A key behind `\\n` in a JSON string, in code or in a log line is preceded by a line end, not by the letter `n`.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from hardened_detectors.api import Finding

_HIGH: Final = r"\\u[dD][89abAB][0-9a-fA-F]{2}"
_LOW: Final = r"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_WHOLE: Final = rf"{_HIGH}{_LOW}|\\u[0-9a-fA-F]{{4}}|\\."
# At the end of a text that grows: what may become another escape than it is now. `\ud83d` may be half of a pair.
_BEGUN: Final = rf"(?:\\(?:u[0-9a-fA-F]{{0,3}})?|{_HIGH}(?:\\(?:u(?:[dD](?:[c-fC-F][0-9a-fA-F]?)?)?)?)?)\Z"

ESCAPE: Final = re.compile(_WHOLE, re.DOTALL)
GROWING_ESCAPE: Final = re.compile(rf"({_BEGUN})|{_WHOLE}", re.DOTALL)
"""As `ESCAPE`, in a text that still grows; group 1 is an escape that is not complete."""

_MEANINGS: Final = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}


def meaning(escape: str) -> str:
    """The one character that an escape stands for. Of those that JSON does not know, it is the one that is escaped."""
    if len(escape) == 2:
        return _MEANINGS.get(escape[1], escape[1])
    if len(escape) == 6:
        return chr(int(escape[2:], 16))
    high, low = int(escape[2:6], 16), int(escape[8:], 16)
    return chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))


class Unescaped:
    """`written` with its escapes undone, as `text`.

    Of a text that grows, `written` must begin outside an escape; `text` ends before an escape that is not complete.
    """

    def __init__(self, written: str, final: bool) -> None:
        pieces: list[str] = []
        starts: list[int] = []  # where each character of `text` is written
        at, end = 0, len(written)
        for match in (ESCAPE if final else GROWING_ESCAPE).finditer(written):
            start = match.start()
            pieces.append(written[at:start])
            starts += range(at, start)
            at = match.end()
            if not final and match.group(1) is not None:
                at = end = start
                break
            pieces.append(meaning(match.group()))
            starts.append(start)
        pieces.append(written[at:end])
        starts += range(at, end)
        self.text = "".join(pieces)
        self._starts = [*starts, end]

    def index(self, position: int) -> int:
        """Which character of `text` is the first that is written at `position` or behind it."""
        return min(bisect_left(self._starts, position), len(self.text))

    def position(self, index: int) -> int:
        """Where a character of `text` is written."""
        return self._starts[index]

    def before(self, position: int) -> int:
        """`position`, or where the escape begins that it is within."""
        return self._starts[max(0, bisect_right(self._starts, position) - 1)]

    def behind(self, position: int) -> int:
        """`position`, or where the escape ends that it is within."""
        return self._starts[self.index(position)] if position < self._starts[-1] else position

    def widen(self, findings: Iterable[Finding]) -> list[Finding]:
        """Findings in `written`: they begin and end outside of escapes, so that no half of one is left over."""
        return [replace(f, start=self.before(f.start), end=self.behind(f.end)) for f in findings]

    def translate(self, findings: Iterable[Finding]) -> list[Finding]:
        """Findings in `text`, by position in `written`."""
        return [replace(f, start=self._starts[f.start], end=self._starts[f.end]) for f in findings]
