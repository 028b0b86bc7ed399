"""What users can see is done once: over threads, tasks, processes, failures and kills."""

from __future__ import annotations

import asyncio
import math
import pickle
import subprocess
import sys
import threading
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis_server
import refunder
from clocks import Clock

import hardened
from hardened.policy.active import reset
from hardened.resilience import once
from hardened.store import current as store_module
from hardened.store.api import Store
from hardened.store.memory import MemoryStore
from hardened.store.sqlite import SqliteStore
from hardened.worker import worker

KEY = "a-key-of-" + "at-least-16-characters"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "file"])
def store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, clock: Clock) -> Store:
    made = MemoryStore(clock) if request.param == "memory" else SqliteStore(tmp_path / "state.db", clock=clock)
    monkeypatch.setattr(once, "durable", lambda: made)
    return made


@pytest.fixture(autouse=True)
def own_policy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(store_module, "_durable", None)
    yield
    worker.flush(30)
    reset()


class Mail:
    """Counts what was really sent."""

    def __init__(self, **options: Any) -> None:
        self.sent: list[str] = []
        self.fails: list[BaseException] = []
        self.send = hardened.idempotent(**{"key": "{order}", **options})(self._send)

    def _send(self, order: str, to: str = "ann") -> dict[str, Any]:
        self.sent.append(order)
        if self.fails:
            raise self.fails.pop(0)
        return {"id": len(self.sent), "to": [to, None, 1.5, True]}


# --- What a caller gets


def test_the_first_runs_and_the_others_get_its_result(store: Store) -> None:
    mail = Mail()
    first = mail.send("17")
    assert mail.send("17", to="bob") == mail.send(order="17") == first
    assert mail.send("18") != first
    assert mail.sent == ["17", "18"]


def test_what_failed_is_not_remembered(store: Store) -> None:
    mail = Mail()
    mail.fails = [ConnectionError("down")]
    with pytest.raises(ConnectionError, match="down"):
        mail.send("17")
    assert mail.send("17") == mail.send("17")
    assert mail.sent == ["17", "17"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), TimeoutError()])
def test_after_an_interruption_and_what_makes_unsure_nobody_knows(store: Store, error: BaseException) -> None:
    mail = Mail(unsure=(TimeoutError,))
    mail.fails = [error]
    with pytest.raises(type(error)):
        mail.send("17")
    worker.flush(30)
    with pytest.raises(hardened.OutcomeUnknown, match="never told how it ended"):
        mail.send("17")
    assert mail.sent == ["17"]
    assert mail.send("18")


def test_a_result_is_forgotten_in_time(store: Store, clock: Clock) -> None:
    mail = Mail(ttl=60)
    mail.send("17")
    clock.advance(61)
    mail.send("17")
    assert mail.sent == ["17", "17"]


def test_a_coroutine_function_too(store: Store) -> None:
    sent: list[str] = []

    @hardened.idempotent(key="{order}", name="asend", wait=60)
    async def asend(order: str) -> int:
        sent.append(order)
        await asyncio.sleep(0)
        return len(sent)

    async def main() -> list[int]:
        return await asyncio.gather(*(asend("17") for _ in range(8)))

    assert asyncio.run(main()) == [1] * 8
    assert sent == ["17"]


def test_a_task_that_is_cancelled_half_way_leaves_an_unknown_outcome(store: Store) -> None:
    begun: list[str] = []

    @hardened.idempotent(key="{order}", name="asend")
    async def asend(order: str) -> None:
        begun.append(order)
        await asyncio.sleep(3600)

    async def main() -> None:
        task = asyncio.create_task(asend("17"))
        while not begun:
            await asyncio.sleep(0)
        with pytest.raises(hardened.AlreadyRunning):
            await asend("17")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(worker.flush, 30)
        with pytest.raises(hardened.OutcomeUnknown):
            await asend("17")

    asyncio.run(main())
    assert begun == ["17"]


@pytest.mark.parametrize("fails", [False, True])
def test_how_it_ended_is_told_even_if_the_task_is_cancelled_meanwhile(tmp_path: Path, fails: bool) -> None:
    """Redis is asked by the event loop itself, so a cancellation reaches it in the middle."""
    shared = Cancelled()
    sent: list[str] = []

    @hardened.idempotent(key="{order}", name="asend")
    async def asend(order: str) -> int:
        sent.append(order)
        shared.cancels = len(sent) == 1
        if fails and len(sent) == 1:
            raise ConnectionError
        return len(sent)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(once, "durable", lambda: shared)
        with pytest.raises(asyncio.CancelledError):
            asyncio.run(asend("17"))
        worker.flush(30)
        assert asyncio.run(asend("17")) == (2 if fails else 1)


class Cancelled(MemoryStore):
    """A store that an event loop asks itself, and whose answer is cut off by a cancellation."""

    inline = False
    has_twin = True
    cancels = False

    async def arun(self, operation: Any) -> Any:
        if self.cancels:
            self.cancels = False
            raise asyncio.CancelledError
        return self.run(operation)


# --- Two at once


def test_of_two_at_once_the_second_is_told_or_waits(store: Store) -> None:
    inside, go_on = threading.Event(), threading.Event()
    results: list[int] = []

    def work(order: str) -> int:
        inside.set()
        assert go_on.wait(60)
        return 4711

    told = hardened.idempotent(key="{order}", name="book")(work)
    waits = hardened.idempotent(key="{order}", name="book", wait=60)(work)
    first = threading.Thread(target=lambda: results.append(told("17")))
    first.start()
    assert inside.wait(60)
    with pytest.raises(hardened.AlreadyRunning) as raised:
        told("17")
    assert 0 < raised.value.retry_after <= 600
    second = threading.Thread(target=lambda: results.append(waits("17")))
    second.start()
    go_on.set()
    for thread in (first, second):
        thread.join()
    assert results == [4711, 4711]


# --- What nobody knows


def lost(clock: Clock, **options: Any) -> Mail:
    """An earlier process died while it sent 17."""
    store, mail = once.durable(), Mail(**options)
    key = once._key_of(Mail._send.__qualname__, "{order}", mail._send)("17")
    store.run(once.Claim(key, "a process that is no more", 600, 86_400))
    clock.advance(601)
    return mail


def test_it_can_be_run_all_the_same(store: Store, clock: Clock) -> None:
    mail = lost(clock, on_unknown="run")
    assert mail.send("17") == mail.send("17")
    assert mail.sent == ["17"]


def test_a_function_can_find_out(store: Store, clock: Clock) -> None:
    outcomes: list[Any] = [ConnectionError("no answer"), {"id": "found"}]

    def look_up(order: str, to: str = "ann") -> Any:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    mail = lost(clock, on_unknown=look_up)
    with pytest.raises(ConnectionError):
        mail.send("17")  # still nobody knows
    assert mail.send("17") == mail.send("17") == {"id": "found"}
    assert mail.sent == []


def test_an_async_function_can_find_out(store: Store, clock: Clock) -> None:
    async def look_up(order: str) -> str:
        return f"found {order}"

    async def asend(order: str) -> str:
        raise AssertionError

    send = hardened.idempotent(key="{order}", name="asend", on_unknown=look_up)(asend)
    store.run(once.Claim(once._key_of("asend", "{order}", asend)("17"), "gone", 600, 86_400))
    clock.advance(601)
    assert asyncio.run(send("17")) == "found 17"


@pytest.mark.parametrize(("on_unknown", "sent"), [("raise", []), ("run", ["17"])])
def test_a_store_that_is_away_is_said(
    monkeypatch: pytest.MonkeyPatch, on_unknown: Any, sent: list[str], tmp_path: Path
) -> None:
    (tmp_path / "no directory").write_text("")
    hardened.configure({"store": {"url": str(tmp_path / "no directory" / "state.db")}})
    mail = Mail(on_unknown=on_unknown)
    try:
        mail.send("17")
    except hardened.OutcomeUnknown as error:
        assert error.reason == "the store does not answer"
    assert mail.sent == sent


# --- Keys


def test_values_of_a_key_stay_apart(store: Store) -> None:
    calls: list[tuple[str, str]] = []

    @hardened.idempotent(key="{a}-{b}")
    def act(a: str, b: str) -> None:
        calls.append((a, b))

    for pair in (("1-2", "3"), ("1", "2-3"), ("1-2", "3")):
        act(*pair)
    assert calls == [("1-2", "3"), ("1", "2-3")]


def test_a_key_may_be_a_function_an_attribute_or_a_default(store: Store) -> None:
    class Order:
        id = 17

    calls: list[str] = []

    @hardened.idempotent(key=lambda order, **more: f"mail-{order.id}")
    def one(order: Order, **more: int) -> None:
        calls.append("one")

    @hardened.idempotent(key="{order.id}/{kind}/{tool_call_id}")
    def two(order: Order, kind: str = "mail", **more: str) -> None:
        calls.append("two")

    for _ in range(2):
        one(Order(), more=1)
        two(Order(), tool_call_id="call_1")
        two(Order(), "mail", tool_call_id="call_1")
    assert calls == ["one", "two"]


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        ("order", "names no argument"),
        ("{}", "'' in the key is no argument"),
        ("{id}", "'id' in the key is no argument of the function \\(order\\)"),
    ],
)
def test_a_key_that_does_not_fit_is_refused_at_once(key: str, problem: str) -> None:
    with pytest.raises(TypeError, match=problem):
        hardened.idempotent(key=key)(lambda order: None)


@pytest.mark.parametrize("value", [None, "", object()])
def test_nothing_is_taken_for_a_key_that_says_nothing(store: Store, value: Any) -> None:
    for key in ("{order}", lambda order: order):
        mail = Mail(key=key)
        with pytest.raises((TypeError, ValueError), match=r"hardened\.idempotent"):
            mail.send(value)
        assert mail.sent == []


@pytest.mark.parametrize(
    "wrong", [{"ttl": 0}, {"lease": -1}, {"wait": -0.1}, {"ttl": math.nan}, {"on_unknown": "rais"}]
)
def test_what_makes_no_sense_is_refused_at_once(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        hardened.idempotent(key="{order}", **wrong)


def test_generators_are_refused() -> None:
    def sync(order: str) -> Generator[int]:
        yield 1

    async def other(order: str) -> Any:
        yield 1

    for function in (sync, other):
        with pytest.raises(TypeError, match="generator"):
            hardened.idempotent(key="{order}")(function)


# --- What is kept


@pytest.mark.parametrize("result", [None, 0, "", "ä\ud800", [1, {"a": [None, 1.5]}], 2**70])
def test_a_result_comes_back_as_it_was(store: Store, result: Any) -> None:
    send = hardened.idempotent(key="{order}", name="send")(lambda order: result)
    first, again = send("17"), send("17")
    assert (first, type(first)) == (again, type(again)) == (result, type(result))


@pytest.mark.parametrize("result", [object(), (1, 2), {1: "a"}, math.nan, b"x", {1, 2}, "x" * 1_000_001])
def test_what_json_does_not_hold_is_not_remembered(store: Store, caplog: pytest.LogCaptureFixture, result: Any) -> None:
    send = hardened.idempotent(key="{order}", name="send")(lambda order: result)
    assert send("17") is result
    assert "send is not remembered" in caplog.text
    with pytest.raises(hardened.AlreadyDone):
        send("17")


def test_no_result_is_kept_where_none_shall_be(store: Store) -> None:
    send = hardened.idempotent(key="{order}", name="send", remember=False)(lambda order: "for " + order)
    assert send("17") == "for 17"
    with pytest.raises(hardened.AlreadyDone, match="was done before"):
        send("17")
    nothing = hardened.idempotent(key="{order}", name="nothing", remember=False)(lambda order: None)
    assert nothing("17") is nothing("17") is None


def test_at_rest_are_neither_keys_nor_with_a_key_results(tmp_path: Path) -> None:
    def sent(**policy: Any) -> tuple[Any, bytes]:
        hardened.configure({"store": {"url": "state.db"}, **policy})
        send = hardened.idempotent(key="{to}", name="send")(lambda to: {"receipt": "of-somebody"})
        answer = send("somebody-at-home")
        return answer, b"".join(file.read_bytes() for file in tmp_path.glob("state.db*"))

    first, at_rest = sent(redaction={"key": KEY})
    assert at_rest
    assert b"somebody" not in at_rest
    assert sent(redaction={"key": KEY})[0] == first
    with pytest.raises(hardened.AlreadyDone, match="cannot be read"):
        sent(redaction={"key": KEY[::-1]})
    with pytest.raises(hardened.AlreadyDone, match="cannot be read"):
        sent()


def test_errors_survive_pickling_and_say_no_key(store: Store) -> None:
    for error in (
        hardened.AlreadyRunning("send", 3.0),
        hardened.AlreadyDone("send"),
        hardened.OutcomeUnknown("send", "the store does not answer"),
    ):
        copy = pickle.loads(pickle.dumps(error))
        assert (str(copy), vars(copy)) == (str(error), vars(error))
        assert isinstance(error, hardened.IdempotencyError)


# --- Where it is kept


def test_without_configuration_it_outlives_the_process(tmp_path: Path) -> None:
    mail = Mail()
    mail.send("17")
    assert (tmp_path / ".hardened" / "state.db").exists()
    store_module._durable = None  # as in another process
    assert Mail().send("17") == {"id": 1, "to": ["ann", None, 1.5, True]}
    assert store_module.current().name == "memory"  # nothing else moves there


@pytest.fixture(params=["sqlite", "redis"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield str(tmp_path / "state.db")
        return
    if not redis_server.found():
        pytest.skip(redis_server.MISSING)
    with redis_server.running(tmp_path) as url:
        yield url


def start(place: str, journal: Path, orders: int, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, refunder.__file__, place, str(journal), str(orders), *more]
    return subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def test_processes_threads_and_tasks_do_it_once(place: str, tmp_path: Path) -> None:
    journal, orders = tmp_path / "journal", 20
    processes = [start(place, journal, orders) for _ in range(3)]
    for process in processes:
        said, _ = process.communicate(timeout=240)
        assert said.endswith("OK\n"), said
    assert sorted(map(int, journal.read_text().split())) == list(range(orders))


def test_a_process_that_is_killed_half_way_leaves_an_unknown_outcome(place: str, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    process = start(place, journal, 1, "die")
    process.communicate(timeout=120)
    assert process.returncode == -9
    said, _ = start(place, journal, 1, "die").communicate(timeout=120)  # waits until the lease is over
    assert "OutcomeUnknown" in said
    assert journal.read_text() == "0\n"
