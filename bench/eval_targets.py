"""The detectors `pii`, `secrets` and `names` as functions that an evaluation script can call.

`pii(text)`, `secrets(text)` and `names(text)` return what the guards act on: all views of the text, overlaps resolved.
"""

from __future__ import annotations

from hardened_detectors.overlaps import resolve
from hardened_detectors.registry import create
from hardened_detectors.scanner import Scanner

Span = tuple[int, int, str, float]

_PII = Scanner([create("pii")])
_SECRETS = Scanner([create("secrets")])
_NAMES = Scanner([create("names")])


def pii(text: str) -> list[Span]:
    """Personal data in `text`, as `(start, end, CATEGORY, score)`."""
    return _spans(_PII, text)


def secrets(text: str) -> list[Span]:
    """Credentials in `text`, as `(start, end, CATEGORY, score)`."""
    return _spans(_SECRETS, text)


def names(text: str) -> list[Span]:
    """People, places and addresses in `text`, as `(start, end, CATEGORY, score)`."""
    return _spans(_NAMES, text)


def _spans(scanner: Scanner, text: str) -> list[Span]:
    findings = resolve(scanner.scan(text, views=True).findings)
    return [(f.start, f.end, f.category.upper(), f.score) for f in findings]
