"""Finds the entries of a detector in a complete text: gate first, exact patterns only where they can match."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

from .api import Finding
from .entry import AHEAD, Entry
from .gate import Hits, Signal, Span
from .seen import Seen

SIGNAL_BEFORE = 128
SIGNAL_AFTER = 128
"""The signal of an entry begins at most so many characters before or after where its pattern begins to match."""

FEWEST_DIGITS = 7
_NUMBER_SIGNAL = Signal(pattern=r"\d" + r"[ .()/-]*\d" * (FEWEST_DIGITS - 1))
_NUMBER_RUN = re.compile(rf"\d(?:[ .()/-]{{0,2}}\d){{{FEWEST_DIGITS - 1},}}", re.ASCII)
_NUMBER_START = re.compile(r"(?<![A-Za-z0-9_])[+(]{0,2}\d", re.ASCII)
_DIGIT = re.compile(r"\d", re.ASCII)


class Matcher:
    """All findings of `entries` in a text. They may overlap; equal ones are reported once."""

    def __init__(self, detector: str, entries: Sequence[Entry]) -> None:
        self._detector = detector
        self._shapes = [entry for entry in entries if not entry.digits]
        self._bare = [entry for entry in entries if entry.digits and not entry.context]
        self._named = [entry for entry in entries if entry.digits and entry.context]
        self._number = len(self._shapes)  # the index of the signal for numbers
        self.signals = (*map(_signal, self._shapes), _NUMBER_SIGNAL, *map(_context_signal, self._named))

    def find(self, seen: Seen, hits: Hits) -> list[Finding]:
        """What is in `seen`, ordered by position. `hits` says where which of `signals` occur."""
        found: set[Finding] = set()
        for index, stretches in hits.items():
            if index < self._number:
                entry = self._shapes[index]
                spans = self._find_shape(entry, seen, stretches)
                found.update(self._finding(entry, span) for span in spans)
        for low, high in hits.get(self._number, ()):
            near = (low - SIGNAL_BEFORE, high + SIGNAL_AFTER)
            named = [
                entry
                for index, entry in enumerate(self._named, self._number + 1)
                if index in hits and _any_overlaps(hits[index], near)
            ]
            found.update(self._find_numbers(seen.text, named, low, high))
        return sorted(found, key=lambda f: (f.start, f.end, f.category)) if found else []

    def _find_shape(self, entry: Entry, seen: Seen, stretches: Sequence[Span]) -> Iterator[Span]:
        if entry.literals:
            return _find_literals(entry, seen, stretches)
        wide = _join((low - SIGNAL_BEFORE, high + SIGNAL_AFTER) for low, high in stretches)
        return (span for low, high in wide for span in search(entry, seen.text, max(0, low), high))

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
    context = entry.context
    assert context is not None
    # The first part of each word: how parts are joined is for the exact pattern to judge.
    parts = {re.split("[ ']", word)[0].lower() for word in (*context.words, *context.close, *context.tags)}
    return Signal(literals=tuple(sorted(parts)), ignore_case=True)


def _find_literals(entry: Entry, seen: Seen, stretches: Sequence[Span]) -> Iterator[Span]:
    haystack = seen.lower if entry.ignore_case else seen.text
    for literal in entry.literals:
        for low, high in stretches:
            at = haystack.find(literal, low, high + len(literal) - 1)
            while at >= 0:
                if span := _match(entry, seen.text, at):
                    yield span
                at = haystack.find(literal, at + 1, high + len(literal) - 1)


def _any_overlaps(stretches: Sequence[Span], near: Span) -> bool:
    """Whether one of them has a character between the two positions. They are in ascending order."""
    at = bisect_left(stretches, near[0], key=lambda stretch: stretch[1] - 1)
    return at < len(stretches) and stretches[at][0] < near[1]


def _join(stretches: Iterable[Span]) -> Iterator[Span]:
    """The same positions, as stretches that do not overlap. They are in ascending order."""
    joined: Span | None = None
    for low, high in stretches:
        if joined is None:
            joined = low, high
        elif low <= joined[1]:
            joined = joined[0], high
        else:
            yield joined
            joined = low, high
    if joined is not None:
        yield joined


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
