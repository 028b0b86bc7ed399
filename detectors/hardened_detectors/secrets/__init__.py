"""Credentials: what would let somebody else act as its owner."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hardened_detectors.entry_detector import EntryDetector, select

from . import assignments, infrastructure, models, products, services, structures

ENTRIES = (
    *models.ENTRIES,
    *infrastructure.ENTRIES,
    *products.ENTRIES,
    *structures.ENTRIES,
    *services.ENTRIES,
    *assignments.ENTRIES,
)


def create(
    *, stage: str = "input", include: Sequence[str] = (), exclude: Sequence[str] = (), **options: Any
) -> EntryDetector:
    """The detector `secrets`. `include` and `exclude` name categories; the stage makes no difference.

    Raises `ValueError` for a category that does not exist and `TypeError` for any other option.
    """
    del stage
    if options:
        raise TypeError(f"the detector secrets has no option {', '.join(sorted(options))}; it has include, exclude")
    return EntryDetector("secrets", select(ENTRIES, include=include, exclude=exclude))
