"""What is no answer never reaches the application as one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import anthropic
import openai
import pytest
from callers import CALLERS, STREAMS, anthropic_client, openai_client
from shapes import ASK, CLAUDE, MODEL
from traces import Configure

import hardened
from hardened.resilience.answers import of_reply
from hardened.testing import FakeProvider, Reply

HTML = "<html>upstream failure</html>"
NO_ANSWERS: dict[str, tuple[Reply, str]] = {
    "html": (Reply(body=HTML, headers={"content-type": "text/html"}), "html"),
    "html that says it is JSON": (Reply(body=HTML, headers={"content-type": "application/json"}), "html"),
    "truncated JSON": (Reply(body='{"id": "x", "choi', headers={"content-type": "application/json"}), "no_json"),
    "empty body": (Reply(body="", headers={"content-type": "application/json"}), "no_json"),
    "a list": (Reply(body=[1]), "no_object"),
}


@pytest.mark.parametrize("fault", NO_ANSWERS)
@pytest.mark.parametrize("name", CALLERS)
def test_no_answer_is_asked_for_again(
    name: str, fault: str, provider: FakeProvider, waits: list[float], configure: Configure
) -> None:
    configure()
    provider.reply(NO_ANSWERS[fault][0])
    provider.reply(text="Paris")
    assert CALLERS[name].call(provider) == "Paris"
    assert len(provider.requests) == 2


@pytest.mark.parametrize("fault", NO_ANSWERS)
@pytest.mark.parametrize("name", CALLERS)
def test_no_answer_is_an_error_in_the_end(
    name: str, fault: str, provider: FakeProvider, waits: list[float], configure: Configure
) -> None:
    configure()
    provider.default, reason = NO_ANSWERS[fault]
    with pytest.raises(hardened.InvalidResponse) as raised:
        CALLERS[name].call(provider)
    assert (raised.value.reason, len(provider.requests)) == (reason, 3)
    assert isinstance(raised.value, openai.APIError | anthropic.APIError)
    assert HTML not in str(raised.value) and HTML not in repr(raised.value)


@pytest.mark.parametrize("choices", [[], None])
def test_no_choices(choices: Any, provider: FakeProvider, waits: list[float], configure: Configure) -> None:
    configure()
    provider.reply(body={"id": "c", "object": "chat.completion", "choices": choices, "model": MODEL, "created": 1})
    assert CALLERS["openai"].call(provider).startswith("You said")
    assert len(provider.requests) == 2


def test_an_error_with_status_200(provider: FakeProvider, waits: list[float], configure: Configure) -> None:
    """As gateways answer, with the status of the service behind them as the code."""
    configure()
    provider.default = Reply(body={"error": {"code": 400, "message": "no"}})
    with pytest.raises(openai.APIError) as raised:
        CALLERS["openai"].call(provider)
    assert isinstance(raised.value, hardened.InvalidResponse)
    assert (raised.value.error_class, len(provider.requests)) == ("client", 1)


def test_a_failed_response_is_handed_on_as_the_sdk_does(
    provider: FakeProvider, waits: list[float], configure: Configure
) -> None:
    configure()
    failed = {"id": "r", "object": "response", "status": "failed", "output": [], "model": MODEL}
    provider.default = Reply(body={**failed, "error": {"code": "server_error", "message": "sorry"}})
    response = openai_client(provider).responses.create(model=MODEL, input="hi")
    assert (response.status, len(provider.requests)) == ("failed", 3)


@pytest.mark.parametrize("reply", [Reply(finish_reason="content_filter"), Reply(refusal="No."), Reply(text="")])
def test_refusals_and_empty_texts_are_answers(
    reply: Reply, provider: FakeProvider, waits: list[float], configure: Configure
) -> None:
    configure()
    provider.default = reply
    client = openai_client(provider)
    assert client.chat.completions.create(model=MODEL, messages=ASK).choices
    assert list(client.chat.completions.create(model=MODEL, messages=ASK, stream=True))
    assert anthropic_client(provider).messages.create(model=CLAUDE, max_tokens=9, messages=ASK).stop_reason
    assert len(provider.requests) == 3


def test_answers_of_unknown_shape_are_left_alone(
    provider: FakeProvider, waits: list[float], configure: Configure
) -> None:
    configure()
    provider.default = Reply(body="plain text")
    with openai_client(provider) as client:
        said = client.audio.transcriptions.create(model="whisper-1", file=("a.wav", b"RIFF"), response_format="text")
    assert said == "plain text"


@pytest.mark.parametrize("page", [HTML, "\n<!DOCTYPE html><title>Sign in</title>"])
@pytest.mark.parametrize("api", ["images", "audio", "moderations", "batches"])
def test_a_page_is_no_answer_of_unknown_shape_either(
    api: str, page: str, provider: FakeProvider, waits: list[float], configure: Configure
) -> None:
    configure()
    provider.default = Reply(body=page, headers={"content-type": "text/html"})
    client = openai_client(provider)
    with pytest.raises(hardened.InvalidResponse) as raised:
        if api == "images":
            client.images.generate(model="gpt-image-1", prompt="a cat")
        elif api == "audio":
            client.audio.speech.create(model="tts-1", voice="alloy", input="hi")
        elif api == "moderations":
            client.moderations.create(model="omni-moderation-latest", input="hi")
        else:
            client.batches.create(completion_window="24h", endpoint="/v1/chat/completions", input_file_id="f")
    assert (raised.value.reason, len(provider.requests)) == ("html", 3)


@pytest.mark.parametrize(("host", "reason"), [("api.openai.com", "no_finish_reason"), ("127.0.0.1", None)])
def test_an_end_without_reason_is_normal_for_some_services(host: str, reason: str | None) -> None:
    call: Any = SimpleNamespace(operation="chat", route="chat/completions", sdk="openai", server_address=host)
    body = {"choices": [{"index": 0, "message": {"content": "x"}, "finish_reason": None}]}
    found = of_reply(call, SimpleNamespace(kind="json", body=body))  # type: ignore[arg-type]
    assert (found.code if found else None) == reason


# --- Streams


EVENT = {"anthropic": {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}}
EVENT["openai"] = {"error": {"type": "server_error", "message": "busy", "code": None}}


def error_event(sdk: str) -> str:
    return f"event: error\ndata: {json.dumps(EVENT[sdk])}\n\n"


def begun(sdk: str, text: str = "Par") -> str:
    """The begin of a stream, without an end."""
    if sdk == "openai":
        choice = {"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": None}
        return f"data: {json.dumps({'id': 'c', 'model': MODEL, 'created': 1, 'choices': [choice]})}\n\n"
    usage = {"input_tokens": 7, "output_tokens": 1}
    message = {"id": "m", "type": "message", "role": "assistant", "content": [], "model": CLAUDE, "usage": usage}
    events: list[Mapping[str, Any]] = [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}},
    ]
    return "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)


def stream_of(body: str) -> Reply:
    return Reply(body=body, headers={"content-type": "text/event-stream"})


FIRST: dict[str, Any] = {
    "an error event": lambda sdk: stream_of(error_event(sdk)),
    "nothing": lambda sdk: stream_of(""),
    "html": lambda sdk: stream_of(HTML),
    "a bad event": lambda sdk: stream_of('data: {"id": "unfin\n\n'),
    "cut at once": lambda sdk: Reply(fault="cut", fault_after=0),
    "cut before content": lambda sdk: Reply(fault="cut", fault_after=1),
}


@pytest.mark.parametrize("fault", FIRST)
@pytest.mark.parametrize("name", STREAMS)
def test_before_the_first_content_a_stream_is_asked_for_again(
    name: str, fault: str, provider: FakeProvider, waits: list[float], configure: Configure
) -> None:
    traces = configure()
    provider.reply(FIRST[fault](STREAMS[name].sdk))
    provider.reply(text="Paris")
    assert STREAMS[name].call(provider) == "Paris"
    assert len(provider.requests) == 2
    span = traces.call()
    assert (span.stream_outcome, span.error_type) == ("completed", None)


@pytest.mark.parametrize("stream", ["incremental", "buffer"])
def test_a_stream_that_ends_without_a_reason_is_whole_if_it_says_that_it_is_done(
    stream: str, provider: FakeProvider, waits: list[float], configure: Configure
) -> None:
    """As Ollama ends its streams."""
    configure(stream=stream)
    provider.reply(stream_of(begun("openai", "Paris") + "data: [DONE]\n\n"))
    assert STREAMS["openai"].call(provider) == "Paris"
    assert len(provider.requests) == 1


MIDWAY: dict[str, tuple[Any, str]] = {
    "an error event": (lambda sdk: stream_of(begun(sdk) + error_event(sdk)), ""),
    "a bad event": (lambda sdk: stream_of(begun(sdk) + 'data: {"id": "unfin\n\n'), "bad_event"),
    "a clean end": (lambda sdk: stream_of(begun(sdk)), "cut"),
    "a cut connection": (lambda sdk: Reply(text="Par" * 9, fault="cut", fault_after=5), "connection"),
}


@pytest.mark.parametrize("fault", MIDWAY)
@pytest.mark.parametrize("name", STREAMS)
def test_after_it_the_application_is_told(
    name: str, fault: str, provider: FakeProvider, waits: list[float], configure: Configure
) -> None:
    traces = configure()
    make, reason = MIDWAY[fault]
    provider.default = make(STREAMS[name].sdk)
    with pytest.raises(hardened.StreamInterrupted) as raised:
        STREAMS[name].call(provider)
    error = raised.value
    assert reason in error.reason
    assert error.partial_text.startswith("Par"[: 1 if fault == "a cut connection" else 3])
    assert error.partial_text not in str(error)
    assert isinstance(error, openai.APIConnectionError | anthropic.APIConnectionError)
    if STREAMS[name].sdk == "anthropic" and fault != "a cut connection":
        assert error.input_tokens == 7
    assert len(provider.requests) == 1
    assert traces.call().error_type == "StreamInterrupted"


@pytest.mark.parametrize("fault", MIDWAY)
@pytest.mark.parametrize("name", STREAMS)
def test_a_buffered_stream_is_asked_for_again_at_any_time(
    name: str, fault: str, provider: FakeProvider, waits: list[float], configure: Configure
) -> None:
    configure(stream="buffer")
    provider.reply(MIDWAY[fault][0](STREAMS[name].sdk))
    provider.reply(text="Paris")
    assert STREAMS[name].call(provider) == "Paris"
    assert len(provider.requests) == 2


@pytest.mark.parametrize("name", STREAMS)
def test_an_error_event_that_stays_is_the_sdks_error(
    name: str, provider: FakeProvider, waits: list[float], configure: Configure
) -> None:
    configure()
    provider.default = stream_of(error_event(STREAMS[name].sdk))
    with pytest.raises((openai.APIError, anthropic.APIStatusError)) as raised:
        STREAMS[name].call(provider)
    assert not isinstance(raised.value, hardened.HardenedError)
    assert len(provider.requests) == 3


def test_a_stream_without_the_last_blank_line_is_whole(provider: FakeProvider, configure: Configure) -> None:
    configure()
    end = {"id": "c", "model": MODEL, "created": 1, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    provider.default = stream_of(begun("openai") + f"data: {json.dumps(end)}")
    assert STREAMS["openai"].call(provider) == "Par"


@pytest.mark.parametrize("policy", [{"preset": "observe"}, {"mode": "shadow"}, {"mode": "off"}])
def test_who_only_looks_on_changes_nothing(
    policy: dict[str, Any], provider: FakeProvider, waits: list[float], configure: Configure
) -> None:
    configure(**policy)
    provider.reply(stream_of(begun("openai")))
    assert STREAMS["openai"].call(provider) == "Par"
    provider.reply(NO_ANSWERS["html"][0])
    assert openai_client(provider).chat.completions.create(model=MODEL, messages=ASK) == HTML
    assert len(provider.requests) == 2


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_that_is_left_is_no_failure(name: str, provider: FakeProvider, configure: Configure) -> None:
    traces = configure()
    provider.default = Reply(text="word " * 200)
    if STREAMS[name].sdk == "openai":
        stream: Any = openai_client(provider).chat.completions.create(model=MODEL, messages=ASK, stream=True)
    else:
        client = anthropic_client(provider)
        stream = client.messages.create(model=CLAUDE, max_tokens=9, messages=ASK, stream=True)
    next(iter(stream))
    stream.close()
    assert (traces.call().stream_outcome, traces.call().error_type) == ("aborted", None)


@pytest.mark.parametrize("fault", ["reset_after_headers", "bad_gzip", "stall"])
@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_that_broke_before_its_first_content_is_never_an_empty_one(
    name: str, fault: str, provider: FakeProvider, waits: list[float], configure: Configure
) -> None:
    configure()
    provider.default = Reply(text="Paris", fault=fault, fault_after=0)
    sdk = {"openai": openai, "anthropic": anthropic}[STREAMS[name].sdk]
    with pytest.raises(sdk.APIConnectionError) as raised:
        STREAMS[name].call(provider, timeout=0.3)
    assert "stream: buffer" not in str(raised.value), "that would not help"


@pytest.mark.parametrize("fault", ["error_event", "late_error_event"])
def test_a_response_that_fails_is_no_empty_stream(
    fault: str, provider: FakeProvider, waits: list[float], configure: Configure
) -> None:
    """The SDK hands `response.failed` on as any other event: who waits for text only would see an empty answer."""
    configure()
    provider.default = Reply(text="Paris is the capital.", fault=fault)
    with pytest.raises(hardened.InvalidResponse if fault == "error_event" else hardened.StreamInterrupted) as raised:
        list(openai_client(provider).responses.create(model=MODEL, input="hi", stream=True))
    assert isinstance(raised.value, openai.APIError)
    assert (raised.value.reason, raised.value.error_class) == ("server_error", "provider")  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("fault", "kind"),
    [("stall", "APITimeoutError"), ("cut", "APIConnectionError"), ("bad_gzip", "APIConnectionError")],
)
@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_body_that_breaks_in_the_applications_hands_is_the_sdks_error(
    fault: str, kind: str, asynchronous: bool, provider: FakeProvider, waits: list[float], configure: Configure
) -> None:
    """The bare SDK lets through what httpx raises when the application reads such a response."""
    configure()
    provider.default = Reply(text="Paris", fault=fault)

    async def main() -> None:
        async with (
            openai_client(provider, openai.AsyncOpenAI, timeout=0.3) as client,
            client.chat.completions.with_streaming_response.create(model=MODEL, messages=ASK) as response,
        ):
            await response.parse()

    with pytest.raises(getattr(openai, kind)) as raised:
        if asynchronous:
            asyncio.run(main())
        client = openai_client(provider, timeout=0.3)
        with client.chat.completions.with_streaming_response.create(model=MODEL, messages=ASK) as response:
            response.parse()
    assert type(raised.value) is getattr(openai, kind)
    assert len(provider.requests) == 3
