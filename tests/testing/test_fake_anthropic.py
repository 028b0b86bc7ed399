"""The fake provider against the real Anthropic SDK."""

from __future__ import annotations

import asyncio

import anthropic
import pytest
from anthropic import beta_tool

from hardened.testing import FakeProvider

ASK = {"model": "claude-sonnet-4-6", "max_tokens": 64, "messages": [{"role": "user", "content": "Hello out there"}]}


def test_message(provider: FakeProvider, anthropic_client: anthropic.Anthropic) -> None:
    message = anthropic_client.messages.create(**ASK)
    assert message.content[0].text == "You said: Hello out there"
    assert (message.stop_reason, message.model) == ("end_turn", "claude-sonnet-4-6")
    usage = {"input": 100, "cached": 60, "cache_write": 10, "output": 5}
    provider.reply(text="ok", usage=usage)
    counted = anthropic_client.messages.create(**ASK).usage
    assert (counted.input_tokens, counted.cache_read_input_tokens, counted.cache_creation_input_tokens) == (30, 60, 10)


def test_blocks(provider: FakeProvider, anthropic_client: anthropic.Anthropic) -> None:
    provider.reply(text="Let me look", reasoning="I should", tool_calls=[{"name": "look", "arguments": {"at": "it"}}])
    message = anthropic_client.messages.create(**ASK)
    assert [block.type for block in message.content] == ["thinking", "text", "tool_use"]
    assert message.content[0].signature
    assert message.content[2].input == {"at": "it"}
    assert message.stop_reason == "tool_use"
    provider.reply(refusal="I would rather not")
    assert anthropic_client.messages.create(**ASK).stop_reason == "refusal"


def test_stream_events_in_order(provider: FakeProvider, anthropic_client: anthropic.Anthropic) -> None:
    provider.reply(text="Hi", reasoning="hm", tool_calls=[{"name": "f", "arguments": {}}])
    with anthropic_client.messages.with_streaming_response.create(**ASK, stream=True) as response:
        lines = list(response.iter_lines())
    assert [line.removeprefix("event: ") for line in lines if line.startswith("event: ")] == [
        "message_start",
        "content_block_start",
        "ping",
        "content_block_delta",  # thinking
        "content_block_delta",  # its signature
        "content_block_stop",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "content_block_start",
        "content_block_delta",  # an empty piece of JSON first
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


def test_stream_usage_is_a_running_total(provider: FakeProvider, anthropic_client: anthropic.Anthropic) -> None:
    provider.reply(text="Hello", usage={"input": 20, "output": 9})
    events = list(anthropic_client.messages.create(**ASK, stream=True))
    start = next(event for event in events if event.type == "message_start")
    delta = next(event for event in events if event.type == "message_delta")
    assert (start.message.usage.input_tokens, start.message.usage.output_tokens) == (20, 1)
    assert (delta.usage.input_tokens, delta.usage.output_tokens) == (20, 9)


def test_stream_helper(provider: FakeProvider, anthropic_client: anthropic.Anthropic) -> None:
    provider.reply(text="Let me look", reasoning="I should", tool_calls=[{"name": "look", "arguments": {"at": "ü"}}])
    with anthropic_client.messages.stream(**ASK) as stream:
        assert "".join(stream.text_stream) == "Let me look"
        message = stream.get_final_message()
    assert message.content[0].thinking == "I should"
    assert message.content[2].input == {"at": "ü"}
    assert message.usage.output_tokens > 1


def test_beta_and_count_tokens(anthropic_client: anthropic.Anthropic) -> None:
    assert anthropic_client.beta.messages.create(**ASK).content[0].text == "You said: Hello out there"
    with anthropic_client.beta.messages.stream(**ASK) as stream:
        assert stream.get_final_message().content[0].text == "You said: Hello out there"
    count = anthropic_client.messages.count_tokens(model=ASK["model"], messages=ASK["messages"])
    assert count.input_tokens == 4


def test_tool_runner(provider: FakeProvider, anthropic_client: anthropic.Anthropic) -> None:
    @beta_tool
    def stock(product: str) -> str:
        """How many are left."""
        return f"3 {product} left"

    provider.reply(tool_calls=[{"name": "stock", "arguments": {"product": "lamps"}}])
    runner = anthropic_client.beta.messages.tool_runner(**ASK, tools=[stock])
    assert runner.until_done().content[0].text == "You said: 3 lamps left"
    assert len(provider.requests) == 2


def test_batches(anthropic_client: anthropic.Anthropic) -> None:
    batches = anthropic_client.messages.batches
    batch = batches.create(requests=[{"custom_id": "first", "params": ASK}])
    assert batch.processing_status == "in_progress"
    assert batches.retrieve(batch.id).processing_status == "ended"
    results = list(batches.results(batch.id))
    assert results[0].custom_id == "first"
    assert results[0].result.message.content[0].text == "You said: Hello out there"
    assert [entry.id for entry in batches.list()] == [batch.id]
    assert batches.cancel(batch.id).processing_status == "canceling"
    assert batches.delete(batch.id).type == "message_batch_deleted"


def test_models(anthropic_client: anthropic.Anthropic) -> None:
    assert [model.id for model in anthropic_client.models.list()] == ["claude-sonnet-4-6", "claude-haiku-4-5"]
    assert anthropic_client.models.retrieve("claude-x").display_name == "claude-x"


def test_async_client(provider: FakeProvider) -> None:
    async def talk() -> list[str]:
        base = provider.anthropic_base_url
        async with anthropic.AsyncAnthropic(base_url=base, api_key="t", max_retries=0) as client:
            plain = await client.messages.create(**ASK)
            async with client.messages.stream(**ASK) as stream:
                final = await stream.get_final_message()
            return [plain.content[0].text, final.content[0].text]

    assert asyncio.run(talk()) == ["You said: Hello out there"] * 2


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (400, anthropic.BadRequestError, "invalid_request_error"),
        (429, anthropic.RateLimitError, "rate_limit_error"),
        (529, anthropic.APIStatusError, "overloaded_error"),
    ],
)
def test_errors(
    provider: FakeProvider,
    anthropic_client: anthropic.Anthropic,
    status: int,
    error: type[anthropic.APIStatusError],
    kind: str,
) -> None:
    provider.reply(status=status)
    with pytest.raises(error) as caught:
        anthropic_client.messages.create(**ASK)
    assert (caught.value.status_code, caught.value.body["error"]["type"]) == (status, kind)
