"""What a detector is: text in, findings out.

A detector is pure. It knows nothing of policies, actions, telemetry or providers, keeps no state between texts, and
never puts matched text into anything it returns or raises.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, runtime_checkable

from .gate import Hits, Signal
from .seen import Seen


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a detector saw in a text; never the matched text itself.

    `start` and `end` are offsets in characters of the original text, `end` exclusive. `score` is between 0 and 1.
    `reason` says why in the detector's own words, for example a rule's name or `example 3`; findings that differ only
    in it are equal.
    """

    detector: str
    category: str
    start: int
    end: int
    score: float = 1.0
    reason: str = field(default="", compare=False)


@runtime_checkable
class Detector(Protocol):
    """Finds things in a text that is complete."""

    @property
    def name(self) -> str:
        """The name under which policies and telemetry know this detector, for example `secrets`."""
        ...

    def detect(self, text: str) -> Sequence[Finding]:
        """All findings in `text`, in any order; they may overlap."""
        ...


@runtime_checkable
class GatedDetector(Detector, Protocol):
    """A detector that shares one pass over the text, and what is derived from the text, with all others of a `Scanner`.

    It says once which signals it waits for. The scanner looks for those of all detectors at once and then asks each
    what it makes of its own. `detect(text)` must find the same; `gate.shared(signals).find(text)` gives it the hits.
    """

    @property
    def signals(self) -> Sequence[Signal]:
        """What occurs in each text in which there is something to find; never changes."""
        ...

    def examine(self, seen: Seen, hits: Hits) -> Sequence[Finding]:
        """As `detect(seen.text)`. `hits` has what occurs, by index in `signals`; called also where that is nothing."""
        ...


@runtime_checkable
class IncrementalDetector(Detector, Protocol):
    """A detector that can also decide about a text while it still grows, as a streamed answer does.

    The stream guard relies on two promises (tested by properties over random cuts):

    * What stands before the open position is decided. Let `i = open_from(text, s)`. Then for every continuation `w`,
      the findings of `detect(text + w)` that start in `[s, i)` are those of `detect(text)` that start there.
    * A decision looks back at most `look_behind` characters: for every `k`, the findings of `detect(text[k:])` that
      start at least `look_behind` characters in are those of `detect(text)` that start there, shifted by `k`.
    """

    @property
    def look_behind(self) -> int:
        """How many characters before a finding's start can decide whether it is one."""
        ...

    def open_from(self, text: str, start: int) -> int:
        """The leftmost position at or after `start` where a finding could still begin or change, else `len(text)`.

        A finding that starts there is not decided by `text` alone: some continuation would start, extend or cancel it.
        """
        ...


@runtime_checkable
class ScoringDetector(Detector, Protocol):
    """A detector that can also say how sure it is of any text, not only of what it finds."""

    def score(self, text: str) -> float:
        """How likely the whole of `text` is what the detector looks for, from 0 to 1.

        No threshold is applied. A text with a finding has at least that finding's score.
        """
        ...


@runtime_checkable
class SlowDetector(Detector, Protocol):
    """A detector that takes milliseconds or more: a model, a service. It runs beside the others, with a time-out."""

    @property
    def patience(self) -> float:
        """Seconds that one text may take, unless the policy says otherwise."""
        ...

    def prepare(self) -> None:
        """Load what the first text needs; that time does not count. Called before each text, so cheap once done."""
        ...


class Around(NamedTuple):
    """What stands around a text in its call; empty where that is not known, as for a text that comes alone.

    `before` has what the same speaker said last, the latest last. `instructions` are those of the application to the
    model (system prompts).
    """

    before: tuple[str, ...] = ()
    instructions: tuple[str, ...] = ()


@runtime_checkable
class ContextualDetector(Detector, Protocol):
    """A detector to which a text may mean something only with what stands around it."""

    def detect_within(self, text: str, around: Around) -> Sequence[Finding]:
        """As `detect`, whose `around` is empty; the findings lie in `text`."""
        ...


@runtime_checkable
class QuietDetector(IncrementalDetector, Protocol):
    """One that sees at a glance that there is nothing in a piece of text that grows."""

    def quiet_until(self, text: str, start: int) -> int | None:
        """A position at or after `start` that would do for `open_from`, and before which no finding starts; or None.

        None says nothing: it takes `open_from` and `detect` to tell. Detectors that share the function are asked once.
        """
        ...
