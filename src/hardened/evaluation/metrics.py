"""Figures about a classifier: counts, rates with intervals, and what does not depend on a threshold.

Pure functions. A figure that the data cannot tell, such as the recall where nothing is positive, is `None`.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final, NamedTuple

Z: Final = 1.959963984540054
"""The 97.5 % point of the normal distribution: intervals are of 95 %."""


class Figure(NamedTuple):
    """A figure and its 95 % interval."""

    value: float
    low: float
    high: float


def proportion(part: int, whole: int) -> Figure | None:
    """`part` of `whole` with Wilson's interval (E. B. Wilson 1927), which holds for small numbers and near 0 and 1."""
    if not whole:
        return None
    share = part / whole
    scale = 1 + Z * Z / whole
    centre = (share + Z * Z / (2 * whole)) / scale
    half = Z / scale * math.sqrt(share * (1 - share) / whole + Z * Z / (4 * whole * whole))
    return Figure(share, min(share, max(0.0, centre - half)), max(share, min(1.0, centre + half)))


@dataclass(slots=True)
class Counts:
    """How often a yes or no was right. What is counted may be texts or spans; of spans there are no true negatives."""

    true_positive: int = 0
    false_positive: int = 0
    false_negative: int = 0
    true_negative: int = 0

    def add(self, positive: bool, said: bool) -> None:
        """One more answer."""
        if positive and said:
            self.true_positive += 1
        elif positive:
            self.false_negative += 1
        elif said:
            self.false_positive += 1
        else:
            self.true_negative += 1

    @property
    def precision(self) -> Figure | None:
        """The share of those found that are right."""
        return proportion(self.true_positive, self.true_positive + self.false_positive)

    @property
    def recall(self) -> Figure | None:
        """The share of those there that are found."""
        return proportion(self.true_positive, self.true_positive + self.false_negative)

    @property
    def specificity(self) -> Figure | None:
        """The share of negatives that are left alone."""
        return proportion(self.true_negative, self.true_negative + self.false_positive)

    @property
    def false_positive_rate(self) -> Figure | None:
        """The share of negatives that are not left alone."""
        return proportion(self.false_positive, self.true_negative + self.false_positive)

    @property
    def accuracy(self) -> Figure | None:
        """The share of all answers that are right."""
        right = self.true_positive + self.true_negative
        return proportion(right, right + self.false_positive + self.false_negative)

    @property
    def f1(self) -> Figure | None:
        """The harmonic mean of precision and recall.

        With J = TP / (TP + FP + FN), which is a proportion, F1 = 2 J / (1 + J): so J's interval gives that of F1.
        """
        jaccard = proportion(self.true_positive, self.true_positive + self.false_positive + self.false_negative)
        return Figure(*(2 * bound / (1 + bound) for bound in jaccard)) if jaccard else None


class Ranking:
    """What the scores of positives and negatives say without a threshold."""

    def __init__(self, positives: Sequence[float], negatives: Sequence[float]) -> None:
        self._positives = sorted(positives)
        self._negatives = sorted(negatives)

    def auc(self) -> Figure | None:
        """The chance that a positive has a higher score than a negative; a tie counts one half.

        The variance is that of E. DeLong and others (1988), the interval is symmetric in the logit. Where the variance
        is 0, as with a perfect separation, the rule of three (3 / n) bounds it.
        """
        positives, negatives = self._positives, self._negatives
        if not positives or not negatives:
            return None
        above = list(_shares_below(positives, negatives))
        below = [1 - share for share in _shares_below(negatives, positives)]
        area = sum(above) / len(above)
        variance = _variance_of_mean(above) + _variance_of_mean(below)
        if not variance:
            slack = min(1.0, 3 / min(len(positives), len(negatives)))
            return Figure(area, max(0.0, area - slack), min(1.0, area + slack))
        half = Z * math.sqrt(variance) / (area * (1 - area))
        logit = math.log(area / (1 - area))
        return Figure(area, _sigmoid(logit - half), _sigmoid(logit + half))

    def threshold_at(self, false_positive_rate: float) -> float | None:
        """The score that a text must exceed so that at most this share of the negatives does."""
        if not self._negatives:
            return None
        allowed = math.floor(false_positive_rate * len(self._negatives) + 1e-9)
        return self._negatives[-1 - allowed] if allowed < len(self._negatives) else -math.inf

    def recall_at(self, false_positive_rate: float) -> Figure | None:
        """The share of positives above `threshold_at`; who only ties with that negative is not found.

        The interval takes the threshold as given.
        """
        threshold = self.threshold_at(false_positive_rate)
        if threshold is None:
            return None
        return proportion(len(self._positives) - bisect_right(self._positives, threshold), len(self._positives))

    def counts(self, threshold: float) -> Counts:
        """What would be found with every score from `threshold` on."""
        missed = bisect_left(self._positives, threshold)
        quiet = bisect_left(self._negatives, threshold)
        return Counts(len(self._positives) - missed, len(self._negatives) - quiet, missed, quiet)


def percentile(values: Sequence[float], share: float) -> float | None:
    """The least of `values` that at least this share of them does not exceed (nearest rank)."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _shares_below(scores: Sequence[float], others: Sequence[float]) -> Iterator[float]:
    """For each score, in order, the share of the sorted `others` below it; ties count one half."""
    for score, same in groupby(scores):
        share = (bisect_left(others, score) + bisect_right(others, score)) / (2 * len(others))
        yield from (share for _ in same)


def _variance_of_mean(values: Sequence[float]) -> float:
    if len(values) < 2:
        return 0.0
    mean = sum(values) / len(values)
    return sum((value - mean) ** 2 for value in values) / (len(values) - 1) / len(values)


def _sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-logit)) if logit >= 0 else math.exp(logit) / (1 + math.exp(logit))
