"""The ends of calls are told to the store in the background, all at once that there are."""

from __future__ import annotations

import os
from typing import Any

from hardened.store.amounts import Count, Counts, Line, Reserve, Settle, Settled
from hardened.store.api import Operation, Together
from hardened.store.ends import AT_ONCE, Ends
from hardened.store.memory import MemoryStore
from hardened.worker import worker

END = 4e9


class Watched(MemoryStore):
    """Remembers how many operations it was given at once."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []

    def run(self, operation: Operation[Any]) -> Any:
        if isinstance(operation, Together):
            self.sizes.append(len(operation.operations))
        return super().run(operation)


def held(store: MemoryStore, count: int) -> list[str]:
    holds = [f"h{number}" for number in range(count)]
    for hold in holds:
        store.run(Reserve(hold, (Line("day", 5, 10**6, END),)))
    return holds


def wait() -> None:
    assert worker.flush(30)


def test_what_has_ended_meanwhile_is_told_at_once() -> None:
    store, ends, totals = Watched(), Ends(), list[int]()
    holds = held(store, 3 * AT_ONCE)

    def begin() -> None:  # runs in the background: what is added now has to wait for its end
        for hold in holds:
            ends.tell(store, lambda hold=hold: Settle(hold, {"day": 2}), lambda told: totals.append(told.used["day"]))

    worker.post(begin)
    wait()
    assert store.sizes == [AT_ONCE] * 3
    assert totals == [2 * number for number in range(1, len(holds) + 1)], "each hears what was used after it"
    assert store.run(Counts()) == {"day": Count(2 * len(holds), 0)}
    assert not ends


def test_stores_are_told_what_is_theirs() -> None:
    one, other, ends = Watched(), Watched(), Ends()
    (hold,) = held(one, 1)
    held(other, 1)
    answers: list[Settled | None] = []
    for store in (one, other, one):
        ends.tell(store, lambda: Settle(hold), answers.append)
    wait()
    assert answers == [Settled({"day": 5}), Settled({"day": 5}), None]


def test_one_that_fails_does_not_keep_the_others() -> None:
    store, ends, answers = Watched(), Ends(), list[Settled | None]()
    holds = held(store, 3)

    def fail(*_: object) -> Any:
        raise ZeroDivisionError

    ends.tell(store, lambda: Settle(holds[0]), fail)
    ends.tell(store, fail, answers.append)
    ends.tell(store, lambda: Settle(holds[1]), answers.append)
    wait()
    assert answers == [Settled({"day": 10})]
    assert store.run(Counts()) == {"day": Count(10, 5)}
    assert not ends


def test_a_forked_child_tells_nothing_of_its_parent() -> None:
    store, ends = Watched(), Ends()
    ends._waiting.append(None)  # pyright: ignore[reportArgumentType]: one that is never told
    child = os.fork()
    if child == 0:
        os._exit(int(bool(ends)))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert ends
    assert store.sizes == []
