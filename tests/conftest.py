"""What most tests of calls need: a provider, and the whole product in this process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from traces import Configure, Traces

import hardened
from hardened.policy.active import reset, set_active
from hardened.policy.load import load
from hardened.telemetry import providers
from hardened.testing import FakeProvider

# The same examples in every run, and no verdict that depends on how busy the machine is.
settings.register_profile(
    "suite", derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("suite")


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    with FakeProvider() as running:
        yield running


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


@pytest.fixture
def traces(configure: Configure) -> Traces:
    """Zero configuration."""
    return configure()
