"""Real SDKs against a fake provider, with budgets in a store of this test's folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from budget_bench import PRICES, Bench, Configure

import hardened
from hardened.policy.active import reset, set_active
from hardened.policy.load import load
from hardened.spend import alerts, kill, ledger
from hardened.store import current as store_module
from hardened.telemetry import providers
from hardened.testing import FakeProvider
from hardened.worker import worker


@pytest.fixture
def configure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, provider: FakeProvider) -> Iterator[Configure]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ledger, "learned", ledger.Learned())
    monkeypatch.setattr(alerts._Seen, "told", set())
    monkeypatch.setattr(alerts._Seen, "looked", float("-inf"))
    kill.forget()

    def instrumented(**policy: Any) -> Bench:
        policy = {"prices": PRICES, "telemetry": {"file": {"path": str(tmp_path / "traces")}}, **policy}
        set_active(load(policy, env={}), "test")
        hardened.instrument()
        return Bench(provider)

    yield instrumented
    worker.flush(30)
    hardened.uninstrument()
    reset()
    store_module._current = None
    kill.forget()
    kill._Read.of_file = kill._Read.of_store = frozenset()
    providers.shutdown()
