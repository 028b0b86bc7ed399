"""Where a growing text is still undecided.

Five kinds of match can be open at the end of a text, each with its own cheap and safe answer:

* A match without white space lies in the trailing run of printable ASCII characters. The whole run is open (in prose:
  the word that is being written).
* A number with white space in it (card, phone) is open where the rest of the text is a number.
* Any other short match with white space in it (IBAN, date) is open where the rest of the text begins one.
* A block (a PEM key) is open from its header.
* A match that only words behind it can confirm is open until so much has been written that none can come any more.

The first two answers hold more than they must, never less. The third and fourth are exact, with the partial matching of
the `regex` module, which is only loaded when a text has a capital, a number or a header near its end.

Most of what a model writes is words. `quiet_until` tells that of a piece of text with one search for a loud character:
one that prose hardly has, and that each match of each entry does have.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Final

from .entry import AHEAD, FEWEST_DIGITS, Entry
from .lazy import lazy
from .views import TWIN_CLASS

if TYPE_CHECKING:
    import regex

_ASCII_RUN = lazy(r"[!-~]*+\Z")
_START = lazy(r"(?<![A-Za-z0-9_])(?:[A-Z0-9+(]|[a-z][a-z]\d)")
"""How a match begins that has white space in it or waits for words behind it."""

_DIGIT = lazy(r"\d", re.ASCII)

_GAP = "[ .()/-]{0,2}"
_GOES_ON = rf"(?:\d(?:{_GAP}\d)*+)?{_GAP}"
_IS_LONG = rf"\d(?:{_GAP}\d){{{FEWEST_DIGITS - 1},}}+(?: ?x\d{{0,5}})?[\s\S]{{0,{AHEAD}}}"
_OPEN_NUMBER = lazy(rf"[+(]{{0,2}}(?:{_GOES_ON}|{_IS_LONG})", re.ASCII)
"""A number that may go on, or that has enough digits and ends within the look-ahead."""

QUIET: Final = frozenset("abcdefghijklmnopqrstuvwxyz.,;?)")
"""What of printable ASCII is not loud."""

LONG_WORD: Final = 20
"""A word of so many characters is loud, too."""

_LOUD = lazy(f"[{re.escape(''.join({*map(chr, range(33, 127))} - QUIET))}{TWIN_CLASS}]")

_LONG_WORD = lazy(rf"\S{{{LONG_WORD}}}")

_GLANCE = 256  # characters; a word that is longer may be longer than any match

# Spaced entries longer than this are blocks: too long to look for their beginnings in every tail.
_BLOCK = 128


def quiet_until(text: str, start: int) -> int | None:
    """Where the last word of `text` begins, if no match of any entry begins at `start` or after it and before there.

    None if that takes a closer look. The first word of each match is loud.
    """
    if len(text) - start > _GLANCE or (start and "!" <= text[start - 1] <= "~"):
        return None
    last = _last_word(text, start)
    if _LOUD.search(text, start, last) or (last - start >= LONG_WORD and _LONG_WORD.search(text, start, last)):
        return None
    return last


def _last_word(text: str, start: int) -> int:
    """Where the printable ASCII at the end of `text` begins; `start` at the least."""
    tail = text[start:]
    if not tail or tail[-1].isspace():
        return len(text)
    word = tail.rsplit(None, 1)[-1]
    if not word.isascii():
        found = _ASCII_RUN.search(word)
        word = found.group() if found else ""
    return len(text) - len(word)


class Growth:
    """Says for the entries of one detector where a text is still undecided."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._longest = max((entry.longest for entry in entries if not entry.spaced), default=0) + AHEAD
        short = [entry for entry in entries if entry.spaced and entry.longest <= _BLOCK]
        self._numbers = [entry for entry in short if entry.digits]
        self._spaced = [entry for entry in short if not entry.digits]
        self._blocks = [entry for entry in entries if entry.spaced and entry.longest > _BLOCK]
        self._longest_spaced = max((entry.longest for entry in short), default=0) + AHEAD
        self._waiting = [entry for entry in entries if entry.context and entry.context.after]
        self._longest_wait = max((e.longest + e.context.after for e in self._waiting if e.context), default=0)
        self.look_behind = max((entry.look_behind for entry in entries), default=0)

    def open_from(self, text: str, start: int) -> int:
        """The leftmost position at or after `start` that is undecided, else `len(text)`."""
        open_at = _last_word(text, max(start, len(text) - self._longest))
        if open_at == start:
            return start
        if self._longest_spaced > AHEAD:
            open_at = self._open_spaced(text, start, open_at)
        if self._waiting:
            open_at = self._open_waiting(text, start, open_at)
        for block in self._blocks:
            open_at = self._open_block(block, text, start, open_at)
        return open_at

    def _open_spaced(self, text: str, start: int, open_at: int) -> int:
        low = max(start, len(text) - self._longest_spaced)
        if low >= open_at:
            return open_at
        numbers = self._numbers and _DIGIT.search(text, low)
        others = self._spaced and self._spans.search(text, low)
        if not numbers and not others:
            return open_at
        for candidate in _START.finditer(text, low, open_at):
            at = candidate.start()
            if numbers and _OPEN_NUMBER.fullmatch(text, at):
                return at
            if others and self._any_spaced.fullmatch(text, at, partial=True):
                return at
        return open_at

    @cached_property
    def _any_spaced(self) -> regex.Pattern[str]:
        return _opening(self._spaced)

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
                if self._openings[entry].fullmatch(text, at, partial=True):
                    open_at = at
                    break
                at = text.find(literal, at + 1, open_at + len(literal))
        return open_at

    @cached_property
    def _openings(self) -> dict[Entry, regex.Pattern[str]]:
        return {entry: _opening([entry]) for entry in self._blocks}


def _opening(entries: Sequence[Entry]) -> regex.Pattern[str]:
    """A pattern to be matched in full and partially, from a position to the end of a text.

    Some continuation of the text could change whether or how one of `entries` matches there if and only if it does: the
    rest of the text is the beginning of a match, or ends within the look-ahead after one.
    """
    import regex

    expressions = (f"{'(?i:' if entry.ignore_case else '(?:'}{entry.before}(?:{entry.body}))" for entry in entries)
    return regex.compile(rf"(?:{'|'.join(expressions)})[\s\S]{{0,{AHEAD}}}", regex.ASCII)


def _waits(entry: Entry, text: str, at: int) -> bool:
    match = entry.pattern.match(text, at)
    return match is not None and entry.waits(text, *match.span("value"))
