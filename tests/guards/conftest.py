from __future__ import annotations

from collections.abc import Iterator

import pytest

from hardened.guards import current


@pytest.fixture
def own_guards() -> Iterator[None]:
    """Whatever the test gives to `current.use` is taken back after it."""
    yield
    current.use(None)
