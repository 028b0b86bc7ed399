"""Functions that are looked after as calls of models are."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import pytest
import trio

import hardened
from hardened.policy.active import reset, set_active
from hardened.policy.load import load
from hardened.resilience import health, permits
from hardened.store.breaker import Breakers
from hardened.store.memory import MemoryStore
from hardened.store.sqlite import SqliteStore


@pytest.fixture(autouse=True)
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[MemoryStore]:
    made = MemoryStore()
    monkeypatch.setattr(health, "current", lambda: made)
    monkeypatch.setattr(permits, "_permits", WeakValueDictionary())
    set_active(load({}, env={}), "test")
    yield made
    reset()


class Down(Exception):
    pass


def test_a_function_fails_and_is_left_alone(waits: list[float]) -> None:
    calls: list[str] = []

    @hardened.resilient("vector-db", retries=1)
    def search(question: str) -> list[str]:
        calls.append(question)
        raise Down

    for _ in range(2):
        with pytest.raises(Down):
            search("q")
    with pytest.raises(Down):
        search("q")
    with pytest.raises(hardened.CircuitOpen) as raised:
        search("q")
    assert (len(calls), raised.value.target) == (5, "vector-db")
    assert 0 < raised.value.retry_after <= 33


@pytest.mark.parametrize("fallback", [["none"], lambda question: ["none"]])
def test_a_fallback_is_returned(fallback: Any, waits: list[float]) -> None:
    @hardened.resilient("vector-db", fallback=fallback)
    def search(question: str) -> list[str]:
        raise Down

    @hardened.resilient("async-db", fallback=fallback)
    async def asearch(question: str) -> list[str]:
        raise Down

    async def main() -> None:
        assert await asearch("q") == ["none"]

    for _ in range(7):
        assert search("q") == ["none"]
        asyncio.run(main())


def test_what_is_no_failure_is_raised_and_counts_for_nothing() -> None:
    @hardened.resilient("vector-db", failures=(Down,), fallback=[])
    def search(question: str) -> list[str]:
        raise ValueError(question)

    for _ in range(9):
        with pytest.raises(ValueError, match="q"):
            search("q")


def test_a_function_recovers_and_keeps_its_name(waits: list[float]) -> None:
    outcomes = [Down(), "found"]

    @hardened.resilient("vector-db", retries=2, limit=1, queue=0)
    def search() -> str:
        """Look."""
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return str(outcome)

    assert (search(), search.__name__, search.__doc__, len(waits)) == ("found", "search", "Look.", 1)
    gc.collect()
    assert len(permits._permits) == 0


# --- Decisions of ours are no failures


@pytest.mark.parametrize("decision", [hardened.KilledError("all"), hardened.UnknownPrice("m")])
def test_a_decision_is_raised_and_says_nothing_of_what_it_depends_on(
    decision: Exception, store: MemoryStore, waits: list[float]
) -> None:
    @hardened.resilient("agent", retries=3, fallback="instead")
    def act() -> str:
        raise decision

    @hardened.resilient("agent-too", failures=(type(decision),), fallback="instead")
    def act_too() -> str:
        raise decision

    for _ in range(9):
        with pytest.raises(type(decision)):
            act()
        assert act_too() == "instead"
    assert waits == []
    assert store.run(Breakers())["function/agent-too"] == "open"
    assert store.run(Breakers()).get("function/agent", "closed") == "closed"


# --- Time


@pytest.mark.parametrize("run", [asyncio.run, trio.run])
@pytest.mark.parametrize("limits", [{"timeout": 0.01}, {"deadline": 0.01}])
def test_a_coroutine_function_ends_in_time(run: Callable[..., Any], limits: dict[str, float]) -> None:
    @hardened.resilient("slow", failures=(Down,), fallback="late", **limits)
    async def slow() -> str:
        await (asyncio.sleep(30) if run is asyncio.run else trio.sleep(30))
        return "never"

    assert (run(slow) if run is trio.run else run(slow())) == "late"


def test_the_deadline_of_the_context_holds_for_coroutines() -> None:
    @hardened.resilient("slow")
    async def slow() -> None:
        await asyncio.sleep(30)

    async def main() -> None:
        with hardened.context(deadline=0.01):
            await slow()

    with pytest.raises(hardened.DeadlineExceeded):
        asyncio.run(main())


@pytest.mark.parametrize(
    ("limits", "error"), [({"timeout": 0.01}, TimeoutError), ({"deadline": 0.01}, hardened.DeadlineExceeded)]
)
def test_nobody_waits_for_another_function_longer(limits: dict[str, float], error: type[Exception]) -> None:
    go_on, ended = threading.Event(), threading.Event()

    @hardened.resilient("slow", **limits)
    def slow() -> None:
        go_on.wait(60)
        ended.set()

    with pytest.raises(error):
        slow()
    assert not ended.is_set()
    go_on.set()  # it was not interrupted: nothing can do that
    assert ended.wait(60)


def test_in_its_thread_a_function_has_the_callers_context() -> None:
    variable = contextvars.ContextVar("variable", default="none")

    @hardened.resilient("quick", timeout=60)
    def quick(word: str) -> tuple[str, str, bool]:
        return word, variable.get(), threading.current_thread() is threading.main_thread()

    @hardened.resilient("broken", timeout=60)
    def broken() -> None:
        raise SystemExit(3)

    variable.set("mine")
    assert quick("a") == ("a", "mine", False)
    with pytest.raises(SystemExit):
        broken()


def test_a_time_out_is_tried_again_and_counts(store: MemoryStore, waits: list[float]) -> None:
    tries: list[int] = []

    @hardened.resilient("slow", timeout=0.01, retries=4, failures=(Down,))
    async def slow() -> None:
        tries.append(1)
        await trio.sleep(30)

    with pytest.raises(TimeoutError):
        trio.run(slow)
    assert (len(tries), len(waits)) == (5, 4)
    assert store.run(Breakers()) == {"function/slow": "open"}


def test_nothing_is_begun_when_time_is_up(waits: list[float]) -> None:
    tries: list[int] = []

    @hardened.resilient("db", retries=5)
    def search() -> None:
        tries.append(1)
        raise Down

    with hardened.context(deadline=0), pytest.raises(hardened.DeadlineExceeded):
        search()
    assert tries == []


def test_no_pause_is_longer_than_the_time_that_is_left(monkeypatch: pytest.MonkeyPatch, waits: list[float]) -> None:
    monkeypatch.setattr("hardened.resilience.functions.backoff.pause", lambda number: 1000.0)

    @hardened.resilient("db", retries=5, deadline=900)
    def search() -> None:
        raise Down

    with pytest.raises(Down):
        search()
    assert waits == []


# --- Breakers


def failing(name: str, **more: Any) -> Callable[[], None]:
    @hardened.resilient(name, **more)
    def search() -> None:
        raise Down

    return search


def opens_after(search: Callable[[], None]) -> int | None:
    """How many calls fail until it is left alone; `None`: it is not."""
    for number in range(20):
        try:
            search()
        except Down:
            continue
        except hardened.CircuitOpen:
            return number
    return None


def test_the_breaker_is_the_policys_with_what_the_function_says_itself() -> None:
    set_active(load({"resilience": {"breaker": {"failures": 3}}}, env={}), "test")
    assert opens_after(failing("policy")) == 3
    assert opens_after(failing("own", breaker={"failures": 2})) == 2
    assert opens_after(failing("other", breaker={"ratio": 1})) == 3
    assert opens_after(failing("none", breaker=False)) is None


@pytest.mark.parametrize(
    "policy", [{"preset": "observe"}, {"mode": "shadow"}, {"resilience": {"breaker": {"enabled": False}}}]
)
def test_where_the_policy_has_none_only_an_own_one_holds(policy: dict[str, Any]) -> None:
    set_active(load(policy, env={}), "test")
    assert opens_after(failing("policy")) is None
    assert opens_after(failing("own", breaker={"failures": 4})) == 4


@pytest.mark.parametrize("said", [{"failures": 0}, {"recover": 3}])
def test_what_a_breaker_does_not_know_is_refused_at_once(said: dict[str, Any]) -> None:
    with pytest.raises(hardened.PolicyError, match=next(iter(said))):
        hardened.resilient("x", breaker=said)


@pytest.mark.parametrize("wrong", [{"retries": -1}, {"timeout": 0}, {"deadline": -3}, {"limit": 0}, {"queue": -1}])
def test_what_makes_no_sense_is_refused_at_once(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} must be"):
        hardened.resilient("x", **wrong)
    with pytest.raises(TypeError, match="say what it depends on"):
        hardened.resilient(lambda: None)  # type: ignore[arg-type]


def test_a_shared_store_shares_it_over_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for one in range(2):  # a store for each process
        mine = SqliteStore(tmp_path / "state.db")
        monkeypatch.setattr(health, "current", lambda mine=mine: mine)
        search = failing("db")
        if one == 0:
            assert opens_after(search) == 5
        else:
            with pytest.raises(hardened.CircuitOpen):
                search()
