"""A second provider, and pauses that are recorded instead of slept."""

from __future__ import annotations

import time
from collections.abc import Iterator

import anyio
import pytest

from hardened.testing import FakeProvider


@pytest.fixture
def other() -> Iterator[FakeProvider]:
    """A second provider, to fall back on."""
    with FakeProvider() as running:
        yield running


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that the SDKs and we would have slept; nobody does."""
    asked: list[float] = []
    asleep = anyio.sleep

    async def recorded(seconds: float) -> None:
        asked.append(seconds)
        await asleep(0)

    monkeypatch.setattr(time, "sleep", asked.append)
    monkeypatch.setattr(anyio, "sleep", recorded)
    return asked
