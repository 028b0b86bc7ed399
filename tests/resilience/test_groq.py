"""Groq's own SDK: the wire of OpenAI's chat under another client, with the same failover."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import groq
import pytest
from shapes import ASK
from traces import KEY, Configure

import hardened
from hardened.testing import FakeProvider, Reply

MODEL = "llama-3.3-70b-versatile"
OTHER = "llama-3.1-8b-instant"
DOWN = Reply(status=503)


def client(provider: FakeProvider, kind: Any = groq.Groq, **options: Any) -> Any:
    return kind(**{"base_url": provider.url, "api_key": "test", "max_retries": 2, "timeout": 10, **options})


def plain(provider: FakeProvider) -> str:
    with client(provider) as made:
        return made.chat.completions.create(model=MODEL, messages=ASK).choices[0].message.content


def streamed(provider: FakeProvider) -> str:
    with client(provider) as made:
        stream = made.chat.completions.create(model=MODEL, messages=ASK, stream=True)
        return "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)


def asynchronous(provider: FakeProvider) -> str:
    async def main() -> str:
        async with client(provider, groq.AsyncGroq) as made:
            return (await made.chat.completions.create(model=MODEL, messages=ASK)).choices[0].message.content

    return asyncio.run(main())


def asynchronously_streamed(provider: FakeProvider) -> str:
    async def main() -> str:
        async with client(provider, groq.AsyncGroq) as made:
            stream = await made.chat.completions.create(model=MODEL, messages=ASK, stream=True)
            return "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])

    return asyncio.run(main())


CALLERS = [plain, streamed, asynchronous, asynchronously_streamed]
Caller = Callable[[FakeProvider], str]


def to(other: FakeProvider) -> dict[str, Any]:
    backup = {"provider": "groq", "base_url": other.url, "api_key": "its-own", "model": OTHER}
    return {"targets": {"backup": backup}, "routes": {"default": ["backup"]}}


@pytest.mark.parametrize("call", CALLERS)
def test_another_service_answers(
    call: Caller, provider: FakeProvider, other: FakeProvider, waits: list[float], configure: Configure
) -> None:
    traces = configure(**to(other))
    provider.default = DOWN
    other.default = Reply(text=f"Paris, {KEY}")
    answer = call(provider)
    assert answer.startswith("Paris")
    assert KEY not in answer  # guards look at the fallback's answer too
    (request,) = other.requests
    assert request.path == "/openai/v1/chat/completions"
    assert (request.json["model"], request.headers["authorization"]) == (OTHER, "Bearer its-own")
    assert len(provider.requests) == 2
    span = traces.call()
    assert (span.attributes["hardened.served_by"], span.error_type) == ("backup", None)


@pytest.mark.parametrize("call", CALLERS)
def test_another_key_and_another_model_of_the_same_service(
    call: Caller, provider: FakeProvider, waits: list[float], configure: Configure
) -> None:
    configure(
        targets={"key": {"provider": "groq", "api_key": "second"}, "smaller": {"provider": "groq", "model": OTHER}},
        routes={"default": ["key", "smaller"]},
    )
    for status in (503, 503, 401):
        provider.reply(status=status)
    provider.reply(text="Paris")
    assert call(provider) == "Paris"
    sent = [(request.json["model"], request.headers["authorization"].split()[1]) for request in provider.requests]
    assert sent == [(MODEL, "test"), (MODEL, "test"), (MODEL, "second"), (OTHER, "test")]


@pytest.mark.parametrize("call", CALLERS)
def test_a_fixed_text(call: Caller, provider: FakeProvider, waits: list[float], configure: Configure) -> None:
    configure(targets={"sorry": {"static": "Later."}}, routes={"default": ["sorry"]})
    provider.default = DOWN
    assert call(provider) == "Later."
    assert hardened.last_call() is None or hardened.last_call().degraded  # type: ignore[union-attr]


@pytest.mark.parametrize("call", CALLERS)
def test_if_nobody_answers_the_error_is_that_of_the_sdk(
    call: Caller, provider: FakeProvider, other: FakeProvider, waits: list[float], configure: Configure
) -> None:
    configure(**to(other))
    provider.default = DOWN
    other.default = Reply(status=500)
    with pytest.raises(groq.InternalServerError) as raised:
        call(provider)
    assert raised.value.status_code == 503


@pytest.mark.parametrize("call", [streamed, asynchronously_streamed])
def test_a_stream_that_breaks_off_is_an_error_of_the_sdk(
    call: Caller, provider: FakeProvider, waits: list[float], configure: Configure
) -> None:
    configure()
    provider.default = Reply(text="Paris is the capital of France.", fault="end", fault_after=4)
    with pytest.raises(hardened.StreamInterrupted) as raised:
        call(provider)
    assert isinstance(raised.value, groq.APIConnectionError)


def test_the_sdks_own_types(provider: FakeProvider, other: FakeProvider, waits: Any, configure: Configure) -> None:
    configure(**to(other))
    provider.default = DOWN
    made = client(provider)
    raw = made.chat.completions.with_raw_response.create(model=MODEL, messages=ASK)
    assert raw.headers["x-hardened-served-by"] == "backup"
    assert type(raw.parse()) is groq.types.chat.ChatCompletion
    assert type(made.chat.completions.create(model=MODEL, messages=ASK, stream=True)) is groq.Stream
