"""One call is one span, whatever its shape, and the span says what happened."""

from __future__ import annotations

import asyncio
import gc
import logging
from concurrent.futures import ThreadPoolExecutor

import openai
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from shapes import ASK, CLAUDE, MODEL, SHAPES, Clients, image_url
from traces import KEY, Configure, Traces

import hardened
from hardened.testing import FakeProvider


@pytest.mark.parametrize("preset", ["observe", "balanced"])
@pytest.mark.parametrize("name", SHAPES)
def test_one_span_for_every_shape_and_the_same_result(
    name: str, preset: str, clients: Clients, configure: Configure
) -> None:
    traces = configure(preset=preset)
    seen = SHAPES[name](clients)
    span = traces.call()
    hardened.uninstrument()
    bare = SHAPES[name](clients)
    if preset == "observe" or "stream" not in name:  # else text waits until it is decided, and comes in other pieces
        assert seen == bare
    assert len(traces.calls()) == 1
    assert span.duration_s > 0
    assert span.error_type is None
    model_call = name not in ("models_page", "async_models_page", "moderation", "count_tokens")
    assert (span.operation is not None) == model_call
    if "stream" in name and "speech" not in name:
        expected = None if name in ("chat_streaming_response", "chat_streaming_response_bytes") else "completed"
        assert span.stream_outcome == expected


def test_a_chat_span(provider: FakeProvider, clients: Clients, traces: Traces) -> None:
    usage = {"input": 1000, "cached": 400, "output": 200, "reasoning": 50}
    provider.reply(text="Paris", usage=usage, model="gpt-4o-mini-2024-07-18")
    with hardened.context(user_id="u1", session_id="s1", feature="geo", prompt=("capital", 3), tags=["a", "b"]):
        clients.openai.chat.completions.create(
            model=MODEL, messages=[{"role": "system", "content": "Be brief."}, *ASK], temperature=0.2, max_tokens=9
        )
    span = traces.call()
    assert (span.name, span.operation, span.provider) == ("chat gpt-4o-mini", "chat", "openai")
    assert (span.model, span.response_model) == ("gpt-4o-mini", "gpt-4o-mini-2024-07-18")
    assert (span.input_tokens, span.cached_tokens, span.output_tokens, span.reasoning_tokens) == (1000, 400, 200, 50)
    assert (span.usage_estimated, span.cost_known, span.finish_reasons) == (None, True, ("stop",))
    assert span.cost_usd == pytest.approx(600e-6 * 0.15 + 400e-6 * 0.075 + 200e-6 * 0.6)
    assert (span.user, span.session, span.feature, span.tags) == ("u1", "s1", "geo", ("a", "b"))
    assert (span.prompt_name, span.prompt_version, span.prompt_hash) == ("capital", "3", None)
    assert span.input_messages == [
        {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
        {"role": "user", "parts": [{"type": "text", "content": ASK[0]["content"]}]},
    ]
    assert span.output_messages == [
        {"role": "assistant", "parts": [{"type": "text", "content": "Paris"}], "finish_reason": "stop"}
    ]
    attributes = span.attributes
    assert attributes["gen_ai.request.temperature"] == 0.2
    assert attributes["gen_ai.request.max_tokens"] == 9
    assert (attributes["server.address"], attributes["server.port"]) == ("127.0.0.1", provider.port)
    assert (span.guard_outcome, span.guard_decisions, span.status) == (None, (), "unset")


def test_a_prompt_without_version_has_a_hash(clients: Clients, traces: Traces) -> None:
    for system in ("Be brief.", "Be brief.", "Be long."):
        messages = [{"role": "system", "content": system}, *ASK]
        clients.openai.chat.completions.create(model=MODEL, messages=messages)
    clients.anthropic.messages.create(model=CLAUDE, max_tokens=9, system="Be brief.", messages=ASK)
    first, second, other, anthropic = (span.prompt_hash for span in sorted(traces.calls(), key=lambda span: span.start))
    assert first == second == anthropic != other


def test_anthropic_usage_is_cumulative_and_includes_the_cache(
    provider: FakeProvider, clients: Clients, traces: Traces
) -> None:
    provider.reply(text="Paris", usage={"input": 100, "cached": 60, "cache_write": 10, "output": 5})
    list(clients.anthropic.messages.create(model=CLAUDE, max_tokens=9, messages=ASK, stream=True))
    span = traces.call()
    assert (span.input_tokens, span.cached_tokens, span.cache_write_tokens, span.output_tokens) == (100, 60, 10, 5)
    assert span.cost_known and span.ttft_s is not None and 0 < span.ttft_s <= span.duration_s


def test_a_stream_without_usage_is_estimated_and_says_so(clients: Clients, traces: Traces) -> None:
    list(clients.openai.chat.completions.create(model=MODEL, messages=ASK, stream=True))
    options = {"include_usage": True}
    list(clients.openai.chat.completions.create(model=MODEL, messages=ASK, stream=True, stream_options=options))
    estimated, counted = sorted(traces.calls(), key=lambda span: span.start)
    assert estimated.usage_estimated and estimated.input_tokens and estimated.output_tokens
    assert counted.usage_estimated is None


def test_an_unknown_model_has_no_cost(clients: Clients, traces: Traces) -> None:
    clients.openai.chat.completions.create(model="nobody-knows-me", messages=ASK)
    span = traces.call()
    assert (span.cost_known, span.cost_usd) == (False, None)


def test_own_prices(provider: FakeProvider, clients: Clients, configure: Configure) -> None:
    traces = configure(prices={"nobody-*": {"input": 1.0, "output": 10.0}})
    provider.reply(text="ok", usage={"input": 1000, "output": 100})
    clients.openai.chat.completions.create(model="nobody-knows-me", messages=ASK)
    assert traces.call().cost_usd == pytest.approx(0.002)


def test_errors(provider: FakeProvider, clients: Clients, traces: Traces) -> None:
    provider.reply(status=429, text="too many requests from jane")
    with pytest.raises(openai.RateLimitError):
        clients.openai.chat.completions.create(model=MODEL, messages=ASK)
    refused = openai.OpenAI(base_url="http://127.0.0.1:9/v1", api_key="test", max_retries=0)
    with pytest.raises(openai.APIConnectionError):
        refused.chat.completions.create(model=MODEL, messages=ASK)
    limited, unreachable = sorted(traces.calls(), key=lambda span: span.start)
    assert (limited.status, limited.error_type) == ("error", "429")
    assert (unreachable.status, unreachable.error_type) == ("error", "APIConnectionError")
    assert b"jane" not in traces.bytes


def test_images_become_size_and_digest(clients: Clients, traces: Traces) -> None:
    content = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": image_url()}}]
    clients.openai.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": content}])
    span = traces.call()
    (message,) = span.input_messages or []
    text, image = message["parts"]
    assert text == {"type": "text", "content": "What is it?"}
    assert (image["type"], image["modality"], image["mime_type"]) == ("blob", "image", "image/png")
    assert image_url().rpartition(",")[2].encode() not in traces.bytes
    assert span.attributes["hardened.guard.unscanned"] == ["image"]


def test_large_content_stays_valid_json_and_within_the_budget(clients: Clients, configure: Configure) -> None:
    traces = configure(telemetry={"max_content_bytes": 4096})
    messages = [{"role": "user", "content": "word " * 20_000}, *ASK]
    clients.openai.chat.completions.create(model=MODEL, messages=messages)
    span = traces.call()
    assert span.attributes["hardened.content.truncated"] is True
    assert span.input_messages and len(str(span.input_messages)) < 4096
    assert len(span.attributes) < 128


def test_strict_captures_no_content(clients: Clients, configure: Configure) -> None:
    traces = configure(preset="strict")
    clients.openai.chat.completions.create(model=MODEL, messages=ASK)
    span = traces.call()
    assert (span.input_messages, span.output_messages) == (None, None)
    assert span.input_tokens and span.cost_known
    assert b"France" not in traces.bytes


def test_retries_are_counted(provider: FakeProvider, traces: Traces) -> None:
    provider.reply(status=500)
    client = openai.OpenAI(base_url=provider.openai_base_url, api_key="test", max_retries=2)
    client.chat.completions.create(model=MODEL, messages=ASK)
    assert traces.call().attributes["http.request.resend_count"] == 1


def test_calls_are_children_of_the_span_around_them(clients: Clients, traces: Traces) -> None:
    provider = TracerProvider()
    tracer = provider.get_tracer("app")

    async def many() -> None:
        async with clients.async_openai() as client:
            with tracer.start_as_current_span("work") as parent:
                calls = [client.chat.completions.create(model=MODEL, messages=ASK) for _ in range(3)]
                await asyncio.gather(*calls)
                parents.append(format(parent.get_span_context().span_id, "016x"))

    parents: list[str] = []
    asyncio.run(many())
    assert [span.parent_id for span in traces.calls()] == parents * 3
    assert not trace.get_current_span().get_span_context().is_valid


def test_threads_with_propagate(clients: Clients, traces: Traces) -> None:
    def call() -> None:
        clients.openai.chat.completions.create(model=MODEL, messages=ASK)

    with hardened.context(user_id="u7"), ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(hardened.propagate(call)) for _ in range(4)]:
            future.result()
    assert [span.user for span in traces.calls()] == ["u7"] * 4


def test_no_context_is_left_attached(clients: Clients, traces: Traces, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with clients.async_openai() as client:
            task = asyncio.create_task(client.chat.completions.create(model=MODEL, messages=ASK))
            await asyncio.sleep(0)
            task.cancel()
            abandoned = client.chat.completions.create(model=MODEL, messages=ASK)
            try:
                abandoned.send(None)
            finally:
                pass
            del abandoned
            gc.collect()

    with caplog.at_level(logging.ERROR):
        asyncio.run(main())
    assert "detach" not in caplog.text
    assert not trace.get_current_span().get_span_context().is_valid
    assert all(span.duration_s >= 0 for span in traces.calls())


def test_sampled_out_calls_are_guarded_and_measured(clients: Clients, traces: Traces) -> None:
    provider = TracerProvider(sampler=ALWAYS_OFF)
    with provider.get_tracer("app").start_as_current_span("unsampled"):
        message = {"role": "user", "content": f"my key is {KEY}"}
        clients.openai.chat.completions.create(model=MODEL, messages=[message])
    assert KEY not in str(clients.provider.requests[-1].json)
    assert traces.calls() == []
