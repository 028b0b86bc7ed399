"""The same models through clouds, and calls that are several: batches, tool runners, pages."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest
from leaky import ANSWER, CLEAN, LeakyProvider, assert_clean
from shapes import ASK, CLAUDE, Clients, plain
from traces import KEY, Configure, Traces

from hardened.testing import FakeProvider

QUESTION = [{"role": "user", "content": f"my key is {KEY}"}]


@pytest.fixture(scope="module")
def running() -> Iterator[LeakyProvider]:
    with LeakyProvider(chunk_size=3) as provider:
        yield provider


@pytest.fixture
def leaky(running: LeakyProvider) -> Iterator[LeakyProvider]:
    running.leak()
    yield running
    running.reset()


def received(leaky: LeakyProvider) -> bytes:
    return b"".join(request.body for request in leaky.requests)


# --- Clouds


def bedrock(leaky: LeakyProvider, kind: Any) -> Any:
    pytest.importorskip("botocore", reason="anthropic[bedrock] is not installed")
    keys = {"aws_region": "eu-central-1", "aws_access_key": "test", "aws_secret_key": "test"}
    return kind(base_url=leaky.url, max_retries=0, **keys)


def vertex(leaky: LeakyProvider, kind: Any) -> Any:
    pytest.importorskip("google.auth", reason="anthropic[vertex] is not installed")
    place = {"region": "europe-west1", "project_id": "p", "access_token": "test"}
    return kind(base_url=leaky.url + "/v1", max_retries=0, **place)


CLOUDS: dict[str, Any] = {
    "aws.bedrock": (bedrock, "AnthropicBedrock", "eu.anthropic.claude-sonnet-4-6-v1:0"),
    "gcp.vertex_ai": (vertex, "AnthropicVertex", CLAUDE),
}


@pytest.mark.parametrize("name", CLOUDS)
def test_claude_in_a_cloud(name: str, leaky: LeakyProvider, traces: Traces) -> None:
    make, kind, model = CLOUDS[name]
    ask = {"model": model, "max_tokens": 9, "messages": QUESTION}
    client = make(leaky, getattr(anthropic, kind))
    assert client.messages.create(**ask).content[0].text == CLEAN
    assert_clean(plain(list(client.messages.create(**ask, stream=True))))
    with client.messages.stream(**ask) as stream:
        assert "".join(stream.text_stream) == CLEAN
        assert stream.get_final_message().content[0].text == CLEAN

    async def main() -> str:
        async with make(leaky, getattr(anthropic, "Async" + kind)) as client, client.messages.stream(**ask) as stream:
            return "".join([text async for text in stream.text_stream])

    assert asyncio.run(main()) == CLEAN
    assert KEY.encode() not in received(leaky)
    calls = traces.calls()
    assert len(calls) == 4
    assert {(span.provider, span.operation, span.guard_outcome) for span in calls} == {(name, "chat", "redacted")}
    assert {span.stream_outcome for span in calls} == {None, "completed"}


def test_azure(leaky: LeakyProvider, traces: Traces) -> None:
    async def main() -> str:
        options = {"azure_endpoint": leaky.url, "api_key": "test", "api_version": "2024-10-21"}
        async with openai.AsyncAzureOpenAI(**options) as client:
            stream = await client.chat.completions.create(model="prod", messages=QUESTION, stream=True)
            return "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])

    assert asyncio.run(main()) == CLEAN
    assert KEY.encode() not in received(leaky)
    assert (traces.call().provider, traces.call().model) == ("azure.ai.openai", "prod")


# --- Several in one


def test_a_tool_runner_is_one_span_for_each_request(leaky: LeakyProvider, configure: Configure) -> None:
    if not hasattr(anthropic, "beta_tool"):
        pytest.skip("this version of anthropic has no tool runner")
    traces = configure()
    asked: list[str] = []

    def look(at: str) -> str:
        """Look.

        Args:
            at: where to look
        """
        asked.append(at)
        return f"I see {ANSWER}"

    FakeProvider.reply(leaky, text="Let me look.", tool_calls=[{"name": "look", "arguments": {"at": ANSWER}}])
    runner = Clients(leaky).anthropic.beta.messages.tool_runner(
        model=CLAUDE, max_tokens=9, messages=ASK, tools=[anthropic.beta_tool(look)]
    )
    assert runner.until_done().content[0].text == CLEAN
    assert asked == [CLEAN]
    assert len(traces.calls()) == len(leaky.requests) == 2
    assert KEY.encode() not in received(leaky)


def test_batches_of_anthropic(leaky: LeakyProvider, traces: Traces) -> None:
    batches = Clients(leaky).anthropic.messages.batches
    params: Any = {"model": CLAUDE, "max_tokens": 9, "messages": QUESTION}
    batch = batches.create(requests=[{"custom_id": str(number), "params": params} for number in range(3)])
    assert KEY.encode() not in received(leaky)
    found = plain(list(batches.results(batch.id)))
    assert [line["custom_id"] for line in found] == ["0", "1", "2"]
    assert {line["result"]["message"]["content"][0]["text"] for line in found} == {CLEAN}
    assert [one.id for one in batches.list()] == [batch.id]
    assert len(traces.calls()) == len(leaky.requests)


def test_batches_of_openai(leaky: LeakyProvider, traces: Traces) -> None:
    client = Clients(leaky).openai
    file = client.files.create(file=("b.jsonl", b'{"custom_id": "1"}\n'), purpose="batch")
    client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
    assert len(list(client.batches.list())) == 1
    assert len(traces.calls()) == len(leaky.requests)
    assert {span.operation for span in traces.calls()} == {None}
