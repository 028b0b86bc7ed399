"""Any sequence of operations leaves a store as a model says that is too simple to be wrong."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from clocks import Clock
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from hardened.store.amounts import Counts, Denied, Line, Release, Reserve, Reserved, Settle, Settled
from hardened.store.api import Operation, Store, Together
from hardened.store.memory import MemoryStore
from hardened.store.redis import RedisStore
from hardened.store.sqlite import SqliteStore

END = 4e9
CAPS = {"user": 60, "global": 100}
KEYS = st.lists(st.sampled_from(sorted(CAPS)), unique=True, min_size=1)


class InTurns:
    """Stores that hold the same, each asked in turn, as processes that share a file."""

    def __init__(self, *stores: Store) -> None:
        self.stores = list(stores)

    def run(self, operation: Operation[Any]) -> Any:
        self.stores.append(self.stores.pop(0))
        return self.stores[0].run(operation)

    def close(self) -> None:
        for store in self.stores:
            store.close()


class Model(RuleBasedStateMachine):
    """`used` by key, and the holds in progress with their amounts, keys, end, and whether the request was sent."""

    kind = "memory"
    url = ""

    @initialize()
    def begin(self) -> None:
        self.clock = Clock()
        self.directory = tempfile.TemporaryDirectory()
        self.store = self.made()
        self.used = dict.fromkeys(CAPS, 0)
        self.open: dict[str, tuple[int, list[str], float, bool]] = {}
        self.expired: dict[str, tuple[int, list[str]]] = {}
        self.number = 0

    def made(self) -> Store:
        if self.kind == "memory":
            return MemoryStore(self.clock)
        if self.kind.startswith("sqlite"):
            path = Path(self.directory.name) / "state.db"
            count = 2 if self.kind == "sqlite in turns" else 1
            return InTurns(*(SqliteStore(path, clock=self.clock) for _ in range(count)))
        store = RedisStore(self.url, timeout=30, shift=lambda: self.clock.shift)
        store._sync().flushall()
        return store

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()
            self.directory.cleanup()

    @rule(amount=st.integers(0, 50), keys=KEYS, ttl=st.sampled_from([100, 1000]), sent=st.booleans())
    def reserve(self, amount: int, keys: list[str], ttl: float, sent: bool) -> None:
        self.sweep()
        self.number += 1
        hold = str(self.number)
        lines = tuple(Line(key, amount, CAPS[key], END) for key in keys)
        answer = self.store.run(Reserve(hold, lines, ttl=ttl, sent=sent))
        full = [key for key in keys if self.used[key] + self.held(key) + amount > CAPS[key]]
        if full:
            assert isinstance(answer, Denied)
            assert answer.key == full[0]
        else:
            self.open[hold] = (amount, keys, self.clock.shift + ttl, sent)
            assert answer == Reserved(hold, tuple(self.used[key] + self.held(key) for key in keys))

    @rule(data=st.data(), actual=st.integers(0, 70))
    def settle(self, data: st.DataObject, actual: int) -> None:
        hold = data.draw(st.sampled_from([*self.open, *self.expired, "unknown"]))
        answer = self.store.run(Settle(hold, dict.fromkeys(CAPS, actual)))
        self.settled(hold, actual, answer)

    @rule(data=st.data(), actual=st.integers(0, 70))
    def settle_many(self, data: st.DataObject, actual: int) -> None:
        holds = data.draw(st.lists(st.sampled_from([*self.open, *self.expired, "unknown"]), unique=True, max_size=4))
        answers = self.store.run(Together(tuple(Settle(hold, dict.fromkeys(CAPS, actual)) for hold in holds)))
        for hold, answer in zip(holds, answers, strict=True):
            self.settled(hold, actual, answer)
            if answer is not None:
                assert answer.used == {key: self.used[key] for key in answer.used}

    def settled(self, hold: str, actual: int, answer: Settled | None) -> None:
        assert (answer is None) == (hold == "unknown")
        if hold in self.open:
            _, keys, _, _ = self.open.pop(hold)
            charged = 0
        elif hold in self.expired:
            charged, keys = self.expired.pop(hold)
        else:
            return
        for key in keys:
            self.used[key] += actual - charged

    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        hold = data.draw(st.sampled_from([*self.open, "unknown"]))
        assert self.store.run(Release(hold)) == (hold != "unknown")
        self.open.pop(hold, None)

    @rule(seconds=st.sampled_from([1, 50, 101, 2000]))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)

    def sweep(self) -> None:
        for hold, (amount, keys, end, sent) in list(self.open.items()):
            if end <= self.clock.shift:
                del self.open[hold]
                if sent:
                    self.expired[hold] = (amount, keys)
                    for key in keys:
                        self.used[key] += amount

    def held(self, key: str) -> int:
        return sum(amount for amount, keys, _, _ in self.open.values() if key in keys)

    @invariant()
    def counts_are_those_of_the_model(self) -> None:
        if not hasattr(self, "store"):
            return
        counts = self.store.run(Counts())
        for key in CAPS:
            if key in counts:
                assert (counts[key].used, counts[key].held) == (self.used[key], self.held(key))
            else:
                assert (self.used[key], self.held(key)) == (0, 0)


@pytest.mark.parametrize("kind", ["memory", "sqlite", "sqlite in turns", "redis"])
def test_the_store_is_as_the_model(kind: str, request: pytest.FixtureRequest) -> None:
    machine = type(f"Model_{kind}", (Model,), {"kind": kind})
    if kind == "redis":
        machine.url = request.getfixturevalue("redis_url")
    examples = 60 if kind == "memory" else 15
    case = machine.TestCase
    case.settings = settings(max_examples=examples, stateful_step_count=25)
    case("runTest").runTest()
