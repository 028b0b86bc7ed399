"""The fixture `hardened_provider` for tests of applications; found by pytest wherever hardened is installed.

pytest imports this module in every run, so it imports nothing else before a test asks for the fixture.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from hardened.testing import FakeProvider


@pytest.fixture
def hardened_provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    """A `hardened.testing.FakeProvider` for one test; clients that take their address from the environment talk to it.

    Its answers and faults are scripted as in docs/testing.md. Clients that were made before the test keep their own
    address.
    """
    from hardened.testing import FakeProvider

    with FakeProvider() as provider:
        for name, value in provider.env().items():
            monkeypatch.setenv(name, value)
        yield provider
