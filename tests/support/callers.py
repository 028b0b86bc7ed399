"""The ways in which the tests call a provider: SDK by SDK, sync and async, plain and streamed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import anthropic
import openai
import trio
from shapes import ASK, CLAUDE, MODEL
from traces import Traces

from hardened.testing import FakeProvider

RETRIES = 2


@dataclass(frozen=True)
class Caller:
    """One way to call: returns the text of the answer, raises what the SDK raises."""

    sdk: str
    call: Callable[..., str]
    stream: bool = False


def openai_client(provider: FakeProvider, kind: Any = openai.OpenAI, **options: Any) -> Any:
    return kind(
        **{"base_url": provider.openai_base_url, "api_key": "test", "max_retries": RETRIES, "timeout": 10} | options
    )


def anthropic_client(provider: FakeProvider, kind: Any = anthropic.Anthropic, **options: Any) -> Any:
    return kind(**{"base_url": provider.url, "api_key": "test", "max_retries": RETRIES, "timeout": 10} | options)


def _chat(provider: FakeProvider, **options: Any) -> str:
    with openai_client(provider, **options) as client:
        return client.chat.completions.create(model=MODEL, messages=ASK).choices[0].message.content


def _chat_stream(provider: FakeProvider, **options: Any) -> str:
    with openai_client(provider, **options) as client:
        stream = client.chat.completions.create(model=MODEL, messages=ASK, stream=True)
        return "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)


async def _achat(provider: FakeProvider, **options: Any) -> str:
    async with openai_client(provider, openai.AsyncOpenAI, **options) as client:
        return (await client.chat.completions.create(model=MODEL, messages=ASK)).choices[0].message.content


async def _achat_stream(provider: FakeProvider, **options: Any) -> str:
    async with openai_client(provider, openai.AsyncOpenAI, **options) as client:
        stream = await client.chat.completions.create(model=MODEL, messages=ASK, stream=True)
        return "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])


def _message(provider: FakeProvider, **options: Any) -> str:
    with anthropic_client(provider, **options) as client:
        return client.messages.create(model=CLAUDE, max_tokens=64, messages=ASK).content[0].text


def _message_stream(provider: FakeProvider, **options: Any) -> str:
    with (
        anthropic_client(provider, **options) as client,
        client.messages.stream(model=CLAUDE, max_tokens=64, messages=ASK) as stream,
    ):
        return "".join(stream.text_stream)


async def _amessage(provider: FakeProvider, **options: Any) -> str:
    async with anthropic_client(provider, anthropic.AsyncAnthropic, **options) as client:
        return (await client.messages.create(model=CLAUDE, max_tokens=64, messages=ASK)).content[0].text


async def _amessage_stream(provider: FakeProvider, **options: Any) -> str:
    async with (
        anthropic_client(provider, anthropic.AsyncAnthropic, **options) as client,
        client.messages.stream(model=CLAUDE, max_tokens=64, messages=ASK) as stream,
    ):
        return "".join([text async for text in stream.text_stream])


def _in_asyncio(call: Callable[..., Any]) -> Callable[..., str]:
    return lambda provider, **options: asyncio.run(call(provider, **options))


def _in_trio(call: Callable[..., Any]) -> Callable[..., str]:
    async def run(provider: FakeProvider, options: dict[str, Any]) -> str:
        return await call(provider, **options)

    return lambda provider, **options: trio.run(run, provider, options)


CALLERS = {
    "openai": Caller("openai", _chat),
    "openai async": Caller("openai", _in_asyncio(_achat)),
    "openai trio": Caller("openai", _in_trio(_achat)),
    "anthropic": Caller("anthropic", _message),
    "anthropic async": Caller("anthropic", _in_asyncio(_amessage)),
}
STREAMS = {
    "openai": Caller("openai", _chat_stream, stream=True),
    "openai async": Caller("openai", _in_asyncio(_achat_stream), stream=True),
    "openai trio": Caller("openai", _in_trio(_achat_stream), stream=True),
    "anthropic": Caller("anthropic", _message_stream, stream=True),
    "anthropic async": Caller("anthropic", _in_asyncio(_amessage_stream), stream=True),
}


def events(traces: Traces) -> list[tuple[str, dict[str, Any]]]:
    """The events of all spans in the trace file, by name, with their attributes."""
    found: list[tuple[str, dict[str, Any]]] = []
    for line in traces.bytes.splitlines():
        for resource in json.loads(line)["resourceSpans"]:
            for scope in resource["scopeSpans"]:
                for span in scope["spans"]:
                    found += [(event["name"], _attributes(event)) for event in span.get("events", ())]
    return found


def _attributes(event: Any) -> dict[str, Any]:
    def plain(value: Any) -> Any:
        kind, said = next(iter(value.items()))
        return int(said) if kind == "intValue" else said

    return {attribute["key"]: plain(attribute["value"]) for attribute in event["attributes"]}
