"""The Redis store beside its operations: time-outs, restarts, secrets, event loops, forks."""

import asyncio
import logging
import os
import socket
import threading
from pathlib import Path

import pytest
import redis_server
import trio

from hardened.store.amounts import Bucket, Count, Counts, Line, Reserve, Reserved, Settle, Settled, Tally
from hardened.store.api import StoreError
from hardened.store.redis import RedisStore
from hardened.store.values import Mark, Marks

END = 4e9


def reserve(hold: str) -> Reserve:
    return Reserve(hold, (Line("day", 10, 1000, END),))


def test_a_server_that_refuses_is_an_error_at_once() -> None:
    store = RedisStore(f"redis://127.0.0.1:{redis_server.free_port()}/0", timeout=30)
    with pytest.raises(StoreError, match="ConnectionError"):
        store.run(Marks("k"))
    with pytest.raises(StoreError, match="ConnectionError"):
        asyncio.run(store.arun(Marks("k")))


def test_a_server_that_hangs_is_left_after_one_time_out() -> None:
    """It accepts connections and never says a word. The test counts attempts, not time."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        accepted: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    accepted.append(server.accept()[0])
                except OSError:
                    return

        threading.Thread(target=accept, daemon=True).start()
        store = RedisStore(f"redis://127.0.0.1:{server.getsockname()[1]}/0")
        with pytest.raises(StoreError, match="TimeoutError"):
            store.run(Marks("k"))
        with pytest.raises(StoreError, match="TimeoutError"):
            asyncio.run(store.arun(Marks("k")))
        server.shutdown(socket.SHUT_RDWR)
    assert len(accepted) == 2


def test_no_message_and_no_name_has_the_password(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    password = "pass" + "word-of-the-store"
    port = redis_server.free_port()
    store = RedisStore(f"redis://user:{password}@127.0.0.1:{port}/3", timeout=30)
    with pytest.raises(StoreError) as caught:
        store.run(Mark("k", "the value", True))
    assert store.name == f"redis://127.0.0.1:{port}/3"
    for said in (str(caught.value), repr(store), caplog.text, repr(caught.value.__cause__)):
        assert password not in said
        assert "the value" not in said


def test_sync_and_async_callers_share_the_state(redis_url: str) -> None:
    store = RedisStore(redis_url, namespace="twins", timeout=30)
    store.run(reserve("a"))

    async def settle() -> object:
        return await store.arun(Settle("a", {"day": 4}))

    assert asyncio.run(settle()) == Settled({"day": 4})
    assert asyncio.run(store.arun(Counts())) == {"day": Count(4, 0)}  # a second event loop, and no script
    assert trio.run(store.arun, reserve("b")) == Reserved("b", (14,))


def test_many_tasks_of_one_loop(redis_url: str) -> None:
    store = RedisStore(redis_url, namespace="tasks", timeout=30)

    async def spend(number: int) -> None:
        await store.arun(reserve(str(number)))
        await store.arun(Settle(str(number), {"day": 1}))

    async def main() -> None:
        await asyncio.gather(*map(spend, range(50)))

    asyncio.run(main())
    assert store.run(Counts()) == {"day": Count(50, 0)}


def test_a_cancelled_operation_does_not_spoil_the_next(redis_url: str) -> None:
    store = RedisStore(redis_url, namespace="cancelled", timeout=30)

    async def main() -> list[frozenset[str]]:
        await store.arun(Mark("k", "v", True))
        answers: list[frozenset[str]] = []
        for steps in range(12):
            task = asyncio.ensure_future(store.arun(Mark("other", "w", True)))
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            answers.append(await store.arun(Marks("k")))
        return answers

    assert asyncio.run(main()) == [{"v"}] * 12


def test_scripts_come_back_after_a_restart_and_a_flush(tmp_path: Path) -> None:
    if not redis_server.found():
        pytest.skip(redis_server.MISSING)
    port = redis_server.free_port()
    store = RedisStore(f"redis://127.0.0.1:{port}/0", timeout=30)
    with redis_server.running(tmp_path, port):
        store.run(reserve("a"))
        store._sync().script_flush()
        assert store.run(Settle("a")) == Settled({"day": 10})
        store._sync().flushall()
        assert store.run(Settle("a")) is None
        assert store.run(Counts()) == {}
    with pytest.raises(StoreError):
        store.run(reserve("b"))
    with redis_server.running(tmp_path, port):
        assert store.run(reserve("c")) == Reserved("c", (10,))


def test_a_server_without_memory_is_an_error_that_changes_nothing(tmp_path: Path) -> None:
    if not redis_server.found():
        pytest.skip(redis_server.MISSING)
    with redis_server.running(tmp_path) as url:
        store = RedisStore(url, timeout=30)
        store.run(reserve("a"))
        store._sync().config_set("maxmemory", "1")
        with pytest.raises(StoreError):
            store.run(reserve("b"))
        store._sync().config_set("maxmemory", "0")
        assert store.run(Counts()) == {"day": Count(0, 10)}


def test_a_read_only_server_is_an_error(tmp_path: Path) -> None:
    if not redis_server.found():
        pytest.skip(redis_server.MISSING)
    replica = ("--replicaof", "127.0.0.1", str(redis_server.free_port()))
    with redis_server.running(tmp_path, None, *replica) as url, pytest.raises(StoreError):
        RedisStore(url, timeout=30).run(reserve("a"))


def test_a_forked_child_has_connections_of_its_own(redis_url: str) -> None:
    store = RedisStore(redis_url, namespace="forked", timeout=30)
    store.run(reserve("a"))
    child = os.fork()
    if child == 0:
        try:
            store.run(reserve("b"))
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert store.run(reserve("c")) == Reserved("c", (30,))


def test_in_a_cluster_all_keys_of_a_store_lie_in_one_slot(tmp_path: Path) -> None:
    if not redis_server.found():
        pytest.skip(redis_server.MISSING)
    port = next(port for port in iter(redis_server.free_port, 0) if port < 55_000)  # its bus takes the one 10000 above
    with redis_server.running(tmp_path, port, "--cluster-enabled", "yes") as url:
        store = RedisStore(url, timeout=30)
        client = store._sync()
        client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        while "cluster_state:ok" not in str(client.execute_command("CLUSTER", "INFO")):
            pass
        bucket = Bucket("rate-{a}", 1, 10, 60.0)
        store.run(Reserve("h-{b}", (Line("{c}/day", 10, 1000, END),), (bucket,)))
        store.run(Reserve("i", (Line("day", 10, 1000, END),)))
        store.run(Settle("i", {}, (Tally("group", "m", (1,), END),)))
        store.run(Mark("{group}", "v", True))
        keys = list(client.scan_iter())
        assert len(keys) == 7
        assert len({client.execute_command("CLUSTER", "KEYSLOT", key) for key in keys}) == 1
