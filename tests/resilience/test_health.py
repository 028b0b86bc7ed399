"""What a process takes from a shared breaker at its word, and for how long."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from traces import Configure

import hardened
from hardened.resilience import health as module
from hardened.resilience.health import FRESH, Health
from hardened.store.breaker import Breaker, BreakerRule
from hardened.store.current import current
from hardened.store.sqlite import SqliteStore
from hardened_instrumentation.calls import Effect, Work

RULE = BreakerRule(failures=1)


def drive(flow: Generator[Effect[Any], Any, Any]) -> tuple[Any, int]:
    """What a flow returns, and how often it had to wait for the store."""
    answer, waited = None, 0
    try:
        while True:
            effect = flow.send(answer)
            assert isinstance(effect, Work)
            answer, waited = effect.function(), waited + 1
    except StopIteration as stop:
        return stop.value, waited


@pytest.fixture
def path(tmp_path: Path, configure: Configure) -> Path:
    configure(store={"url": str(tmp_path / "state.db")})
    return tmp_path / "state.db"


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    times = [100.0]
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: times[0]))
    return times


def test_a_healthy_target_is_asked_about_once_in_a_while(path: Path, now: list[float]) -> None:
    assert [drive(Health("t", RULE).allows())[1] for _ in range(3)] == [1, 0, 0]
    assert drive(Health("other", RULE).allows())[1] == 1
    now[0] += FRESH
    assert drive(Health("t", RULE).allows())[1] == 1


def test_what_others_open_is_seen_then(path: Path, now: list[float]) -> None:
    drive(Health("t", RULE).allows())
    SqliteStore(path).run(Breaker("t", "fail", RULE, "another process"))
    assert drive(Health("t", RULE).allows())[0].allowed
    now[0] += FRESH
    assert not drive(Health("t", RULE).allows())[0].allowed


def test_own_failures_are_known_at_once(path: Path, now: list[float]) -> None:
    one = Health("t", RULE)
    drive(one.allows())
    drive(one.tell("fail"))
    assert not drive(Health("t", RULE).allows())[0].allowed


def test_nobody_waits_for_a_success_to_be_told(path: Path, now: list[float]) -> None:
    one = Health("t", RULE)
    drive(one.allows())
    assert drive(one.tell("ok"))[1] == 0
    assert hardened.flush(30)
    failed = current().run(Breaker("t", "fail", BreakerRule(failures=1, ratio=0.9), "x"))
    assert failed.state == "closed", "one of two: the success counts"


def test_a_probe_is_told_at_once(path: Path, now: list[float]) -> None:
    rule = BreakerRule(failures=1, recovery=0.0, successes=1)
    current().run(Breaker("t", "fail", rule, "x"))
    probe = Health("t", rule)
    assert drive(probe.allows())[0].probing
    gate, waited = drive(probe.tell("ok"))
    assert (gate.state, waited) == ("closed", 1)
