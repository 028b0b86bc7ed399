"""Fits the weights of one channel: logistic regression over windows, then the windows that matter, then int8."""

from __future__ import annotations

import random
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import csr_matrix

from hardened_detectors.injection.calibration import Calibration
from hardened_detectors.injection.features import GRAM_BUCKETS, WORD_BUCKETS, word_buckets, word_keys, words
from hardened_detectors.injection.model import LEAST_WORDS, Channel, sizes, starts

Floats = NDArray[np.float64]
Span = tuple[int, int]

BUCKETS = WORD_BUCKETS + GRAM_BUCKETS
ROUNDS = 3
"""The first with windows chosen at random, the others with those that the round before finds most suspicious."""

_RANDOM_WINDOWS = 3
_WORST_WINDOWS = 2  # of each size, of a benign text
_LEAST_TEXTS = 3
"""A bucket that occurs less often says nothing; its weight stays 0."""

_STEPS = 60  # of the optimiser; each round goes on from where the one before ended


@dataclass(frozen=True)
class Example:
    """A text as words. `payload` is where the attack stands, in words, if it is known to be a part only."""

    words: Sequence[str]
    attack: bool
    weight: float
    payload: Span | None = None

    @staticmethod
    def of(text: str, attack: bool, weight: float, payload: tuple[int, int] | None = None) -> Example:
        """The example of a text; `payload` in characters."""
        if payload is None:
            return Example(words(text), attack, weight)
        before, inside = words(text[: payload[0]]), words(text[slice(*payload)])
        return Example(words(text), attack, weight, (len(before), len(before) + len(inside)))

    def spans(self) -> Iterator[Span]:
        """All windows that the model looks at."""
        for size, stride in sizes(len(self.words)):
            for start in starts(len(self.words), size, stride):
                yield start, start + size

    def telling_spans(self) -> list[Span]:
        """The windows that share the label of the text: of a payload, those with half of it."""
        if self.payload is None:
            return list(self.spans())
        low, high = self.payload
        enough = [
            span
            for span in self.spans()
            if 2 * (min(high, span[1]) - max(low, span[0])) >= min(high - low, span[1] - span[0])
        ]
        return enough or list(self.spans())


def fit(examples: Sequence[Example], *, strength: float, seed: int) -> Channel:
    """The channel that separates the attacks among `examples`; its calibration is still to be made.

    `strength` is the weight of the loss against the squared weights: more fits the examples more closely.
    """
    rng = random.Random(seed)
    encoder = Encoder(examples)
    chosen = [_draw(rng, example) for example in examples]
    weights, bias = np.zeros(BUCKETS), 0.0
    for number in range(ROUNDS):
        weights, bias = _regress(encoder, examples, chosen, strength, (weights, bias))
        if number + 1 < ROUNDS:
            chosen = [
                _worst(example, encoder.margins(index, weights, bias), chosen[index])
                for index, example in enumerate(examples)
            ]
    return _quantised(weights, bias)


def _draw(rng: random.Random, example: Example) -> list[Span]:
    spans = example.telling_spans()
    return spans if len(spans) <= _RANDOM_WINDOWS else rng.sample(spans, _RANDOM_WINDOWS)


def _worst(example: Example, margins: dict[Span, float], before: list[Span]) -> list[Span]:
    """Of an attack the most suspicious window of each size; of a benign text some, beside those it had."""
    by_size: dict[int, list[Span]] = {}
    for span in example.telling_spans():
        by_size.setdefault(span[1] - span[0], []).append(span)
    worst: list[Span] = []
    for spans in by_size.values():
        spans.sort(key=lambda span: -margins[span])
        worst += spans[: 1 if example.attack else _WORST_WINDOWS]
    return worst if example.attack else sorted({*before, *worst})


class Encoder:
    """The buckets of all examples, as the run time would look them up."""

    def __init__(self, examples: Sequence[Example]) -> None:
        self._examples = examples
        numbers: dict[str, int] = {}
        self._texts = [np.array([numbers.setdefault(w, len(numbers)) for w in e.words], np.int64) for e in examples]
        vocabulary = list(numbers)
        self._keys = np.array([word_keys(w) for w in vocabulary], np.int64).reshape(-1, 3).T
        buckets = [np.fromiter(word_buckets(w), np.int32) for w in vocabulary]
        self._lengths = np.array([len(b) for b in buckets], np.int64)
        self._starts = np.concatenate(([0], np.cumsum(self._lengths)))
        self._buckets = np.concatenate(buckets) if buckets else np.zeros(0, np.int32)

    def _grams(self, text: NDArray[np.int64]) -> NDArray[np.int32]:
        """The three gram buckets that begin at each word, -1 where the text has ended."""
        first, second, third = (keys[text] for keys in self._keys)
        grams = np.full((len(text), 3), -1, np.int32)
        if len(text) > 1:
            grams[:-1, 0] = WORD_BUCKETS + (first[:-1] ^ second[1:])
        if len(text) > 2:
            grams[:-2, 1] = WORD_BUCKETS + (third[:-2] ^ second[2:])
            grams[:-2, 2] = WORD_BUCKETS + (first[:-2] ^ second[1:-1] ^ third[2:])
        return grams

    def row(self, index: int, span: Span) -> NDArray[np.int32]:
        """The buckets of one window."""
        text = self._texts[index]
        grams = self._grams(text[span[0] : min(span[1] + 2, len(text))])[: span[1] - span[0]].ravel()
        parts = [self._buckets[self._starts[w] : self._starts[w + 1]] for w in text[slice(*span)]]
        return np.concatenate([*parts, grams[grams >= 0]])

    def margins(self, index: int, weights: Floats, bias: float) -> dict[Span, float]:
        """What the model thinks of each window."""
        text = self._texts[index]
        grams = self._grams(text)
        sums = np.where(grams >= 0, weights[grams], 0.0).sum(axis=1) if len(text) else np.zeros(0)
        alone = np.array([weights[self._buckets[self._starts[w] : self._starts[w + 1]]].sum() for w in text])
        totals = np.concatenate(([0.0], np.cumsum(sums + alone)))
        return {
            (low, high): (totals[high] - totals[low]) / np.sqrt(max(high - low, LEAST_WORDS)) + bias
            for low, high in self._examples[index].spans()
        }


def _regress(
    encoder: Encoder,
    examples: Sequence[Example],
    chosen: Sequence[Sequence[Span]],
    strength: float,
    start: tuple[Floats, float],
) -> tuple[Floats, float]:
    rows = [(index, span) for index, spans in enumerate(chosen) for span in spans]
    buckets = [encoder.row(index, span) for index, span in rows]
    columns = np.concatenate(buckets)
    useful = np.flatnonzero(np.bincount(columns, minlength=BUCKETS) >= _LEAST_TEXTS)
    number = np.full(BUCKETS, -1, np.int32)
    number[useful] = np.arange(len(useful))
    kept = [found[found >= 0] for found in (number[row] for row in buckets)]
    ends = np.concatenate(([0], np.cumsum([len(row) for row in kept])))
    columns = np.concatenate(kept)
    matrix = csr_matrix((np.ones(len(columns), np.float32), columns, ends), shape=(len(rows), len(useful)))
    size = np.array([max(high - low, LEAST_WORDS) for _, (low, high) in rows])
    norm = 1 / np.sqrt(size)
    sign = np.array([1.0 if examples[index].attack else -1.0 for index, _ in rows])
    weight = np.array([examples[index].weight / len(chosen[index]) for index, _ in rows])
    weight *= len(examples) / weight.sum()

    def loss(parameters: Floats) -> tuple[float, Floats]:
        vector, bias = parameters[:-1], parameters[-1]
        margin = sign * (norm * (matrix @ vector.astype(np.float32)) + bias)
        chance = 1 / (1 + np.exp(np.minimum(margin, 500)))
        slope = -sign * weight * chance * strength
        gradient = np.concatenate((matrix.T @ (norm * slope).astype(np.float32) + vector, [slope.sum()]))
        return float(strength * (weight * np.logaddexp(0, -margin)).sum() + 0.5 * vector @ vector), gradient

    begin = np.concatenate((start[0][useful], [start[1]]))
    found = minimize(loss, begin, jac=True, method="L-BFGS-B", options={"maxiter": _STEPS, "ftol": 1e-6})
    weights = np.zeros(BUCKETS)
    weights[useful] = found.x[:-1]
    return weights, float(found.x[-1])


def _quantised(weights: Floats, bias: float) -> Channel:
    """Weights as whole numbers from -127 to 127; the largest thousandth of those that are not 0 is clipped."""
    strengths = np.abs(weights[weights != 0])
    scale = float(np.quantile(strengths, 0.999)) / 127 if len(strengths) else 1.0
    whole = np.clip(np.rint(weights / scale), -127, 127).astype(np.int8)
    return Channel(
        scale=scale,
        bias=bias,
        calibration=Calibration(0.0, 0.0, 0.0),
        word_weights=array("b", whole[:WORD_BUCKETS].tobytes()),
        gram_weights=array("b", whole[WORD_BUCKETS:].tobytes()),
    )
