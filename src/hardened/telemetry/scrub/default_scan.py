"""The detectors `secrets` and `pii`, loaded when the first text is scanned, in whichever thread that happens."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from threading import RLock
from typing import Final

from hardened_detectors.api import Finding

Scan = Callable[[str], Sequence[Finding]]
"""All findings in a text. Whatever it raises makes the text count as private."""


class ScanFailed(Exception):
    """A detector broke; the message names detectors and types of exceptions only."""


_FIRST_TEXT: Final = "a first text, so that what detectors load at their first use is loaded too: 1"

_scan: Scan | None = None
_loading = RLock()

# A fork waits until loading is over. A child that is forked while another thread imports a module would wait for that
# thread, which the child does not have, as soon as it imports the same module itself.
os.register_at_fork(before=_loading.acquire, after_in_parent=_loading.release, after_in_child=_loading.release)


def default_scan(text: str) -> Sequence[Finding]:
    """All findings in `text`, also where it is encoded. Raises `ScanFailed` if a detector breaks."""
    global _scan
    if _scan is None:
        with _loading:
            if _scan is None:
                _scan = load()
    return _scan(text)


def load() -> Scan:
    """Imports and makes the detectors; takes some ten milliseconds."""
    import hardened_detectors.overlaps  # pyright: ignore[reportUnusedImport]  # noqa: F401 - for `redaction.spans`
    from hardened_detectors.registry import create
    from hardened_detectors.scanner import Scanner

    scanner = Scanner([create("secrets", stage="output"), create("pii", stage="output")])

    def scan(text: str) -> Sequence[Finding]:
        result = scanner.scan(text, views=True)
        if result.failures:
            raise ScanFailed(", ".join(f"{name}: {kind}" for name, kind in result.failures.items()))
        return result.findings

    scan(_FIRST_TEXT)
    return scan
