"""From margins of the model to the score that a finding has.

A margin means nothing outside of one model, so the published score is tied to three operating points. Each is the
margin that a given share of ordinary texts stays below, measured on validation data that the model has not seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, inf, log, log2
from typing import Final, NamedTuple

POINTS: Final = {"flag": 0.3, "default": 0.5, "block": 0.9}
"""Operating points by name, and their scores. Policies use them: `default` counts, `block` is sure enough to block."""

BENIGN_BELOW: Final = {"flag": 0.99, "default": 0.995, "block": 0.999}
"""The share of ordinary texts that stays below each point."""

FREE_WORDS: Final = 48
"""The longest window of the model: up to here a text has one chance."""

MOST_WORDS: Final = 768

_LEAST_GAP: Final = 1e-3


class Calibration(NamedTuple):
    """The margins of the three points, and how much more is asked of a long text, which has more chances to be wrong.

    `per_doubling` is subtracted from a margin for each doubling of the number of words beyond `FREE_WORDS`, up to
    `MOST_WORDS`: else an attack could be hidden by adding text.
    """

    flag: float
    default: float
    block: float
    per_doubling: float = 0.0

    def allowance(self, words: int) -> float:
        """What the length of a text takes from its margin."""
        return self.per_doubling * log2(min(words, MOST_WORDS) / FREE_WORDS) if words > FREE_WORDS else 0.0

    def score(self, margin: float) -> float:
        """The score of a margin: strictly increasing, linear in log-odds between the points and beyond them."""
        margins, odds = self._knots()
        at = _between(margin, margins, odds)
        return 1 / (1 + exp(-at)) if at > -700 else 0.0

    def margin(self, score: float) -> float:
        """The margin that has `score`: the inverse of `score`, and infinite for 0 and 1."""
        if not 0 < score < 1:
            return -inf if score <= 0 else inf
        margins, odds = self._knots()
        return _between(log(score / (1 - score)), odds, margins)

    def _knots(self) -> tuple[Sequence[float], Sequence[float]]:
        """The margins of the points, and the logarithms of the odds of their scores."""
        default = max(self.default, self.flag + _LEAST_GAP)
        margins = (self.flag, default, max(self.block, default + _LEAST_GAP))
        return margins, [log(point / (1 - point)) for point in POINTS.values()]


def _between(value: float, knots: Sequence[float], images: Sequence[float]) -> float:
    """The image of `value` on the line through the first two knots, or the last two if it is beyond the second."""
    first = int(value > knots[1])
    slope = (images[first + 1] - images[first]) / (knots[first + 1] - knots[first])
    return images[first] + (value - knots[first]) * slope
