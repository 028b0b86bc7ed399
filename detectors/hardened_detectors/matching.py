"""Finds the entries of a detector in a complete text: gate first, exact patterns only where they can match."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence

from .api import Finding
from .entry import Entry
from .gate import Gate, Signal

# Between two digits of one number: at most two of these.
NUMBER_GAP = r"[ .()/-]{0,2}"
FEWEST_DIGITS = 7

_NUMBER_SIGNAL = Signal(pattern=r"\d" + r"[ .()/-]*\d" * (FEWEST_DIGITS - 1))
_NUMBER_RUN = re.compile(rf"[+(]{{0,2}}\d(?:{NUMBER_GAP}\d){{{FEWEST_DIGITS - 1},}}", re.ASCII)
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
        hits = self._gate.hits(text)
        if not hits:
            return []
        found: set[Finding] = set()
        lower = _lower(text) if any(i < len(self._others) and self._others[i].ignore_case for i in hits) else text
        for index in hits:
            if index == len(self._others):
                found.update(self._find_numbers(text))
            else:
                entry = self._others[index]
                found.update(self._finding(entry, span) for span in _find(entry, text, lower))
        return sorted(found, key=lambda f: (f.start, f.end, f.category))

    def _find_numbers(self, text: str) -> Iterator[Finding]:
        """Number entries, tried only where a number with enough digits begins."""
        for run in _NUMBER_RUN.finditer(text):
            digits = [m.start() for m in _DIGIT.finditer(text, run.start(), run.end())]
            # Where a run begins after other digits it has no start of its own; starts inside it are all tried.
            for start in _NUMBER_START.finditer(text, run.start(), run.end()):
                left = len(digits) - bisect_left(digits, start.start())
                for entry in self._numbers:
                    if entry.digits and entry.digits[0] <= left:
                        for at in range(start.start(), start.end()):
                            if span := _match(entry, text, at):
                                yield self._finding(entry, span)

    def _finding(self, entry: Entry, span: Span) -> Finding:
        return Finding(self._detector, entry.category, *span, entry.score)


def _signal(entry: Entry) -> Signal:
    return Signal(literals=entry.literals, pattern=entry.gate, ignore_case=entry.ignore_case)


def _lower(text: str) -> str:
    """`text` in lower case with the same length (`İ` is the only character whose lower case is longer)."""
    return text.replace("\u0130", "I").lower()


def _find(entry: Entry, text: str, lower: str) -> Iterator[Span]:
    if entry.literals:
        haystack = lower if entry.ignore_case else text
        for literal in entry.literals:
            at = haystack.find(literal)
            while at >= 0:
                if span := _match(entry, text, at):
                    yield span
                at = haystack.find(literal, at + 1)
    else:
        yield from search_everywhere(entry, text)


def search_everywhere(entry: Entry, text: str) -> Iterator[Span]:
    """The matches of one entry by trying each position: slow, and by definition right."""
    at = 0
    while match := entry.pattern.search(text, at):
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
