"""Fits the weights of the detector `names`: logistic regression with four outcomes, over capitalised words, as int8."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import csr_matrix

from hardened_detectors.names.features import (
    BUCKETS,
    is_candidate,
    joint_buckets,
    neighbour_buckets,
    own_buckets,
    tokens,
)
from hardened_detectors.names.model import CATEGORIES, PLACES, Model

Floats = NDArray[np.float64]
Span = tuple[int, int, str]

_LEAST_WORDS = 3
"""A bucket that occurs less often says nothing; its weight stays 0."""

_STEPS = 80  # of the optimiser


@dataclass(frozen=True)
class Example:
    """A text with the names in it; `weight` is its share in training."""

    text: str
    spans: Sequence[Span]
    source: str
    licence: str = "own work"
    weight: float = 1.0


def fit(examples: Sequence[Example], *, strength: float) -> Model:
    """A model without thresholds. `strength` is the weight of the loss against the squared weights."""
    rows = [row for example in examples for row in _rows(example)]
    lengths = np.array([len(buckets) for buckets, _, _ in rows], np.int64)
    columns = np.fromiter((bucket for buckets, _, _ in rows for bucket in buckets), np.int32, int(lengths.sum()))
    useful = np.flatnonzero(np.bincount(columns, minlength=BUCKETS) >= _LEAST_WORDS)
    number = np.full(BUCKETS, -1, np.int32)
    number[useful] = np.arange(len(useful), dtype=np.int32)
    kept = number[columns] >= 0
    owner = np.repeat(np.arange(len(rows)), lengths)[kept]
    matrix = csr_matrix((np.ones(kept.sum()), (owner, number[columns][kept])), (len(rows), len(useful)))
    outcome = np.array([outcome for _, outcome, _ in rows])
    weight = np.array([weight for _, _, weight in rows])
    weights, bias = _regress(matrix, outcome, weight, strength)
    return _quantised(useful, weights, bias)


def _rows(example: Example) -> Iterator[tuple[list[int], int, float]]:
    """For each candidate its buckets, its outcome (0: no name) and its weight."""
    read = tokens(example.text)
    ends = sorted((start, end, CATEGORIES.index(category) + 1) for start, end, category in example.spans)
    for index, token in enumerate(read):
        if not is_candidate(example.text, token):
            continue
        buckets = [*joint_buckets(example.text, read, index), *own_buckets(token.text)]
        for place in PLACES:
            at = index + place
            buckets += neighbour_buckets(read[at].text if 0 <= at < len(read) else "", place)
        outcome = next((kind for start, end, kind in ends if start <= token.start < end), 0)
        yield buckets, outcome, example.weight


def _regress(matrix: csr_matrix, outcome: NDArray[np.int64], weight: Floats, strength: float) -> tuple[Floats, Floats]:
    classes = len(CATEGORIES)
    target = np.eye(classes + 1)[outcome][:, 1:]
    transposed = matrix.T.tocsr()
    columns = matrix.shape[1]

    def loss(flat: Floats) -> tuple[float, Floats]:
        weights, bias = flat[:-classes].reshape(columns, classes), flat[-classes:]
        logits = matrix @ weights + bias
        highest = np.maximum(logits.max(axis=1), 0.0)
        odds = np.exp(logits - highest[:, None])
        whole = odds.sum(axis=1) + np.exp(-highest)
        value = strength * (weight * (np.log(whole) + highest - (logits * target).sum(axis=1))).sum()
        error = strength * weight[:, None] * (odds / whole[:, None] - target)
        gradient = np.concatenate([(transposed @ error + weights).ravel(), error.sum(axis=0)])
        return value + 0.5 * float((weights**2).sum()), gradient

    start = np.zeros(columns * classes + classes)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": _STEPS}).x
    return found[:-classes].reshape(columns, classes), found[-classes:]


def _quantised(useful: NDArray[np.int64], weights: Floats, bias: Floats) -> Model:
    scale = float(np.abs(weights).max()) / 127 or 1.0
    tables: list[array[int]] = []
    for category in range(len(CATEGORIES)):
        table = np.zeros(BUCKETS, np.int8)
        table[useful] = np.round(weights[:, category] / scale).astype(np.int8)
        tables.append(array("b", table.tobytes()))
    return Model(scale, tuple(float(value) for value in bias), {}, tables)
