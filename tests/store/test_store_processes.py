"""Several processes on one store: the cap holds at every reservation, sums are exact, kills leave nothing behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import spender
from clocks import Clock

from hardened.store.amounts import Counts, Reserve
from hardened.store.api import Store
from hardened.store.breaker import Breaker, BreakerRule
from hardened.store.redis import RedisStore
from hardened.store.sqlite import SqliteStore

PROCESSES, THREADS, TASKS = 3, 4, 15


@pytest.fixture(params=["sqlite", "redis"])
def spec(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return str(tmp_path / "state.db")
    url: str = request.getfixturevalue("redis_url")
    RedisStore(url, timeout=30)._sync().flushall()
    return url


def start(spec: str, cap: int, seed: int, journal: Path, tasks: int = TASKS) -> subprocess.Popen[str]:
    arguments = [spec, THREADS, tasks, cap, seed, journal]
    command = [sys.executable, spender.__file__, *map(str, arguments)]
    return subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def finished(process: subprocess.Popen[str]) -> None:
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said


def read(journal: Path) -> tuple[dict[str, int], dict[str, int]]:
    """Intents and settlements by hold."""
    found: dict[str, dict[str, int]] = {"r": {}, "s": {}}
    for entry in journal.read_text().splitlines():
        kind, hold, amount = entry.split(" ")
        found[kind][hold] = int(amount)
    return found["r"], found["s"]


@pytest.mark.parametrize("cap", [500, 10**9])
def test_used_is_what_was_settled_and_never_above_the_cap(spec: str, tmp_path: Path, cap: int) -> None:
    journal = tmp_path / "journal"
    for process in [start(spec, cap, seed, journal) for seed in range(PROCESSES)]:
        finished(process)
    counts = spender.open_store(spec).run(Counts())
    intents, settled = read(journal)
    assert len(intents) == len(settled) >= PROCESSES * THREADS * TASKS
    assert counts["global"].used == sum(settled.values()) <= cap
    assert sum(count.used for key, count in counts.items() if key.startswith("user/")) == counts["global"].used
    assert all(count.held == 0 for count in counts.values())


def test_killed_processes_leak_neither_holds_nor_money(spec: str, tmp_path: Path, clock: Clock) -> None:
    cap, journal = 4000, tmp_path / "journal"
    for seed in range(4):
        process = start(spec, cap, seed, journal, tasks=10_000)
        goal = 40 + (journal.stat().st_size if journal.exists() else 0)
        while not journal.exists() or journal.stat().st_size < goal + 400 * seed:
            assert process.poll() is None
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    store: Store = (
        RedisStore(spec, namespace="spender", timeout=30, shift=lambda: clock.shift)
        if spec.startswith("redis:")
        else SqliteStore(spec, clock=clock)
    )
    clock.advance(61)
    store.run(Reserve("sweeps", ()))
    intents, settled = read(journal)
    in_doubt = sum(amount for hold, amount in intents.items() if hold not in settled)
    counts = store.run(Counts())
    assert all(count.held == 0 for count in counts.values())
    assert sum(settled.values()) <= counts["global"].used <= min(cap, sum(settled.values()) + in_doubt)
    store.close()


PROBER = """
import sys
sys.path.insert(0, sys.argv[1])
import spender
from hardened.store.breaker import Breaker, BreakerRule
rule = BreakerRule(failures=1, probe=900, recovery=0.001)
store = spender.open_store(sys.argv[2])
gates = [store.run(Breaker("target", "allow", rule, sys.argv[3] + str(number))) for number in range(20)]
print(sum(gate.probing for gate in gates), sum(gate.allowed for gate in gates))
"""


def test_one_probe_over_all_processes(spec: str) -> None:
    rule = BreakerRule(failures=1, probe=900, recovery=0.001)
    assert spender.open_store(spec).run(Breaker("target", "fail", rule, "a")).state == "open"
    command = [sys.executable, "-c", PROBER, str(Path(spender.__file__).parent), spec]
    processes = [
        subprocess.Popen([*command, f"process {number} "], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for number in range(PROCESSES)
    ]
    said = [process.communicate(timeout=120)[0].strip() for process in processes]
    assert sorted(said) == ["0 0"] * (PROCESSES - 1) + ["1 1"]
