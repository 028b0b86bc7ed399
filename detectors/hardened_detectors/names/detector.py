"""The detector: cues, model and repeated names over one text."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from functools import cached_property
from typing import Final, NamedTuple

from hardened_detectors.api import Finding
from hardened_detectors.seen import lower as lower_case

from . import model
from .cues import STOP, Cue, cued, mailed
from .features import Token, tokens
from .model import CATEGORIES, Judged, Model

_LINKS: Final = {
    "person": re.compile(
        r"\.? |(?<=[A-Z])\.(?=[A-Z])"
        r"| (?:van|von|de|der|den|del|della|da|dos|di|la|le|bin|ibn|al|el|ter|zu|y)(?: de[rn]?| la)? "
    ),
    "location": re.compile(r"\.? | (?:of|de|del|la|le|do|da|upon|am|an der)(?: the| la)? "),
    "organization": re.compile(r"\.? | & | (?:of|for|and|de|für|der|di)(?: the| la)? "),
}
"""What may stand between two words of one name."""

_AGAIN: Final = 0.25
"""The least chance of a word that belongs to a person who is named more surely elsewhere in the text."""

_LONGEST: Final = 8
"""Words of a name."""


class Named(NamedTuple):
    """A name: the numbers of its first and last candidate."""

    category: str
    first: int
    last: int
    score: float
    reason: str


class NamesDetector:
    """Finds `person` and `location`, those of them that are in `categories`.

    Judges complete texts. Linear in the length of the text, holds no state, never raises for any text. The reason of
    a finding is the cue that it follows, `model`, or `again`.
    """

    name = "names"

    def __init__(self, categories: Collection[str], using: Model | None = None) -> None:
        self.categories = frozenset(categories)
        self._given = using

    @cached_property
    def _model(self) -> Model:
        return self._given or model.load()

    def detect(self, text: str) -> Sequence[Finding]:
        """All findings, ordered by position."""
        return sorted(self._named(text), key=lambda finding: (finding.start, finding.end))

    def _named(self, text: str) -> Iterator[Finding]:
        read = tokens(text)
        words = [*self._model.judge(text, read)]
        if not words:
            return
        people = "person" in self.categories
        taken: list[Named] = [*self._cued(text, read, words)] if people else []
        taken += (name for name in self._judged(text, words) if name.category in self.categories)
        if people:
            taken += _again(text, words, taken)
        done: set[int] = set()
        for name in taken:
            span = range(name.first, name.last + 1)
            if done.isdisjoint(span):
                done.update(span)
                start, end = words[name.first].token.start, words[name.last].token.end
                yield Finding(self.name, name.category, start, end, name.score, name.reason)

    def _cued(self, text: str, read: Sequence[Token], words: Sequence[Judged]) -> Iterator[Named]:
        """People that cues point at, or whose mail address the text has."""
        lower = lower_case(text)
        at = {word.token.start: index for index, word in enumerate(words)}
        for start, cue in cued(text, lower):
            if start in at and (name := _follow(text, words, at[start], cue)):
                yield name
        for first, last in mailed(lower, read):
            if {read[first].start, read[last].start} <= at.keys():
                yield Named("person", at[read[first].start], at[read[last].start], 0.95, "mail address")

    def _judged(self, text: str, words: Sequence[Judged]) -> Iterator[Named]:
        """Neighbours of the same kind, if their mean chance is high enough."""
        for category, first, last in _groups(text, words):
            chances = [word.chances[category] for word in words[first : last + 1]]
            score = sum(chances) / len(chances)
            if score >= self._model.thresholds.get(CATEGORIES[category], 2.0):
                yield Named(CATEGORIES[category], first, last, score, "model")


def _follow(text: str, words: Sequence[Judged], first: int, cue: Cue) -> Named | None:
    """The name that begins where a cue ends, if it is one."""
    last = first
    while last + 1 < len(words) and last - first < 3 and _joined(text, words, last, "person"):
        last += 1
    chances = [word.chances[0] for word in words[first : last + 1]]
    if words[first].token.text.lower() in STOP or len(chances) < cue.words:
        return None
    if max(chances) < cue.least or (cue.after and not cue.behind.match(text, words[last].token.end)):
        return None
    return Named("person", first, last, cue.score, cue.name)


def _groups(text: str, words: Sequence[Judged]) -> Iterator[tuple[int, int, int]]:
    """Category, first and last word of each name that the model sees, however unsure."""
    first = 0
    while first < len(words):
        category = _likeliest(words[first])
        last = first
        if category is not None:
            while (
                last + 1 < len(words)
                and last - first + 1 < _LONGEST
                and _likeliest(words[last + 1]) == category
                and _joined(text, words, last, CATEGORIES[category])
            ):
                last += 1
            yield category, first, last
        first = last + 1


def _likeliest(word: Judged) -> int | None:
    """The category that is likelier than the others and than none."""
    highest = max(word.chances)
    return word.chances.index(highest) if highest > 1 - sum(word.chances) else None


def _joined(text: str, words: Sequence[Judged], index: int, category: str) -> bool:
    """Whether what stands between a word and the next one may stand inside a name."""
    start, end = words[index].token.end, words[index + 1].token.start
    return end - start <= 16 and _LINKS[category].fullmatch(text, start, end) is not None


def _again(text: str, words: Sequence[Judged], taken: Sequence[Named]) -> Iterator[Named]:
    """The first or last name of somebody who is named in full, said again alone."""
    whole = [name for name in taken if name.category == "person" and name.last > name.first]
    known = {words[index].token.text for name in whole for index in (name.first, name.last)}
    for category, first, last in _groups(text, words):
        word = words[first]
        if category == 0 and first == last and word.token.text in known and word.chances[0] >= _AGAIN:
            yield Named("person", first, last, 0.8, "again")
