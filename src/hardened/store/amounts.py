"""Operations on amounts: reserve before a call, settle after it; rates that refill; sums for the books.

Amounts are integers: nano-dollars, tokens, requests. Times are seconds. Rows: `count/` is what was used and held of a
budget, `hold/` what is reserved for a call in progress, `rate/` a bucket that refills, `tally/` a sum.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from operator import add
from typing import Any, Final, NamedTuple

from hardened.store.api import Operation, Rows

SWEPT: Final = 64
"""So many rows whose time is over are cleared away by one reservation at most."""

GRACE: Final = 86_400.0
"""Seconds for which a budget's count outlives its window, and an expired hold its expiry: for calls that end late."""


class Line(NamedTuple):
    """An amount of something that a window limits and that does not come back within it, such as the money of a day."""

    key: str  # names the window too: `user/u-17/usd/2026-11-21`
    amount: int
    cap: int
    until: float  # when the window ends


class Bucket(NamedTuple):
    """An amount of something that refills: `cap` at most, all of it within `period` seconds."""

    key: str
    amount: int
    cap: int
    period: float


class Reserved(NamedTuple):
    """The amounts are held. `totals` is used plus held after it, for each line in order."""

    hold: str
    totals: tuple[int, ...] = ()


class Denied(NamedTuple):
    """Nothing was taken: this line or bucket has no room. `wait` is the seconds until it has, if time alone helps."""

    key: str
    used: int
    cap: int
    wait: float
    alone: bool = False  # the store is away: `used` and `cap` are those of this process


class Settled(NamedTuple):
    """The hold is gone and its actual amounts are used. `used` has the totals of its lines by key."""

    used: Mapping[str, int]


class Count(NamedTuple):
    """What is used and held under one key."""

    used: int
    held: int


class Tally(NamedTuple):
    """Amounts for the books: no limit, only counted. `hardened spend` reads them."""

    group: str
    member: str
    amounts: tuple[int, ...]
    until: float


@dataclass(frozen=True, slots=True)
class Reserve(Operation["Reserved | Denied"]):
    """Hold the amounts of all lines and take those of all buckets, or touch none of them.

    After `ttl` seconds a hold that nobody settled is over: charged as it stands if the request was `sent` (a crash does
    not make calls free), else released.
    """

    hold: str  # a new, unique name
    lines: tuple[Line, ...]
    buckets: tuple[Bucket, ...] = ()
    ttl: float = 600.0
    sent: bool = True

    def keys(self) -> Iterable[str]:
        yield from (f"count/{line.key}" for line in self.lines)
        yield from (f"rate/{bucket.key}" for bucket in self.buckets)

    def apply(self, rows: Rows) -> Reserved | Denied:
        sweep(rows)
        denied = _no_room(rows, self.lines, self.buckets)
        if denied is not None:
            return denied
        totals = _hold(rows, self.lines)
        for bucket in self.buckets:
            _draw(rows, bucket, bucket.amount)
        held = {
            "sent": self.sent,
            "lines": _merged([], _rows_of(self.lines)),
            "buckets": _merged([], self.buckets),
        }
        rows.put(f"hold/{self.hold}", held, rows.now + self.ttl)
        return Reserved(self.hold, totals)


@dataclass(frozen=True, slots=True)
class Extend(Operation["Reserved | Denied | None"]):
    """Hold more under the same name, all or nothing, and let the hold live `ttl` seconds from now.

    `None` if the hold is not there any more. Without lines and buckets only the time, and `sent`, are set.
    """

    hold: str
    lines: tuple[Line, ...] = ()
    buckets: tuple[Bucket, ...] = ()
    ttl: float = 600.0
    sent: bool = True

    def apply(self, rows: Rows) -> Reserved | Denied | None:
        held = rows.get(f"hold/{self.hold}", late=True)
        if held is None or held.get("over"):
            return None
        denied = _no_room(rows, self.lines, self.buckets)
        if denied is not None:
            return denied
        totals = _hold(rows, self.lines)
        for bucket in self.buckets:
            _draw(rows, bucket, bucket.amount)
        held = {
            "sent": self.sent,
            "lines": _merged(held["lines"], _rows_of(self.lines)),
            "buckets": _merged(held["buckets"], self.buckets),
        }
        rows.put(f"hold/{self.hold}", held, rows.now + self.ttl)
        return Reserved(self.hold, totals)


@dataclass(frozen=True, slots=True)
class Settle(Operation["Settled | None"]):
    """Charge what a call really used instead of what was held. Once: a second time changes nothing.

    `actual` has amounts by key of line or bucket; those that it does not name are charged as they were held. A hold
    that has expired meanwhile is set right. Returns `None` for a hold that is unknown or was settled.
    """

    hold: str
    actual: Mapping[str, int] = field(default_factory=dict[str, int])
    tallies: tuple[Tally, ...] = ()

    def keys(self) -> Iterable[str]:
        yield f"hold/{self.hold}"
        for key in self.actual:
            yield from (f"count/{key}", f"rate/{key}")
        yield from (f"tally/{one.group}\n{one.member}" for one in self.tallies)

    def apply(self, rows: Rows) -> Settled | None:
        held = rows.get(f"hold/{self.hold}", late=True)
        if held is None:
            return None
        rows.delete(f"hold/{self.hold}")
        _tally(rows, self.tallies)
        return Settled(_close(rows, held, self.actual))


@dataclass(frozen=True, slots=True)
class Release(Operation["bool"]):
    """Give a hold back: the request was not sent, or is not charged by the provider. Returns whether it was there."""

    hold: str

    def apply(self, rows: Rows) -> bool:
        held = rows.get(f"hold/{self.hold}", late=True)
        if held is None:
            return False
        rows.delete(f"hold/{self.hold}")
        _close(rows, held, {key: 0 for key, *_ in (*held["lines"], *held["buckets"])})
        return True


@dataclass(frozen=True, slots=True)
class Charge(Operation["None"]):
    """Count amounts as used whatever the cap says, for what was spent while the store was away. Once for each name."""

    name: str
    lines: tuple[Line, ...]
    tallies: tuple[Tally, ...] = ()

    def apply(self, rows: Rows) -> None:
        if rows.get(f"charged/{self.name}") is not None:
            return
        rows.put(f"charged/{self.name}", 1, rows.now + GRACE)
        for line in self.lines:
            _add(rows, line.key, line.until, used=line.amount)
        _tally(rows, self.tallies)


@dataclass(frozen=True, slots=True)
class Counts(Operation["dict[str, Count]"]):
    """What is used and held under all keys that begin with `prefix`."""

    prefix: str = ""

    def apply(self, rows: Rows) -> dict[str, Count]:
        return {key.removeprefix("count/"): Count(*value) for key, value in rows.scan(f"count/{self.prefix}")}


@dataclass(frozen=True, slots=True)
class Levels(Operation["dict[str, int]"]):
    """How much is in use of all buckets whose keys begin with `prefix`."""

    prefix: str = ""

    def apply(self, rows: Rows) -> dict[str, int]:
        levels: dict[str, int] = {}
        for key, (level, at, cap, period) in rows.scan(f"rate/{self.prefix}"):
            levels[key.removeprefix("rate/")] = round(level_now(level, at, cap, period, rows.now))
        return levels


@dataclass(frozen=True, slots=True)
class Tallies(Operation["dict[str, tuple[int, ...]]"]):
    """The sums of a group by member."""

    group: str

    def apply(self, rows: Rows) -> dict[str, tuple[int, ...]]:
        prefix = f"tally/{self.group}\n"
        return {key.removeprefix(prefix): tuple(value) for key, value in rows.scan(prefix)}


def sweep(rows: Rows) -> None:
    """Clear away some rows whose time is over. A hold among them is charged if its request was sent, else released."""
    for key, value in rows.due(SWEPT):
        rows.delete(key)
        if key.startswith("hold/") and not value.get("over"):
            actual = {} if value["sent"] else {name: 0 for name, *_ in value["lines"]}
            _close(rows, {**value, "buckets": []}, actual)
            if value["sent"]:
                rows.put(key, {**value, "over": True}, rows.now + GRACE)


def _no_room(rows: Rows, lines: tuple[Line, ...], buckets: tuple[Bucket, ...]) -> Denied | None:
    """The first bucket or line that has no room."""
    for bucket in buckets:
        level = _stored(rows, bucket)
        if level + bucket.amount > bucket.cap:
            missing = min(level + bucket.amount - bucket.cap, level)
            return Denied(
                bucket.key, round(level), bucket.cap, missing * bucket.period / bucket.cap if bucket.cap else 0
            )
    for line in lines:
        used, held = rows.get(f"count/{line.key}") or (0, 0)
        if used + held + line.amount > line.cap:
            return Denied(line.key, used + held, line.cap, max(line.until - rows.now, 0.0))
    return None


def _hold(rows: Rows, lines: tuple[Line, ...]) -> tuple[int, ...]:
    """Hold the amounts of lines. Returns what is used and held of each after it."""
    return tuple(sum(_add(rows, line.key, line.until, held=line.amount)) for line in lines)


def _add(rows: Rows, key: str, until: float, *, used: int = 0, held: int = 0) -> tuple[int, int]:
    """Returns what is used and what is held then."""
    key = f"count/{key}"
    was_used, was_held = rows.get(key) or (0, 0)
    now = was_used + used, max(was_held + held, 0)
    rows.put(key, now, until + GRACE)
    return now


def _close(rows: Rows, held: dict[str, Any], actual: Mapping[str, int]) -> dict[str, int]:
    """Turn what a hold holds into what was used; of a hold that was charged at its expiry, only the difference."""
    totals: dict[str, int] = {}
    over = held.get("over", False)
    for key, amount, until in held["lines"]:
        spent = actual.get(key, amount)
        used, kept = (spent - amount, 0) if over else (spent, -amount)
        totals[key], _ = _add(rows, key, until, used=used, held=kept)
    for key, amount, cap, period in held["buckets"]:
        _draw(rows, Bucket(key, 0, cap, period), actual.get(key, amount) - amount)
    return totals


def _rows_of(lines: tuple[Line, ...]) -> Iterator[tuple[Any, ...]]:
    """What a hold keeps of its lines."""
    return ((line.key, line.amount, line.until) for line in lines)


def _merged(held: list[list[Any]], more: Iterable[tuple[Any, ...]]) -> list[list[Any]]:
    """What a hold has, `[key, amount, …]` each, with more of it."""
    merged = {key: [key, amount, *rest] for key, amount, *rest in held}
    for key, amount, *rest in more:
        before = merged[key][1] if key in merged else 0
        merged[key] = [key, before + amount, *rest]
    return list(merged.values())


def level_now(level: float, at: float, cap: float, period: float, now: float) -> float:
    """How much of a bucket is in use now. A clock that stepped back refills nothing, and takes nothing away."""
    return max(level - max(now - at, 0.0) * cap / period, 0.0)


def _stored(rows: Rows, bucket: Bucket) -> float:
    found = rows.get(f"rate/{bucket.key}")
    return 0.0 if found is None else level_now(found[0], found[1], bucket.cap, bucket.period, rows.now)


def _draw(rows: Rows, bucket: Bucket, amount: int) -> None:
    level = max(_stored(rows, bucket) + amount, 0.0)
    full_again = rows.now + (level / bucket.cap if bucket.cap else 1.0) * bucket.period
    until = (full_again // bucket.period + 2) * bucket.period  # the same for many draws, which costs a store less
    rows.put(f"rate/{bucket.key}", [level, rows.now, bucket.cap, bucket.period], until)


def _tally(rows: Rows, tallies: tuple[Tally, ...]) -> None:
    for one in tallies:
        key = f"tally/{one.group}\n{one.member}"
        before = rows.get(key) or [0] * len(one.amounts)
        rows.put(key, list(map(add, before, one.amounts)), one.until)
