"""Makes findings disjoint."""

from __future__ import annotations

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
    kept: list[Finding] = []
    for finding in sorted(set(findings), key=rank):
        pieces = [(finding.start, finding.end)]
        for winner in kept:
            pieces = [rest for piece in pieces for rest in _outside(piece, winner)]
        kept.extend(replace(finding, start=start, end=end) for start, end in pieces)
    return sorted(kept, key=lambda f: f.start)


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


def _outside(piece: tuple[int, int], winner: Finding) -> list[tuple[int, int]]:
    start, end = piece
    if end <= winner.start or winner.end <= start:
        return [piece]
    return [rest for rest in ((start, winner.start), (winner.end, end)) if rest[0] < rest[1]]
