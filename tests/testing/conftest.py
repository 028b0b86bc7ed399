"""A provider for each test, and the real SDKs' clients that talk to it."""

from __future__ import annotations

from collections.abc import Iterator

import anthropic
import openai
import pytest

import hardened
import hardened_instrumentation
from hardened.testing import FakeProvider


@pytest.fixture(autouse=True)
def without_hardened() -> Iterator[None]:
    """The fake must be faithful by itself, whatever other tests of this run have put in place."""
    if not hardened_instrumentation.instrumented():
        yield
        return
    hardened.uninstrument()
    try:
        yield
    finally:
        hardened.instrument()


@pytest.fixture
def openai_client(provider: FakeProvider) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=provider.openai_base_url, api_key="test", max_retries=0, timeout=10) as client:
        yield client


@pytest.fixture
def anthropic_client(provider: FakeProvider) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=provider.anthropic_base_url, api_key="t", max_retries=0, timeout=10) as client:
        yield client
