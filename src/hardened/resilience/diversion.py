"""Where a request to the client's own service goes instead, while `hardened.chaos` is on."""

from __future__ import annotations

from collections.abc import Callable

from hardened_instrumentation.calls import Call, Destination

Divert = Callable[[Call], Destination | None]


class _State:
    divert: Divert | None = None


def divert(where: Divert | None) -> None:
    """From now on requests go where `where` says; `None` for one that it leaves alone, and to end it all."""
    _State.divert = where


def is_on() -> bool:
    """Whether anybody diverts requests."""
    return _State.divert is not None


def instead(call: Call) -> Destination | None:
    """Where the next request of `call` goes, if not where it should."""
    return None if _State.divert is None else _State.divert(call)
