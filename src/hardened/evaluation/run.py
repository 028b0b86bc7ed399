"""Runs subjects over labelled rows and counts. Keeps a few numbers of each row, never its text."""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from hardened.evaluation.metrics import Counts, Figure, Ranking, percentile
from hardened.evaluation.rows import Row
from hardened.evaluation.span_counts import SpanCounts
from hardened.evaluation.subjects import Judgement, Subject

SWEEP: Final = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
RATES: Final = (0.001, 0.005, 0.01, 0.05)
"""False-positive rates at which the recall is told."""


class Measured:
    """What one subject did on all rows.

    Attributes:
        counts: of texts, with the threshold that holds.
        groups: the same by field and its value.
        spans: of places in the texts.
        failures: how often the subject failed, by the exception's type; such rows are counted nowhere else.
    """

    def __init__(self, name: str, types: Mapping[str, str]) -> None:
        self.name = name
        self.counts = Counts()
        self.groups: defaultdict[int, defaultdict[str, Counts]] = defaultdict(lambda: defaultdict(Counts))
        self.spans = SpanCounts(types)
        self.failures: Counter[str] = Counter()
        self._scores = (array("d"), array("d"))  # of negatives, of positives
        self._scored = True
        self._microseconds = array("d")

    def add(self, row: Row, judgement: Judgement) -> None:
        """One more row."""
        if judgement.failure:
            self.failures[judgement.failure] += 1
            return
        self.counts.add(row.positive, judgement.flagged)
        for index, value in enumerate(row.groups):
            self.groups[index][value].add(row.positive, judgement.flagged)
        if row.spans is not None:
            self.spans.add(row.spans, judgement.findings)
        if judgement.score is None:
            self._scored = False
        else:
            self._scores[row.positive].append(judgement.score)
        self._microseconds.append(judgement.cpu_ns / 1000)

    @property
    def ranking(self) -> Ranking | None:
        """What the scores say; None if the subject has none."""
        return Ranking(self._scores[True], self._scores[False]) if self._scored else None

    def figures(self) -> dict[str, Figure | None]:
        """Every figure of which more is better, by the name under which `--fail-under` knows it."""
        ranking, spans = self.ranking, self.spans.total() if self.spans.seen else None
        return {
            "precision": self.counts.precision,
            "recall": self.counts.recall,
            "f1": self.counts.f1,
            "specificity": self.counts.specificity,
            "accuracy": self.counts.accuracy,
            "auc": ranking.auc() if ranking else None,
            "recall_at_1pct_fpr": ranking.recall_at(0.01) if ranking else None,
            "span_precision": spans.precision if spans else None,
            "span_recall": spans.recall if spans else None,
            "span_f1": spans.f1 if spans else None,
            "coverage": self.spans.covered() if spans else None,
        }

    def cost(self) -> dict[str, float | None]:
        """Microseconds of CPU time of one text: percentiles."""
        return {f"p{share}": percentile(self._microseconds, share / 100) for share in (50, 95, 99)}

    def sweep(self) -> list[tuple[float, Counts]]:
        """What every score from a threshold on would have found."""
        ranking = self.ranking
        return [(threshold, ranking.counts(threshold)) for threshold in SWEEP] if ranking else []


FIGURES: Final = tuple(Measured("", {}).figures())
"""The names of all figures."""


class Change(NamedTuple):
    """How two subjects differ on a row: the outcomes, and whether it should be found."""

    first: str
    second: str
    positive: bool


@dataclass(slots=True)
class Evaluation:
    """The result. `changes` counts the rows on which the first two subjects differ, if they were compared."""

    rows: int = 0
    positives: int = 0
    characters: int = 0
    measured: list[Measured] = field(default_factory=list[Measured])
    changes: Counter[Change] | None = None


def evaluate(
    rows: Iterable[Row],
    subjects: Sequence[Subject],
    *,
    types: Mapping[str, str] | None = None,
    compare: bool = False,
) -> Evaluation:
    """Let every subject judge every row.

    `types` maps types of expected spans to categories of findings. With `compare` the first two subjects are compared
    row by row. Raises what a detector raises when it is built.
    """
    result = Evaluation(measured=[Measured(subject.name, types or {}) for subject in subjects])
    changes: Counter[Change] = Counter()
    for row in rows:
        result.rows += 1
        result.positives += row.positive
        result.characters += len(row.text)
        judgements = [subject.judge(row.text, row.stage) for subject in subjects]
        for measured, judgement in zip(result.measured, judgements, strict=True):
            measured.add(row, judgement)
        if compare and _said(judgements[0]) != _said(judgements[1]):
            changes[Change(judgements[0].outcome, judgements[1].outcome, row.positive)] += 1
    result.changes = changes if compare else None
    return result


def _said(judgement: Judgement) -> tuple[Any, ...]:
    """What of a judgement makes a difference."""
    places = {(found.detector, found.category, found.start, found.end) for found in judgement.findings}
    return judgement.outcome, places
