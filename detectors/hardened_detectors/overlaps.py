"""Makes findings disjoint."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import replace

from .api import Finding


def resolve(findings: Iterable[Finding]) -> list[Finding]:
    """Findings that do not overlap, ordered by position, and that together cover all that the given ones cover.

    A credential wins over anything else, then the higher score (a value with a check digit has a higher score than one
    that is only believed for the words around it), then the longer one. What is left of a loser stays a finding of its
    own, so nothing that was found becomes uncovered. The result in one place depends only on findings that are
    connected to that place by overlaps.
    """
    kept: list[Finding] = []  # disjoint, ordered by position
    for finding in sorted(set(findings), key=rank):
        first = bisect_right(kept, finding.start, key=_end)
        last = bisect_left(kept, finding.end, key=_start)
        # The gaps that the winners in between leave of it: itself, if there are none.
        winners = kept[first:last]
        edges = [finding.start, *(edge for winner in winners for edge in (winner.start, winner.end)), finding.end]
        gaps = [(start, end) for start, end in zip(edges[::2], edges[1::2], strict=True) if start < end]
        kept[first:last] = sorted(
            [*winners, *(replace(finding, start=start, end=end) for start, end in gaps)], key=_start
        )
    return kept


def _start(finding: Finding) -> int:
    return finding.start


def _end(finding: Finding) -> int:
    return finding.end


def rank(finding: Finding) -> tuple[bool, float, int, int, str, str]:
    """What `resolve` sorts by: of findings that overlap, the one with the lowest rank wins."""
    return (
        finding.detector != "secrets",
        -finding.score,
        finding.start - finding.end,
        finding.start,
        finding.category,
        finding.detector,
    )
