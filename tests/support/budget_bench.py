"""Real SDKs against a fake provider, with budgets in a store of this test's folder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anthropic
import openai

from hardened.store import current as store_module
from hardened.store.amounts import Counts, Levels
from hardened.testing import FakeProvider
from hardened.worker import worker

MODEL = "gpt-4o-mini"
PRICES = {MODEL: {"input": 1.0, "output": 10.0}, "claude-sonnet-4-6": {"input": 1.0, "output": 10.0}}
"""USD per million tokens, so a token costs 1,000 or 10,000 nano-dollars."""


class Bench:
    """One policy, its provider, and what is counted."""

    def __init__(self, provider: FakeProvider) -> None:
        self.provider = provider
        self.openai = openai.OpenAI(base_url=provider.openai_base_url, api_key="test", max_retries=0)
        self.async_openai = openai.AsyncOpenAI(base_url=provider.openai_base_url, api_key="test", max_retries=0)
        self.anthropic = anthropic.Anthropic(base_url=provider.anthropic_base_url, api_key="test", max_retries=0)

    def ask(self, text: str = "hi", **more: Any) -> Any:
        given = {"model": MODEL, "messages": [{"role": "user", "content": text}], "max_tokens": 100, **more}
        return self.openai.chat.completions.create(**given)

    async def aask(self, text: str = "hi", **more: Any) -> Any:
        given = {"model": MODEL, "messages": [{"role": "user", "content": text}], "max_tokens": 100, **more}
        return await self.async_openai.chat.completions.create(**given)

    def counts(self) -> dict[str, tuple[int, int]]:
        """Used and held by scope, window and unit, and identity where there is one; after all calls were told."""
        assert worker.flush(30)
        found = store_module.current().run(Counts())
        return {_short(key): (count.used, count.held) for key, count in found.items()}

    def levels(self) -> dict[str, int]:
        """What of each rate is in use."""
        assert worker.flush(30)
        return {_short(key): level for key, level in store_module.current().run(Levels()).items()}


def _short(key: str) -> str:
    scope, window, unit, _, identity = key.split("/", 4)
    return f"{scope} {window} {unit}" + ("" if identity == "*" else f" {identity}")


Configure = Callable[..., Bench]
