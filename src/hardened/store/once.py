"""Operations on actions that are done once: who is at it, whether it is done, and with which result.

An action is claimed for some time before it is done. Who dies in between leaves a claim whose time is over: then nobody
knows whether the action was done, and that is what is said.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from hardened.store.amounts import sweep
from hardened.store.api import Operation, Rows

ClaimState = Literal["mine", "running", "done", "unknown"]


@dataclass(frozen=True, slots=True)
class Claimed:
    """What became of a claim.

    Attributes:
        state: `mine`: do it now; `running`: somebody else is at it; `done`: it was done before; `unknown`: somebody
            began and has never told how it ended.
        result: what was kept of an action that is done.
        wait: seconds until the claim of who is at it ends.
        again: whether an earlier claim of unknown outcome was taken over.
    """

    state: ClaimState
    result: str | None = None
    wait: float = 0.0
    again: bool = False


@dataclass(frozen=True, slots=True)
class Claim(Operation["Claimed"]):
    """Claim an action for `lease` seconds; with `take_over` also one of unknown outcome. It is known `ttl` seconds."""

    key: str
    owner: str
    lease: float
    ttl: float
    take_over: bool = False

    def keys(self) -> Iterable[str]:
        yield f"once/{self.key}"

    def apply(self, rows: Rows) -> Claimed:
        sweep(rows)
        found = rows.get(f"once/{self.key}")
        if found is not None:
            if found["done"]:
                return Claimed("done", found["result"])
            if found["until"] > rows.now:
                return Claimed("running", wait=found["until"] - rows.now)
            if not self.take_over:
                return Claimed("unknown")
        until = rows.now + self.lease
        rows.put(f"once/{self.key}", _row(self.owner, until), until + self.ttl)
        return Claimed("mine", again=found is not None)


@dataclass(frozen=True, slots=True)
class Finish(Operation["bool"]):
    """An action is done: remember that, and what is to be kept of its result, for `ttl` seconds.

    However late: as long as nobody else has claimed it meanwhile. Returns whether it was written.
    """

    key: str
    owner: str
    result: str | None
    ttl: float

    def keys(self) -> Iterable[str]:
        yield f"once/{self.key}"

    def apply(self, rows: Rows) -> bool:
        found = rows.get(f"once/{self.key}")
        if found is not None and found["owner"] != self.owner:
            return False
        rows.put(f"once/{self.key}", {**_row(self.owner, 0), "done": True, "result": self.result}, rows.now + self.ttl)
        return True


@dataclass(frozen=True, slots=True)
class Disclaim(Operation["bool"]):
    """A claim ends without the action being done: it can be claimed anew. With `unknown` nobody knows whether it was.

    Returns whether the claim was there.
    """

    key: str
    owner: str
    ttl: float
    unknown: bool = False

    def keys(self) -> Iterable[str]:
        yield f"once/{self.key}"

    def apply(self, rows: Rows) -> bool:
        found = rows.get(f"once/{self.key}")
        if found is None or found["owner"] != self.owner or found["done"]:
            return False
        if self.unknown:
            rows.put(f"once/{self.key}", _row(self.owner, 0), rows.now + self.ttl)
        else:
            rows.delete(f"once/{self.key}")
        return True


def _row(owner: str, until: float) -> dict[str, Any]:
    return {"owner": owner, "until": until, "done": False, "result": None}
