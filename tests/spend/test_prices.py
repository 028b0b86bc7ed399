"""Costs: equal to what genai-prices computes, what a policy says first, and never a silent zero."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import genai_prices
import pytest
from genai_prices.data_snapshot import get_snapshot
from hypothesis import given
from hypothesis import strategies as st

from hardened.policy.schema import Price
from hardened.spend import prices
from hardened.spend.prices import Cost, PriceBook, Pricer
from hardened.worker import worker
from hardened_instrumentation.calls import Usage

BOOK = PriceBook()

MODELS = [
    ("openai", "openai", "gpt-4o-mini"),
    ("openai", "openai", "gpt-4o-mini-2024-07-18"),
    ("openai", "openai", "ft:gpt-4o-mini-2024-07-18:acme::abc123"),
    ("openai", "openai", "gpt-4.1"),
    ("openai", "openai", "gpt-5"),
    ("openai", "openai", "gpt-5.4"),
    ("openai", "openai", "o3"),
    ("openai", "openai", "gpt-3.5-turbo"),
    ("azure.ai.openai", "azure", "gpt-4o"),
    ("azure.ai.inference", "azure", "claude-sonnet-4-5"),
    ("anthropic", "anthropic", "claude-sonnet-4-5-20250929"),
    ("anthropic", "anthropic", "claude-opus-4-6"),
    ("anthropic", "anthropic", "claude-3-5-haiku-latest"),
    ("aws.bedrock", "aws", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
    ("gcp.vertex_ai", "google", "claude-sonnet-4-5@20250929"),
    ("gcp.vertex_ai", "google", "gemini-2.5-pro"),
    ("gcp.gemini", "google", "gemini-2.0-flash"),
    ("groq", "groq", "llama-3.3-70b-versatile"),
    ("mistral_ai", "mistral", "mistral-large-latest"),
    ("cohere", "cohere", "command-r"),
    ("x_ai", "x-ai", "grok-4"),
    ("deepseek", "deepseek", "deepseek-chat"),
    ("moonshot_ai", "moonshotai", "kimi-k2"),
    ("perplexity", "perplexity", "sonar"),
]


def reference(provider: str, model: str, context: dict[str, str] | None = None, **tokens: int) -> Any:
    return genai_prices.calc_price(genai_prices.Usage(**tokens), model, provider_id=provider, price_context=context)


def assert_equal(cost: Cost | None, expected: Any) -> None:
    assert cost is not None
    assert cost.total == pytest.approx(float(expected.total_price), rel=1e-9)
    assert cost.input == pytest.approx(float(expected.input_price), rel=1e-9)
    assert cost.output == pytest.approx(float(expected.output_price), rel=1e-9)
    assert cost.source == "genai-prices"


@pytest.mark.parametrize(("provider", "theirs", "model"), MODELS)
@pytest.mark.parametrize(
    ("input", "output", "read", "written"),
    [(1000, 100, 0, 0), (1, 0, 0, 0), (5000, 700, 4000, 0), (9000, 10, 1000, 2000), (300_001, 2000, 1000, 0)],
)
def test_costs_are_those_of_genai_prices(
    provider: str, theirs: str, model: str, input: int, output: int, read: int, written: int
) -> None:
    cost = BOOK.cost(provider, model, Usage(input=input, output=output, cache_read=read, cache_write=written))
    expected = reference(
        theirs, model, input_tokens=input, output_tokens=output, cache_read_tokens=read, cache_write_tokens=written
    )
    assert_equal(cost, expected)


def test_long_lived_cache_writes_searches_and_images_are_read_from_the_provider_s_usage() -> None:
    raw = {"cache_creation": {"ephemeral_1h_input_tokens": 300}, "server_tool_use": {"web_search_requests": 2}}
    usage = Usage(input=1000, output=10, cache_write=400, raw=raw)
    assert_equal(
        BOOK.cost("anthropic", "claude-sonnet-4-5", usage),
        reference(
            "anthropic", "claude-sonnet-4-5", input_tokens=1000, output_tokens=10,
            cache_write_tokens=400, cache_write_1h_tokens=300, web_searches=2,
        ),
    )  # fmt: skip
    usage = Usage(input=1000, output=4000, raw={"input_tokens_details": {"image_tokens": 900}})
    assert_equal(
        BOOK.cost("openai", "gpt-image-1", usage),
        reference("openai", "gpt-image-1", input_tokens=1000, output_tokens=4000, input_image_tokens=900),
    )


def test_audio_has_its_own_price() -> None:
    cost = BOOK.cost("openai", "gpt-4o-transcribe", Usage(input=1000, output=100, input_audio=900))
    expected = reference("openai", "gpt-4o-transcribe", input_tokens=1000, input_audio_tokens=900, output_tokens=100)
    assert_equal(cost, expected)


@pytest.mark.parametrize(
    ("tier", "context"),
    [
        ("flex", {"service_tier": "flex"}),
        ("priority", {"service_tier": "priority"}),
        ("batch", {"processing": "batch"}),
        ("default", None),
        ("scale", None),
        (None, None),
    ],
)
def test_service_tiers(tier: str | None, context: dict[str, str] | None) -> None:
    cost = BOOK.cost("openai", "gpt-5", Usage(input=1000, output=100), service_tier=tier)
    assert_equal(cost, reference("openai", "gpt-5", context, input_tokens=1000, output_tokens=100))


def test_the_tiers_of_openai_differ_in_price() -> None:
    flex, standard, priority = (
        BOOK.cost("openai", "gpt-5", Usage(input=1000, output=100), service_tier=tier)
        for tier in ("flex", "default", "priority")
    )
    assert flex and standard and priority
    assert flex.total < standard.total < priority.total


def test_anthropic_tells_tier_and_speed_in_the_usage() -> None:
    batch = Usage(input=1000, output=100, raw={"service_tier": "batch"})
    assert_equal(
        BOOK.cost("anthropic", "claude-sonnet-4-5", batch),
        reference("anthropic", "claude-sonnet-4-5", {"processing": "batch"}, input_tokens=1000, output_tokens=100),
    )
    odd = Usage(input=1000, output=100, raw={"service_tier": {"not": "a word"}, "cache_creation": 7})
    assert_equal(
        BOOK.cost("anthropic", "claude-sonnet-4-5", odd),
        reference("anthropic", "claude-sonnet-4-5", input_tokens=1000, output_tokens=100),
    )


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "gpt-99-turbo"),
        ("openai", "meta-llama/Llama-3-8B"),
        ("azure.ai.openai", "my-deployment"),
        ("ibm.watsonx.ai", "granite"),
        ("", ""),
    ],
)
def test_an_unknown_model_has_no_cost_rather_than_none(provider: str, model: str) -> None:
    assert BOOK.cost(provider, model, Usage(input=1000, output=100)) is None


@pytest.mark.parametrize(
    ("model", "usage"),
    [
        ("gpt-4o-mini", Usage()),
        ("gpt-4o-mini", Usage(output=5)),
        ("gpt-4o-mini", Usage(input=5)),
        ("whisper-1", Usage(input=5, output=5)),
    ],
)
def test_what_cannot_be_priced_has_no_cost(model: str, usage: Usage) -> None:
    assert BOOK.cost("openai", model, usage) is None, "tokens without a price, or a count is missing"


def test_embeddings_need_no_output() -> None:
    cost = BOOK.cost("openai", "text-embedding-3-small", Usage(input=1_000_000))
    assert cost == Cost(0.02, 0.02, 0.0, "genai-prices")


TOKENS = st.integers(0, 100_000)


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    parts = {name: draw(TOKENS) for name in ("read", "written", "audio", "reasoning", "spoken")}
    return Usage(
        input=draw(TOKENS) + parts["read"] + parts["written"] + parts["audio"],
        output=draw(TOKENS) + parts["reasoning"] + parts["spoken"],
        cache_read=parts["read"],
        cache_write=parts["written"],
        reasoning=parts["reasoning"],
        input_audio=parts["audio"],
        output_audio=parts["spoken"],
    )


def plus(one: Usage, other: Usage) -> Usage:
    names = ("input", "output", "cache_read", "cache_write", "reasoning", "input_audio", "output_audio")
    return Usage(**{name: getattr(one, name) + getattr(other, name) for name in names})


def total(provider: str, model: str, usage: Usage, book: PriceBook = BOOK) -> float:
    cost = book.cost(provider, model, usage)
    assert cost is not None
    return cost.total


@given(usages(), usages())
def test_costs_add_up_where_there_are_no_levels(one: Usage, other: Usage) -> None:
    both = total("openai", "gpt-4o-mini", plus(one, other))
    assert both == pytest.approx(total("openai", "gpt-4o-mini", one) + total("openai", "gpt-4o-mini", other))


@given(usages(), usages(), st.sampled_from(MODELS))
def test_more_tokens_never_cost_less(usage: Usage, more: Usage, model: tuple[str, str, str]) -> None:
    provider, _, name = model
    assert total(provider, name, plus(usage, more)) >= total(provider, name, usage) * (1 - 1e-12) >= 0


def test_the_policy_goes_first_and_its_first_match_wins() -> None:
    book = PriceBook({
        "gpt-4o-mini": Price(input=1, output=2),
        "gpt-4o*": Price(input=3, output=4, cache_read=1, cache_write=5),
        "*": Price(input=7, output=8),
    })  # fmt: skip
    million = Usage(input=1_000_000, output=1_000_000)
    assert book.cost("openai", "gpt-4o-mini", million) == Cost(3.0, 1.0, 2.0, "policy")
    assert book.cost("openai", "GPT-4o-2024-08-06", million) == Cost(7.0, 3.0, 4.0, "policy")
    assert book.cost("my-own-server", "llama", million) == Cost(15.0, 7.0, 8.0, "policy")
    cached = Usage(input=3_000_000, output=0, cache_read=1_000_000, cache_write=1_000_000)
    assert book.cost("openai", "gpt-4o", cached) == Cost(9.0, 9.0, 0.0, "policy")
    assert book.cost("openai", "gpt-4o-mini", cached) == Cost(3.0, 3.0, 0.0, "policy"), "cached costs as input"


def test_a_name_with_brackets_matches_itself() -> None:
    book = PriceBook({"claude-x[1m]": Price(input=1, output=1)})
    assert total("anthropic", "claude-x[1m]", Usage(input=2_000_000, output=0), book) == 2.0


@dataclass
class Ready:
    """Collects what `when_ready` calls back, and in which thread."""

    pricer: Pricer | None = None
    thread: str = ""

    def __call__(self, pricer: Pricer) -> None:
        self.pricer, self.thread = pricer, threading.current_thread().name

    def total(self, usage: Usage) -> float | None:
        assert self.pricer is not None
        cost = self.pricer(usage, None)
        return cost and cost.total


def test_an_unknown_price_is_looked_for_in_the_background_and_a_known_one_is_there_at_once() -> None:
    book, usage = PriceBook(), Usage(input=1_000_000, output=0)
    first, second = Ready(), Ready()

    async def call(ready: Callable[[Pricer], None]) -> None:
        book.when_ready("openai", "gpt-4o-mini", ready)

    asyncio.run(call(first))
    assert worker.flush(30)
    asyncio.run(call(second))
    assert first.thread == "hardened"
    assert second.thread == threading.current_thread().name
    assert first.total(usage) == second.total(usage) == 0.15


def test_prefetch_has_the_price_ready_when_the_call_ends() -> None:
    book, ready = PriceBook(), Ready()
    book.prefetch("openai", "gpt-4o-mini")
    assert worker.flush(30)
    book.when_ready("openai", "gpt-4o-mini", ready)
    assert ready.thread == threading.current_thread().name


def test_the_requested_name_stands_in_for_one_without_a_price() -> None:
    book = PriceBook({"my-deployment": Price(input=9, output=9)})
    usage = Usage(input=1_000_000, output=0)
    for model, requested, expected in (
        ("gpt-4o-mini", "my-deployment", 9.0),  # the policy's price, though the table knows the other name
        ("an-internal-name", "gpt-4o-mini", 0.15),
        ("gpt-4o-mini", "an-alias", 0.15),
        ("an-internal-name", "an-alias", None),
    ):
        ready = Ready()
        book.when_ready("openai", model, ready, requested=requested)
        assert worker.flush(30)
        assert ready.total(usage) == expected


def test_names_of_models_do_not_pile_up() -> None:
    book = PriceBook()
    for number in range(prices.MAX_MODELS + 50):
        book.cost("openai", f"model-{number}", Usage(input=1, output=1))
    assert len(book._pricers) == prices.MAX_MODELS
    assert not any("model-" in str(key) for key in get_snapshot()._lookup_cache), "nor in the library's own caches"
    assert not any("model-" in str(key) for key in get_snapshot()._provider_cache)


def test_a_broken_table_means_an_unknown_price(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ValueError("broken")

    monkeypatch.setattr("genai_prices.data_snapshot.find_provider_by_id", fail)
    assert PriceBook().cost("openai", "gpt-4o-mini", Usage(input=1, output=1)) is None


def test_the_table_is_not_imported_before_it_is_needed() -> None:
    program = "import hardened.spend.prices as p, sys; p.PriceBook({}); print('genai_prices' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
