"""Every way in which an application calls the provider SDKs, as functions that return what the application sees.

The same list serves the seam's tests (is the result what the SDK returns without us?) and the pipeline's (one span).
A shape gets a `Clients` and returns plain data; ids and times, which differ from call to call, are left out.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import anthropic
import openai
from pydantic import BaseModel

from hardened.testing import FakeProvider

MODEL, CLAUDE = "gpt-4o-mini", "claude-sonnet-4-6"
QUESTION = "Name the capital of France."
ASK = [{"role": "user", "content": QUESTION}]
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
VOLATILE = {"id", "created", "created_at", "completed_at", "item_id", "response_id", "call_id", "tool_call_id", "call"}
VOLATILE |= {"system_fingerprint", "obfuscation", "tool_use_id", "_request_id", "request_id", "signature"}


@dataclass
class Clients:
    """Clients of every SDK for one fake provider, made when first asked for."""

    provider: FakeProvider
    question: str = QUESTION

    @property
    def ask(self) -> Any:
        return [{"role": "user", "content": self.question}]

    @cached_property
    def openai(self) -> openai.OpenAI:
        return openai.OpenAI(base_url=self.provider.openai_base_url, api_key="test", max_retries=0, timeout=10)

    @cached_property
    def anthropic(self) -> anthropic.Anthropic:
        return anthropic.Anthropic(base_url=self.provider.url, api_key="test", max_retries=0, timeout=10)

    @cached_property
    def azure(self) -> openai.AzureOpenAI:
        return openai.AzureOpenAI(
            azure_endpoint=self.provider.url, api_key="test", api_version="2024-10-21", max_retries=0, timeout=10
        )

    def async_openai(self) -> openai.AsyncOpenAI:
        return openai.AsyncOpenAI(base_url=self.provider.openai_base_url, api_key="test", max_retries=0, timeout=10)

    def async_anthropic(self) -> anthropic.AsyncAnthropic:
        return anthropic.AsyncAnthropic(base_url=self.provider.url, api_key="test", max_retries=0, timeout=10)


Shape = Callable[[Clients], Any]
SHAPES: dict[str, Shape] = {}


def shape(function: Shape) -> Shape:
    SHAPES[function.__name__] = function
    return function


def plain(value: Any) -> Any:
    """What was returned, with its types' names, without what differs from call to call."""
    if isinstance(value, BaseModel):
        return {"type": type(value).__name__, **plain(value.model_dump(mode="json", warnings=False))}
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items() if key not in VOLATILE}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def lines(raw: list[str]) -> list[Any]:
    """Lines of a server-sent event stream, their JSON as plain data."""
    return [plain(json.loads(line[6:])) if line.startswith("data: {") else line for line in raw]


class Capital(BaseModel):
    name: str


def _json_answer(clients: Clients) -> None:
    clients.provider.reply(text='{"name": "Paris"}')


# --- OpenAI, sync


@shape
def chat(clients: Clients) -> Any:
    return plain(clients.openai.chat.completions.create(model=MODEL, messages=clients.ask))


@shape
def chat_two_choices(clients: Clients) -> Any:
    return plain(clients.openai.chat.completions.create(model=MODEL, messages=clients.ask, n=2))


@shape
def chat_tool_call(clients: Clients) -> Any:
    clients.provider.reply(tool_calls=[{"name": "look", "arguments": {"at": "the sea"}}])
    return plain(clients.openai.chat.completions.create(model=MODEL, messages=clients.ask, tools=[TOOL]))


@shape
def chat_stream(clients: Clients) -> Any:
    stream = clients.openai.chat.completions.create(model=MODEL, messages=clients.ask, stream=True)
    return [type(stream).__name__, *plain(list(stream))]


@shape
def chat_stream_usage_choices_tools(clients: Clients) -> Any:
    clients.provider.reply(text="Let me see.", tool_calls=[{"name": "look", "arguments": {"at": "the sea"}}])
    options = {"include_usage": True}
    stream = clients.openai.chat.completions.create(
        model=MODEL, messages=clients.ask, stream=True, n=2, stream_options=options, tools=[TOOL]
    )
    return plain(list(stream))


@shape
def chat_stream_helper(clients: Clients) -> Any:
    with clients.openai.chat.completions.stream(model=MODEL, messages=clients.ask) as stream:
        kinds = [event.type for event in stream]
        return [*kinds, plain(stream.get_final_completion())]


@shape
def chat_parse(clients: Clients) -> Any:
    _json_answer(clients)
    completion = clients.openai.chat.completions.parse(model=MODEL, messages=clients.ask, response_format=Capital)
    parsed = completion.choices[0].message.parsed
    assert parsed is not None and parsed.name.startswith("Paris")
    return plain(completion)


@shape
def chat_raw(clients: Clients) -> Any:
    raw = clients.openai.chat.completions.with_raw_response.create(model=MODEL, messages=clients.ask)
    return [
        type(raw).__name__,
        raw.status_code,
        raw.headers["content-type"],
        plain(raw.parse()),
        plain(json.loads(raw.text)),
    ]


@shape
def chat_raw_stream(clients: Clients) -> Any:
    raw = clients.openai.chat.completions.with_raw_response.create(model=MODEL, messages=clients.ask, stream=True)
    return [type(raw).__name__, *plain(list(raw.parse()))]


@shape
def chat_streaming_response(clients: Clients) -> Any:
    with clients.openai.chat.completions.with_streaming_response.create(model=MODEL, messages=clients.ask) as response:
        return [type(response).__name__, plain(response.parse())]


@shape
def chat_streaming_response_bytes(clients: Clients) -> Any:
    with clients.openai.chat.completions.with_streaming_response.create(model=MODEL, messages=clients.ask) as response:
        return plain(json.loads(b"".join(response.iter_bytes())))


@shape
def chat_streaming_response_lines(clients: Clients) -> Any:
    create = clients.openai.chat.completions.with_streaming_response.create
    with create(model=MODEL, messages=clients.ask, stream=True) as response:
        return lines(list(response.iter_lines()))


@shape
def responses(clients: Clients) -> Any:
    return plain(clients.openai.responses.create(model=MODEL, input=clients.question))


@shape
def responses_stream(clients: Clients) -> Any:
    clients.provider.reply(
        text="Paris", reasoning="Geography", tool_calls=[{"name": "look", "arguments": {"at": "it"}}]
    )
    return plain(list(clients.openai.responses.create(model=MODEL, input=clients.question, stream=True)))


@shape
def responses_stream_helper(clients: Clients) -> Any:
    with clients.openai.responses.stream(model=MODEL, input=clients.question) as stream:
        kinds = [event.type for event in stream]
        return [*kinds, plain(stream.get_final_response())]


@shape
def responses_parse(clients: Clients) -> Any:
    _json_answer(clients)
    response = clients.openai.responses.parse(model=MODEL, input=clients.question, text_format=Capital)
    assert response.output_parsed is not None and response.output_parsed.name.startswith("Paris")
    return plain(response)


@shape
def completions(clients: Clients) -> Any:
    return plain(clients.openai.completions.create(model="gpt-3.5-turbo-instruct", prompt=clients.question))


@shape
def completions_stream(clients: Clients) -> Any:
    stream = clients.openai.completions.create(model="gpt-3.5-turbo-instruct", prompt=clients.question, stream=True)
    return plain(list(stream))


@shape
def embeddings(clients: Clients) -> Any:
    return plain(clients.openai.embeddings.create(model="text-embedding-3-small", input=[clients.question, "Rome"]))


@shape
def images(clients: Clients) -> Any:
    return plain(clients.openai.images.generate(model="gpt-image-1", prompt=clients.question))


@shape
def speech(clients: Clients) -> Any:
    return clients.openai.audio.speech.create(model="tts-1", voice="alloy", input=clients.question).read()


@shape
def speech_streaming(clients: Clients) -> Any:
    create = clients.openai.audio.speech.with_streaming_response.create
    with create(model="tts-1", voice="alloy", input=clients.question) as response:
        return b"".join(response.iter_bytes())


@shape
def transcription(clients: Clients) -> Any:
    return plain(
        clients.openai.audio.transcriptions.create(model="whisper-1", file=("a.wav", b"RIFF"), prompt=clients.question)
    )


@shape
def moderation(clients: Clients) -> Any:
    return plain(clients.openai.moderations.create(model="omni-moderation-latest", input=clients.question))


@shape
def models_page(clients: Clients) -> Any:
    return plain(list(clients.openai.models.list()))


@shape
def client_post(clients: Clients) -> Any:
    body = {"model": MODEL, "messages": clients.ask}
    return plain(clients.openai.post("/chat/completions", cast_to=object, body=body))


@shape
def extra_body(clients: Clients) -> Any:
    result = clients.openai.chat.completions.create(model=MODEL, messages=[], extra_body={"messages": clients.ask})
    assert len(clients.provider.requests[-1].json["messages"]) == 1
    return plain(result)


@shape
def azure_chat(clients: Clients) -> Any:
    return plain(clients.azure.chat.completions.create(model="my-deployment", messages=clients.ask))


@shape
def azure_chat_stream(clients: Clients) -> Any:
    return plain(list(clients.azure.chat.completions.create(model="my-deployment", messages=clients.ask, stream=True)))


# --- OpenAI, async


@shape
def async_chat(clients: Clients) -> Any:
    async def call() -> Any:
        async with clients.async_openai() as client:
            return plain(await client.chat.completions.create(model=MODEL, messages=clients.ask))

    return asyncio.run(call())


@shape
def async_chat_stream(clients: Clients) -> Any:
    async def call() -> Any:
        async with clients.async_openai() as client:
            stream = await client.chat.completions.create(model=MODEL, messages=clients.ask, stream=True)
            return [type(stream).__name__, *[plain(chunk) async for chunk in stream]]

    return asyncio.run(call())


@shape
def async_chat_raw_stream(clients: Clients) -> Any:
    async def call() -> Any:
        async with clients.async_openai() as client:
            raw = await client.chat.completions.with_raw_response.create(model=MODEL, messages=clients.ask, stream=True)
            return [plain(chunk) async for chunk in raw.parse()]

    return asyncio.run(call())


@shape
def async_responses_stream_helper(clients: Clients) -> Any:
    async def call() -> Any:
        async with (
            clients.async_openai() as client,
            client.responses.stream(model=MODEL, input=clients.question) as stream,
        ):
            kinds = [event.type async for event in stream]
            return [*kinds, plain(await stream.get_final_response())]

    return asyncio.run(call())


@shape
def async_streaming_response_lines(clients: Clients) -> Any:
    async def call() -> Any:
        async with clients.async_openai() as client:
            create = client.chat.completions.with_streaming_response.create
            async with create(model=MODEL, messages=clients.ask, stream=True) as response:
                return lines([line async for line in response.iter_lines()])

    return asyncio.run(call())


@shape
def async_models_page(clients: Clients) -> Any:
    async def call() -> Any:
        async with clients.async_openai() as client:
            return [plain(model) async for model in client.models.list()]

    return asyncio.run(call())


# --- Anthropic


@shape
def message(clients: Clients) -> Any:
    return plain(clients.anthropic.messages.create(model=CLAUDE, max_tokens=64, messages=clients.ask))


@shape
def message_blocks(clients: Clients) -> Any:
    clients.provider.reply(text="Look", reasoning="Hm", tool_calls=[{"name": "look", "arguments": {"at": "it"}}])
    return plain(clients.anthropic.messages.create(model=CLAUDE, max_tokens=64, messages=clients.ask))


@shape
def message_stream(clients: Clients) -> Any:
    clients.provider.reply(text="Look there", reasoning="Hm", tool_calls=[{"name": "look", "arguments": {"at": "it"}}])
    stream = clients.anthropic.messages.create(model=CLAUDE, max_tokens=64, messages=clients.ask, stream=True)
    return [type(stream).__name__, *plain(list(stream))]


@shape
def message_stream_helper(clients: Clients) -> Any:
    with clients.anthropic.messages.stream(model=CLAUDE, max_tokens=64, messages=clients.ask) as stream:
        return ["".join(stream.text_stream), plain(stream.get_final_message())]


@shape
def message_raw(clients: Clients) -> Any:
    raw = clients.anthropic.messages.with_raw_response.create(model=CLAUDE, max_tokens=64, messages=clients.ask)
    return [type(raw).__name__, plain(raw.parse())]


@shape
def message_streaming_response_lines(clients: Clients) -> Any:
    create = clients.anthropic.messages.with_streaming_response.create
    with create(model=CLAUDE, max_tokens=64, messages=clients.ask, stream=True) as response:
        return lines(list(response.iter_lines()))


@shape
def beta_message(clients: Clients) -> Any:
    return plain(clients.anthropic.beta.messages.create(model=CLAUDE, max_tokens=64, messages=clients.ask))


@shape
def count_tokens(clients: Clients) -> Any:
    return plain(clients.anthropic.messages.count_tokens(model=CLAUDE, messages=clients.ask))


@shape
def async_message(clients: Clients) -> Any:
    async def call() -> Any:
        async with clients.async_anthropic() as client:
            return plain(await client.messages.create(model=CLAUDE, max_tokens=64, messages=clients.ask))

    return asyncio.run(call())


@shape
def async_message_stream_helper(clients: Clients) -> Any:
    async def call() -> Any:
        async with (
            clients.async_anthropic() as client,
            client.messages.stream(model=CLAUDE, max_tokens=64, messages=clients.ask) as stream,
        ):
            return ["".join([text async for text in stream.text_stream]), plain(await stream.get_final_message())]

    return asyncio.run(call())


def image_url() -> str:
    """A tiny image as a data URL."""
    return "data:image/png;base64," + base64.b64encode(b"\x89PNG tiny").decode()
