"""Findings in texts of any length, with the detectors and options of a policy."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from hardened.errors import HardenedError
from hardened.policy.load import Loaded
from hardened.policy.presets import effective
from hardened.policy.problems import no_such_detector
from hardened_detectors.api import Finding
from hardened_detectors.registry import create
from hardened_detectors.scanner import Scanner

DEFAULT: Final = ("secrets", "pii")

BLOCK: Final = 1 << 18
"""Characters of a long text that are looked at as one."""

BEFORE: Final = 256
AFTER: Final = 1 << 14
"""A finding is decided by so many characters before its start and after it: more than the longest private key."""


class CannotScan(HardenedError):
    """Something cannot be looked at or written."""


class Finder:
    """The named detectors as one. What they find counts from the policy's `min_score` on.

    Raises:
        CannotScan: there is no such detector.
    """

    def __init__(self, names: Sequence[str], loaded: Loaded) -> None:
        options = effective(loaded.policy)
        for wrong in filter(None, map(no_such_detector, names)):
            raise CannotScan(wrong)
        self._least = {name: options[name].min_score if name in options else 0.0 for name in names}
        self._scanner = Scanner(
            [create(name, stage="input", **(options[name].options if name in options else {})) for name in names]
        )

    def find(self, text: str) -> list[Finding]:
        """What is in `text`, with encodings undone. Findings may overlap.

        Raises:
            CannotScan: a detector failed; what it would have found is unknown.
        """
        result = self._scanner.scan(text, views=True)
        if result.failures:
            raise CannotScan("; ".join(f"detector {name} failed: {kind}" for name, kind in result.failures.items()))
        return [finding for finding in result.findings if finding.score >= self._least[finding.detector]]


class Window(NamedTuple):
    """A part of a long text. What begins from `first` up to `last` in `text` is to be judged here."""

    text: str
    first: int
    last: int
    final: bool


def windows(pieces: Iterable[str], block: int = BLOCK) -> Generator[Window, int | None, None]:
    """A text that comes in pieces, in overlapping windows: what begins in one of them is decided within it.

    The consumer may send the position up to which it has dealt with a window, if that is further than `last`.
    """
    text, first = "", 0
    for part in _parts(pieces, block):
        text += part
        while len(text) - first >= block + AFTER:
            last = first + block
            done = yield Window(text, first, last, False)
            last = max(last, done or 0)
            cut = max(0, last - BEFORE)
            text, first = text[cut:], last - cut
    yield Window(text, first, len(text), True)


def _parts(pieces: Iterable[str], size: int) -> Iterator[str]:
    """The same text in pieces that are no longer than `size`."""
    for piece in pieces:
        for at in range(0, len(piece), size):
            yield piece[at : at + size]


def lines(pieces: Iterable[str]) -> Iterator[str]:
    """The lines of a text that comes in pieces, with their ends.

    Only `\\n` ends one: what else Unicode calls a line end may stand in a JSON string.
    """
    kept: list[str] = []
    for piece in pieces:
        *whole, last = piece.split("\n")
        for line in whole:
            yield "".join((*kept, line, "\n"))
            kept = []
        kept.append(last)
    if rest := "".join(kept):
        yield rest
