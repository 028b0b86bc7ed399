"""Finds the entries of a detector in a complete text: gate first, exact patterns only where they can match."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence

from .api import Finding
from .entry import AHEAD, Entry
from .gate import Gate, Signal

# Long texts are gated in pieces, so that one hit does not cost an exact search through all of them.
_PIECE = 1024
SIGNAL_BEFORE = 128
SIGNAL_AFTER = 128
"""The signal of an entry lies at most so many characters before or after where its pattern begins to match."""

FEWEST_DIGITS = 7
_NUMBER_SIGNAL = Signal(pattern=r"\d" + r"[ .()/-]*\d" * (FEWEST_DIGITS - 1))
_NUMBER_RUN = re.compile(rf"\d(?:[ .()/-]{{0,2}}\d){{{FEWEST_DIGITS - 1},}}", re.ASCII)
_NUMBER_START = re.compile(r"(?<![A-Za-z0-9_])[+(]{0,2}\d", re.ASCII)
_DIGIT = re.compile(r"\d", re.ASCII)

Span = tuple[int, int]


class Matcher:
    """All findings of `entries` in a text. They may overlap; equal ones are reported once."""

    def __init__(self, detector: str, entries: Sequence[Entry], *, use_re2: bool = True) -> None:
        self._detector = detector
        self._numbers = [entry for entry in entries if entry.digits]
        self._others = [entry for entry in entries if not entry.digits]
        self._gate = Gate([*map(_signal, self._others), _NUMBER_SIGNAL], use_re2=use_re2)

    def detect(self, text: str) -> list[Finding]:
        """What is in `text`, ordered by position."""
        if len(text) <= 2 * _PIECE:
            found = set(self._find(text, self._gate.hits(text), 0, len(text)))
        else:
            found: set[Finding] = set()
            for low in range(0, len(text), _PIECE):
                high = min(low + _PIECE, len(text))
                seen = text[max(0, low - SIGNAL_BEFORE) : high + SIGNAL_AFTER]
                found.update(self._find(text, self._gate.hits(seen), low, high))
        return sorted(found, key=lambda f: (f.start, f.end, f.category))

    def _find(self, text: str, hits: Sequence[int], low: int, high: int) -> Iterator[Finding]:
        """The findings of the entries in `hits` whose patterns begin to match in `[low, high)`."""
        for index in hits:
            if index == len(self._others):
                yield from self._find_numbers(text, low, high)
            else:
                entry = self._others[index]
                spans = _find_literals(entry, text, low, high) if entry.literals else search(entry, text, low, high)
                for start, end in spans:
                    yield Finding(self._detector, entry.category, start, end, entry.score)

    def _find_numbers(self, text: str, low: int, high: int) -> Iterator[Finding]:
        """Number entries, tried only where a number with enough digits begins."""
        for run in _NUMBER_RUN.finditer(text, max(0, low - SIGNAL_BEFORE), high + SIGNAL_AFTER):
            digits = [match.start() for match in _DIGIT.finditer(text, run.start(), run.end())]
            # An opening parenthesis or a plus sign may stand before the first digit of the run.
            for number in _NUMBER_START.finditer(text, max(low, run.start() - 2), min(high + 2, run.end())):
                left = len(digits) - bisect_left(digits, number.start())
                for entry in self._numbers:
                    if entry.digits and entry.digits[0] <= left:
                        for at in range(number.start(), min(high, number.end())):
                            if span := _match(entry, text, at):
                                yield Finding(self._detector, entry.category, *span, entry.score)


def _signal(entry: Entry) -> Signal:
    return Signal(literals=entry.literals, pattern=entry.gate, ignore_case=entry.ignore_case)


def _lower(text: str) -> str:
    """`text` in lower case with the same length (`İ` is the only character whose lower case is longer)."""
    return text.replace("\u0130", "I").lower()


def _find_literals(entry: Entry, text: str, low: int, high: int) -> Iterator[Span]:
    for literal in entry.literals:
        last = high + len(literal) - 1
        haystack = _lower(text[low:last]) if entry.ignore_case else text[low:last]
        at = haystack.find(literal)
        while at >= 0:
            if span := _match(entry, text, low + at):
                yield span
            at = haystack.find(literal, at + 1)


def search(entry: Entry, text: str, low: int, high: int) -> Iterator[Span]:
    """The matches of one entry that begin in `[low, high)`, by trying each position: by definition right."""
    at, end = low, high + entry.lead_longest + entry.longest + AHEAD
    while (match := entry.pattern.search(text, at, end)) and match.start() < high:
        span = match.span("value")
        if entry.accepts(text, *span):
            yield span
        at = match.start() + 1


def _match(entry: Entry, text: str, at: int) -> Span | None:
    match = entry.pattern.match(text, at)
    if match is None:
        return None
    start, end = match.span("value")
    return (start, end) if entry.accepts(text, start, end) else None
