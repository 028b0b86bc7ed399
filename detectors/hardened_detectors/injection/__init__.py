"""Text that tries to give orders to the model in the place of those who may.

Three readers, one after the other: a few exact rules (`rules`), a small linear model over words and their neighbours
(`model`, trained by `bench/training`), and both again on what simple disguises hide (`disguises`). The model is read
with the weights of one of two channels: `user` for what a user types, `data` for documents and tool results, which have
no orders to give at all.

It knows how attacks are phrased. It does not understand text: a paraphrase, a language that it has not seen, or a goal
without any wrapping passes. Use it as one layer, not as a proof.
"""

from __future__ import annotations

from .calibration import POINTS
from .detector import InjectionDetector

_DATA_STAGES = frozenset({"retrieval", "tool_result", "tool_call"})


def create(*, stage: str = "input", threshold: float | None = None, point: str | None = None) -> InjectionDetector:
    """The detector `injection`: channel `data` for the stages `retrieval`, `tool_call` and `tool_result`, else `user`.

    `threshold` is the least score of a finding; `point` says it as an operating point: `flag` (0.3), `default` (0.5,
    which is also what counts if neither is given) or `block` (0.9). Raises `ValueError` for a threshold that is not
    between 0 and 1, an unknown point, and if both are given.
    """
    if point is not None:
        if threshold is not None:
            raise ValueError("give either threshold or point")
        if point not in POINTS:
            raise ValueError(f"point must be one of {', '.join(POINTS)}")
        threshold = POINTS[point]
    threshold = POINTS["default"] if threshold is None else threshold
    if not 0 <= threshold <= 1:
        raise ValueError("threshold must be between 0 and 1")
    return InjectionDetector(channel="data" if stage in _DATA_STAGES else "user", threshold=threshold)
