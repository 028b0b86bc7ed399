"""Every test that takes `store` runs on all stores, which must not differ."""

from collections.abc import Iterator

import pytest
from clocks import Clock

from hardened.store.api import Store
from hardened.store.memory import MemoryStore


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory"])
def store(clock: Clock) -> Iterator[Store]:
    made = MemoryStore(clock)
    yield made
    made.close()
