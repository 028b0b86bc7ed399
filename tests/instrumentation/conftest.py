"""Fixtures of the seam's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from recorder import Recorder
from shapes import Clients

import hardened_instrumentation
from hardened.testing import FakeProvider


@pytest.fixture
def clients(provider: FakeProvider) -> Clients:
    return Clients(provider)


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    recorder = Recorder()
    hardened_instrumentation.instrument(recorder)
    yield recorder
    hardened_instrumentation.uninstrument()
