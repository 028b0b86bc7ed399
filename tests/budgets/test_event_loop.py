"""A shared store is never waited for on the thread of an event loop."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest
import redis_server
from budget_bench import Bench, Configure

import hardened
from hardened.store.sqlite import SqliteStore

BUDGETS = {"global": {"day": "100 USD"}, "user": {"minute": "1000 requests"}}


class Threads:
    """Which threads a method ran on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, owner: type, name: str) -> None:
        self.seen: set[int] = set()
        method = getattr(owner, name)

        def watched(*args: Any, **kwargs: Any) -> Any:
            self.seen.add(threading.get_ident())
            return method(*args, **kwargs)

        monkeypatch.setattr(owner, name, watched)


def call_all(configure: Configure, **policy: Any) -> Bench:
    """Calls that are answered, retried, streamed, cancelled and refused, from this thread's event loop."""
    bench = configure(budgets=BUDGETS, resilience={"retries": 1}, **policy)

    async def main() -> None:
        with hardened.context(user_id="u"):
            await bench.aask()
            bench.provider.reply(fault="cut")
            await bench.aask()
            async for _ in await bench.aask(stream=True):
                pass
            task = asyncio.ensure_future(bench.aask())
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            with pytest.raises(hardened.BudgetExceeded):
                await bench.aask(max_tokens=10**8)

    asyncio.run(main())
    assert hardened.flush(30)
    return bench


def test_sqlite_runs_in_threads(configure: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
    threads = Threads(monkeypatch, SqliteStore, "run")
    bench = call_all(configure)
    assert len(threads.seen) > 1
    assert threading.get_ident() not in threads.seen
    assert bench.counts()["global day usd"][1] == 0


def test_redis_is_asked_by_its_async_client(
    configure: Configure, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if not redis_server.found():
        pytest.skip(redis_server.MISSING)
    import redis
    import redis.asyncio

    blocking = Threads(monkeypatch, redis.Redis, "execute_command")
    awaited = Threads(monkeypatch, redis.asyncio.Redis, "execute_command")
    with redis_server.running(tmp_path) as url:
        call_all(configure, store={"url": url, "timeout_ms": 30_000})
    assert awaited.seen == {threading.get_ident()}
    assert threading.get_ident() not in blocking.seen
