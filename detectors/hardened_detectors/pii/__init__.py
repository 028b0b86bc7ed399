"""Personal data with a structure: numbers, addresses and identifiers, not names.

What has a check digit is checked; what looks like any other number counts only beside words that say what it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hardened_detectors.entry_detector import EntryDetector, select

from . import contact, finance, national, personal

ENTRIES = (*contact.ENTRIES, *finance.ENTRIES, *national.ENTRIES, *personal.ENTRIES)


def create(
    *, stage: str = "input", include: Sequence[str] = (), exclude: Sequence[str] = (), **options: Any
) -> EntryDetector:
    """The detector `pii`. `include` and `exclude` name categories; the stage makes no difference.

    Raises `ValueError` for a category that does not exist and `TypeError` for any other option.
    """
    del stage
    if options:
        raise TypeError(f"the detector pii has no option {', '.join(sorted(options))}; it has include, exclude")
    return EntryDetector("pii", select(ENTRIES, include=include, exclude=exclude))
