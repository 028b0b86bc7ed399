"""Bodies of sync responses that nobody reads to their end or closes: they are closed, but not by the garbage collector.

A body that was begun is a generator. If it is dropped in a cycle, as the SDKs' streams are, the garbage collector ends
it, in whatever the thread is doing. With `httpx`, where that is the connection pool, it waits for ever for a lock that
its own thread holds. So what was begun is kept here until it is over. What is dropped meanwhile is closed in the
background, if somebody runs things there, and else with the next call. Bodies of async responses are ended by their
event loop, which does so between two steps.
"""

from __future__ import annotations

import atexit
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, Final

Pieces = Iterator[bytes]
Later = Callable[[Callable[[], object]], object]
"""Runs something in the background, soon; safe in a finaliser."""


class _Bodies:
    def __init__(self) -> None:
        self.later: Later | None = None
        self._begun: set[Pieces] = set()
        self._dropped: SimpleQueue[Pieces] = SimpleQueue()  # the one kind that a finaliser may put something into

    def __len__(self) -> int:
        """How many have begun and are not over."""
        return len(self._begun)

    def keep(self, pieces: Pieces) -> None:
        """They have begun. Whoever reads them says when they are `over`, or will `leave` them."""
        self._begun.add(pieces)

    def over(self, pieces: Pieces) -> None:
        self._begun.discard(pieces)

    def leave(self, pieces: Pieces) -> None:
        """Nobody reads these any more. Safe in a finaliser."""
        self._dropped.put(pieces)
        if self.later is not None:
            self.later(self.close_dropped)

    def close_dropped(self) -> None:
        """Close what nobody reads any more."""
        while not self._dropped.empty():
            with suppress(Empty):  # another thread was quicker
                self._close(self._dropped.get_nowait())

    def close_all(self) -> None:
        """Close everything, while all that this needs is still there."""
        self.later = None
        for pieces in [*self._begun]:
            self._close(pieces)

    def _close(self, pieces: Any) -> None:
        self._begun.discard(pieces)
        with suppress(Exception):  # nobody waits for it any more
            pieces.close()


bodies: Final = _Bodies()
atexit.register(bodies.close_all)


class Reading:
    """The pieces of a body, for a `with` block in which they are read."""

    __slots__ = ("_pieces",)

    def __init__(self, body: Iterable[bytes]) -> None:
        self._pieces = iter(body)

    def __enter__(self) -> Pieces:
        bodies.keep(self._pieces)
        return self._pieces

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is GeneratorExit:
            bodies.leave(self._pieces)
        else:
            bodies.over(self._pieces)


def hold_weakly(body: Any, response: Any) -> None:
    """Let a body that is kept here not keep its response: `httpx` writes into that how long it took."""
    while "inner" in getattr(body, "__dict__", ()):
        body = body.inner
    if getattr(body, "_response", None) is response:
        body._response = weakref.proxy(response)
