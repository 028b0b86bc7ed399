"""Libraries and models that are there or not, and are loaded once, when they are first needed."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any, Final, Generic, TypeVar

T = TypeVar("T")

PATIENCE: Final = 5.0
"""Seconds that a text may take, unless the policy says otherwise."""


def demand(module: str, extra: str) -> None:
    """Raises `ImportError`, which says what to install, if a library is not there. Imports nothing."""
    if find_spec(module) is None:
        raise ImportError(f"{module} is not installed: pip install 'hardened[{extra}]'")


def library(module: str) -> Any:
    """A library, which is untyped to us."""
    return import_module(module)


def local(path: str | os.PathLike[str], what: str) -> Path:
    """What lies at `path`. Raises `ValueError` if nothing does: nothing is ever downloaded."""
    found = Path(path).expanduser()
    if not found.exists():
        raise ValueError(f"{what} does not exist; it must be a local path, nothing is downloaded")
    return found


def share(value: object, what: str) -> float:
    """A number from 0 to 1. Raises `ValueError` for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError(f"{what} must be a number between 0 and 1")
    return float(value)


class Once(Generic[T]):
    """What `make` returns, made at the first call, by one thread. If that failed, it fails again at each call."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: list[T] = []
        self._error: Exception | None = None
        self._lock = Lock()
        self._pid = os.getpid()

    def __call__(self) -> T:
        if self._made:
            return self._made[0]
        if self._pid != os.getpid():  # in a forked child nobody holds the lock, whatever it looks like
            self._pid, self._lock = os.getpid(), Lock()
        with self._lock:
            if self._error is not None:
                raise self._error
            if not self._made:
                try:
                    self._made.append(self._make())
                except Exception as error:
                    self._error = error
                    raise
        return self._made[0]
