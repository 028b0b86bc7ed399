"""Places at a target."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary

import openai
import pytest
import trio
from callers import CALLERS, STREAMS, openai_client
from shapes import ASK, MODEL
from traces import Configure

import hardened
from hardened.resilience import health, permits
from hardened.resilience.plan import Crowd
from hardened.store.memory import MemoryStore
from hardened.testing import FakeProvider, Reply
from hardened_instrumentation.drive import acomplete, complete


@pytest.fixture(autouse=True)
def own_state(monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryStore()
    monkeypatch.setattr(health, "current", lambda: store)
    monkeypatch.setattr(permits, "_permits", WeakValueDictionary())


def busy() -> int:
    """How many places are taken, of all names."""
    return sum(one._busy for one in permits._permits.values())


# --- Places


def test_places_go_by_priority_and_then_by_age() -> None:
    places, order = permits.Permits(), list[str]()
    give_back = complete(places.enter("x", Crowd(1), 2))

    def work(name: str, priority: int) -> None:
        leave = complete(places.enter("x", Crowd(1, wait=30), priority))
        order.append(name)
        leave()

    threads: list[threading.Thread] = []
    for name, priority in (("late", 3), ("first", 1), ("one", 2), ("other", 2)):
        threads.append(threading.Thread(target=work, args=(name, priority)))
        threads[-1].start()
        while len(places._line) < len(threads):
            pass
    give_back()
    give_back()  # a second time changes nothing
    for thread in threads:
        thread.join()
    assert order == ["first", "one", "other", "late"]
    assert places._busy == 0


def test_too_many_are_refused_and_told_when_to_come_back() -> None:
    places = permits.Permits()
    complete(places.enter("x", Crowd(1, queue=0), 2))
    with pytest.raises(hardened.Overloaded) as raised:
        complete(places.enter("x", Crowd(1, queue=0), 2))
    assert (raised.value.target, raised.value.retry_after > 0) == ("x", True)
    with pytest.raises(hardened.Overloaded):
        complete(places.enter("x", Crowd(1, wait=0.01), 2))
    assert places._busy == 1


def test_where_the_line_is_full_the_least_urgent_gives_way() -> None:
    places, order = permits.Permits(), list[str]()

    async def work(name: str, priority: int) -> None:
        try:
            leave = await acomplete(places.enter("x", Crowd(1, queue=3, wait=30), priority))
        except hardened.Overloaded:
            order.append(f"no {name}")
        else:
            order.append(name)
            leave()

    async def main() -> None:
        give_back = await acomplete(places.enter("x", Crowd(1), 2))
        arrivals = (("late", 3), ("normal", 2), ("latest", 3), ("first", 1), ("normal too", 2), ("too late", 3))
        async with asyncio.TaskGroup() as group:
            for name, priority in (*arrivals, ("one too many", 2)):
                group.create_task(work(name, priority))
                await asyncio.sleep(0)
                await asyncio.sleep(0)
            give_back()

    asyncio.run(main())
    assert sorted(order[:4]) == ["no late", "no latest", "no one too many", "no too late"]
    assert order[4:] == ["first", "normal", "normal too"]
    assert (places._busy, places._line) == (0, [])


@pytest.mark.parametrize("run", [asyncio.run, trio.run])
def test_a_thread_wakes_a_task(run: Callable[..., Any]) -> None:
    places = permits.Permits()
    give_back = complete(places.enter("x", Crowd(1), 2))

    async def main() -> None:
        threading.Timer(0.05, give_back).start()
        leave = await acomplete(places.enter("x", Crowd(1, wait=30), 2))
        leave()

    run(main) if run is trio.run else run(main())
    assert places._busy == 0


def test_one_that_is_cancelled_while_it_waits_takes_no_place() -> None:
    places = permits.Permits()

    async def main() -> None:
        leave = await acomplete(places.enter("x", Crowd(1), 2))
        waiting = asyncio.create_task(acomplete(places.enter("x", Crowd(1, wait=30), 2)))
        await asyncio.sleep(0.01)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        leave()
        (await acomplete(places.enter("x", Crowd(1), 2)))()

    asyncio.run(main())
    assert places._busy == 0


@pytest.mark.parametrize("callers", [CALLERS, STREAMS])
@pytest.mark.parametrize("name", CALLERS)
def test_a_call_gives_its_place_back(
    name: str, callers: Any, provider: FakeProvider, waits: list[float], configure: Configure
) -> None:
    configure(resilience={"concurrency": {"limit": 1, "queue": 0}})
    for reply in (Reply(), Reply(status=400), Reply(fault="cut", fault_after=3), Reply(status=500), Reply()):
        provider.default = reply
        try:
            callers[name].call(provider)
        except Exception as error:
            assert not isinstance(error, hardened.Overloaded)
    assert busy() == 0


def test_a_stream_has_its_place_until_its_end(provider: FakeProvider, configure: Configure) -> None:
    configure(resilience={"concurrency": {"limit": 1, "queue": 0}})
    client = openai_client(provider)
    stream = client.chat.completions.create(model=MODEL, messages=ASK, stream=True)
    with pytest.raises(hardened.Overloaded) as raised:
        client.chat.completions.create(model=MODEL, messages=ASK)
    assert isinstance(raised.value, openai.APIError)
    assert len(provider.requests) == 1
    stream.close()
    client.chat.completions.create(model=MODEL, messages=ASK)
    assert busy() == 0


def test_a_target_without_a_place_is_passed_over(
    provider: FakeProvider, other: FakeProvider, configure: Configure
) -> None:
    backup = {"provider": "openai", "base_url": other.openai_base_url, "api_key": "k"}
    configure(
        targets={"backup": backup},
        routes={"default": ["backup"]},
        resilience={"concurrency": {"limit": 1, "queue": 0}},
    )
    client = openai_client(provider)
    with client.chat.completions.create(model=MODEL, messages=ASK, stream=True):
        client.chat.completions.create(model=MODEL, messages=ASK)
    assert (len(provider.requests), len(other.requests)) == (1, 1)


@pytest.mark.parametrize("priority", [0, 4, True, "high"])
def test_there_are_three_priorities(priority: Any) -> None:
    with pytest.raises(TypeError, match="priority must be 1"):
        hardened.context(priority=priority)


def test_names_without_end_leave_nothing_behind() -> None:
    """Names of models may come from users."""
    give_back = complete(permits.permits("held").enter("held", Crowd(1, queue=0), 2))
    for number in range(1000):
        complete(permits.permits(f"model-{number}").enter("x", Crowd(1), 2))()
    gc.collect()
    assert set(permits._permits) == {"held"}
    with pytest.raises(hardened.Overloaded):
        complete(permits.permits("held").enter("held", Crowd(1, queue=0), 2))
    give_back()
    del give_back
    gc.collect()
    assert len(permits._permits) == 0


def test_who_waits_keeps_the_line() -> None:
    give_back = complete(permits.permits("x").enter("x", Crowd(1), 2))
    order: list[str] = []

    def work() -> None:
        leave = complete(permits.permits("x").enter("x", Crowd(1, wait=30), 2))
        order.append("in")
        leave()

    waiting = threading.Thread(target=work)
    waiting.start()
    while not permits.permits("x")._line:
        pass
    give_back()
    waiting.join()
    assert (order, busy()) == (["in"], 0)
