"""Real SDKs over a fake provider, with pauses that are recorded instead of slept."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from traces import Configure, Traces

import hardened
from hardened.policy.active import reset, set_active
from hardened.policy.load import load
from hardened.telemetry import providers
from hardened.testing import FakeProvider


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    with FakeProvider() as running:
        yield running


@pytest.fixture
def other() -> Iterator[FakeProvider]:
    """A second provider, to fall back on."""
    with FakeProvider() as running:
        yield running


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that the SDKs and we would have slept; nobody does."""
    asked: list[float] = []
    asleep = anyio.sleep

    async def recorded(seconds: float) -> None:
        asked.append(seconds)
        await asleep(0)

    monkeypatch.setattr(time, "sleep", asked.append)
    monkeypatch.setattr(anyio, "sleep", recorded)
    return asked


@pytest.fixture
def configure(tmp_path: Path) -> Iterator[Configure]:
    """Instrument with a policy whose traces go to this test's folder."""

    def instrumented(**policy: Any) -> Traces:
        telemetry = {"file": {"path": str(tmp_path / "traces")}, **policy.pop("telemetry", {})}
        set_active(load({"telemetry": telemetry, **policy}), "test")
        hardened.instrument()
        return Traces(tmp_path / "traces")

    yield instrumented
    hardened.uninstrument()
    reset()
    providers.shutdown()
