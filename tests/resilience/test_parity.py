"""With no configuration a call ends as it does with the bare SDK: same answer, same error, same number of requests."""

from __future__ import annotations

import asyncio
from typing import Any

import anthropic
import openai
import pytest
from callers import CALLERS, STREAMS, Caller, anthropic_client, events, openai_client
from shapes import ASK, CLAUDE, MODEL
from traces import Configure

import hardened
from hardened.testing import FakeProvider, Reply

FAULTS: dict[str, dict[str, Any]] = {
    "400": {"status": 400},
    "401": {"status": 401},
    "403": {"status": 403},
    "404": {"status": 404},
    "408": {"status": 408},
    "409": {"status": 409},
    "422": {"status": 422},
    "429": {"status": 429},
    "429 with a time": {"status": 429, "headers": {"retry-after": "2"}},
    "500": {"status": 500},
    "502": {"status": 502, "body": "<html>bad gateway</html>"},
    "503": {"status": 503},
    "504": {"status": 504},
    "529": {"status": 529},
    "told not to": {"status": 500, "headers": {"x-should-retry": "false"}},
    "told to": {"status": 418, "headers": {"x-should-retry": "true"}},
    "cut": {"fault": "cut"},
}


ATTEMPT = {"hardened.target": "primary", "hardened.error.class": "provider", "error.type": "server_error"}


def outcome(caller: Caller, provider: FakeProvider) -> Any:
    """What the application sees, and what the provider saw."""
    provider.requests.clear()
    try:
        seen: Any = caller.call(provider)
    except (openai.OpenAIError, anthropic.AnthropicError) as error:
        seen = (type(error), getattr(error, "status_code", None), str(error)[:12])
    return seen, [request.headers.get("x-stainless-retry-count") for request in provider.requests]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", CALLERS)
def test_the_final_error_is_the_same(
    name: str, fault: str, provider: FakeProvider, waits: list[float], configure: Configure
) -> None:
    provider.default = Reply(**FAULTS[fault])
    bare = outcome(CALLERS[name], provider)
    configure()
    assert outcome(CALLERS[name], provider) == bare


@pytest.mark.parametrize("name", STREAMS)
def test_the_final_error_of_a_stream_is_the_same(
    name: str, provider: FakeProvider, waits: list[float], configure: Configure
) -> None:
    provider.default = Reply(status=503)
    bare = outcome(STREAMS[name], provider)
    configure()
    assert outcome(STREAMS[name], provider) == bare


@pytest.mark.parametrize("name", [*CALLERS])
def test_a_working_call_is_sent_once(
    name: str, provider: FakeProvider, waits: list[float], configure: Configure
) -> None:
    configure()
    assert outcome(CALLERS[name], provider)[1] == outcome(STREAMS[name], provider)[1] == ["0"]
    assert waits == []


@pytest.mark.parametrize("name", CALLERS)
def test_a_call_recovers(name: str, provider: FakeProvider, waits: list[float], configure: Configure) -> None:
    traces = configure()
    provider.reply(status=500)
    provider.reply(status=429, headers={"retry-after-ms": "1500"})
    provider.reply(text="Paris")
    assert CALLERS[name].call(provider) == "Paris"
    assert [request.headers["x-stainless-retry-count"] for request in provider.requests] == ["0", "1", "2"]
    assert 0 <= waits[0] <= 0.5 and 1.5 <= waits[1] <= 1.65
    span = traces.call()
    assert (span.status, span.attributes["http.request.resend_count"]) == ("unset", 2)
    assert "hardened.error.class" not in span.attributes


@pytest.mark.parametrize(("count", "sent"), [(0, 1), (4, 5)])
def test_the_count_is_the_clients(
    count: int, sent: int, provider: FakeProvider, waits: list[float], configure: Configure
) -> None:
    configure()
    provider.default = Reply(status=500)
    for client in (openai_client(provider, max_retries=count), openai_client(provider).with_options(max_retries=count)):
        provider.requests.clear()
        with pytest.raises(openai.InternalServerError):
            client.chat.completions.create(model=MODEL, messages=ASK)
        assert len(provider.requests) == sent


def test_an_exhausted_account_is_asked_once(provider: FakeProvider, waits: list[float], configure: Configure) -> None:
    """The bare SDK asks three times. Waiting does not fill an account."""
    configure()
    error = {
        "error": {"message": "You exceeded your quota", "type": "insufficient_quota", "code": "insufficient_quota"}
    }
    provider.default = Reply(status=429, body=error)
    with pytest.raises(openai.RateLimitError) as raised:
        openai_client(provider).chat.completions.create(model=MODEL, messages=ASK)
    assert raised.value.code == "insufficient_quota"
    assert (len(provider.requests), waits) == (1, [])


@pytest.mark.parametrize("name", CALLERS)
def test_nobody_sleeps_for_an_hour(name: str, provider: FakeProvider, waits: list[float], configure: Configure) -> None:
    """anthropic 2.11 would wait as long as it is told to."""
    configure()
    provider.default = Reply(status=429, headers={"retry-after": "3600"})
    with pytest.raises((openai.RateLimitError, anthropic.RateLimitError)):
        CALLERS[name].call(provider)
    assert (len(provider.requests), waits) == (1, [])


def test_nobody_answers(waits: list[float], configure: Configure) -> None:
    traces = configure()
    client = openai.OpenAI(base_url="http://127.0.0.1:9/v1", api_key="test", max_retries=1)
    with pytest.raises(openai.APIConnectionError):
        client.chat.completions.create(model=MODEL, messages=ASK)
    assert len(waits) == 1
    assert traces.call().attributes["hardened.error.class"] == "transport"


def test_a_timeout_is_the_sdks(provider: FakeProvider, waits: list[float], configure: Configure) -> None:
    configure()
    provider.default = Reply(delay=30)
    with pytest.raises(openai.APITimeoutError):
        openai_client(provider, timeout=0.2, max_retries=1).chat.completions.create(model=MODEL, messages=ASK)
    assert len(provider.requests) == 2


def test_the_key_of_a_call_is_the_same_in_all_its_requests(
    provider: FakeProvider, waits: list[float], configure: Configure
) -> None:
    configure()
    client = openai_client(provider)
    client._idempotency_header = "Idempotency-Key"  # as SDKs of services have it that know such keys
    for _ in range(2):
        provider.reply(status=500)
        provider.reply(text="ok")
        client.chat.completions.create(model=MODEL, messages=ASK)
    provider.reply(status=500)
    client.post("/chat/completions", cast_to=object, body={"messages": ASK}, options={"idempotency_key": "mine"})
    keys = [request.headers["idempotency-key"] for request in provider.requests]
    assert keys[0] == keys[1] != keys[2] == keys[3]
    assert keys[4:] == ["mine", "mine"]


def test_a_key_of_the_application_is_on_every_request_also_elsewhere(
    provider: FakeProvider, other: FakeProvider, waits: list[float], configure: Configure
) -> None:
    backup = {"provider": "openai", "base_url": other.openai_base_url, "api_key": "its-own"}
    configure(targets={"backup": backup}, routes={"default": ["backup"]})
    provider.default = Reply(status=500)
    other.reply(status=500)
    headers = {"Idempotency-Key": "mine", "X-Api-Key": "a-secret"}

    async def main() -> None:
        client = openai_client(provider, openai.AsyncOpenAI)
        await client.chat.completions.create(model=MODEL, messages=ASK, extra_headers=headers)

    asyncio.run(main())
    requests = [*provider.requests, *other.requests]
    assert [request.headers.get("idempotency-key") for request in requests] == ["mine"] * 4
    assert [request.headers.get("x-api-key") for request in other.requests] == [None, None]


def test_a_raw_response_tells_the_retries(provider: FakeProvider, waits: list[float], configure: Configure) -> None:
    configure()
    provider.reply(status=500)
    raw = openai_client(provider).chat.completions.with_raw_response.create(model=MODEL, messages=ASK)
    assert (raw.retries_taken, raw.status_code) == (1, 200)


def test_what_only_the_sdk_can_rewind_is_left_to_it(
    provider: FakeProvider, waits: list[float], configure: Configure
) -> None:
    configure()
    provider.reply(status=500)
    client = openai_client(provider)
    client.audio.transcriptions.create(model="whisper-1", file=("a.wav", b"RIFF"))
    first, second = provider.requests
    assert b"RIFF" in first.body and b"RIFF" in second.body
    provider.reset()
    provider.reply(status=500)
    message = anthropic_client(provider).messages.create(model=CLAUDE, max_tokens=9, messages=iter(ASK))
    assert message.content and [request.json["messages"] for request in provider.requests] == [ASK, ASK]


def test_an_error_of_the_application_is_not_repeated(
    provider: FakeProvider, waits: list[float], configure: Configure
) -> None:
    configure()
    client = openai_client(provider)

    def hook(request: Any) -> None:
        raise ZeroDivisionError

    client._client.event_hooks["response"].append(hook)
    with pytest.raises((ZeroDivisionError, openai.APIConnectionError)):
        client.chat.completions.create(model=MODEL, messages=ASK)


def test_a_cancelled_call_is_not_sent_again(provider: FakeProvider, configure: Configure) -> None:
    traces = configure()
    provider.default = Reply(status=500, headers={"retry-after": "60"})

    async def main() -> None:
        async with openai_client(provider, openai.AsyncOpenAI) as client:
            task = asyncio.create_task(client.chat.completions.create(model=MODEL, messages=ASK))
            while not provider.requests:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(main())
    assert len(provider.requests) == 1
    assert traces.call().error_type == "CancelledError"


def test_guards_look_once(provider: FakeProvider, waits: list[float], configure: Configure) -> None:
    """However often a call is sent, its texts are judged once, and what is sent is the same."""
    looked: list[str] = []

    @hardened.detector("counted")
    def counted(text: str) -> list[Any]:
        looked.append(text)
        return []

    configure(detectors={"counted": {"input": "warn"}})
    provider.reply(status=500)
    provider.reply(status=500)
    openai_client(provider).chat.completions.create(model=MODEL, messages=ASK)
    assert looked == [ASK[0]["content"]]
    assert len({request.body for request in provider.requests}) == 1


def test_attempts_are_events_of_the_span(provider: FakeProvider, waits: list[float], configure: Configure) -> None:
    traces = configure()
    provider.default = Reply(status=500)
    with pytest.raises(openai.InternalServerError):
        openai_client(provider, max_retries=1).chat.completions.create(model=MODEL, messages=ASK)
    assert traces.call().attributes["hardened.error.class"] == "provider"
    assert events(traces) == [
        ("hardened.attempt.failed", {**ATTEMPT, "hardened.attempt.number": 1, "hardened.attempt.wait": waits[0]}),
        ("hardened.attempt.failed", {**ATTEMPT, "hardened.attempt.number": 2}),
    ]
