"""What has reached the local trace file, and fakes of what must not."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path

import hardened
from hardened.analysis.spans import SpanRecord, read_spans

KEY = "sk-" + "proj-" + "A1b2C3d4E5f6G7h8I9j0" + "K1l2M3n4O5p6Q7r8S9t0"
EMAIL = "jane.doe" + "@" + "example-mail.org"


class Traces:
    """What has reached the local trace file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def all(self) -> list[SpanRecord]:
        gc.collect()
        gc.freeze()  # the next collection need not look through everything again
        assert hardened.flush(10)
        return list(read_spans(self.path)) if self.path.exists() else []

    def calls(self) -> list[SpanRecord]:
        return [span for span in self.all() if not span.name.startswith("run_guardrail")]

    def call(self) -> SpanRecord:
        (span,) = self.calls()
        return span

    def guards(self) -> list[SpanRecord]:
        return [span for span in self.all() if span.name.startswith("run_guardrail")]

    @property
    def bytes(self) -> bytes:
        self.all()
        return b"".join(file.read_bytes() for file in sorted(self.path.glob("*.jsonl")))


Configure = Callable[..., Traces]
