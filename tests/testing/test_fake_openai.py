"""The fake provider against the real OpenAI SDK: what the SDK makes of the wire is what the test scripted."""

from __future__ import annotations

import asyncio
import io
import json

import openai
import pytest
from pydantic import BaseModel

from hardened.testing import FakeProvider, ToolCall

HELLO = [{"role": "user", "content": "Hello out there"}]


class City(BaseModel):
    name: str


def test_chat_echoes_by_default_with_plausible_usage(openai_client: openai.OpenAI) -> None:
    completion = openai_client.chat.completions.create(model="gpt-4o", messages=HELLO)
    assert completion.choices[0].message.content == "You said: Hello out there"
    assert completion.model == "gpt-4o"
    assert completion.choices[0].finish_reason == "stop"
    assert completion.usage.total_tokens == completion.usage.prompt_tokens + completion.usage.completion_tokens
    assert completion.usage.prompt_tokens == 4  # 15 characters


def test_ids_are_unique(openai_client: openai.OpenAI) -> None:
    ids = {openai_client.chat.completions.create(model="m", messages=HELLO).id for _ in range(20)}
    assert len(ids) == 20


def test_chat_scripted_fields(provider: FakeProvider, openai_client: openai.OpenAI) -> None:
    usage = {"input": 100, "output": 30, "cached": 40, "reasoning": 10}
    provider.reply(text="Done", finish_reason="length", model="gpt-4o-2024-08-06", usage=usage)
    completion = openai_client.chat.completions.create(model="gpt-4o", messages=HELLO)
    assert completion.choices[0].message.content == "Done"
    assert completion.choices[0].finish_reason == "length"
    assert completion.model == "gpt-4o-2024-08-06"
    assert completion.usage.prompt_tokens == 100
    assert completion.usage.prompt_tokens_details.cached_tokens == 40
    assert completion.usage.completion_tokens_details.reasoning_tokens == 10


def test_chat_choices(provider: FakeProvider, openai_client: openai.OpenAI) -> None:
    provider.reply(choices=["one", "two"])
    completion = openai_client.chat.completions.create(model="gpt-4o", messages=HELLO, n=2)
    assert [choice.message.content for choice in completion.choices] == ["one", "two"]
    provider.reply(choices=["first answer", "second"])
    seen = {0: "", 1: ""}
    order = []
    for chunk in openai_client.chat.completions.create(model="gpt-4o", messages=HELLO, n=2, stream=True):
        for choice in chunk.choices:
            seen[choice.index] += choice.delta.content or ""
            order.append(choice.index)
    assert seen == {0: "first answer", 1: "second"}
    assert order[:4] == [0, 1, 0, 1], "the choices of a stream interleave"


def test_chat_tool_calls(provider: FakeProvider, openai_client: openai.OpenAI) -> None:
    provider.reply(tool_calls=[ToolCall("weather", {"city": "Graz"}, id="call_1"), {"name": "time"}])
    completion = openai_client.chat.completions.create(model="gpt-4o", messages=HELLO)
    message = completion.choices[0].message
    assert completion.choices[0].finish_reason == "tool_calls"
    assert message.content is None
    assert [(call.function.name, json.loads(call.function.arguments)) for call in message.tool_calls] == [
        ("weather", {"city": "Graz"}),
        ("time", {}),
    ]
    assert message.tool_calls[0].id == "call_1"


def test_chat_refusal_and_reasoning(provider: FakeProvider, openai_client: openai.OpenAI) -> None:
    provider.reply(refusal="I cannot", reasoning="because")
    message = openai_client.chat.completions.create(model="gpt-4o", messages=HELLO).choices[0].message
    assert (message.content, message.refusal) == (None, "I cannot")
    assert message.model_extra["reasoning_content"] == "because"


@pytest.mark.parametrize("include_usage", [True, False])
def test_chat_stream_usage_chunk_only_if_asked(
    provider: FakeProvider, openai_client: openai.OpenAI, include_usage: bool
) -> None:
    provider.reply(chunks=["Hel", "lo ", "there"])
    options = {"stream_options": {"include_usage": True}} if include_usage else {}
    chunks = list(openai_client.chat.completions.create(model="gpt-4o", messages=HELLO, stream=True, **options))
    pieces = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices]
    assert [piece for piece in pieces if piece] == ["Hel", "lo ", "there"]
    assert [bool(chunk.usage) for chunk in chunks] == [False] * (len(chunks) - 1) + [include_usage]
    assert (chunks[-1].choices == []) is include_usage
    assert len({chunk.id for chunk in chunks}) == 1


def test_chat_stream_helper(provider: FakeProvider, openai_client: openai.OpenAI) -> None:
    provider.reply(text="Let me look", tool_calls=[{"name": "look", "arguments": {"at": "it"}}])
    with openai_client.chat.completions.stream(model="gpt-4o", messages=HELLO) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_completion()
    assert {"content.delta", "content.done", "tool_calls.function.arguments.done"} <= set(kinds)
    assert final.choices[0].message.content == "Let me look"
    assert json.loads(final.choices[0].message.tool_calls[0].function.arguments) == {"at": "it"}


def test_chat_parse(provider: FakeProvider, openai_client: openai.OpenAI) -> None:
    provider.reply(text='{"name": "Linz"}')
    parsed = openai_client.chat.completions.parse(model="gpt-4o", messages=HELLO, response_format=City)
    assert parsed.choices[0].message.parsed == City(name="Linz")


def test_chat_raw_and_streaming_response(openai_client: openai.OpenAI) -> None:
    raw = openai_client.chat.completions.with_raw_response.create(model="gpt-4o", messages=HELLO)
    assert raw.headers["x-request-id"].startswith("req_")
    assert raw.parse().choices[0].message.content == "You said: Hello out there"
    with openai_client.chat.completions.with_streaming_response.create(model="m", messages=HELLO, stream=True) as live:
        lines = list(live.iter_lines())
    assert lines[-1] == "data: [DONE]" or lines[-2] == "data: [DONE]"


RESPONSES_EVENTS = [
    "response.created",
    "response.in_progress",
    "response.output_item.added",
    "response.reasoning_summary_part.added",
    "response.reasoning_summary_text.delta",
    "response.reasoning_summary_text.done",
    "response.reasoning_summary_part.done",
    "response.output_item.done",
    "response.output_item.added",
    "response.content_part.added",
    "response.output_text.delta",
    "response.output_text.delta",
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done",
    "response.output_item.added",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "response.output_item.done",
    "response.completed",
]


def test_responses_stream_sends_every_event_in_order(provider: FakeProvider, openai_client: openai.OpenAI) -> None:
    provider.reply(text="Hi you", reasoning="hmm", tool_calls=[{"name": "f", "arguments": "{}"}])
    events = list(openai_client.responses.create(model="gpt-4o", input="Hello", stream=True))
    assert [event.type for event in events] == RESPONSES_EVENTS
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert events[-1].response.output_text == "Hi you"
    assert len({event.response.id for event in events if hasattr(event, "response")}) == 1


def test_responses_plain_stream_helper_and_parse(provider: FakeProvider, openai_client: openai.OpenAI) -> None:
    plain = openai_client.responses.create(model="gpt-4o", input="Hello", instructions="Be kind")
    assert plain.output_text == "You said: Hello"
    assert (plain.status, plain.instructions) == ("completed", "Be kind")
    provider.reply(text='{"name": "Wels"}')
    with openai_client.responses.stream(model="gpt-4o", input="Hello", text_format=City) as stream:
        stream.until_done()
        assert stream.get_final_response().output_parsed == City(name="Wels")
    provider.reply(text='{"name": "Steyr"}')
    assert openai_client.responses.parse(model="m", input="x", text_format=City).output_parsed == City(name="Steyr")


def test_responses_are_retrieved_by_id(provider: FakeProvider, openai_client: openai.OpenAI) -> None:
    provider.reply(text="ready")
    fetched = openai_client.responses.retrieve("resp_123")
    assert (fetched.id, fetched.status, fetched.output_text) == ("resp_123", "completed", "ready")


def test_responses_refusal_and_incomplete(provider: FakeProvider, openai_client: openai.OpenAI) -> None:
    provider.reply(refusal="No")
    events = list(openai_client.responses.create(model="gpt-4o", input="Hello", stream=True))
    assert "response.refusal.done" in [event.type for event in events]
    provider.reply(text="cut off", finish_reason="max_output_tokens")
    events = list(openai_client.responses.create(model="gpt-4o", input="Hello", stream=True))
    assert events[-1].type == "response.incomplete"
    assert events[-1].response.incomplete_details.reason == "max_output_tokens"


def test_legacy_completions(provider: FakeProvider, openai_client: openai.OpenAI) -> None:
    plain = openai_client.completions.create(model="davinci-002", prompt="Once upon")
    assert (plain.choices[0].text, plain.choices[0].finish_reason) == ("You said: Once upon", "stop")
    provider.reply(choices=["abcdefg", "xy"])
    texts = {0: "", 1: ""}
    for chunk in openai_client.completions.create(model="davinci-002", prompt="Once", n=2, stream=True):
        for choice in chunk.choices:
            texts[choice.index] += choice.text
    assert texts == {0: "abcdefg", 1: "xy"}


@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_embeddings(openai_client: openai.OpenAI, encoding: str) -> None:
    answer = openai_client.embeddings.create(model="e", input=["a", "b", "a"], encoding_format=encoding, dimensions=4)
    assert len(answer.data) == 3
    assert answer.data[0].embedding == answer.data[2].embedding != answer.data[1].embedding
    assert answer.usage.prompt_tokens >= 1
    assert len(openai_client.embeddings.create(model="e", input=[1, 2, 3]).data) == 1, "one list of token numbers"


def test_images(openai_client: openai.OpenAI) -> None:
    as_url = openai_client.images.generate(model="dall-e-2", prompt="a cat", n=2)
    assert len(as_url.data) == 2
    assert as_url.data[0].url.startswith("http://127.0.0.1:")
    as_bytes = openai_client.images.generate(model="gpt-image-1", prompt="a cat")
    assert as_bytes.data[0].b64_json.startswith("iVBOR")
    edited = openai_client.images.edit(
        model="dall-e-2", image=("a.png", b"png"), prompt="x", response_format="b64_json"
    )
    assert edited.data[0].b64_json


def test_audio(provider: FakeProvider, openai_client: openai.OpenAI) -> None:
    sound = openai_client.audio.speech.create(model="tts-1", voice="alloy", input="Hello")
    assert sound.read().startswith(b"RIFF")
    provider.reply(text="Good morning")
    file = ("a.wav", b"RIFF")
    assert openai_client.audio.transcriptions.create(model="whisper-1", file=file).text == "Good morning"
    text = openai_client.audio.transcriptions.create(model="whisper-1", file=file, response_format="text")
    assert text == "This is a transcription.\n"
    stream = openai_client.audio.transcriptions.create(model="gpt-4o-transcribe", file=file, stream=True)
    assert [event.type for event in stream][-1] == "transcript.text.done"


def test_moderations_and_models(openai_client: openai.OpenAI) -> None:
    moderation = openai_client.moderations.create(input=["a", "b"])
    assert [result.flagged for result in moderation.results] == [False, False]
    assert [model.id for model in openai_client.models.list()][:2] == ["gpt-4o", "gpt-4o-mini"]
    assert openai_client.models.retrieve("gpt-4o").object == "model"


def test_batches_and_files(openai_client: openai.OpenAI) -> None:
    file = openai_client.files.create(file=("b.jsonl", io.BytesIO(b"{}\n")), purpose="batch")
    batch = openai_client.batches.create(
        input_file_id=file.id, endpoint="/v1/responses", completion_window="24h", metadata={"team": "a"}
    )
    assert batch.status == "validating"
    done = openai_client.batches.retrieve(batch.id)
    assert (done.status, done.endpoint, done.metadata) == ("completed", "/v1/responses", {"team": "a"})
    assert json.loads(openai_client.files.content(done.output_file_id).text)["custom_id"] == "request-1"
    assert [entry.id for entry in openai_client.batches.list()] == [batch.id]
    assert openai_client.batches.cancel(batch.id).status == "cancelling"


def test_async_client(provider: FakeProvider) -> None:
    async def talk() -> list[str]:
        async with openai.AsyncOpenAI(base_url=provider.openai_base_url, api_key="t", max_retries=0) as client:
            plain = await client.chat.completions.create(model="m", messages=HELLO)
            async with client.responses.stream(model="m", input="Hello") as stream:
                response = await stream.get_final_response()
            chunks = await client.chat.completions.create(model="m", messages=HELLO, stream=True)
            text = "".join([chunk.choices[0].delta.content or "" async for chunk in chunks])
            return [plain.choices[0].message.content or "", response.output_text, text]

    assert asyncio.run(talk()) == ["You said: Hello out there", "You said: Hello", "You said: Hello out there"]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, openai.BadRequestError),
        (401, openai.AuthenticationError),
        (404, openai.NotFoundError),
        (429, openai.RateLimitError),
        (503, openai.InternalServerError),
    ],
)
def test_errors(
    provider: FakeProvider, openai_client: openai.OpenAI, status: int, error: type[openai.APIStatusError]
) -> None:
    provider.reply(status=status, headers={"Retry-After": "7"}, text="as scripted")
    with pytest.raises(error) as caught:
        openai_client.chat.completions.create(model="m", messages=HELLO)
    assert caught.value.body["message"] == "as scripted"
    assert caught.value.response.headers["retry-after"] == "7"
