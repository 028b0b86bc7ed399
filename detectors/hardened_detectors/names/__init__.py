"""Names of people and places: opt-in, precise rather than complete.

People are found by cues (`cues`: titles, greetings, keys, signatures, headers, mail addresses); they and places by a
small linear model (`model`, trained by `bench/training`) at thresholds that were chosen for precision. Most names in
running text are not found. This is no protection.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .detector import NamesDetector

_ALL = ("person", "location")


def create(
    *, stage: str = "input", include: Sequence[str] = (), exclude: Sequence[str] = (), **options: Any
) -> NamesDetector:
    """The detector `names`. `include` and `exclude` name categories; the stage makes no difference.

    Raises `ValueError` for a category that does not exist and `TypeError` for any other option.
    """
    del stage
    if options:
        raise TypeError(f"the detector names has no option {', '.join(sorted(options))}; it has include, exclude")
    unknown = sorted({*include, *exclude} - {*_ALL})
    if unknown:
        raise ValueError(f"unknown categories: {', '.join(unknown)}; known: {', '.join(sorted(_ALL))}")
    return NamesDetector([one for one in _ALL if (not include or one in include) and one not in exclude])
