"""What a store is: something that runs operations on shared state, each one atomically.

An operation is a value (`amounts.Reserve`, `breaker.Breaker`, `values.Put`, …) that says what it does to the `Rows` of
a transaction. So its meaning is written once; the memory and the SQLite store run exactly that, Redis runs the same in
Lua, and one test suite compares the three.

    hold = yield from ask(store, Reserve(...))      # in a flow; sync and async
    hold = store.run(Reserve(...))                  # anywhere that may block
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from hardened.errors import HardenedError
from hardened_instrumentation.calls import Effect, Work, perform

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class StoreError(HardenedError):
    """A store could not run an operation. Whether it ran all the same may be unknown."""


class StoreBusy(StoreError):
    """Others kept a store busy for so long that the operation was given up; nothing was done."""


class Rows(Protocol):
    """The rows of a store, inside one transaction. Values are JSON; a row whose time is over is not there any more."""

    @property
    def now(self) -> float:
        """Seconds since the epoch by the store's clock, which may step backwards."""
        ...

    def get(self, key: str, *, late: bool = False) -> Any:
        """The value of a row, `None` if there is none. It is not to be changed in place.

        `late`: even if the row's time is over, as long as nobody has cleared it away.
        """
        ...

    def put(self, key: str, value: Any, until: float) -> None:
        """Write a row that ends at `until`, in seconds since the epoch."""
        ...

    def delete(self, key: str) -> None:
        """Remove a row if there is one."""
        ...

    def due(self, most: int) -> list[tuple[str, Any]]:
        """At most so many rows whose time is over."""
        ...

    def scan(self, prefix: str) -> list[tuple[str, Any]]:
        """All rows whose keys begin with `prefix`, sorted."""
        ...


class Operation(Generic[T_co]):
    """Something to do to a store, all or nothing; `T_co` is its answer."""

    __slots__ = ()

    def keys(self) -> Iterable[str]:
        """Rows that it will read for sure, for stores that read many at once faster than one by one."""
        return ()

    def apply(self, rows: Rows) -> T_co:
        """Do it in a transaction, and answer. What an operation means is said here and nowhere else."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Together(Operation["tuple[Any, ...]"]):
    """Several operations in a row, which costs little more than one: a single transaction, or one way to a server.

    Each is done or not done by itself where the store has no such transaction. The answers come in the same order.
    """

    operations: tuple[Operation[Any], ...]

    def keys(self) -> Iterable[str]:
        for operation in self.operations:
            yield from operation.keys()

    def apply(self, rows: Rows) -> tuple[Any, ...]:
        return tuple(operation.apply(rows) for operation in self.operations)


class Store(Protocol):
    """Shared state: of this process, of this machine, or of many machines."""

    @property
    def name(self) -> str:
        """What it is, for messages: `memory`, the path of a file, a server without its password."""
        ...

    @property
    def inline(self) -> bool:
        """Whether `run` never waits for anything, so that it may run on an event loop."""
        ...

    @property
    def has_twin(self) -> bool:
        """Whether `arun` is there, and better than `run` in a thread."""
        ...

    def run(self, operation: Operation[T]) -> T:
        """Run an operation; may block. Raises StoreError."""
        ...

    async def arun(self, operation: Operation[T]) -> T:
        """`run` for an event loop. Raises StoreError."""
        ...

    def close(self) -> None:
        """Let go of files and connections; the next operation opens them again."""
        ...


def ask(store: Store, operation: Operation[T]) -> Generator[Effect[Any], Any, T]:
    """Run an operation within a flow, without ever blocking the event loop of an async caller."""
    if store.inline:
        return store.run(operation)
    twin = (lambda: store.arun(operation)) if store.has_twin else None
    return (yield from perform(Work(lambda: store.run(operation), twin)))
