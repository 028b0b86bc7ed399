"""Budgets: what they add to a call, and whether they hold while processes are killed.

    python bench/spend.py cost                      # CPU time of kill switch, estimate, reserve, breaker, settle
    python bench/spend.py loop                      # how long an event loop is kept, with other processes at the store
    python bench/spend.py race --seconds 20         # processes x threads x event loops, with SIGKILLs in between

Redis is measured if there is a `redis-server` on PATH, which is started on loopback.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import hardened
from hardened.policy.active import set_active
from hardened.policy.load import load
from hardened.resilience.health import Health
from hardened.spend import kill, ledger, plan
from hardened.spend.prices import Cost
from hardened.store.amounts import Counts, Reserve
from hardened.store.breaker import BreakerRule
from hardened.store.redis import RedisStore
from hardened.store.sqlite import SqliteStore
from hardened.worker import worker
from hardened_instrumentation.calls import Call, Effect, Usage
from hardened_instrumentation.drive import acomplete, complete
from hardened_instrumentation.wires import openai_chat

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
redis_server, spender = import_module("redis_server"), import_module("spender")

ROUNDS, CALLS = 40, 50

BUDGETS = {
    "run": "1 USD",
    "conversation": "1M tokens",
    "user": {"minute": "1M requests, 1000M tokens", "day": "1000 USD"},
    "feature": {"day": "1000 USD"},
    "tenant": {"month": "10000 USD"},
    "global": {"day": "1000 USD", "month": "100000 USD"},
}
"""Everything on: ten lines and buckets, and the books."""


def one_call(call: Call, usage: Usage, cost: Cost) -> Generator[Effect[Any], Any, None]:
    """All that a call asks and tells a store."""
    yield from kill.check(call)
    charge = yield from ledger.admit(call, call.wire.request(call.body or {}), plan.current())
    health = Health("primary/openai/api.openai.com:443/m", BreakerRule())
    yield from health.allows()
    yield from health.tell("ok")
    assert charge is not None
    charge.finish(None, usage, cost)


@contextmanager
def calls_on(url: str) -> Iterator[Callable[[], Generator[Effect[Any], Any, None]]]:
    """A call with everything on, over the store at `url`."""
    prices = {"m": {"input": 1, "output": 2}}
    set_active(load({"budgets": BUDGETS, "store": {"url": url, "timeout_ms": 10_000}, "prices": prices}), url)
    body = {"model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": "Where is order 4711? " * 10}]}
    wire = openai_chat.ChatCompletions()
    call = Call("openai", "openai", "chat", "chat/completions", "post", wire, body, stream=False)
    usage, cost = Usage(input=60, output=20), Cost(0.0001, 0.00006, 0.00004, "policy")
    with hardened.context(user_id="u", session_id="s", feature="f", tenant="t", run_id="r", prompt=("p", 1)):
        yield lambda: one_call(call, usage, cost)


def cost_of(url: str, pause: float) -> list[float]:
    """CPU microseconds for one call by round, the background's work included; `pause`: seconds between calls."""
    rounds: list[float] = []
    with calls_on(url) as made:
        for _ in range(ROUNDS):
            before = time.process_time()
            for _ in range(CALLS):
                complete(made())
                time.sleep(pause)
            assert worker.flush(60)
            rounds.append((time.process_time() - before) / CALLS * 1e6)
    return sorted(rounds)


def measure_loop(options: argparse.Namespace) -> int:
    """How long callbacks of an event loop last while it calls, and other processes are at the same store."""
    with stores() as found, tempfile.TemporaryDirectory() as directory:
        for name, url in found.items():
            given = [url, 4, 10**6, 10**9, 1, Path(directory) / "journal"]
            others = [
                subprocess.Popen([sys.executable, str(spender.__file__), *map(str, given)])
                for _ in range(options.processes if name != "memory" else 0)
            ]
            try:
                with calls_on(url) as made:
                    asyncio.run(_many(made, options.calls))  # opens connections, loads scripts
                    gc.collect()
                    gc.disable()  # its pauses are not those of a store
                    with timed_callbacks() as (cpu, wall):
                        asyncio.run(_many(made, options.calls))
                    gc.enable()
                    worker.flush(60)
            finally:
                for process in others:
                    process.kill()
                    process.wait()
            print(
                f"{name:7} {len(cpu)} callbacks, {len(others)} other processes: CPU p99 {_at(cpu, 0.99):.2f} ms, p99.9 "
                f"{_at(cpu, 0.999):.2f}, longest {max(cpu):.2f}; elapsed p99 {_at(wall, 0.99):.2f} ms (goal: 1 ms)"
            )
    return 0


async def _many(made: Callable[[], Generator[Effect[Any], Any, None]], calls: int) -> None:
    async def some() -> None:
        for _ in range(calls // 8):
            await acomplete(made())
            await asyncio.sleep(0)  # here a call waits for its provider

    await asyncio.gather(*(some() for _ in range(8)))


@contextmanager
def timed_callbacks() -> Iterator[tuple[list[float], list[float]]]:
    """Milliseconds of each callback that an event loop runs: CPU of its thread, and what the clock says."""
    cpu: list[float] = []
    wall: list[float] = []
    run = asyncio.Handle._run  # pyright: ignore[reportPrivateUsage]

    def timed(handle: asyncio.Handle) -> None:
        began, before = time.perf_counter(), time.thread_time()
        run(handle)
        cpu.append((time.thread_time() - before) * 1e3)
        wall.append((time.perf_counter() - began) * 1e3)

    asyncio.Handle._run = timed  # pyright: ignore[reportPrivateUsage]
    try:
        yield cpu, wall
    finally:
        asyncio.Handle._run = run  # pyright: ignore[reportPrivateUsage]


def _at(values: list[float], share: float) -> float:
    return sorted(values)[int(len(values) * share)]


@contextmanager
def stores() -> Iterator[dict[str, str]]:
    with tempfile.TemporaryDirectory() as directory:
        found = {"memory": "memory", "sqlite": f"{directory}/state.db"}
        if redis_server.found():
            with redis_server.running(Path(directory)) as url:
                yield {**found, "redis": url}
        else:
            yield found


def measure_cost(_options: argparse.Namespace) -> int:
    goals = {"memory": 150, "sqlite": 300, "redis": 1000}
    with stores() as found:
        for name, url in found.items():
            one, many = cost_of(url, 0.002), cost_of(url, 0)
            print(
                f"{name:7} {statistics.median(many):5.0f} µs of CPU per call in bursts (least {many[0]:.0f}), "
                f"{statistics.median(one):.0f} one by one (least {one[0]:.0f}); goal: at most {goals[name]}"
            )
    return 0


def measure_race(options: argparse.Namespace) -> int:
    """Many spenders on one store, killed and replaced at random. Exit code 1 if a figure is not as it must be."""
    code = 0
    with stores() as found:
        for name, url in found.items():
            if name != "memory":
                code |= _race(name, url, options)
    return code


def _race(name: str, url: str, options: argparse.Namespace) -> int:
    chance = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as directory:
        journal = Path(directory) / "journal"
        journal.touch()

        def start() -> subprocess.Popen[bytes]:
            given = [url, options.threads, 10**6, options.cap, chance.randrange(10**9), journal]
            return subprocess.Popen([sys.executable, str(spender.__file__), *map(str, given)])

        running = [start() for _ in range(options.processes)]
        kills, end = 0, time.monotonic() + options.seconds
        while time.monotonic() < end:
            time.sleep(chance.uniform(0.3, 1.5))
            index = chance.randrange(len(running))
            if running[index].poll() is not None:
                print(f"{name}: a process found a violation")
                return 1
            os.kill(running[index].pid, signal.SIGKILL)
            running[index].wait()
            running[index] = start()
            kills += 1
        for process in running:
            process.kill()
            process.wait()
        shift = {"shift": lambda: 61.0} if name == "redis" else {"clock": lambda: time.time() + 61.0}
        make: Callable[..., Any] = RedisStore if name == "redis" else SqliteStore
        store = make(url, **({"namespace": "spender", "timeout": 30} if name == "redis" else {}), **shift)
        for number in range(20):
            store.run(Reserve(f"sweep-{number}", ()))
        counts = store.run(Counts())
        intents: dict[str, int] = {}
        settled: dict[str, int] = {}
        for line in journal.read_text().splitlines():
            kind, hold, amount = line.split(" ")
            (intents if kind == "r" else settled)[hold] = int(amount)
    used, held = counts["global"].used, sum(count.held for count in counts.values())
    sure = sum(settled.values())
    doubt = sum(amount for hold, amount in intents.items() if hold not in settled)
    right = held == 0 and sure <= used <= min(sure + doubt, options.cap)
    print(
        f"{name:7} {len(intents)} reservations, {kills} kills: used {used} of {options.cap}, surely spent {sure}, "
        f"in doubt {doubt}, held {held}: {'as it must be' if right else 'WRONG'}"
    )
    return 0 if right else 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    actions = parser.add_subparsers(required=True)
    actions.add_parser("cost").set_defaults(run=measure_cost)
    loop = actions.add_parser("loop")
    loop.set_defaults(run=measure_loop)
    loop.add_argument("--calls", type=int, default=2000)
    loop.add_argument("--processes", type=int, default=2)
    race = actions.add_parser("race")
    race.set_defaults(run=measure_race)
    race.add_argument("--seconds", type=float, default=20)
    race.add_argument("--processes", type=int, default=4)
    race.add_argument("--threads", type=int, default=8)
    race.add_argument("--cap", type=int, default=10**6)
    race.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    return options.run(options)


if __name__ == "__main__":
    sys.exit(main())
