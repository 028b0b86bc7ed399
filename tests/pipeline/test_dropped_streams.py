"""Streams that nobody reads to their end: the collector may come by while the connection pool is locked."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import groq
import openai
import pytest
from shapes import ASK, CLAUDE, MODEL
from traces import Configure

from hardened.testing import FakeProvider
from hardened.worker import worker
from hardened_instrumentation.dropped import bodies

CLIENTS: dict[str, Callable[[FakeProvider], Any]] = {
    "openai": lambda provider: openai.OpenAI(base_url=provider.openai_base_url, api_key="test"),
    "groq": lambda provider: groq.Groq(base_url=provider.url, api_key="test"),
    "anthropic": lambda provider: anthropic.Anthropic(base_url=provider.anthropic_base_url, api_key="test"),
}


def begin(client: Any) -> Iterator[Any]:
    if isinstance(client, anthropic.Anthropic):
        return client.messages.create(model=CLAUDE, max_tokens=9, messages=ASK, stream=True)
    return client.chat.completions.create(model=MODEL, messages=ASK, stream=True)


@pytest.mark.parametrize("read", [0, 1], ids=["unread", "half read"])
@pytest.mark.parametrize("sdk", [*CLIENTS])
def test_the_collector_closes_no_connection(sdk: str, read: int, provider: FakeProvider, configure: Configure) -> None:
    configure()
    with CLIENTS[sdk](provider) as client:
        stream = begin(client)
        for _ in range(read):
            next(stream)
        del stream
        over = threading.Event()

        def collect() -> None:
            with client._client._transport._pool._optional_thread_lock:
                gc.collect()
            over.set()

        threading.Thread(target=collect, daemon=True).start()
        assert over.wait(30), "the collector waits for the lock of the pool"
        assert len(list(begin(client))) > 1
        gc.collect()
        assert worker.flush(30)
        assert not len(bodies)
        assert not client._client._transport._pool.connections[1:], "the connection of the first was never closed"
