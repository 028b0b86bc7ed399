"""Figures against numbers worked out by hand, and against their definitions by brute force."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardened.evaluation.metrics import Counts, Ranking, percentile, proportion

# Few different values, so that ties are frequent.
scores = st.lists(st.integers(0, 6).map(lambda step: step / 6), max_size=40)


def test_rates_of_counts() -> None:
    counts = Counts(true_positive=8, false_positive=2, false_negative=4, true_negative=86)
    for figure, value in (
        (counts.precision, 8 / 10),
        (counts.recall, 8 / 12),
        (counts.f1, 16 / 22),
        (counts.specificity, 86 / 88),
        (counts.false_positive_rate, 2 / 88),
        (counts.accuracy, 94 / 100),
    ):
        assert figure is not None
        assert figure.value == pytest.approx(value)
        assert figure.low < figure.value < figure.high


def test_wilson_interval_as_published() -> None:
    # R. G. Newcombe, Statistics in Medicine 17 (1998), table I, method 3: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
    for part, whole, low, high in (
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ):
        figure = proportion(part, whole)
        assert figure is not None
        assert (round(figure.low, 4), round(figure.high, 4)) == (low, high)


def test_what_cannot_be_told() -> None:
    nothing = Counts()
    assert (nothing.precision, nothing.recall, nothing.f1, nothing.specificity) == (None,) * 4
    assert Ranking([0.5], []).auc() is None
    assert Ranking([0.5], []).recall_at(0.01) is None
    assert Ranking([], [0.5]).recall_at(0.01) is None
    assert percentile([], 0.5) is None


def test_auc_by_hand() -> None:
    # Pairs: .9 beats all three; .4 beats .1, ties with .4, loses to .6. So 3 + 1.5 of 6.
    figure = Ranking([0.9, 0.4], [0.1, 0.4, 0.6]).auc()
    assert figure is not None
    assert figure.value == pytest.approx(4.5 / 6)
    # DeLong: shares of the positives 1, .5: variance .125 / 2; of the negatives 1, .75, .5: variance .0625 / 3.
    half = 1.959963984540054 * math.sqrt(0.125 / 2 + 0.0625 / 3) / (0.75 * 0.25)
    assert math.log(figure.high / (1 - figure.high)) == pytest.approx(math.log(3) + half)


@given(scores, scores)
def test_auc_is_the_share_of_pairs_in_order(positives: list[float], negatives: list[float]) -> None:
    figure = Ranking(positives, negatives).auc()
    pairs = [(one > other) + (one == other) / 2 for one in positives for other in negatives]
    if not pairs:
        assert figure is None
        return
    assert figure is not None
    assert figure.value == pytest.approx(sum(pairs) / len(pairs))
    assert 0 <= figure.low <= figure.value + 1e-12
    assert figure.value - 1e-12 <= figure.high <= 1


def test_recall_at_a_rate_by_hand() -> None:
    negatives = [step / 200 for step in range(200)]  # .995 down to 0
    ranking = Ranking([0.99, 0.991, 0.985, 0.5], negatives)
    assert ranking.threshold_at(0.01) == pytest.approx(0.985)  # .995 and .99 may pass: 2 of 200
    figure = ranking.recall_at(0.01)
    assert figure is not None
    assert figure.value == 0.5  # .985 ties, and ties lose
    small = Ranking([0.4, 0.6], [0.5, 0.1])
    assert small.threshold_at(0.01) == 0.5  # of two negatives none may pass


@given(scores, scores, st.sampled_from([0.0, 0.01, 0.1, 0.3, 1.0]))
def test_recall_at_a_rate_is_the_best_threshold_that_keeps_it(
    positives: list[float], negatives: list[float], rate: float
) -> None:
    figure = Ranking(positives, negatives).recall_at(rate)
    if not positives or not negatives:
        assert figure is None
        return
    allowed = [
        threshold
        for threshold in (-1.0, *positives, *negatives)
        if sum(score > threshold for score in negatives) <= rate * len(negatives) + 1e-9
    ]
    best = max(sum(score > threshold for score in positives) for threshold in allowed)
    assert figure is not None
    assert figure.value == pytest.approx(best / len(positives))


@given(scores, scores, st.floats(0, 1))
def test_counts_at_a_threshold(positives: list[float], negatives: list[float], threshold: float) -> None:
    expected = Counts()
    for positive, group in ((True, positives), (False, negatives)):
        for score in group:
            expected.add(positive, score >= threshold)
    assert Ranking(positives, negatives).counts(threshold) == expected


def test_percentiles_are_values_that_occur() -> None:
    values = [float(value) for value in range(1, 101)]
    assert [percentile(values, share) for share in (0.5, 0.95, 0.99)] == [50, 95, 99]
    assert percentile([7.0], 0.99) == 7.0
