"""Finds the entries of a detector in a complete text: exact patterns run only in windows around what the gate saw."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, cached_property
from typing import Final

from . import gate
from .api import Finding
from .entry import AHEAD, FEWEST_DIGITS, Context, Entry
from .gate import WIDEST_SIGNAL, Hits, Signal, Span
from .lazy import lazy
from .seen import Seen

_NUMBER_SIGNAL = Signal(pattern=r"\d" + r"[ .()/-]*\d" * (FEWEST_DIGITS - 1))
_NUMBER_RUN = lazy(rf"\d(?:[ .()/-]{{0,2}}\d){{{FEWEST_DIGITS - 1},}}", re.ASCII)
_NUMBER_START = lazy(r"(?<![A-Za-z0-9_])[+(]{0,2}\d", re.ASCII)
_HEAD: Final = 4
_NOT_PRINTABLE = lazy(r"[^!-~]")

Spans = Callable[[Seen, Sequence[Span]], Iterator[Span]]
"""All matches of an entry in a text, from the stretches in which its signal occurs."""


class Matcher:
    """All findings of `entries` in a text. They may overlap; equal ones are reported once."""

    def __init__(self, detector: str, entries: Sequence[Entry], *, use_re2: bool = True) -> None:
        self._detector = detector
        self._shapes = [(entry, _spans(entry)) for entry in entries if not entry.digits]
        self._bare = [entry for entry in entries if entry.digits and not entry.context]
        named = [(entry, entry.context) for entry in entries if entry.digits and entry.context]
        self._named = [entry for entry, _ in named]
        # How far from a number the words can be that name it, and two characters that may stand before its digits.
        self._before = max((context.before for _, context in named), default=0) + 2
        self._behind = max((context.after for _, context in named), default=0)
        self._words = gate.shared([_word_signal(context) for _, context in named], use_re2=use_re2)
        signals = [_signal(entry) for entry, _ in self._shapes]
        self._number = len(signals)  # the index of the signal for numbers, if there is one
        self.signals = (*signals, _NUMBER_SIGNAL) if self._bare or named else tuple(signals)

    def find(self, seen: Seen, hits: Hits) -> list[Finding]:
        """What is in `seen`, ordered by position. `hits` says where which of `signals` occur."""
        found: set[Finding] = set()
        for index, stretches in hits.items():
            if index == self._number:
                found.update(self._find_numbers(seen, stretches))
            else:
                entry, spans = self._shapes[index]
                found.update(self._finding(entry, span) for span in spans(seen, stretches))
        return sorted(found, key=lambda f: (f.start, f.end, f.category)) if found else []

    def _find_numbers(self, seen: Seen, stretches: Sequence[Span]) -> Iterator[Finding]:
        """Number entries, tried only where a number with enough digits begins, and only if their words are near."""
        text = seen.text
        for low, high in _paced(seen, stretches):
            for run in _NUMBER_RUN.finditer(text, max(low, seen.start), high + WIDEST_SIGNAL):
                first, end = run.span()
                beside = text[max(0, first - self._before) : end + self._behind]
                near = [self._named[index] for index in self._words.hits(beside)]
                # An opening parenthesis or a plus sign may stand before the first digit of the run.
                for number in _NUMBER_START.finditer(text, max(0, first - 2), min(high, end)):
                    for at in range(*number.span()):
                        bare = self._bare if self._any_bare.match(text, at) else ()
                        for entry in (*bare, *near):
                            if span := _match(entry, text, at):
                                yield self._finding(entry, span)

    @cached_property
    def _any_bare(self) -> re.Pattern[str]:
        """One expression for all numbers that need no context, because most numbers are none of them."""
        return re.compile("|".join(entry.expression for entry in self._bare) or "(?!)", re.ASCII)

    def _finding(self, entry: Entry, span: Span) -> Finding:
        return Finding(self._detector, entry.category, *span, entry.score)


def _spans(entry: Entry) -> Spans:
    """How the matches of an entry are found, that is no number: by what its signal is."""
    if entry.literals:
        return lambda seen, stretches: _at_literals(entry, seen, stretches)
    if entry.gate:
        return lambda seen, stretches: _around_gate(entry, seen, stretches)
    assert entry.context is not None
    context = entry.context
    return lambda seen, stretches: _near_words(entry, context, seen, stretches)


def _signal(entry: Entry) -> Signal:
    if entry.literals or entry.gate:
        return Signal(entry.literals, entry.gate, ignore_case=entry.ignore_case and not entry.gate)
    assert entry.context is not None
    return _word_signal(entry.context)


def _word_signal(context: Context) -> Signal:
    return Signal(literals=context.beginnings, ignore_case=True)


def _at_literals(entry: Entry, seen: Seen, stretches: Sequence[Span]) -> Iterator[Span]:
    """Matches begin with a literal."""
    before = max(0, seen.start - entry.lead_longest)

    def look() -> list[int]:
        haystack = seen.lower if entry.ignore_case else seen.text
        return list(_occurrences(entry.literals, haystack, _paced(seen, stretches), before))

    # Several entries begin with the same names; equal signals occur in the same stretches.
    for at in seen.places((entry.literals, entry.ignore_case, before), look):
        if span := _match(entry, seen.text, at):
            yield span


@cache
def _gate(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.ASCII)


def _around_gate(entry: Entry, seen: Seen, stretches: Sequence[Span]) -> Iterator[Span]:
    """Matches have the gate in them."""
    text, start = seen.text, max(0, seen.start - entry.lead_longest)
    widest = entry.longest + entry.lead_longest
    windows = (
        _window(entry, text, *occurrence.span(), widest)
        for low, high in _paced(seen, stretches)
        for occurrence in _gate(entry.gate).finditer(text, max(low, start), high + WIDEST_SIGNAL)
        if occurrence.start() < high
    )
    for low, high, end in _join(windows):
        yield from search(entry, text, low, high, end)


def _window(entry: Entry, text: str, first: int, last: int, widest: int) -> tuple[int, int, int]:
    """Where a match can begin that has a signal from `first` to `last` in it (from, to), and where it must have ended.

    An occurrence of a signal hides those that overlap it, so any in between may be the one.
    """
    low, end = max(0, first - widest), last + widest
    if not entry.spaced:
        blank = max(text.rfind(" ", low, first), text.rfind("\n", low, first))
        low = max(low, blank + 1 - entry.lead_longest)
        outside = _NOT_PRINTABLE.search(text, last, end)
        end = outside.start() if outside else end
    return low, last, end + AHEAD


def _near_words(entry: Entry, context: Context, seen: Seen, stretches: Sequence[Span]) -> Iterator[Span]:
    """Matches have no signal of their own but the words near them."""
    widest = entry.longest + entry.lead_longest
    before = widest + context.after if context.after else 0
    after = context.before + entry.lead_longest
    start = max(0, seen.start - entry.lead_longest)
    words = sorted(_occurrences(context.beginnings, seen.lower, _paced(seen, stretches)))
    windows = ((max(start, at - before), at + after, at + after + widest + AHEAD) for at in words if at + after > start)
    for low, high, end in _join(windows):
        seen.pace.rest()
        yield from search(entry, seen.text, low, high, end)


def _paced(seen: Seen, stretches: Sequence[Span]) -> Iterator[Span]:
    for stretch in stretches:
        seen.pace.rest()
        yield stretch


def _occurrences(literals: Sequence[str], text: str, stretches: Iterable[Span], start: int = 0) -> Iterator[int]:
    """Where any of the literals begins in one of the stretches, at `start` or after it."""
    heads = _heads(tuple(literals))
    for low, high in stretches:
        for head, alike in heads:
            end = high + len(head) - 1
            at = text.find(head, max(low, start), end)
            while at >= 0:
                if text.startswith(alike, at):
                    yield at
                at = text.find(head, at + 1, end)


@cache
def _heads(literals: tuple[str, ...]) -> Sequence[tuple[str, tuple[str, ...]]]:
    """The literals by what those have in common that begin alike: one search finds all of a group."""
    groups: dict[str, list[str]] = {}
    for literal in literals:
        groups.setdefault(literal[:_HEAD], []).append(literal)
    return [(alike[0] if len(alike) == 1 else head, tuple(alike)) for head, alike in groups.items()]


def _join(windows: Iterable[tuple[int, int, int]]) -> Iterator[tuple[int, int, int]]:
    """The same beginnings and ends, with windows that overlap made one. They are in ascending order."""
    last: tuple[int, int, int] | None = None
    for low, high, end in windows:
        if last is None:
            last = low, high, end
        elif low <= last[1]:
            last = last[0], max(high, last[1]), max(end, last[2])
        else:
            yield last
            last = low, high, end
    if last is not None:
        yield last


def search(entry: Entry, text: str, low: int, high: int, end: int) -> Iterator[Span]:
    """The matches of one entry that begin in `[low, high)` and end by `end`, by trying each position."""
    at = low
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
