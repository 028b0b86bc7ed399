"""No call takes longer than it may."""

from __future__ import annotations

import asyncio
import pickle
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import anthropic
import anyio
import httpx
import openai
import pytest
import trio
from callers import CALLERS, STREAMS, openai_client
from shapes import ASK, MODEL
from traces import Configure

import hardened
from hardened.policy.load import load
from hardened.resilience.plan import PRESETS, compile
from hardened.resilience.retry_budget import RESERVE, RetryBudget
from hardened.testing import FakeProvider, Reply
from hardened_instrumentation.waits import limit_waits

LONG = 30.0
SHORT = 0.5


@pytest.mark.parametrize("name", CALLERS)
def test_a_request_that_takes_too_long_is_sent_again(
    name: str, provider: FakeProvider, waits: list[float], configure: Configure
) -> None:
    configure(resilience={"attempt_timeout": SHORT})
    provider.reply(text="late", delay=LONG)
    provider.reply(text="Paris")
    assert CALLERS[name].call(provider, timeout=LONG) == "Paris"
    assert len(provider.requests) == 2


@pytest.mark.parametrize("name", [*CALLERS])
def test_what_trickles_does_not_take_longer_than_what_is_silent(
    name: str, provider: FakeProvider, waits: list[float], configure: Configure
) -> None:
    configure(resilience={"attempt_timeout": SHORT, "deadline": LONG})
    provider.reply(text="late", fault="trickle")
    provider.reply(text="Paris")
    assert CALLERS[name].call(provider, timeout=LONG) == "Paris"
    configure(resilience={"deadline": SHORT})
    provider.default = Reply(text="late", fault="trickle")
    with pytest.raises(hardened.DeadlineExceeded) as raised:
        CALLERS[name].call(provider, timeout=LONG)
    assert raised.value.seconds < 4 * SHORT + 5, "its bytes would take more than fifteen seconds"


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_that_trickles(name: str, provider: FakeProvider, waits: list[float], configure: Configure) -> None:
    configure(resilience={"first_token_timeout": SHORT, "stream_idle_timeout": LONG})
    provider.reply(text="late", fault="trickle")
    provider.reply(text="Paris")
    assert STREAMS[name].call(provider, timeout=LONG) == "Paris"
    assert len(provider.requests) == 2


@pytest.mark.parametrize("fault", ["cut", "reset_after_headers", "bad_gzip", "hang_after_headers"])
@pytest.mark.parametrize("name", ["openai", "anthropic"])
def test_a_body_that_breaks_is_the_sdks_own_error_with_a_limit_too(
    name: str, fault: str, provider: FakeProvider, waits: list[float], configure: Configure
) -> None:
    provider.default = Reply(fault=fault)

    def raised() -> tuple[type[BaseException], int]:
        provider.requests.clear()
        with pytest.raises((openai.APIError, anthropic.APIError)) as caught:
            CALLERS[name].call(provider, timeout=SHORT)
        return type(caught.value), len(provider.requests)

    bare = raised()
    configure(resilience={"attempt_timeout": LONG})
    assert raised() == bare


def test_every_kind_of_answer_can_be_read_within_a_limit(
    provider: FakeProvider, waits: list[float], configure: Configure
) -> None:
    configure(resilience={"attempt_timeout": LONG})
    provider.default = Reply(text="Paris")
    with openai_client(provider) as client:
        chat: Any = client.chat.completions
        assert chat.with_raw_response.create(model=MODEL, messages=ASK).parse().choices[0].message.content == "Paris"
        with chat.with_streaming_response.create(model=MODEL, messages=ASK) as response:
            assert response.parse().choices[0].message.content == "Paris"
        assert client.embeddings.create(model="text-embedding-3-small", input="x").data
        assert client.audio.speech.create(model="tts-1", voice="alloy", input="x").content
        assert client.models.list().data
        provider.reply(status=400, text="a reason")
        with pytest.raises(openai.BadRequestError, match="a reason"):
            chat.create(model=MODEL, messages=ASK)


def test_who_reads_a_body_in_a_middleware_can_go_on(
    provider: FakeProvider, waits: list[float], configure: Configure
) -> None:
    read: list[str] = []

    def middleware(request: Any, following: Any) -> Any:
        response = following(request)
        read.append(response.http_response.text)
        return response

    configure(resilience={"attempt_timeout": LONG})
    try:
        client = anthropic.Anthropic(base_url=provider.url, api_key="test", middleware=[middleware])
    except TypeError:
        pytest.skip("this version of anthropic knows no middleware")
    assert client.messages.create(model="claude-haiku-4-5", max_tokens=9, messages=[{"role": "user", "content": "x"}])
    assert read


@pytest.mark.parametrize("name", CALLERS)
def test_in_the_end_it_is_the_sdks_timeout(
    name: str, provider: FakeProvider, waits: list[float], configure: Configure
) -> None:
    configure(resilience={"attempt_timeout": SHORT, "retries": 1})
    provider.default = Reply(delay=LONG)
    with pytest.raises((openai.APITimeoutError, anthropic.APITimeoutError)) as raised:
        CALLERS[name].call(provider, timeout=LONG)
    assert not isinstance(raised.value, hardened.HardenedError)
    assert len(provider.requests) == 2


@pytest.mark.parametrize("name", [*CALLERS])
def test_a_deadline_ends_the_call(name: str, provider: FakeProvider, waits: list[float], configure: Configure) -> None:
    configure(resilience={"deadline": SHORT})
    provider.default = Reply(delay=LONG)
    with pytest.raises(hardened.DeadlineExceeded) as raised:
        CALLERS[name].call(provider, timeout=LONG)
    assert isinstance(raised.value, openai.APITimeoutError | anthropic.APITimeoutError)
    assert len(provider.requests) <= 1  # none where this machine was too slow to send it in time


def test_the_time_that_guards_take_is_part_of_it(provider: FakeProvider, configure: Configure) -> None:
    @hardened.detector("slow")
    def slow(text: str) -> list[Any]:
        end = time.monotonic() + SHORT
        while time.monotonic() < end:
            pass
        return []

    configure(resilience={"deadline": SHORT}, detectors={"slow": {"input": "warn"}})
    with pytest.raises(hardened.DeadlineExceeded) as raised:
        CALLERS["openai"].call(provider)
    assert raised.value.seconds >= SHORT
    assert provider.requests == []


def test_the_deadline_of_the_code_around(provider: FakeProvider, waits: list[float], configure: Configure) -> None:
    configure(resilience={"deadline": LONG})
    provider.default = Reply(delay=LONG)
    with hardened.context(deadline=60), hardened.context(deadline=SHORT), pytest.raises(hardened.DeadlineExceeded):
        CALLERS["openai"].call(provider, timeout=LONG)
    provider.reset()
    with hardened.context(deadline=0), pytest.raises(hardened.DeadlineExceeded):
        CALLERS["openai"].call(provider)
    assert not provider.requests


@pytest.mark.parametrize("deadline", ["soon", -1, True, float("nan")])
def test_a_deadline_is_a_number_of_seconds(deadline: Any) -> None:
    with pytest.raises(TypeError, match="deadline must be a number of seconds"):
        hardened.context(deadline=deadline)


@pytest.mark.parametrize(("asked", "sent"), [("2", 2), ("30", 1)])
def test_who_says_when_to_come_back_is_waited_for_only_in_time(
    asked: str, sent: int, provider: FakeProvider, waits: list[float], configure: Configure
) -> None:
    configure(resilience={"deadline": 20, "retries": 1})
    provider.default = Reply(status=429, headers={"retry-after": asked})
    with pytest.raises(openai.RateLimitError):
        CALLERS["openai"].call(provider)
    assert len(provider.requests) == sent


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("stalled", [Reply(delay=LONG), Reply(fault="stall", fault_after=1)])
def test_a_stream_that_does_not_begin_is_asked_for_again(
    name: str, stalled: Reply, provider: FakeProvider, waits: list[float], configure: Configure
) -> None:
    configure(resilience={"first_token_timeout": SHORT})
    provider.reply(stalled)
    provider.reply(text="Paris")
    assert STREAMS[name].call(provider, timeout=LONG) == "Paris"
    assert len(provider.requests) == 2


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_that_falls_silent(
    name: str, provider: FakeProvider, waits: list[float], configure: Configure
) -> None:
    configure(resilience={"stream_idle_timeout": SHORT})
    provider.default = Reply(text="word " * 20, fault="stall", fault_after=6)
    with pytest.raises(hardened.StreamInterrupted) as raised:
        STREAMS[name].call(provider, timeout=LONG)
    assert raised.value.reason == "timeout"
    assert raised.value.partial_text.startswith("wo")


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_that_falls_silent_does_not_outlast_the_deadline(
    name: str, provider: FakeProvider, waits: list[float], configure: Configure
) -> None:
    configure(resilience={"deadline": 2 * SHORT, "stream_idle_timeout": LONG})
    provider.default = Reply(text="word " * 20, fault="stall", fault_after=6)
    with pytest.raises((hardened.StreamInterrupted, hardened.DeadlineExceeded)) as raised:  # before its begin: busy
        STREAMS[name].call(provider, timeout=LONG)
    assert getattr(raised.value, "reason", "deadline") == "deadline"


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_that_is_read_ahead_does_not_either(
    name: str, provider: FakeProvider, waits: list[float], configure: Configure
) -> None:
    configure(resilience={"deadline": SHORT, "stream_idle_timeout": LONG}, stream="buffer")
    provider.default = Reply(text="word " * 20, fault="stall", fault_after=6)
    with pytest.raises(hardened.DeadlineExceeded):
        STREAMS[name].call(provider, timeout=LONG)


def test_each_wait_of_a_sync_caller_is_what_is_left(
    provider: FakeProvider, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []
    configure(resilience={"deadline": LONG})
    provider.default = Reply(text="word " * 20, chunk_delay=0.005)
    with openai_client(provider, timeout=2 * LONG) as client:
        chat: Any = client.chat.completions
        first = chat.create(model=MODEL, messages=ASK, stream=True)
        connection = type(first.response.extensions["network_stream"])
        read = connection.read

        def recorded(self: Any, size: int, timeout: float) -> bytes:
            asked.append(timeout)
            return read(self, size, timeout)

        monkeypatch.setattr(connection, "read", recorded)
        assert [*chat.create(model=MODEL, messages=ASK, stream=True)]
    assert len({*asked}) > 2, "one for the head, and one for all of the body"


@pytest.mark.parametrize("run", [asyncio.run, trio.run])
def test_the_wait_of_an_async_caller_ends_with_its_time(run: Callable[..., Any]) -> None:
    class Body(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield b"a piece"
            await anyio.sleep_forever()

    async def read() -> list[bytes]:
        response = httpx.Response(200, stream=Body(), request=httpx.Request("GET", "http://localhost"))
        limit_waits(response, None, time.monotonic() + 0.01)
        pieces: list[bytes] = []
        with pytest.raises(httpx.ReadTimeout):
            async for piece in response.aiter_raw():
                pieces.append(piece)
        return pieces

    async def main() -> None:
        assert await read() == [b"a piece"]

    run(main if run is trio.run else main())


def test_a_connection_that_was_read_within_a_limit_is_used_again_without_it(
    provider: FakeProvider, configure: Configure
) -> None:
    with openai_client(provider) as client:
        for deadline in (LONG, None):
            configure(resilience={"deadline": deadline})
            stream = client.chat.completions.create(model=MODEL, messages=ASK, stream=True)
            connection = stream.response.extensions["network_stream"]
            assert [*stream]
            assert "read" not in vars(connection)


def test_a_stream_that_never_ends(provider: FakeProvider, waits: list[float], configure: Configure) -> None:
    configure(resilience={"deadline": SHORT})
    provider.default = Reply(text="word " * 1000, chunk_delay=0.02)
    with pytest.raises(hardened.StreamInterrupted) as raised:
        STREAMS["openai"].call(provider, timeout=LONG)
    assert raised.value.reason == "deadline"


def test_the_clients_own_timeout_stays_where_it_is_shorter(
    provider: FakeProvider, waits: list[float], configure: Configure
) -> None:
    configure(resilience={"attempt_timeout": LONG})
    provider.default = Reply(delay=LONG)
    for timeout in (SHORT, openai.Timeout(LONG, read=SHORT)):
        with pytest.raises(openai.APITimeoutError):
            CALLERS["openai"].call(provider, timeout=timeout, max_retries=0)


def test_strict_has_the_numbers_of_the_handbook(
    provider: FakeProvider, waits: list[float], configure: Configure
) -> None:
    configure(preset="strict")
    CALLERS["openai"].call(provider, timeout=600)
    CALLERS["openai"].call(provider, timeout=2)
    seconds = [float(request.headers["x-stainless-read-timeout"]) for request in provider.requests]
    assert seconds == [8, 2]
    provider.default = Reply(status=500)
    provider.requests.clear()
    with pytest.raises(openai.InternalServerError):
        CALLERS["openai"].call(provider)
    assert len(provider.requests) == 4


def test_presets_are_those_of_the_handbook() -> None:
    """Zero configuration leaves retries and time to the SDK; the numbers of `strict` are the recommended ones."""
    numbers = {
        "retries": 3,
        "retry_budget": 0.1,
        "deadline": 30,
        "attempt_timeout": 8,
        "first_token_timeout": 8,
        "stream_idle_timeout": 10,
    }
    said = {preset: PRESETS[preset]._asdict() for preset in PRESETS}
    assert {name: said["strict"][name] for name in numbers} == numbers
    for preset in ("balanced", "observe"):
        assert {said[preset][name] for name in numbers} == {None}
    switches = {preset: (found["validate_answers"], found["breaker"]) for preset, found in said.items()}
    assert switches == {"strict": (True, True), "balanced": (True, True), "observe": (False, False)}
    rule = compile(load({"preset": "balanced"}, env={})).breaker
    assert rule is not None
    assert (rule.failures, rule.ratio, rule.window, rule.recovery, rule.successes) == (5, 0.5, 60, 30, 3)


def test_a_process_has_a_budget_of_retries() -> None:
    budget = RetryBudget()
    assert [budget.take() for _ in range(int(RESERVE) + 1)] == [True] * int(RESERVE) + [False]
    for _ in range(11):
        budget.called(0.1)
    assert (budget.take(), budget.take()) == (True, False)


def test_without_budget_nothing_is_sent_again(
    provider: FakeProvider, waits: list[float], configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hardened.resilience import retries

    monkeypatch.setattr(retries, "budget", RetryBudget())
    configure(resilience={"retry_budget": 0.0, "retries": 100})
    provider.default = Reply(status=500)
    with pytest.raises(openai.InternalServerError):
        openai_client(provider).chat.completions.create(model=MODEL, messages=ASK)
    assert len(provider.requests) == 1 + RESERVE


@pytest.mark.parametrize(
    "error",
    [
        hardened.DeadlineExceeded(seconds=1.0),
        hardened.InvalidResponse(reason="html"),
        hardened.StreamInterrupted(reason="cut", error_class="invalid", partial_text="secret"),
    ],
)
def test_errors_travel_between_processes(error: hardened.CallError) -> None:
    from hardened.errors import as_sdk_error

    for sdk in ("openai", "anthropic", "unknown"):
        twin = as_sdk_error(type(error), sdk)(**error._said)
        again = pickle.loads(pickle.dumps(twin))
        assert (type(again), str(again)) == (type(error), str(error))
        assert "secret" not in repr(twin)
