"""What became of the last call of a model in this thread or task."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CallOutcome:
    """How a call was answered.

    Attributes:
        served_by: the name of the target that answered: `primary` for the client's own service.
        degraded: whether it was a fixed text instead of a model's answer.
        attempts: how many requests were sent.
    """

    served_by: str
    degraded: bool
    attempts: int


_last: ContextVar[CallOutcome | None] = ContextVar("hardened_last_call", default=None)


def last_call() -> CallOutcome | None:
    """How the last call of a model in this thread or asyncio task was answered; `None` if there was none."""
    return _last.get()


def remember(outcome: CallOutcome) -> None:
    """This is the last call now."""
    _last.set(outcome)
