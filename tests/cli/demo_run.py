"""What a run of the demo left behind."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hardened.analysis import SpanRecord


@dataclass
class Demo:
    """One run of `hardened demo`: where it left its traces, what it printed, and the calls in the traces."""

    directory: Path
    printed: str
    calls: list[SpanRecord]

    def call(self, feature: str) -> SpanRecord:
        """The last call of a scene."""
        return [call for call in self.calls if call.feature == feature][-1]
