"""Whether the right places were found: expected spans against findings."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from hardened.evaluation.metrics import Counts, Figure, proportion
from hardened.evaluation.rows import Expected
from hardened_detectors.api import Finding
from hardened_detectors.overlaps import resolve

SAME_PLACE: Final = 0.5
"""A finding is at an expected place if their intersection is at least this share of their union (in characters)."""

COVERED: Final = 0.8
"""An expected span is covered if findings, of whatever type, lie on at least this share of its characters."""


class SpanCounts:
    """Counts by type, over all texts.

    Types are compared without regard to case and to `-` against `_`; `names` maps types of the data to categories. A
    finding without an expected span is wrong. One of a type that the data never names is not wrong where it touches an
    expected span: it has found the same thing under another name, which the data cannot judge.
    """

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = {_plain(name): _plain(category) for name, category in names.items()}
        self._found: Counter[str] = Counter()
        self._missed: Counter[str] = Counter()
        self._covered: Counter[str] = Counter()
        self._wrong: Counter[str] = Counter()  # away from every expected span
        self._beside: Counter[str] = Counter()  # on an expected span of another type
        self._seen = False

    def add(self, expected: Sequence[Expected], findings: Iterable[Finding]) -> None:
        """One more text."""
        self._seen = True
        found = resolve(findings)
        types = [self._type(span) for span in expected]
        unmatched = set(range(len(found)))
        matched = self._match(expected, types, found)
        for index, kind in enumerate(types):
            self._covered[kind] += _covered(expected[index], found) >= COVERED
            if index in matched:
                self._found[kind] += 1
                unmatched.discard(matched[index])
            else:
                self._missed[kind] += 1
        for index in unmatched:
            finding = found[index]
            touches = any(_common(span, finding) for span in expected)
            (self._beside if touches else self._wrong)[_plain(finding.category)] += 1

    def _match(self, expected: Sequence[Expected], types: Sequence[str], found: Sequence[Finding]) -> dict[int, int]:
        """Which finding belongs to which expected span, one to one, the best overlap first."""
        pairs = [
            (share, index, at)
            for index, span in enumerate(expected)
            for at, finding in enumerate(found)
            if types[index] in ("", _plain(finding.category)) and (share := _overlap(span, finding)) >= SAME_PLACE
        ]
        matched: dict[int, int] = {}
        for _, index, at in sorted(pairs, key=lambda pair: (-pair[0], pair[1], pair[2])):
            if index not in matched and at not in matched.values():
                matched[index] = at
        return matched

    def _type(self, span: Expected) -> str:
        plain = _plain(span.type or "")
        return self._names.get(plain, plain)

    @property
    def seen(self) -> bool:
        """Whether any text had spans to be compared with."""
        return self._seen

    def by_type(self) -> dict[str, Counts]:
        """The counts of each type that the data names, the most frequent first; `""` where it names none."""
        expected = self._found + self._missed
        wrong = self._false(expected)
        return {
            kind: Counts(self._found[kind], wrong.get(kind, 0), self._missed[kind])
            for kind, _ in expected.most_common()
        }

    def total(self) -> Counts:
        """All types together, wrong findings of types that the data does not name included."""
        expected = self._found + self._missed
        return Counts(self._found.total(), sum(self._false(expected).values()), self._missed.total())

    def covered(self, kind: str | None = None) -> Figure | None:
        """The share of expected spans (of one type, or of all) that would have been covered."""
        if kind is not None:
            return proportion(self._covered[kind], self._found[kind] + self._missed[kind])
        return proportion(self._covered.total(), self._found.total() + self._missed.total())

    def _false(self, expected: Counter[str]) -> dict[str, int]:
        """Wrong findings by type; where the data names no types, all are of the one type `""`."""
        untyped = set(expected) == {""}
        wrong: defaultdict[str, int] = defaultdict(int)
        for kind, count in self._wrong.items():
            wrong["" if untyped else kind] += count
        for kind, count in self._beside.items():
            if untyped or kind in expected:
                wrong["" if untyped else kind] += count
        return wrong


def _plain(name: str) -> str:
    return name.lower().replace("-", "_")


def _common(span: Expected, finding: Finding) -> int:
    return max(0, min(span.end, finding.end) - max(span.start, finding.start))


def _overlap(span: Expected, finding: Finding) -> float:
    common = _common(span, finding)
    return common / (span.end - span.start + finding.end - finding.start - common) if common else 0.0


def _covered(span: Expected, found: Iterable[Finding]) -> float:
    return sum(_common(span, finding) for finding in found) / (span.end - span.start)
