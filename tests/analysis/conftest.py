"""A recorder of spans, and files of what it recorded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from recorded_traces import Recorder


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def written(recorder: Recorder, tmp_path: Path) -> Callable[..., Path]:
    """Writes what was recorded and more lines into a file, and returns its directory."""

    def write(*more: bytes, name: str = "traces-2026-09-21.jsonl") -> Path:
        (tmp_path / name).write_bytes(b"".join([*recorder.lines(), *more]))
        return tmp_path

    return write
