"""While the shared store is away a process decides alone, within a share, and tells it afterwards."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hardened.store.amounts import (
    Bucket,
    Count,
    Counts,
    Denied,
    Line,
    Release,
    Reserve,
    Reserved,
    Settle,
    Settled,
)
from hardened.store.api import Operation, StoreBusy, StoreError, Together
from hardened.store.breaker import Breaker, BreakerRule
from hardened.store.memory import MemoryStore
from hardened.store.sqlite import SqliteStore
from hardened.store.sturdy import FAILURES, PAUSE, QUIET, DownPolicy, SturdyStore
from hardened.store.values import Mark, Marks, Put

END = 4e9


class Flaky(MemoryStore):
    """A store that is away when it is told to be, and may do its work and lose the answer."""

    inline = False
    has_twin = True

    def __init__(self) -> None:
        super().__init__()
        self.away: type[StoreError] | None = None
        self.loses_answers = False
        self.asked = 0

    def run(self, operation: Operation[Any]) -> Any:
        self.asked += 1
        if self.away is not None:
            raise self.away("away")
        answer = super().run(operation)
        if self.loses_answers:
            raise StoreError("the answer was lost")
        return answer

    async def arun(self, operation: Operation[Any]) -> Any:
        return self.run(operation)


class Bench:
    def __init__(self, **down: Any) -> None:
        self.shared = Flaky()
        self.now = 0.0
        self.outages = 0
        self.store = SturdyStore(self.shared, DownPolicy(**down), self.count, clock=lambda: self.now)

    def count(self) -> None:
        self.outages += 1

    def reserve(self, hold: str, amount: int, cap: int = 1000) -> Reserved | Denied:
        return self.store.run(Reserve(hold, (Line("day", amount, cap, END),)))

    def shared_count(self) -> Count:
        return MemoryStore.run(self.shared, Counts())["day"]


def test_of_what_was_left_a_process_may_use_its_share() -> None:
    bench = Bench(replicas=10)
    bench.reserve("a", 500)  # the last that was seen: 500 of 1000
    bench.shared.away = StoreError
    assert isinstance(bench.reserve("b", 30), Reserved)
    assert isinstance(bench.reserve("c", 20), Reserved)
    denied = bench.reserve("d", 1)
    assert isinstance(denied, Denied)
    assert (denied.used, denied.cap, denied.alone) == (50, 50, True)
    bench.store.run(Settle("b", {"day": 10}))  # and what it gave back
    assert isinstance(bench.reserve("e", 20), Reserved)


@pytest.mark.parametrize(("budgets", "kind"), [("closed", Denied), ("open", Reserved)])
def test_it_can_be_closed_or_open(budgets: str, kind: type) -> None:
    bench = Bench(budgets=budgets)
    bench.shared.away = StoreError
    assert isinstance(bench.reserve("a", 900), kind)


def test_rates_are_shared_out_too() -> None:
    bench = Bench(replicas=10)
    bench.shared.away = StoreError
    one = (Bucket("rpm", 1, 30, 3600.0),)
    answers = [bench.store.run(Reserve(f"h{number}", (), one)) for number in range(5)]
    assert [type(answer) for answer in answers] == [Reserved] * 3 + [Denied] * 2


def test_what_was_spent_alone_is_added_once_the_store_is_back() -> None:
    bench = Bench(replicas=2)
    bench.reserve("before", 100)
    bench.shared.away = StoreError
    bench.store.run(Settle("before", {"day": 70}))
    bench.reserve("alone", 50)
    bench.store.run(Settle("alone", {"day": 40}))
    bench.reserve("released", 50)
    bench.store.run(Release("released"))
    bench.reserve("in progress", 25)
    bench.shared.away = None
    bench.now += PAUSE
    assert isinstance(bench.reserve("after", 1), Reserved)
    assert bench.shared_count() == Count(110, 1)
    bench.store.run(Settle("in progress", {"day": 20}))
    bench.store.run(Settle("after", {"day": 1}))
    assert bench.shared_count() == Count(131, 0)


def test_ends_that_are_told_together_are_each_kept() -> None:
    bench = Bench(replicas=2)
    bench.reserve("before", 100)
    bench.reserve("later", 50)
    bench.shared.away = StoreError
    bench.reserve("alone", 50)
    ends = Together((Settle("before", {"day": 70}), Settle("alone", {"day": 40}), Release("later")))
    assert len(bench.store.run(ends)) == 3
    bench.shared.away = None
    bench.now += PAUSE
    bench.reserve("after", 1)
    assert bench.shared_count() == Count(110, 1)
    assert bench.store.run(Together((Settle("after", {"day": 1}), Settle("before")))) == (Settled({"day": 111}), None)


def test_what_is_kept_can_be_told_before_the_pause_is_over() -> None:
    bench = Bench(replicas=2)
    bench.reserve("before", 100)
    bench.shared.away = StoreError
    for _ in range(FAILURES):
        bench.reserve("alone", 1)
    bench.store.run(Settle("before", {"day": 70}))
    assert not bench.store.settle_up()
    bench.shared.away = None
    assert bench.store.settle_up()
    assert bench.shared_count() == Count(70, 0)


AT_EXIT = """
import sys
from pathlib import Path
from hardened.policy.active import set_active
from hardened.policy.load import load
from hardened.store.amounts import Line, Reserve, Settle
from hardened.store.current import current

place = Path(sys.argv[1])
place.write_text("no directory")
set_active(load({"store": {"url": str(place / "state.db")}, "budgets": {"global": {"day": "1 USD"}}}, env={}), "test")
for number in range(5):
    current().run(Reserve(f"h{number}", (Line("day", 5, 1000, 4e9),)))
    current().run(Settle(f"h{number}", {"day": 3}))
place.unlink()
"""


def test_what_was_spent_alone_is_told_when_the_process_ends(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", AT_EXIT, tmp_path / "place"], check=True, stderr=subprocess.DEVNULL)
    assert SqliteStore(tmp_path / "place" / "state.db").run(Counts()) == {"day": Count(15, 0)}


def test_a_reservation_whose_answer_was_lost_is_given_back() -> None:
    bench = Bench()
    bench.reserve("a", 100)
    bench.shared.loses_answers = True
    bench.reserve("lost", 40)
    assert bench.shared_count() == Count(0, 140)
    bench.shared.loses_answers = False
    bench.store.run(Settle("a", {"day": 100}))
    assert bench.shared_count() == Count(100, 0)


def test_a_charge_whose_answer_was_lost_is_charged_once() -> None:
    bench = Bench(replicas=1)
    bench.shared.away = StoreError
    bench.reserve("alone", 50)
    bench.store.run(Settle("alone", {"day": 40}))
    bench.shared.away, bench.shared.loses_answers = None, True
    for _ in range(2):
        bench.store.run(Counts())
    bench.shared.loses_answers = False
    bench.now += PAUSE
    bench.store.run(Counts())
    assert bench.shared_count() == Count(40, 0)


def test_after_a_few_failures_it_is_left_in_peace_for_a_while() -> None:
    bench = Bench()
    bench.shared.away = StoreError
    for _ in range(20):
        bench.store.run(Counts())
    assert bench.shared.asked == FAILURES
    bench.now += PAUSE
    for _ in range(20):  # one tries
        bench.store.run(Counts())
    assert bench.shared.asked == FAILURES + 1


def test_an_outage_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    bench = Bench()
    bench.shared.away = StoreError
    for _ in range(10):
        bench.store.run(Put("secret", "value", 10))
    bench.shared.away = None
    bench.now += PAUSE
    bench.store.run(Counts())
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert bench.outages == 1
    assert "value" not in caplog.text


def test_a_store_that_comes_and_goes_has_one_outage(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    bench = Bench()
    for away in (StoreError, None) * 100:  # as writes of different sizes on a disk that is nearly full
        bench.shared.away = away
        bench.store.run(Counts())
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert bench.outages == 1
    bench.shared.away = StoreError  # and stays away
    bench.store.run(Counts())
    bench.now += QUIET
    bench.store.run(Counts())
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO", "WARNING"]
    assert bench.outages == 2


def test_a_store_that_is_only_busy_is_not_away(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    bench.shared.away = StoreBusy
    for _ in range(10):
        bench.store.run(Counts())
    assert bench.shared.asked == 10
    assert not bench.store.away
    assert not caplog.records


def test_everything_else_is_that_of_the_process() -> None:
    bench = Bench()
    bench.store.run(Mark("kill", "all", True))
    bench.store.run(Marks("kill"))
    bench.shared.away = StoreError
    assert bench.store.run(Marks("kill")) == {"all"}
    assert bench.store.run(Counts()) == {}
    assert bench.store.run(Put("first", "1", 30, new=True))
    assert not bench.store.run(Put("first", "2", 30, new=True))
    assert bench.store.run(Breaker("t", "fail", BreakerRule(failures=1), "a")).state == "open"
    with pytest.raises(StoreError):
        bench.store.run(Mark("kill", "all", False))


def test_async_callers_get_the_same() -> None:
    bench = Bench(replicas=10)

    async def main() -> list[object]:
        line = Line("day", 60, 1000, END)
        first = await bench.store.arun(Reserve("a", (line,)))
        bench.shared.away = StoreError
        second = await bench.store.arun(Reserve("b", (line,)))
        await bench.store.arun(Settle("b", {"day": 33}))
        bench.shared.away = None
        bench.now += PAUSE
        third = await bench.store.arun(Settle("a", {"day": 7}))
        return [type(first), type(second), third is not None]

    assert asyncio.run(main()) == [Reserved, Reserved, True]
    assert bench.shared_count() == Count(40, 0)
