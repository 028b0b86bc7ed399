"""The size of requests and answers, and which model answers."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from callers import anthropic_client, events, openai_client
from shapes import ASK, CLAUDE, MODEL
from traces import Configure

import hardened
from hardened.resilience.drift import drifted
from hardened.testing import FakeProvider, Reply

TEXT = {"openai": "text", "openai responses": "input_text", "anthropic": "text"}
"""How a text is called in a message."""

LIMITS = {"max_tokens": {"default": 800, "support": 90, "essays": 10**6}}


def test_the_most_tokens_under_each_apis_own_name(provider: FakeProvider, configure: Configure) -> None:
    configure(resilience=LIMITS)
    client = openai_client(provider)
    client.chat.completions.create(model=MODEL, messages=ASK)
    client.responses.create(model=MODEL, input="hi")
    client.completions.create(model="gpt-3.5-turbo-instruct", prompt="hi")
    anthropic_client(provider).post(
        "/v1/messages", body={"model": "claude-sonnet-4-6", "messages": ASK}, cast_to=object
    )
    said = [{k: v for k, v in request.json.items() if k.startswith("max_")} for request in provider.requests]
    assert said == [
        {"max_completion_tokens": 800},
        {"max_output_tokens": 800},
        {"max_tokens": 800},
        {"max_tokens": 800},
    ]


def test_what_the_application_says_stays(provider: FakeProvider, configure: Configure) -> None:
    configure(resilience=LIMITS)
    openai_client(provider).chat.completions.create(model=MODEL, messages=ASK, max_tokens=7)
    openai_client(provider).embeddings.create(model="text-embedding-3-small", input="hi")
    assert provider.requests[0].json["max_tokens"] == 7
    assert "max_completion_tokens" not in provider.requests[0].json
    assert not any(key.startswith("max_") for key in provider.requests[1].json)


def test_features_have_limits_of_their_own_and_models_a_maximum(provider: FakeProvider, configure: Configure) -> None:
    configure(resilience=LIMITS)
    for feature in ("support", "essays"):
        with hardened.context(feature=feature):
            openai_client(provider).chat.completions.create(model=MODEL, messages=ASK)
    assert [request.json["max_completion_tokens"] for request in provider.requests] == [90, 16_384]


def test_an_answer_that_our_limit_cut_says_so(provider: FakeProvider, configure: Configure) -> None:
    traces = configure(resilience=LIMITS)
    provider.default = Reply(finish_reason="length")
    openai_client(provider).chat.completions.create(model=MODEL, messages=ASK)
    attributes = traces.call().attributes
    assert (attributes["hardened.max_tokens.injected"], attributes["hardened.max_tokens.cut"]) == (800, True)


def test_nothing_is_said_without_configuration(provider: FakeProvider, configure: Configure) -> None:
    traces = configure()
    openai_client(provider).chat.completions.create(model=MODEL, messages=ASK)
    assert set(provider.requests[0].json) == {"model", "messages"}
    assert not any("max_tokens" in name or "drift" in name for name in traces.call().attributes)


def test_too_much_is_refused_before_it_is_sent(provider: FakeProvider, configure: Configure) -> None:
    configure(resilience={"max_input_tokens": 100})
    client = openai_client(provider)
    client.chat.completions.create(model=MODEL, messages=ASK)
    with pytest.raises(hardened.InputTooLong) as raised:
        client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "word " * 200}])
    assert isinstance(raised.value, openai.APIError)
    assert raised.value.size > raised.value.limit == 100
    assert len(provider.requests) == 1


@pytest.mark.parametrize("call", ["openai", "openai responses", "anthropic"])
def test_a_message_that_is_too_long_is_refused(call: str, provider: FakeProvider, configure: Configure) -> None:
    configure(resilience={"max_message_chars": 20})
    history: list[Any] = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "How are you? " * 9}]

    def ask(text: str) -> object:
        messages = [*history, {"role": "user", "content": [{"type": TEXT[call], "text": text}] * 2}]
        if call == "anthropic":
            return anthropic_client(provider).messages.create(model=CLAUDE, max_tokens=9, messages=messages)
        if call == "openai responses":
            return openai_client(provider).responses.create(model=MODEL, input=messages)
        return openai_client(provider).chat.completions.create(model=MODEL, messages=messages)

    ask("ten chars.")
    with pytest.raises(hardened.InputTooLong, match=r"resilience\.max_message_chars") as raised:
        ask("more than ten")
    assert (raised.value.size, raised.value.limit) == (26, 20)
    assert len(provider.requests) == 1


@pytest.mark.parametrize(
    ("requested", "answered", "fingerprint", "pins", "expected"),
    [
        ("gpt-4o", "gpt-4o", None, {}, False),
        ("gpt-4o", "gpt-4o-2024-08-06", None, {}, False),
        ("gpt-4o-2024-08-06", "gpt-4o-2024-11-20", None, {}, True),
        ("openai/gpt-4o", "gpt-4o-2024-08-06", None, {}, False),  # a gateway's name
        ("gpt-4o", "gpt-4o-2024-11-20", None, {"gpt-4o": ("gpt-4o-2024-08-06",)}, True),
        ("gpt-4o", "gpt-4o-2024-08-06", "fp_1", {"gpt-4o": ("gpt-4o-2024-08-06", "fp_1")}, False),
        ("gpt-4o", "gpt-4o-2024-08-06", "fp_2", {"gpt-4o": ("gpt-4o-2024-08-06", "fp_1")}, True),
        ("gpt-4o", "anything", "fp_1", {"gpt-4o": ("fp_1",)}, False),
        ("openai/gpt-4o-2024-08-06", "gpt-4o-2024-08-06", None, {}, False),
        ("claude-sonnet-4-20250514", "claude-sonnet-4-20250929", None, {}, True),
        ("my-deployment", "gpt-4o-2024-08-06", None, {}, False),
        (None, "gpt-4o", None, {}, False),
        ("gpt-4o", None, None, {}, False),
    ],
)
def test_drift(requested: Any, answered: Any, fingerprint: Any, pins: Any, expected: bool) -> None:
    assert drifted(requested, answered, fingerprint, pins) is expected


@pytest.mark.parametrize("stream", [False, True])
def test_drift_is_an_event(stream: bool, provider: FakeProvider, configure: Configure) -> None:
    traces = configure()
    provider.default = Reply(model="gpt-4o-2024-11-20")
    client = openai_client(provider)
    answer = client.chat.completions.create(model="gpt-4o-2024-08-06", messages=ASK, stream=stream)
    if stream:
        list(answer)
    assert traces.call().attributes["hardened.model.drift"] is True
    both = {"gen_ai.request.model": "gpt-4o-2024-08-06", "gen_ai.response.model": "gpt-4o-2024-11-20"}
    assert ("hardened.model.drifted", both) in events(traces)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("fault", "refusal"), [("refusal", "refusal"), ("content_filter", "content_filter")])
@pytest.mark.parametrize("api", ["chat", "responses", "messages"])
def test_an_answer_that_was_refused_is_an_event(
    api: str, fault: str, refusal: str, stream: bool, provider: FakeProvider, configure: Configure
) -> None:
    traces = configure()
    provider.default = Reply(fault=fault)
    if api == "chat":
        answer: Any = openai_client(provider).chat.completions.create(model=MODEL, messages=ASK, stream=stream)
    elif api == "responses":
        answer = openai_client(provider).responses.create(model=MODEL, input="hi", stream=stream)
    else:
        answer = anthropic_client(provider).messages.create(model=CLAUDE, max_tokens=9, messages=ASK, stream=stream)
    if stream:
        list(answer)
    refusal = "content_filter" if api == "messages" else refusal  # of a stop reason nobody can tell who refused
    assert traces.call().attributes["hardened.refusal"] == refusal
    assert ("hardened.refused", {"hardened.error.class": "policy", "error.type": refusal}) in events(traces)


# --- Context windows

SMALL, LARGE = "gpt-4", "gpt-4.1"  # 8,192 and about a million tokens
WORDS = [{"role": "user", "content": "word " * 9000}]
FITS_PERHAPS = [{"role": "user", "content": "Donaudampfschifffahrt-" * 3000}]  # by its words 6,000, by estimate more


def larger(other: FakeProvider, model: str = LARGE) -> dict[str, Any]:
    backup = {"provider": "openai", "base_url": other.openai_base_url, "api_key": "k", "model": model}
    return {"targets": {"backup": backup}, "routes": {"default": ["backup"]}}


@pytest.mark.parametrize("stream", [False, True])
def test_what_is_too_large_goes_where_it_fits(
    stream: bool, provider: FakeProvider, other: FakeProvider, configure: Configure
) -> None:
    traces = configure(**larger(other))
    answer = openai_client(provider).chat.completions.create(model=SMALL, messages=WORDS, stream=stream)
    if stream:
        list(answer)
    assert (len(provider.requests), len(other.requests)) == (0, 1)
    reason = {"hardened.target": "primary", "hardened.target.reason": "the context window of its model is 8192 tokens"}
    assert ("hardened.target.skipped", reason) in events(traces)


@pytest.mark.parametrize(
    ("model", "messages", "more"),
    [
        (LARGE, WORDS, {}),
        ("my-own-model", WORDS, {}),
        (SMALL, FITS_PERHAPS, {}),
        (SMALL, WORDS, {"extra_body": {"transforms": ["middle-out"]}}),
    ],
    ids=["fits", "unknown", "fits perhaps", "is made to fit"],
)
def test_what_may_fit_goes_where_it_was_sent(
    model: str, messages: Any, more: Any, provider: FakeProvider, other: FakeProvider, configure: Configure
) -> None:
    configure(**larger(other))
    openai_client(provider).chat.completions.create(model=model, messages=messages, **more)
    assert (len(provider.requests), len(other.requests)) == (1, 0)


def test_nobody_is_passed_over_for_one_that_is_too_small_too(
    provider: FakeProvider, other: FakeProvider, waits: list[float], configure: Configure
) -> None:
    configure(**larger(other, model="gpt-4-0613"))
    provider.default = Reply(fault="context_length_exceeded", headers={"x-request-id": "own"})
    other.default = Reply(fault="context_length_exceeded")
    with pytest.raises(openai.BadRequestError) as raised:
        openai_client(provider).chat.completions.create(model=SMALL, messages=WORDS)
    assert raised.value.request_id == "own"
    assert (len(provider.requests), len(other.requests)) == (1, 1)


def test_without_configuration_the_provider_decides(provider: FakeProvider, configure: Configure) -> None:
    configure()
    openai_client(provider).chat.completions.create(model=SMALL, messages=WORDS)
    openai_client(provider).embeddings.create(model="text-embedding-3-small", input=["word " * 5000] * 2)
    assert len(provider.requests) == 2


def test_what_no_model_can_take_is_refused_where_the_policy_says_so(
    provider: FakeProvider, other: FakeProvider, configure: Configure
) -> None:
    configure(resilience={"context_window": True})
    client = openai_client(provider)
    for messages in (WORDS, FITS_PERHAPS):
        with pytest.raises(hardened.InputTooLong, match=r"resilience\.context_window") as raised:
            client.chat.completions.create(model=SMALL, messages=messages)
        assert isinstance(raised.value, openai.APIError)
        assert raised.value.size > raised.value.limit == 8192
    client.embeddings.create(model="text-embedding-3-small", input=["word " * 5000] * 2)
    client.chat.completions.create(model=LARGE, messages=WORDS)
    assert len(provider.requests) == 2
    configure(resilience={"context_window": True}, **larger(other))
    client.chat.completions.create(model=SMALL, messages=FITS_PERHAPS)
    assert len(other.requests) == 1


def test_strict_refuses_what_is_too_large_and_counts_nothing(provider: FakeProvider, configure: Configure) -> None:
    configure(preset="strict", budgets={"global": {"day": "50 USD"}}, store={"url": "memory"})
    with pytest.raises(hardened.InputTooLong):
        anthropic_client(provider).messages.create(
            model="claude-haiku-4-5", max_tokens=9, messages=[{"role": "user", "content": "word " * 250_000}]
        )
    assert provider.requests == []
