"""Finds the entries of a detector in a complete text: gate first, exact patterns only where they can match."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import cached_property

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
        self._shapes = [entry for entry in entries if not entry.digits]
        self._bare = [entry for entry in entries if entry.digits and not entry.context]
        self._named = [entry for entry in entries if entry.digits and entry.context]
        signals = [*map(_signal, self._shapes), _NUMBER_SIGNAL, *map(_context_signal, self._named)]
        self._gate = Gate(signals, use_re2=use_re2)

    def detect(self, text: str) -> list[Finding]:
        """What is in `text`, ordered by position."""
        found: set[Finding] = set()
        if len(text) <= 2 * _PIECE:
            hits = self._gate.hits(text)
            if hits:
                self._add(found, text, hits, 0, len(text))
        else:
            for low in range(0, len(text), _PIECE):
                high = min(low + _PIECE, len(text))
                seen = text[max(0, low - SIGNAL_BEFORE) : high + SIGNAL_AFTER]
                self._add(found, text, self._gate.hits(seen), low, high)
        return sorted(found, key=lambda f: (f.start, f.end, f.category)) if found else []

    def _add(self, found: set[Finding], text: str, hits: Sequence[int], low: int, high: int) -> None:
        """Adds the findings whose patterns begin to match in `[low, high)`; `hits` says which signals are near."""
        number = len(self._shapes)
        for index in hits:
            if index < number:
                entry = self._shapes[index]
                spans = _find_literals(entry, text, low, high) if entry.literals else search(entry, text, low, high)
                found.update(self._finding(entry, span) for span in spans)
            elif index == number:
                named = [self._named[i - number - 1] for i in hits if i > number]
                found.update(self._find_numbers(text, named, low, high))

    def _find_numbers(self, text: str, named: Sequence[Entry], low: int, high: int) -> Iterator[Finding]:
        """Number entries, tried only where a number with enough digits begins."""
        for run in _NUMBER_RUN.finditer(text, max(0, low - SIGNAL_BEFORE), high + SIGNAL_AFTER):
            digits = [match.start() for match in _DIGIT.finditer(text, run.start(), run.end())]
            # An opening parenthesis or a plus sign may stand before the first digit of the run.
            for number in _NUMBER_START.finditer(text, max(low, run.start() - 2), min(high + 2, run.end())):
                left = len(digits) - bisect_left(digits, number.start())
                for at in range(number.start(), min(high, number.end())):
                    bare = self._bare if self._any_bare.match(text, at) else ()
                    for entry in (*bare, *named):
                        if entry.digits and entry.digits[0] <= left and (span := _match(entry, text, at)):
                            yield self._finding(entry, span)

    @cached_property
    def _any_bare(self) -> re.Pattern[str]:
        """One expression for all numbers that need no context, because most numbers are none of them."""
        return re.compile("|".join(entry.expression for entry in self._bare) or "(?!)", re.ASCII)

    def _finding(self, entry: Entry, span: Span) -> Finding:
        return Finding(self._detector, entry.category, *span, entry.score)


def _signal(entry: Entry) -> Signal:
    return Signal(literals=entry.literals, pattern=entry.gate, ignore_case=entry.ignore_case)


def _context_signal(entry: Entry) -> Signal:
    assert entry.context is not None
    # The first part of each word: how parts are joined is for the exact pattern to judge.
    return Signal(literals=tuple({word.split()[0].lower() for word in entry.context.words}), ignore_case=True)


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
