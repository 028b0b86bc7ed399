"""A folder and a provider for programs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from programs import Program
from shapes import Clients

from hardened.testing import FakeProvider


@pytest.fixture(scope="session")
def running() -> Iterator[FakeProvider]:
    with FakeProvider() as provider:
        yield provider


@pytest.fixture
def program(tmp_path: Path, running: FakeProvider) -> Iterator[Program]:
    yield Program(tmp_path, running)
    running.reset()


@pytest.fixture
def clients(running: FakeProvider) -> Iterator[Clients]:
    yield Clients(running)
    running.reset()
