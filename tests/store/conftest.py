"""Every test that takes `store` runs on all stores, which must not differ."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis_server
from clocks import Clock

from hardened.store.api import Store
from hardened.store.memory import MemoryStore
from hardened.store.redis import RedisStore
from hardened.store.sqlite import SqliteStore


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if not redis_server.found():
        pytest.skip(redis_server.MISSING)
    with redis_server.running(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture(params=["memory", "sqlite", "redis"])
def store(request: pytest.FixtureRequest, clock: Clock, tmp_path: Path) -> Iterator[Store]:
    made: Store
    if request.param == "memory":
        made = MemoryStore(clock)
    elif request.param == "sqlite":
        made = SqliteStore(tmp_path / "state.db", clock=clock)
    else:
        url = request.getfixturevalue("redis_url")
        # Far from the time limit of production: this machine may be busy.
        made = RedisStore(url, namespace=uuid.uuid4().hex, timeout=30, shift=lambda: clock.shift)
    yield made
    made.close()
