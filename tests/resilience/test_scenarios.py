"""Sixteen faults of a provider with one fallback: what the caller gets, and how often each service is asked.

After the descriptions of failoverbench (scenarios S01 to S16), with faults, limits and server of our own. The clock of
S15 is set by the test.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import openai
import pytest
from callers import STREAMS, openai_client
from shapes import ASK, MODEL
from traces import Configure

import hardened
from hardened.resilience import health
from hardened.store.breaker import Breakers
from hardened.store.memory import MemoryStore
from hardened.testing import FakeProvider, Reply

TEXT = "Sixty words would be as good as these."


class Scenario(NamedTuple):
    """What the first service does, request by request, and in the end; and what is right.

    Attributes:
        most: requests to the first service at most.
        late: the fault comes after the first content: without `stream: buffer` an error is what is right.
        refused: an error is what is right, always.
    """

    first: tuple[str | None, ...]
    most: int
    late: bool = False
    refused: bool = False


SCENARIOS = {
    "S01 429 with Retry-After": Scenario(("retry_after", None), 2),
    "S02 429 for ever": Scenario(("rate_limited",), 6),
    "S03 500 once": Scenario(("server_error", None), 2),
    "S04 503 for ever": Scenario(("unavailable",), 6),
    "S05 reset before headers": Scenario(("reset", None), 2),
    "S06 no response": Scenario(("hang",), 1),
    "S07 slow first token": Scenario(("slow_first_token",), 1),
    "S08 stream cut": Scenario(("cut",), 2, late=True),
    "S09 stream stalls": Scenario(("stall",), 1, late=True),
    "S10 malformed chunk": Scenario(("garbage",), 2, late=True),
    "S11 no [DONE]": Scenario(("no_done",), 1),
    "S12 context length": Scenario(("context_length_exceeded",), 1),
    "S13 content filter": Scenario(("content_policy",), 1, refused=True),
    "S14 cut, and no prefill elsewhere": Scenario(("cut",), 2, late=True),
    "S16 accounting": Scenario(("unavailable",), 6),
}


@pytest.mark.parametrize("stream", ["incremental", "buffer"])
@pytest.mark.parametrize("name", SCENARIOS)
def test_the_caller_gets_the_answer_or_a_clear_error(
    name: str, stream: str, provider: FakeProvider, other: FakeProvider, waits: Any, configure: Configure
) -> None:
    scenario = SCENARIOS[name]
    backup = {"provider": "openai", "base_url": other.openai_base_url, "api_key": "other", "model": "gpt-4o"}
    configure(targets={"backup": backup}, routes={"default": ["backup"]}, stream=stream)
    other.default = Reply(text=TEXT)
    other.when(lambda request: request.json["messages"][-1]["role"] == "assistant", fault="prefill_rejected")
    faults = iter(scenario.first)
    last = scenario.first[-1]
    provider.default = Reply(text=TEXT)
    provider.disturb(lambda request: next(faults, last))
    if scenario.refused or (scenario.late and stream != "buffer"):  # "safe"
        with pytest.raises(openai.APIError) as caught:
            STREAMS["openai"].call(provider, timeout=0.5)
        assert isinstance(caught.value, openai.BadRequestError if scenario.refused else hardened.StreamInterrupted)
    else:
        assert STREAMS["openai"].call(provider, timeout=0.5) == TEXT
    assert 1 <= len(provider.requests) <= scenario.most
    provider.disturb()
    assert STREAMS["openai"].call(provider, timeout=5) == TEXT, "it is alive after it"


def test_s01_the_wait_that_was_asked_for(provider: FakeProvider, waits: list[float], configure: Configure) -> None:
    configure()
    provider.reply(status=429, headers={"retry-after": "2"})
    assert STREAMS["openai"].call(provider)
    assert (len(provider.requests), len(waits)) == (2, 1)
    assert 2 <= waits[0] <= 2.2


@pytest.mark.parametrize("stream", ["incremental", "buffer"])
def test_s15_down_for_a_minute_then_healthy(
    stream: str,
    provider: FakeProvider,
    other: FakeProvider,
    waits: Any,
    configure: Configure,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Twenty requests, one every four seconds: all are answered, and the first service is back within ten seconds."""
    now = 1000.0
    store = MemoryStore(lambda: now)
    monkeypatch.setattr(health, "current", lambda: store)
    backup = {"provider": "openai", "base_url": other.openai_base_url, "api_key": "other", "model": "gpt-4o"}
    configure(targets={"backup": backup}, routes={"default": ["backup"]}, stream=stream)
    provider.default, other.default = Reply(text=TEXT), Reply(text=TEXT)
    provider.disturb(lambda request: "unavailable" if now < 1060 else None)
    asked: list[int] = []
    for number in range(20):
        now = 1000.0 + 4 * number
        before = len(provider.requests)
        assert STREAMS["openai"].call(provider, timeout=5) == TEXT
        asked.append(len(provider.requests) - before)
    down, well = asked[:15], asked[15:]
    assert max(down[3:]) == 1, "a probe is not sent again"
    assert well[2:] == [1, 1, 1]
    assert 15 <= len(other.requests) <= 17
    assert set(store.run(Breakers()).values()) == {"closed"}


def test_the_answer_names_who_gave_it(
    provider: FakeProvider, other: FakeProvider, waits: Any, configure: Configure
) -> None:
    backup = {"provider": "openai", "base_url": other.openai_base_url, "api_key": "other", "model": "gpt-4o"}
    configure(targets={"backup": backup}, routes={"default": ["backup"]})
    provider.default = Reply(fault="unavailable")
    answer = openai_client(provider).chat.completions.create(model=MODEL, messages=ASK)
    assert (answer.model, answer.usage is not None) == ("gpt-4o", True)
