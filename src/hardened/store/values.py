"""Operations on values and flags."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hardened.store.api import Operation, Rows

FOREVER: Final = 1e11
"""A time that does not come, in seconds since the epoch."""


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
