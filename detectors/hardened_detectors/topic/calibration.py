"""From a similarity to how sure one may be: the threshold comes from the examples themselves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Final, NamedTuple

UNCALIBRATED: Final = 0.2
"""The similarity that counts as the threshold where there are too few examples to find one."""

_FEWEST: Final = 4  # similarities of one kind
_LEAST_SCALE: Final = 0.04  # smaller differences of similarity are chance


class Calibration(NamedTuple):
    """How sure one may be of a similarity: one half at `threshold`, 0.6 at `scale` times 0.4 above it."""

    threshold: float
    scale: float

    def sureness(self, similarity: float) -> float:
        """From 0 to 1, rising with the similarity."""
        return 1 / (1 + math.exp(-max(-50.0, min(50.0, (similarity - self.threshold) / self.scale))))


def calibrate(
    inside: Sequence[float], outside: Sequence[float], threshold: float | None = None, least: float = 0.0
) -> Calibration:
    """The threshold that tells both kinds apart with the fewest mistakes, each kind weighing the same.

    `inside` are the similarities of examples to the other examples of their list, each left out in turn, `outside`
    those of texts that are about something else. The threshold is at least `least`; one that is given stands.
    """
    if len(inside) < _FEWEST or len(outside) < _FEWEST:
        return Calibration(threshold or UNCALIBRATED, 0.05)
    from statistics import median

    distance = median(inside) - median(outside)
    if threshold is None:
        threshold = max(least, _best(sorted(inside), sorted(outside)))
    return Calibration(threshold, max(_LEAST_SCALE, distance / 4))


def _best(inside: list[float], outside: list[float]) -> float:
    """The middle of the thresholds with the least balanced error: examples are few, so a plateau is likely."""
    values = sorted({*inside, *outside})
    candidates = [(low + high) / 2 for low, high in pairwise(values)] or values
    errors = [
        sum(value < at for value in inside) / len(inside) + sum(value >= at for value in outside) / len(outside)
        for at in candidates
    ]
    least = min(errors) + 0.02
    good = [at for at, error in zip(candidates, errors, strict=True) if error <= least]
    return (good[0] + good[-1]) / 2
