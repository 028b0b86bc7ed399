"""A detector made of entries: what `pii` and `secrets` are."""

from __future__ import annotations

from collections.abc import Sequence

from . import gate
from .api import Finding
from .entry import Entry
from .gate import Hits, Signal
from .growing import Growth, quiet_until
from .matching import Matcher
from .seen import Seen


class EntryDetector:
    """Finds what its entries describe; a `GatedDetector` and a `QuietDetector`.

    Linear in the length of the text, holds no state, never raises for any text.
    """

    quiet_until = staticmethod(quiet_until)

    def __init__(self, name: str, entries: Sequence[Entry], *, use_re2: bool = True) -> None:
        self.name = name
        self.entries = tuple(entries)
        self._matcher = Matcher(name, self.entries, use_re2=use_re2)
        self._gate = gate.shared(self.signals, use_re2=use_re2)
        self._growth = Growth(self.entries)
        self.look_behind = self._growth.look_behind

    def detect(self, text: str) -> Sequence[Finding]:
        """All findings, ordered by position; they may overlap."""
        return self.examine(Seen(text), self._gate.find(text))

    @property
    def signals(self) -> Sequence[Signal]:
        """What occurs in each text with a match."""
        return self._matcher.signals

    def examine(self, seen: Seen, hits: Hits) -> Sequence[Finding]:
        """As `detect`, for a text that the gate has seen already."""
        return self._matcher.find(seen, hits) if hits else []

    def open_from(self, text: str, start: int) -> int:
        """See `IncrementalDetector.open_from`."""
        return self._growth.open_from(text, start)


def select(entries: Sequence[Entry], *, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> list[Entry]:
    """The entries whose categories are in `include` (all if empty) and not in `exclude`.

    Raises `ValueError` for a category that no entry has.
    """
    known = {entry.category for entry in entries}
    unknown = sorted((set(include) | set(exclude)) - known)
    if unknown:
        raise ValueError(f"unknown categories: {', '.join(unknown)}; known: {', '.join(sorted(known))}")
    return [e for e in entries if (not include or e.category in include) and e.category not in exclude]
