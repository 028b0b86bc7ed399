"""A call that a provider of another wire answers costs what that provider's model costs."""

from __future__ import annotations

from typing import Any

import pytest
from budget_bench import MODEL, PRICES, Configure

from hardened.testing import FakeProvider

PRICED = {**PRICES, "gpt-4o": {"input": 3.0, "output": 30.0}, "claude-opus-4-6": {"input": 5.0, "output": 50.0}}
ASK: Any = [{"role": "user", "content": "hi"}]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("sdk", ["openai", "anthropic"])
def test_the_answering_model_is_paid(sdk: str, stream: bool, provider: FakeProvider, configure: Configure) -> None:
    with FakeProvider() as other:
        target = {
            "openai": {"provider": "anthropic", "base_url": other.url, "model": "claude-opus-4-6"},
            "anthropic": {"provider": "openai", "base_url": other.openai_base_url, "model": "gpt-4o"},
        }[sdk]
        bench = configure(
            prices=PRICED,
            budgets={"global": {"month": "10 USD"}},
            targets={"other": {**target, "api_key": "its-own-key"}},
            routes={"default": ["other"]},
            resilience={"retries": 0},
        )
        provider.reply(status=503)
        other.reply(text="Paris", usage={"input": 1000, "output": 200})
        if sdk == "openai":
            answer: Any = bench.openai.chat.completions.create(model=MODEL, messages=ASK, stream=stream, max_tokens=9)
        else:
            asked: Any = {"model": "claude-sonnet-4-6", "messages": ASK, "max_tokens": 9}
            answer = bench.anthropic.messages.create(**asked, stream=stream)
        if stream:
            list(answer)
        price = {"openai": 1000 * 5_000 + 200 * 50_000, "anthropic": 1000 * 3_000 + 200 * 30_000}[sdk]
        assert bench.counts() == {"global month usd": (price, 0)}
