"""How calls ended is told to a store in the background, and all at once that there is to tell.

A call's end costs the application no time. Many ends, as after a burst, cost little more than one: they are one
transaction. Until an end is told, what was reserved for the call stands.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from itertools import groupby
from typing import Any, Final, NamedTuple

from hardened.store.api import Operation, Store, Together
from hardened.telemetry.faults import report
from hardened.worker import worker

AT_ONCE: Final = 16
"""So many ends are told in one transaction: it keeps other writers out, and event loops waiting for the interpreter's
lock, for half a millisecond."""


class _End(NamedTuple):
    store: Store
    operation: Callable[[], Operation[Any]]
    then: Callable[[Any], object]


class Ends:
    """Ends of calls that a store has not been told yet."""

    def __init__(self) -> None:
        self._waiting: deque[_End] = deque()  # an end stays in it until it was told
        os.register_at_fork(after_in_child=self._waiting.clear)  # those of the parent, which tells them

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def tell(
        self,
        store: Store,
        operation: Callable[[], Operation[Any]],
        then: Callable[[Any], object] = lambda _: None,
    ) -> None:
        """Run an operation soon, and give its answer to `then`. Never blocks, never raises; safe in a finaliser."""
        self._waiting.append(_End(store, operation, then))
        worker.post(self._tell)

    def _tell(self) -> None:
        some = [self._waiting[i] for i in range(min(len(self._waiting), AT_ONCE))]
        try:
            for _, ends in groupby(some, key=lambda end: id(end.store)):
                _tell_together(list(ends))
        finally:
            for _ in some:
                self._waiting.popleft()


def _tell_together(ends: list[_End]) -> None:
    operations: list[Operation[Any]] = []
    heirs: list[Callable[[Any], object]] = []
    for end in ends:
        try:
            operations.append(end.operation())
            heirs.append(end.then)
        except Exception as error:  # noqa: BLE001 - one call's fault must not keep the others
            report("telling the store how a call ended", error)
    try:
        answers = ends[0].store.run(Together(tuple(operations)))
    except Exception as error:  # noqa: BLE001 - what is held ends by itself
        report("telling the store how a call ended", error)
        return
    for then, answer in zip(heirs, answers, strict=True):
        try:
            then(answer)
        except Exception as error:  # noqa: BLE001 - as above
            report("hearing from the store how a call ended", error)


ends = Ends()
