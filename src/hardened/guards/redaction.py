"""Putting placeholders in the place of findings."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, NamedTuple

from hardened_detectors.api import Finding
from hardened_detectors.overlaps import rank

FAILED: Final = "[REDACTED: detector failed]"  # for a whole text that could not be judged
UNDECIDED: Final = "[REDACTED]"  # for a part of a stream that could not be judged in time


class Span(NamedTuple):
    """A part of a text that one placeholder replaces."""

    start: int
    end: int
    category: str


@lru_cache(maxsize=1024)
def placeholder(category: str) -> str:
    """`[CATEGORY]`: upper case letters, digits and `_` in brackets, so it can stand inside a JSON string as it is."""
    return f"[{re.sub(r'[^A-Z0-9_]', '_', category.upper())}]"


def spans(findings: Iterable[Finding]) -> list[Span]:
    """Disjoint spans, in order, that cover every finding.

    Findings that overlap, directly or through others, become one span: nothing that any detector found is left over
    beside a placeholder. The span is named after the finding that wins the overlap (`hardened_detectors.overlaps`).
    """
    ordered = sorted((finding for finding in findings if finding.start < finding.end), key=lambda f: (f.start, f.end))
    result: list[Span] = []
    cluster: list[Finding] = []
    end = -1
    for finding in ordered:
        if cluster and finding.start >= end:
            result.append(_merge(cluster, end))
            cluster = []
        cluster.append(finding)
        end = max(end, finding.end)
    if cluster:
        result.append(_merge(cluster, end))
    return result


def _merge(cluster: list[Finding], end: int) -> Span:
    return Span(cluster[0].start, end, min(cluster, key=rank).category)


def replace(text: str, findings: Iterable[Finding]) -> str:
    """`text` with a placeholder in the place of every finding."""
    pieces: list[str] = []
    at = 0
    for span in spans(findings):
        pieces += (text[at : span.start], placeholder(span.category))
        at = span.end
    return "".join((*pieces, text[at:]))
