"""Functions that must answer in time."""

from __future__ import annotations

import contextvars
import threading

import pytest
from guard_detectors import Whole, guards

from hardened.guards.plan import Rule
from hardened.guards.workers import Workers

LONG = 60  # seconds; nothing waits that long unless it is broken


def test_a_place_is_free_again_when_its_function_returns() -> None:
    workers = Workers(1)
    go = threading.Event()
    hung = workers.start(go.wait, 0.01)
    with pytest.raises(TimeoutError):
        hung.result()
    with pytest.raises(TimeoutError):
        workers.start(int, 0.01).result()
    go.set()
    assert [workers.start(lambda: 7, LONG).result() for _ in range(3)] == [7, 7, 7]


def test_what_a_function_raises_is_raised_where_its_result_is_asked_for() -> None:
    workers = Workers(1)
    run = workers.start(lambda: int("x"), LONG)
    with pytest.raises(ValueError):
        run.result()
    assert workers.start(int, LONG).result() == 0


def test_a_function_sees_the_context_of_its_caller() -> None:
    user: contextvars.ContextVar[str] = contextvars.ContextVar("user", default="nobody")
    user.set("u1")
    assert Workers(1).start(user.get, LONG).result() == "u1"


def test_a_process_that_may_start_no_more_threads_has_broken_detectors(monkeypatch: pytest.MonkeyPatch) -> None:
    judge = guards({Whole("digits", "1"): Rule("digits", "redact", "closed", timeout=LONG)})

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    for _ in range(10):
        verdict = judge.check("1", "input")
        assert verdict.decisions[0].failure == "RuntimeError"
    monkeypatch.undo()
    assert judge.check("1", "input").text == "[DIGITS_FOUND]"


def test_a_forked_child_has_all_its_places() -> None:
    go = threading.Event()
    workers = Workers(1)
    workers.start(go.wait, 0)
    try:
        with pytest.raises(TimeoutError):
            workers.start(int, 0.01).result()
        workers.after_fork()
        assert workers.start(int, LONG).result() == 0
    finally:
        go.set()
