"""However a stream ends, its session ends exactly once, and the provider's connection is let go."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable
from typing import Any

import openai
import pytest
import trio
from recorder import Recorder
from shapes import ASK, CLAUDE, MODEL, Clients

from hardened.testing import FakeProvider

LONG = "Paris is the capital of France. " * 40


@pytest.fixture(autouse=True)
def long_answer(provider: FakeProvider) -> None:
    provider.reply(text=LONG)


def chat(clients: Clients) -> Any:
    return clients.openai.chat.completions.create(model=MODEL, messages=ASK, stream=True)


def message(clients: Clients) -> Any:
    return clients.anthropic.messages.create(model=CLAUDE, max_tokens=64, messages=ASK, stream=True)


def responses(clients: Clients) -> Any:
    return clients.openai.responses.create(model=MODEL, input="Name it", stream=True)


opened = pytest.mark.parametrize("open_stream", [chat, message, responses])


def endings(recorder: Recorder) -> list[Any]:
    assert len(recorder.records) == 1
    return recorder.last.endings


@opened
def test_early_close(open_stream: Callable[[Clients], Any], clients: Clients, recorder: Recorder) -> None:
    stream = open_stream(clients)
    next(iter(stream))
    stream.close()
    stream.close()
    assert endings(recorder) == ["closed"]
    assert recorder.last.response is not None and not recorder.last.response.complete


@opened
def test_break_inside_with(open_stream: Callable[[Clients], Any], clients: Clients, recorder: Recorder) -> None:
    with open_stream(clients) as stream:
        for _ in stream:
            break
    assert endings(recorder) == ["closed"]


@opened
def test_exception_of_the_consumer(open_stream: Callable[[Clients], Any], clients: Clients, recorder: Recorder) -> None:
    with pytest.raises(ZeroDivisionError), open_stream(clients) as stream:
        for _ in stream:
            raise ZeroDivisionError
    assert endings(recorder) == ["closed"]


@opened
def test_dropped(open_stream: Callable[[Clients], Any], clients: Clients, recorder: Recorder) -> None:
    stream = open_stream(clients)
    next(iter(stream))
    del stream
    gc.collect()
    assert len(endings(recorder)) == 1 and endings(recorder)[0] in ("closed", "dropped")


@opened
def test_never_iterated(open_stream: Callable[[Clients], Any], clients: Clients, recorder: Recorder) -> None:
    stream = open_stream(clients)
    del stream
    gc.collect()
    assert len(endings(recorder)) == 1


@opened
def test_iterated_to_the_end_and_beyond(
    open_stream: Callable[[Clients], Any], clients: Clients, recorder: Recorder
) -> None:
    stream = open_stream(clients)
    assert len(list(stream)) > 3
    assert list(stream) == []
    stream.close()
    assert len(endings(recorder)) == 1
    assert recorder.last.response is not None and recorder.last.response.complete


def test_manager_never_entered_makes_no_call(clients: Clients, recorder: Recorder) -> None:
    manager = clients.openai.chat.completions.stream(model=MODEL, messages=ASK)
    del manager
    gc.collect()
    assert recorder.records == []


@pytest.mark.parametrize("fault", ["cut", "end", "garbage"])
def test_the_provider_breaks_off(fault: Any, provider: FakeProvider, clients: Clients, recorder: Recorder) -> None:
    provider.reset()
    provider.reply(text=LONG, fault=fault, fault_after=5)
    try:
        list(chat(clients))
        ended = "read"
    except Exception:
        ended = "failed"
    assert len(endings(recorder)) == 1
    assert ended == {"cut": "failed", "end": "read", "garbage": "failed"}[fault]
    assert recorder.last.response is not None and not recorder.last.response.complete


def test_stall_then_timeout(provider: FakeProvider, recorder: Recorder) -> None:
    provider.reset()
    provider.reply(text=LONG, fault="stall", fault_after=3)
    client = openai.OpenAI(base_url=provider.openai_base_url, api_key="test", max_retries=0, timeout=0.3)
    stream = client.chat.completions.create(model=MODEL, messages=ASK, stream=True)
    with pytest.raises(Exception, match=r"(?i)time"):
        list(stream)
    assert recorder.last.endings == ["failed"]


def test_async_generator_is_abandoned(clients: Clients, recorder: Recorder) -> None:
    async def first(client: openai.AsyncOpenAI) -> Any:
        async for chunk in await client.chat.completions.create(model=MODEL, messages=ASK, stream=True):
            return chunk

    async def main() -> None:
        async with clients.async_openai() as client:
            assert await first(client) is not None
            gc.collect()
            await asyncio.sleep(0.05)

    asyncio.run(main())
    gc.collect()
    assert len(endings(recorder)) == 1


def test_async_task_is_cancelled_while_reading(provider: FakeProvider, clients: Clients, recorder: Recorder) -> None:
    provider.reset()
    provider.reply(text=LONG, fault="stall", fault_after=3)
    started = asyncio.Event()

    async def read(client: openai.AsyncOpenAI) -> None:
        async for _ in await client.chat.completions.create(model=MODEL, messages=ASK, stream=True):
            started.set()

    async def main() -> None:
        async with clients.async_openai() as client:
            task = asyncio.create_task(read(client))
            await started.wait()
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(main())
    assert endings(recorder) == ["cancelled"]


def test_async_task_is_cancelled_before_the_response(
    provider: FakeProvider, clients: Clients, recorder: Recorder
) -> None:
    provider.reset()
    provider.reply(text="late", delay=30)

    async def main() -> None:
        async with clients.async_openai() as client:
            call = client.chat.completions.create(model=MODEL, messages=ASK)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(call, 0.3)

    began = time.monotonic()
    asyncio.run(main())
    assert time.monotonic() - began < 20
    assert endings(recorder) == ["CancelledError"]


def test_trio(clients: Clients, recorder: Recorder) -> None:
    async def main() -> str:
        async with clients.async_openai() as client:
            stream = await client.chat.completions.create(model=MODEL, messages=ASK, stream=True)
            return "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])

    assert trio.run(main) == LONG
    assert len(endings(recorder)) == 1


def test_provider_error_ends_the_call_once(provider: FakeProvider, clients: Clients, recorder: Recorder) -> None:
    provider.reset()
    provider.reply(status=429)
    with pytest.raises(openai.RateLimitError):
        clients.openai.chat.completions.create(model=MODEL, messages=ASK)
    assert endings(recorder) == ["RateLimitError"]


def test_retries_of_the_sdk_are_one_call(provider: FakeProvider, recorder: Recorder) -> None:
    provider.reset()
    provider.reply(status=500)
    provider.reply(text="Paris")
    client = openai.OpenAI(base_url=provider.openai_base_url, api_key="test", max_retries=1)
    assert client.chat.completions.create(model=MODEL, messages=ASK).choices[0].message.content == "Paris"
    assert len(provider.requests) == 2
    assert endings(recorder) == ["returned"]
