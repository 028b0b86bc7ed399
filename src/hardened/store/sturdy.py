"""A store that never fails: while the shared one is away this process decides alone, and tells it afterwards.

What is done then, by kind of operation:

| operation | while the store is away |
|---|---|
| reserve, extend | this process may use its share of each rate, and of what was left of each budget when last seen |
| settle, release, charge | kept, and replayed when the store is back |
| claim | an error: whether an action was done before is not known |
| finish, disclaim | kept, and replayed when the store is back |
| breaker, values | the state of this process |
| flags | as they were last seen |

The store has a breaker of its own: after three failures in a row it is not asked for five seconds, so nobody waits for
a server that hangs.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeVar, cast

from hardened.store.amounts import (
    Bucket,
    Charge,
    Denied,
    Extend,
    Line,
    Release,
    Reserve,
    Reserved,
    Settle,
    Settled,
)
from hardened.store.api import Operation, Store, StoreBusy, StoreError, Together
from hardened.store.memory import MemoryStore
from hardened.store.once import Claim, Disclaim, Finish
from hardened.store.values import Mark, Marks

T = TypeVar("T")
Asked = TypeVar("Asked", Reserve, Extend)

Kept = Settle | Release | Charge | Finish | Disclaim
"""Operations that are kept while the store is away. Done twice they do no harm."""

_log = logging.getLogger("hardened.store")

FAILURES: Final = 3
PAUSE: Final = 5.0
"""Seconds for which a store that failed so often is not asked."""

QUIET: Final = 60.0
"""Seconds from one warning to the next: a store that comes and goes, as on a disk that is nearly full, says it once."""

KEPT: Final = 4096
"""So many budgets are remembered with what was last seen of them."""

WhenDown = Literal["local", "closed", "open"]


@dataclass(frozen=True, slots=True)
class DownPolicy:
    """What this process may do alone: a share of one in `replicas`, nothing (`closed`), or everything (`open`)."""

    budgets: WhenDown = "local"
    limits: WhenDown = "local"
    replicas: int = 20


class SturdyStore:
    """Wraps a store that can fail. `run` and `arun` raise StoreError for what nobody can do alone: a flag, a claim.

    Args:
        store: the shared one.
        down: what is allowed while it is away.
        outage: called once for each outage that is said.
    """

    def __init__(
        self,
        store: Store,
        down: DownPolicy = DownPolicy(),
        outage: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._down = down
        self._outage = outage
        self._clock = clock
        self.name, self.inline, self.has_twin = store.name, store.inline, store.has_twin
        self._own = MemoryStore()
        self._seen: OrderedDict[str, int] = OrderedDict()  # by key of a budget: what was used and held, last seen
        self._marks: dict[str, frozenset[str]] = {}
        self._journal: deque[Kept] = deque()
        self._own_holds: dict[str, Reserve] = {}
        self._failures = 0
        self._asked_again = 0.0
        self._away = False
        self._said = False  # that it is away
        self._quiet_until = float("-inf")
        self._lock = threading.RLock()
        os.register_at_fork(after_in_child=self._forked)

    @property
    def away(self) -> bool:
        """Whether this process decides alone at the moment."""
        return self._away

    def run(self, operation: Operation[T]) -> T:
        if not self._is_own(operation) and self._may_ask():
            try:
                self._replay()
                answer = self._store.run(operation)
            except StoreError as error:
                self._failed(error, operation)
            else:
                return self._answered(operation, answer)
        return self._alone(operation)

    async def arun(self, operation: Operation[T]) -> T:
        if not self._is_own(operation) and self._may_ask():
            try:
                await self._areplay()
                answer = await self._store.arun(operation)
            except StoreError as error:
                self._failed(error, operation)
            else:
                return self._answered(operation, answer)
        return self._alone(operation)

    def close(self) -> None:
        self._store.close()

    def settle_up(self) -> bool:
        """Tell the shared store what is kept for it, if it answers now. Returns whether nothing is kept any more."""
        try:
            self._replay()
        except StoreError:
            return False
        return True

    # Whether the store is asked

    def _may_ask(self) -> bool:
        if self._failures < FAILURES:
            return True
        with self._lock:  # one tries, the others go on alone
            now = self._clock()
            if now < self._asked_again:
                return False
            self._asked_again = now + PAUSE
            return True

    def _failed(self, error: StoreError, operation: Operation[Any]) -> None:
        if isinstance(error, StoreBusy):  # it is there, and nothing was done
            return
        with self._lock:
            self._failures += 1
            self._away = True
            now = self._clock()
            if self._failures >= FAILURES:
                self._asked_again = now + PAUSE
            news = not self._said and now >= self._quiet_until
            if news:
                self._said, self._quiet_until = True, now + QUIET
            if isinstance(operation, Reserve):  # it may have been done all the same, with the answer lost
                self._journal.append(Release(operation.hold))
            elif isinstance(operation, Claim):
                self._journal.append(Disclaim(operation.key, operation.owner, operation.ttl))
        if news:
            _log.warning(
                "hardened: the store does not answer (%s). Until it does, this process decides alone: budgets %s, "
                "limits %s. What it spends is added when the store is back.",
                error,
                self._down.budgets,
                self._down.limits,
            )
            self._outage()

    def _answered(self, operation: Operation[T], answer: T) -> T:
        self._remember(operation, answer)
        if self._failures or self._away:
            with self._lock:
                was_said, self._said, self._away, self._failures = self._said, False, False, 0
                self._own = MemoryStore()
            if was_said:
                _log.info("hardened: the store answers again: %s", self.name)
        return answer

    def _remember(self, operation: Operation[Any], answer: Any) -> None:
        if isinstance(operation, Reserve | Extend) and isinstance(answer, Reserved):
            for line, total in zip(operation.lines, answer.totals, strict=True):
                self._seen[line.key] = total
                self._seen.move_to_end(line.key)
            while len(self._seen) > KEPT:
                self._seen.popitem(last=False)
        elif isinstance(operation, Marks):
            self._marks[operation.group] = answer

    # What is kept for it

    def _replay(self) -> None:
        while (kept := self._take_kept()) is not None:
            try:
                self._store.run(kept)
            except StoreError:
                self._journal.appendleft(kept)
                raise

    async def _areplay(self) -> None:
        while (kept := self._take_kept()) is not None:
            try:
                await self._store.arun(kept)
            except BaseException:  # a cancelled task too: whether it was done is unknown, and twice does no harm
                self._journal.appendleft(kept)
                raise

    def _take_kept(self) -> Kept | None:
        with self._lock:
            return self._journal.popleft() if self._journal else None

    # Deciding alone

    def _is_own(self, operation: Operation[Any]) -> bool:
        """Whether it is about a hold that the store has never heard of."""
        if isinstance(operation, Together):
            return any(map(self._is_own, operation.operations))
        return isinstance(operation, Extend | Settle | Release) and operation.hold in self._own_holds

    def _alone(self, operation: Operation[T]) -> T:
        with self._lock:
            return cast(T, self._decide(operation))

    def _decide(self, operation: Operation[Any]) -> Any:
        if isinstance(operation, Together):
            return tuple(map(self._decide, operation.operations))
        if isinstance(operation, Reserve):
            answer = self._own.run(self._share(operation))
            if isinstance(answer, Reserved):
                self._own_holds[operation.hold] = operation
            return _by_itself(answer)
        if isinstance(operation, Settle | Release | Extend) and operation.hold in self._own_holds:
            return self._of_own_hold(operation)
        if isinstance(operation, Kept):
            self._journal.append(operation)
            return _KEPT[type(operation)]
        if isinstance(operation, Extend):  # a hold in the store: its amounts are charged when it ends
            return Reserved(operation.hold, ())
        if isinstance(operation, Marks):
            return self._marks.get(operation.group, frozenset[str]())
        if isinstance(operation, Mark):
            raise StoreError(f"{self.name} does not answer: the flag was not set for other processes")
        if isinstance(operation, Claim):
            raise StoreError(f"{self.name} does not answer: whether this was done before is not known")
        return self._own.run(operation)

    def _of_own_hold(self, operation: Settle | Release | Extend) -> Any:
        held = self._own_holds[operation.hold]
        if isinstance(operation, Extend):
            answer = self._own.run(self._share(operation))
            if isinstance(answer, Reserved):
                self._own_holds[operation.hold] = replace(held, lines=(*held.lines, *operation.lines))
            return _by_itself(answer)
        del self._own_holds[operation.hold]
        answer = self._own.run(operation)
        if isinstance(operation, Settle):
            spent: dict[str, Line] = {}
            for line in held.lines:
                before = spent[line.key].amount if line.key in spent else 0
                spent[line.key] = line._replace(amount=operation.actual.get(line.key, before + line.amount))
            self._journal.append(Charge(held.hold, tuple(spent.values()), operation.tallies))
        return answer

    def _share(self, operation: Asked) -> Asked:
        return replace(
            operation,
            lines=self._shared_lines(operation.lines),
            buckets=self._shared_buckets(operation.buckets),
        )

    def _shared_lines(self, lines: tuple[Line, ...]) -> tuple[Line, ...]:
        if self._down.budgets == "open":
            return tuple(line._replace(cap=_NO_CAP) for line in lines)
        share = 0 if self._down.budgets == "closed" else 1
        return tuple(
            line._replace(cap=share * max(line.cap - self._seen.get(line.key, 0), 0) // self._down.replicas)
            for line in lines
        )

    def _shared_buckets(self, buckets: tuple[Bucket, ...]) -> tuple[Bucket, ...]:
        if self._down.limits == "open":
            return ()
        if self._down.limits == "closed":
            return tuple(bucket._replace(cap=0) for bucket in buckets)
        return tuple(bucket._replace(cap=max(bucket.cap // self._down.replicas, 1)) for bucket in buckets)

    def _forked(self) -> None:
        """What the parent has kept, the parent replays."""
        self._lock = threading.RLock()
        self._journal.clear()
        self._own_holds.clear()


def _by_itself(answer: Reserved | Denied | None) -> Reserved | Denied | None:
    """An answer that says that this process gave it alone."""
    return answer._replace(alone=True) if isinstance(answer, Denied) else answer


_KEPT: Final[dict[type[Kept], Any]] = {
    Settle: Settled({}),
    Release: True,
    Charge: None,
    Finish: True,
    Disclaim: True,
}
"""What is answered to those that are kept."""

_NO_CAP: Final = 2**62
