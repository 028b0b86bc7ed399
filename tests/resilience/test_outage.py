"""How soon a breaker opens in an outage, how little it asks meanwhile, and how soon it closes: on a clock of its own.

Calls begin 50 times a second; a provider with the faults of a bad day is down for a while. What a call does with a
failure is what `attempts` does where a fallback is there: it asks once more, unless nobody answered or the breaker is
not closed.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable

import pytest

from hardened.store.breaker import Breaker, BreakerRule, Event, Gate
from hardened.store.memory import MemoryStore
from hardened.testing import COMMON, FAULTS, Mix, Request

EVERY = 0.02  # seconds between two calls
QUICK, TIMEOUT = 0.02, 2.0  # seconds until an answer or an error is there, or nobody waits any more
SLOW = ("hang", "stall", "slow_first_token")


class Day:
    """One run. `asked` has the times of all requests, `passed_over` those of calls that were not let through."""

    def __init__(self, seed: int, begin: float, end: float, rule: BreakerRule | None, after: float = 6.0) -> None:
        self.now = 0.0
        self.asked: list[float] = []
        self.passed_over: list[float] = []
        self._outage = (begin, end)
        self._rule = rule
        self._store = MemoryStore(lambda: self.now)
        self._chance = random.Random(seed)
        self._mix = Mix(COMMON, seed=seed)
        self._todo: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        for number in range(int((end + after) / EVERY)):
            self._at(number * EVERY, lambda owner=str(number): self._begin(owner))
        while self._todo:
            self.now, _, do = heapq.heappop(self._todo)
            do()

    @property
    def during(self) -> int:
        return sum(self._outage[0] <= at < self._outage[1] for at in self.asked)

    def back(self) -> float:
        """Seconds from the end of the outage until no call was passed over for half a second."""
        end = self._outage[1]
        last = end
        for at in self.passed_over:
            if at > end:
                if at - last > 0.5:
                    break
                last = at
        return last - end

    def _at(self, when: float, do: Callable[[], None]) -> None:
        heapq.heappush(self._todo, (when, next(self._order), do))

    def _say(self, event: Event, owner: str) -> Gate:
        if self._rule is None:
            return Gate("closed", "closed")
        return self._store.run(Breaker("primary", event, self._rule, owner, self._chance.uniform(0.9, 1.1)))

    def _begin(self, owner: str) -> None:
        if self._say("allow", owner).allowed:
            self._ask(owner, again=True)
        else:
            self.passed_over.append(self.now)

    def _ask(self, owner: str, *, again: bool) -> None:
        self.asked.append(self.now)
        down = self._outage[0] <= self.now < self._outage[1]
        fault = "unavailable" if down else self._mix(Request("POST", "/v1/chat/completions"))
        self._at(self.now + (TIMEOUT if fault in SLOW else QUICK), lambda: self._end(owner, fault, again))

    def _end(self, owner: str, fault: str | None, again: bool) -> None:
        kind = None if fault is None else FAULTS[fault].kind
        event: Event = "neutral" if kind == "throttle" else "fail" if kind or fault in SLOW else "ok"
        gate = self._say(event, owner)
        if event == "fail" and again and fault not in SLOW and gate.state == "closed":
            self._at(self.now + self._chance.uniform(0, 0.5), lambda: self._ask(owner, again=False))


@pytest.mark.parametrize("calm", [2.0, 300.0])
def test_six_seconds_of_outage(calm: float) -> None:
    """Whether all was well for two seconds before, or for minutes."""
    runs = 40 if calm < 10 else 2
    days = [Day(seed, calm, calm + 6, BreakerRule()) for seed in range(runs)]
    without = Day(0, calm, calm + 6, None)
    assert max(day.during for day in days) < 0.25 * without.during
    assert max(day.back() for day in days) <= 2


def test_a_long_outage_is_asked_about_seldom() -> None:
    day = Day(1, 2.0, 602.0, BreakerRule(), after=40.0)
    assert day.during < 300, "of 30,000 calls"
    assert 2 < day.back() <= 35
