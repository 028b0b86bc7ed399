"""One cheap pass that says which of many things a text can contain at all.

Most texts contain nothing, so what a clean text costs is what detection costs. A gate never decides that something is
there: it names the signals that occur, and the exact (and slower) work is done only for those. It must never miss:
whenever an exact pattern matches a text, its signal occurs in that text.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from itertools import chain
from typing import Any, Final, NamedTuple, cast
from weakref import WeakSet, WeakValueDictionary

from . import native
from .pace import Pace

Match = Callable[[str], Sequence[int]]

Span = tuple[int, int]
"""From a position to another one, which it excludes."""

Hits = Mapping[int, Sequence[Span]]
"""For each signal that occurs in a text (by index) the stretches in which it begins to, in ascending order."""

STRETCH: Final = 1024
"""Long texts are looked at in stretches of so many characters: a hit in one costs no exact work in the others."""

WIDEST_SIGNAL: Final = 64
"""Characters that an occurrence may have for the gate to be sure to see it."""

# A DFA that needs more is reset by RE2 and built anew, which costs time but misses nothing.
_DFA_BYTES = 16 << 20


class Signal(NamedTuple):
    """Occurs in a text if one of `literals` does, or else if `pattern` is found.

    `pattern` must mean the same to RE2 and to `re` with `re.ASCII`: no look-around, no back-reference, and little
    bounded repetition (each repetition multiplies the states of the automaton). With `ignore_case` the literals are in
    lower case. An occurrence that matters has at most `WIDEST_SIGNAL` characters, and is the same with all of the text
    but the character before it and `WIDEST_SIGNAL` characters from its start cut off.
    """

    literals: tuple[str, ...] = ()
    pattern: str = ""
    ignore_case: bool = False

    @property
    def expression(self) -> str:
        body = "|".join(re.escape(literal) for literal in self.literals) or self.pattern
        return f"(?i){body}" if self.ignore_case else body


class Gate:
    """Tells which of its signals occur in a text, by index.

    Built when it is first used (some 30 ms), with google-re2 if that can be imported (one automaton for all signals,
    about 3 µs per kB), else, and when the process ends (see `native`), with the standard library. Both give the same
    indices, but for characters outside ASCII that equal an ASCII letter when case is ignored (`ſ`, `K`): there either
    may report a signal more.
    """

    def __init__(self, signals: Sequence[Signal], *, use_re2: bool = True) -> None:
        self._signals = tuple(signals)
        self._use_re2 = use_re2
        self._automaton: Match | None = None
        self._searches: Match | None = None
        _gates.add(self)

    def find(self, text: str) -> Hits:
        """Which signals occur in `text`, and where. Short texts (up to two stretches) are one stretch."""
        length = len(text)
        if length <= 2 * STRETCH:
            return dict.fromkeys(self.hits(text), ((0, length),))
        found: dict[int, list[Span]] = {}
        pace = Pace(length)
        for low in range(0, length, STRETCH):
            pace.rest()
            high = min(low + STRETCH, length)
            for index in self.hits(text[max(0, low - 1) : high + WIDEST_SIGNAL]):
                found.setdefault(index, []).append((low, high))
        return found

    def hits(self, text: str) -> Sequence[int]:
        """The indices of the signals that occur in `text`, in ascending order."""
        # Two threads may both build a matcher; either result will do.
        if self._use_re2 and native.enter():
            try:
                match = self._automaton
                if match is None:
                    match = self._automaton = _re2_matcher(import_module("re2"), self._signals)
                return match(text)
            except ImportError:
                self._use_re2 = False
            finally:
                native.leave()
        match = self._searches
        if match is None:
            match = self._searches = _python_matcher(self._signals)
        return match(text)


def shared(signals: Sequence[Signal], *, use_re2: bool = True) -> Gate:
    """The gate for these signals: one that is in use already, else a new one."""
    return _shared.setdefault((tuple(signals), use_re2), Gate(signals, use_re2=use_re2))


_gates: WeakSet[Gate] = WeakSet()
_shared: WeakValueDictionary[tuple[tuple[Signal, ...], bool], Gate] = WeakValueDictionary()
_abandoned: list[object] = []


def _forget_automata() -> None:
    """Let every gate build its automaton anew, in the child of a fork.

    An automaton of RE2 has locks. One that another thread held at the time of the fork stays locked in the child for
    ever; whoever searches with it there hangs, and it must not be destroyed either.
    """
    for gate in list(_gates):
        _abandoned.append(gate._automaton)
        gate._automaton = None


os.register_at_fork(after_in_child=_forget_automata)


def _re2_matcher(re2: Any, signals: Sequence[Signal]) -> Match:
    options = re2.Options()
    options.max_mem = _DFA_BYTES
    options.log_errors = False
    matcher = re2.Set.SearchSet(options)
    for signal in signals:
        matcher.Add(signal.expression)
    matcher.Compile()
    match = cast("Callable[[bytes], list[int] | None]", matcher.Match)

    def hits(text: str) -> Sequence[int]:
        # "replace" because a lone surrogate cannot be encoded; no signal contains one.
        found = match(text.encode("utf-8", "replace"))
        return sorted(found) if found else ()

    return hits


_HEAD: Final = 4


def _python_matcher(signals: Sequence[Signal]) -> Match:
    """Looks for literals by their first characters: which of all of them occur is known after one pass."""
    searches = {index: re.compile(one.expression, re.ASCII) for index, one in enumerate(signals) if not one.literals}
    literals = [(literal, one.ignore_case, index) for index, one in enumerate(signals) for literal in one.literals]
    short = [found for found in literals if len(found[0]) < _HEAD]
    by_head: dict[str, list[tuple[str, bool, int]]] = {}
    for found in literals:
        if len(found[0]) >= _HEAD:
            by_head.setdefault(found[0].lower()[:_HEAD], []).append(found)
    heads = frozenset(by_head)

    def hits(text: str) -> Sequence[int]:
        lower = text.lower()
        near = heads.intersection(map("".join, zip(lower, lower[1:], lower[2:], lower[3:], strict=False)))
        candidates = chain(short, *(by_head[head] for head in near))
        found = {index for literal, ignore_case, index in candidates if literal in (lower if ignore_case else text)}
        found.update(index for index, search in searches.items() if search.search(text))
        return sorted(found)

    return hits
