"""Where a growing text is still undecided.

Four kinds of match can be open at the end of a text, each with its own cheap and safe answer:

* A match without white space lies in the trailing run of printable ASCII characters. The whole run is open (in prose:
  the word that is being written).
* A short match with white space in it (card, phone, IBAN, date) is open where the rest of the text begins one.
* A block (a PEM key) is open from its header.
* A match that only words behind it can confirm is open until so much has been written that none can come any more.

The first answer holds more than it must, never less. The second and third are exact, with the partial matching of the
`regex` module, which is only loaded when a text has a number or a header at its end.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from .entry import AHEAD, Entry

if TYPE_CHECKING:
    import regex

_ASCII_RUN = re.compile(r"[!-~]*+\Z")
_START = re.compile(r"(?<![A-Za-z0-9_])(?:[A-Z0-9+(]|[a-z][a-z]\d)")
"""How a match begins that has white space in it or waits for words behind it."""

_DIGIT = re.compile(r"\d", re.ASCII)

# Spaced entries longer than this are blocks: too long to look for their beginnings in every tail.
_BLOCK = 128


class Growth:
    """Says for the entries of one detector where a text is still undecided."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._longest = max((entry.longest for entry in entries if not entry.spaced), default=0) + AHEAD
        self._spaced = [entry for entry in entries if entry.spaced and entry.longest <= _BLOCK]
        self._blocks = [entry for entry in entries if entry.spaced and entry.longest > _BLOCK]
        self._longest_spaced = max((entry.longest for entry in self._spaced), default=0) + AHEAD
        self._waiting = [entry for entry in entries if entry.context and entry.context.after]
        self._longest_wait = max((e.longest + e.context.after for e in self._waiting if e.context), default=0)
        self._openings: dict[Entry, regex.Pattern[str]] = {}
        self.look_behind = max((entry.look_behind for entry in entries), default=0)

    def open_from(self, text: str, start: int) -> int:
        """The leftmost position at or after `start` that is undecided, else `len(text)`."""
        open_at = self._open_run(text, start)
        if self._spaced:
            open_at = self._open_spaced(text, start, open_at)
        if self._waiting:
            open_at = self._open_waiting(text, start, open_at)
        for block in self._blocks:
            open_at = self._open_block(block, text, start, open_at)
        return open_at

    def _open_run(self, text: str, start: int) -> int:
        end = len(text)
        tail = text[max(start, end - self._longest) :]
        if not tail or tail[-1].isspace():
            return end
        run = tail.rsplit(None, 1)[-1]
        if not run.isascii():
            found = _ASCII_RUN.search(run)
            run = found.group() if found else ""
        return end - len(run)

    def _open_spaced(self, text: str, start: int, open_at: int) -> int:
        low = max(start, len(text) - self._longest_spaced)
        if low >= open_at or self._spans.search(text, low) is None:
            return open_at
        for candidate in _START.finditer(text, low, open_at):
            at = candidate.start()
            if any(self._is_open(entry, text, at) for entry in self._spaced):
                return at
        return open_at

    @cached_property
    def _spans(self) -> re.Pattern[str]:
        return re.compile("|".join(sorted({entry.spans for entry in self._spaced})), re.ASCII)

    def _open_waiting(self, text: str, start: int, open_at: int) -> int:
        low = max(start, len(text) - self._longest_wait)
        if low >= open_at or _DIGIT.search(text, low, open_at) is None:
            return open_at
        for candidate in _START.finditer(text, low, open_at):
            at = candidate.start()
            if self._any_waiting.match(text, at) and any(_waits(entry, text, at) for entry in self._waiting):
                return at
        return open_at

    @cached_property
    def _any_waiting(self) -> re.Pattern[str]:
        return re.compile("|".join(entry.expression for entry in self._waiting), re.ASCII | re.IGNORECASE)

    def _open_block(self, entry: Entry, text: str, start: int, open_at: int) -> int:
        for literal in entry.literals:
            at = text.find(literal, max(start, len(text) - entry.longest - AHEAD), open_at + len(literal))
            while 0 <= at < open_at:
                if self._is_open(entry, text, at):
                    open_at = at
                    break
                at = text.find(literal, at + 1, open_at + len(literal))
        return open_at

    def _is_open(self, entry: Entry, text: str, at: int) -> bool:
        """Whether some continuation of `text` could change whether or how `entry` matches at `at`.

        It can if and only if the rest of the text is the beginning of a match or ends within the look-ahead after one.
        """
        opening = self._openings.get(entry)
        if opening is None:
            import regex

            flags = regex.ASCII | regex.IGNORECASE if entry.ignore_case else regex.ASCII
            opening = regex.compile(rf"{entry.before}(?:{entry.body})[\s\S]{{0,{AHEAD}}}", flags)
            self._openings[entry] = opening
        return opening.fullmatch(text, at, partial=True) is not None


def _waits(entry: Entry, text: str, at: int) -> bool:
    match = entry.pattern.match(text, at)
    return match is not None and entry.waits(text, *match.span("value"))
