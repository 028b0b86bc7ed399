"""These tests use the real libraries. `.ci/run` has an environment with them; `make test` has not, and they skip."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hardened.guards import current


@pytest.fixture(autouse=True)
def own_guards() -> Iterator[None]:
    yield
    current.use(None)
