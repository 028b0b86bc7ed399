"""A progress bar on standard error, where that is a terminal; nothing else ever sees it."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Final

from hardened.cli.output import terminal_width

_EVERY: Final = 0.1  # seconds between two drawings
_WIDTH: Final = 30  # characters of the bar


class Progress:
    """Counts up to `total`, if that is known; leaves an empty line behind."""

    def __init__(self, what: str, total: int | None) -> None:
        self._what = what
        self._total = total
        self._done = 0
        self._drawn = 0.0
        self._shown = sys.stderr.isatty()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._drawn:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    def advance(self, count: int = 1) -> None:
        """So much more is done."""
        self._done += count
        if self._shown and (now := time.monotonic()) - self._drawn >= _EVERY:
            self._drawn = now
            print(f"\r\x1b[K{self._line()[: terminal_width() - 1]}", end="", file=sys.stderr, flush=True)

    def _line(self) -> str:
        if not self._total:
            return f"{self._what} {self._done:,}"
        share = min(1.0, self._done / self._total)
        full = int(share * _WIDTH)
        return f"{self._what} [{'#' * full}{'.' * (_WIDTH - full)}] {share:4.0%}"
