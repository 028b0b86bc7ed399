"""When a provider fails: at random, for a while, now and then. For `FakeProvider.disturb`."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable, Mapping
from typing import Final

from hardened.testing.faults import FAULTS
from hardened.testing.message import Request

Schedule = Callable[[Request], str | None]
"""Names the fault of the answer to a request; `None`: no fault."""

COMMON: Final[Mapping[str, float]] = {
    "rate_limited": 0.03,
    "retry_after": 0.03,
    "overloaded": 0.02,
    "server_error": 0.04,
    "bad_gateway": 0.01,
    "unavailable": 0.03,
    "hang": 0.02,
    "slow_first_token": 0.02,
    "stall": 0.01,
    "reset": 0.02,
    "cut": 0.02,
    "html": 0.01,
    "garbage": 0.01,
    "malformed_json": 0.01,
    "empty_choices": 0.01,
    "end": 0.02,
    "error_event": 0.02,
}
"""Shares of requests on a bad day: 29 % of plain answers and 31 % of streams go wrong."""


class Mix:
    """Faults at random: each request has the fault `name` with probability `shares[name]`.

    The sequence is the same for the same seed. Raises `ValueError` for an unknown fault, and for shares above 1.
    """

    def __init__(self, shares: Mapping[str, float], *, seed: int = 0) -> None:
        for name, share in shares.items():
            known(name)
            if share < 0:
                raise ValueError(f"the share of {name} is negative")
        if sum(shares.values()) > 1 + 1e-9:
            raise ValueError(f"the shares add up to {sum(shares.values()):.2f}, which is more than 1")
        self._names = [*shares, None]
        self._limits = list(itertools.accumulate(shares.values()))
        self._random = random.Random(seed)  # noqa: S311 - reproducible on purpose

    def __call__(self, request: Request) -> str | None:
        drawn = self._random.random()
        return self._names[sum(limit <= drawn for limit in self._limits)]


class Outage:
    """Every answer has this fault, from `begin` to `end` seconds after the first request."""

    def __init__(
        self, begin: float, end: float, fault: str = "unavailable", *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._begin, self._end, self._fault, self._clock = begin, end, known(fault), clock
        self._first: float | None = None

    def __call__(self, request: Request) -> str | None:
        now = self._clock()
        if self._first is None:
            self._first = now
        return self._fault if self._begin <= now - self._first < self._end else None


class Flapping:
    """So many bad answers, then so many good ones, and again."""

    def __init__(self, fault: str = "unavailable", *, bad: int = 3, good: int = 3) -> None:
        if bad < 1 or good < 0:
            raise ValueError("flapping needs at least one bad answer and no negative number of good ones")
        self._turns = itertools.cycle([known(fault)] * bad + [None] * good)

    def __call__(self, request: Request) -> str | None:
        return next(self._turns)


def known(name: str) -> str:
    """`name`, if it is that of a fault. Raises `ValueError`, with what may have been meant."""
    if name not in FAULTS:
        import difflib

        near = difflib.get_close_matches(name, FAULTS, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"one of {', '.join(FAULTS)}"
        raise ValueError(f"no such fault: {name!r}; {hint}")
    return name
