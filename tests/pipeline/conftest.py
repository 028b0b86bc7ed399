"""The clients of all SDKs for one provider."""

from __future__ import annotations

import pytest
from shapes import Clients

from hardened.testing import FakeProvider


@pytest.fixture
def clients(provider: FakeProvider) -> Clients:
    return Clients(provider)
