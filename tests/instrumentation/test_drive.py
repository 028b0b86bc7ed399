"""What a flow asks for is done in the caller's way: in place, in a thread, or awaited."""

import asyncio
import threading
from typing import Any

from hardened_instrumentation.calls import Flow, Send, Work, perform
from hardened_instrumentation.drive import Exchange


def driven(seen: list[Any], work: Work[Any]) -> Exchange:
    def flow() -> Flow:
        seen.append((yield from perform(work)))
        yield Send(None, threading.Lock())  # type: ignore[arg-type]

    return Exchange(flow(), None)  # type: ignore[arg-type]


DESK: Any = None  # nothing is composed here


def test_work_runs_in_place_for_a_sync_caller() -> None:
    seen: list[Any] = []
    driven(seen, Work(threading.get_ident, None)).run(lambda _: None, DESK)
    assert seen == [threading.get_ident()]


def test_work_runs_in_a_thread_for_an_async_caller() -> None:
    seen: list[Any] = []

    async def transmit(_: object) -> None:
        return None

    asyncio.run(driven(seen, Work(threading.get_ident)).arun(transmit, DESK))
    assert seen != [threading.get_ident()]


def test_the_twin_of_work_is_awaited_by_an_async_caller() -> None:
    seen: list[Any] = []

    async def twin() -> str:
        await asyncio.sleep(0)
        return f"twin in {threading.get_ident()}"

    async def transmit(_: object) -> None:
        return None

    work = Work(lambda: "blocking", twin)
    asyncio.run(driven(seen, work).arun(transmit, DESK))
    driven(seen, work).run(lambda _: None, DESK)
    assert seen == [f"twin in {threading.get_ident()}", "blocking"]
