"""Operations on leases (permits that end by themselves), values, and flags."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hardened.store.api import Operation, Rows

FOREVER: Final = 1e11
"""A time that does not come, in seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Leased:
    """Whether a permit was granted, how many are out, and when the next one ends by itself if none was."""

    granted: bool
    taken: int
    wait: float = 0.0


@dataclass(frozen=True, slots=True)
class Lease(Operation["Leased"]):
    """One of `limit` permits, for `ttl` seconds. The same owner again renews its own; who died loses it in time."""

    name: str
    owner: str
    limit: int
    ttl: float

    def apply(self, rows: Rows) -> Leased:
        now = rows.now
        owners: dict[str, float] = rows.get(f"lease/{self.name}") or {}
        owners = {owner: until for owner, until in owners.items() if until > now}
        if self.owner not in owners and len(owners) >= self.limit:
            return Leased(granted=False, taken=len(owners), wait=min(owners.values(), default=now) - now)
        owners[self.owner] = now + self.ttl
        rows.put(f"lease/{self.name}", owners, max(owners.values()))
        return Leased(granted=True, taken=len(owners))


@dataclass(frozen=True, slots=True)
class Unlease(Operation["bool"]):
    """Give a permit back. Returns whether it was there."""

    name: str
    owner: str

    def apply(self, rows: Rows) -> bool:
        owners: dict[str, float] = dict(rows.get(f"lease/{self.name}") or {})
        if owners.pop(self.owner, 0.0) <= rows.now:
            return False
        rows.put(f"lease/{self.name}", owners, max(owners.values(), default=rows.now))
        return True


@dataclass(frozen=True, slots=True)
class Get(Operation["str | None"]):
    """A value, `None` if there is none or its time is over."""

    key: str

    def apply(self, rows: Rows) -> str | None:
        return rows.get(f"value/{self.key}")


@dataclass(frozen=True, slots=True)
class Put(Operation["bool"]):
    """Write a value for `ttl` seconds; with `new`, only if there is none. Returns whether it was written."""

    key: str
    value: str
    ttl: float
    new: bool = False

    def apply(self, rows: Rows) -> bool:
        if self.new and rows.get(f"value/{self.key}") is not None:
            return False
        rows.put(f"value/{self.key}", self.value, rows.now + self.ttl)
        return True


@dataclass(frozen=True, slots=True)
class Delete(Operation["bool"]):
    """Remove a value. Returns whether there was one."""

    key: str

    def apply(self, rows: Rows) -> bool:
        found = rows.get(f"value/{self.key}") is not None
        rows.delete(f"value/{self.key}")
        return found


@dataclass(frozen=True, slots=True)
class Mark(Operation["None"]):
    """Set a flag in a group of flags, or take it away. A flag stays until then."""

    group: str
    member: str
    on: bool

    def apply(self, rows: Rows) -> None:
        key = f"mark/{self.group}\n{self.member}"
        if self.on:
            rows.put(key, 1, FOREVER)
        else:
            rows.delete(key)


@dataclass(frozen=True, slots=True)
class Marks(Operation["frozenset[str]"]):
    """The flags of a group that are set."""

    group: str

    def apply(self, rows: Rows) -> frozenset[str]:
        prefix = f"mark/{self.group}\n"
        return frozenset(key.removeprefix(prefix) for key, _ in rows.scan(prefix))
