"""`hardened.chaos`: faults in a running application, on purpose, and nowhere but there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
from shapes import ASK, CLAUDE, MODEL

import hardened
from hardened.policy.active import reset, set_active
from hardened.policy.load import load
from hardened.telemetry import providers
from hardened.testing import FAULTS, FakeProvider


@pytest.fixture(autouse=True)
def staging(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("HARDENED_CHAOS", "on")
    set_active(load({"telemetry": {"file": {"path": str(tmp_path / "traces")}}, "resilience": {"retries": 0}}), "test")
    hardened.instrument()
    yield
    hardened.uninstrument()
    reset()
    providers.shutdown()


def chat(provider: FakeProvider, *, stream: bool = False, timeout: float = 10, key: str = "the-real-key") -> str:
    with openai.OpenAI(base_url=provider.openai_base_url, api_key=key, timeout=timeout) as client:
        answer: Any = client.chat.completions.create(model=MODEL, messages=ASK, stream=stream)
        if not stream:
            return answer.choices[0].message.content
        return "".join(chunk.choices[0].delta.content or "" for chunk in answer if chunk.choices)


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize(
    "name",
    [*(name for name, fault in FAULTS.items() if fault.kind), "dns_failure", "connection_refused", "tls_failure"],
)
def test_every_error_can_be_injected(name: str, stream: bool, provider: FakeProvider) -> None:
    with hardened.chaos(rate=1, faults={name: 1}) as chaos:
        fits = name not in FAULTS or FAULTS[name].on in ("both", "stream" if stream else "plain")
        if fits:
            with pytest.raises(openai.OpenAIError):
                chat(provider, stream=stream, timeout=0.3)
        else:
            assert chat(provider, stream=stream)
        assert (chaos.injected[name], len(provider.requests)) == ((1, 0) if fits else (0, 1))
    assert chat(provider, stream=stream), "it is over"


def test_every_sdk(provider: FakeProvider) -> None:
    with hardened.chaos(rate=1, faults={"overloaded": 1}), pytest.raises(anthropic.APIStatusError) as raised:
        anthropic.Anthropic(base_url=provider.url, api_key="test").messages.create(
            model=CLAUDE, max_tokens=9, messages=ASK
        )
    assert raised.value.status_code == 529


def test_the_share_is_what_was_said_and_the_seed_repeats_it(provider: FakeProvider) -> None:
    def run() -> list[bool]:
        with hardened.chaos(rate=0.3, faults={"unavailable": 2, "rate_limited": 1}, seed=7) as chaos:
            for _ in range(60):
                try:
                    chat(provider)
                except openai.APIStatusError as error:
                    failed.append(error.status_code)
                else:
                    failed.append(0)
            assert chaos.injected.total() == sum(status != 0 for status in failed)
        return [status != 0 for status in failed]

    failed: list[int] = []
    first = run()
    assert 8 <= sum(first) <= 28
    assert {503, 429, 0} == set(failed)
    failed = []
    assert run() == first


def test_retries_and_fallbacks_work_as_they_would(provider: FakeProvider) -> None:
    with FakeProvider() as other:
        backup = {"provider": "openai", "base_url": other.openai_base_url, "api_key": "other", "model": "gpt-4o"}
        policy = {"targets": {"backup": backup}, "routes": {"default": ["backup"]}}
        set_active(load({"telemetry": {"file": {"enabled": False}}, **policy}), "test")
        with hardened.chaos(rate=1, faults={"unauthorized": 1}):
            assert chat(provider)
        assert (len(provider.requests), len(other.requests)) == (0, 1)


def test_the_applications_key_goes_nowhere_else(provider: FakeProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    deliver = FakeProvider._deliver

    def watched(self: FakeProvider, request: Any) -> Any:
        seen.append(str(request.headers))
        return deliver(self, request)

    monkeypatch.setattr(FakeProvider, "_deliver", watched)
    with hardened.chaos(rate=1, faults={"unavailable": 1}), pytest.raises(openai.InternalServerError):
        chat(provider)
    assert len(seen) == 1
    assert "the-real-key" not in seen[0]


@pytest.mark.parametrize("said", [None, "", "off", "1"])
def test_only_where_the_environment_says_so(said: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARDENED_CHAOS", said) if said is not None else monkeypatch.delenv("HARDENED_CHAOS")
    with pytest.raises(hardened.HardenedError, match="HARDENED_CHAOS=on"), hardened.chaos():
        raise AssertionError("not reached")


def test_once_at_a_time() -> None:
    with hardened.chaos(), pytest.raises(hardened.HardenedError, match="on already"), hardened.chaos():
        raise AssertionError("not reached")
    with hardened.chaos():
        pass


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"rate": 2}, "from 0 to 1"),
        ({"rate": float("nan")}, "from 0 to 1"),
        ({"faults": {"unavailabel": 1}}, "did you mean 'unavailable'"),
        ({"faults": {"refusal": 1}}, "is an answer"),
        ({"faults": {"hang": 0}}, "more than 0"),
    ],
)
def test_what_cannot_be_is_refused(arguments: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason), hardened.chaos(**arguments):
        raise AssertionError("not reached")
