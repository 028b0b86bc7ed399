"""Frameworks above the provider SDKs; skipped where they are not installed. CI gives each its own environment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from leaky import LeakyProvider
from traces import Traces

import hardened
from hardened.policy.active import set_active
from hardened.policy.load import load
from hardened.telemetry import providers


@pytest.fixture
def leaky() -> Iterator[LeakyProvider]:
    with LeakyProvider(chunk_size=3) as provider:
        yield provider


@pytest.fixture
def traces(tmp_path: Path) -> Iterator[Traces]:
    """Zero configuration, but for the folder of the traces."""
    set_active(load({"telemetry": {"file": {"path": str(tmp_path / "traces")}}}), "test")
    hardened.instrument()
    yield Traces(tmp_path / "traces")
    hardened.uninstrument()
    providers.shutdown()
