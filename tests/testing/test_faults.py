"""Every fault of the table, on every wire, as the real SDKs behind `hardened` see it."""

from __future__ import annotations

import socket
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
from hardened.telemetry.record import CallRecord
from hardened.testing import COMMON, FAULTS, FakeProvider, Flapping, Mix, Outage, Reply, Request

TIMEOUT = 0.3
SILENT = ("hang", "hang_after_headers", "stall")  # the client gives up
SLOW = ("slow_first_token", "slow_tokens")
WIRES = ("chat", "responses", "messages")


@pytest.fixture
def failures(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The classes of the errors that `hardened` saw; it is in force, and sends nothing twice."""
    seen: list[str] = []

    def record(self: Any, attempt: int, target: str, kind: str, code: str, wait: float | None) -> None:
        seen.append(kind)

    monkeypatch.setattr(CallRecord, "attempt_failed", record)
    set_active(load({"telemetry": {"file": {"path": str(tmp_path / "traces")}}, "resilience": {"retries": 0}}), "test")
    hardened.instrument()
    yield seen
    hardened.uninstrument()
    reset()
    providers.shutdown()


def ask(provider: FakeProvider, wire: str, *, stream: bool, **options: Any) -> str:
    """The text of an answer over one of the wires."""
    options = {"api_key": "test", "max_retries": 2, "timeout": 10, **options}
    if wire == "messages":
        with anthropic.Anthropic(base_url=provider.url, **options) as client:
            request: Any = {"model": CLAUDE, "max_tokens": 64, "messages": ASK}
            if not stream:
                return "".join(getattr(block, "text", "") for block in client.messages.create(**request).content)
            events = client.messages.create(**request, stream=True)
            return "".join(event.delta.text for event in events if event.type == "content_block_delta")
    with openai.OpenAI(base_url=provider.openai_base_url, **options) as client:
        if wire == "responses":
            answer = client.responses.create(model=MODEL, input="Hello", stream=stream)
            if not stream:
                return answer.output_text
            return "".join(_delta(event) for event in answer)
        answer = client.chat.completions.create(model=MODEL, messages=ASK, stream=stream)
        if not stream:
            return answer.choices[0].message.content or "" if answer.choices else ""
        return "".join(chunk.choices[0].delta.content or "" for chunk in answer if chunk.choices)


def _delta(event: Any) -> str:
    """Responses has events for errors, which the SDK hands on; an application raises what it likes."""
    if event.type in ("error", "response.failed"):
        raise openai.OpenAIError
    return event.delta if event.type == "response.output_text.delta" else ""


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if fault.kind])
def test_a_fault_is_of_its_class(
    name: str, wire: str, stream: bool, provider: FakeProvider, failures: list[str]
) -> None:
    fault = FAULTS[name]
    provider.reply(text="Paris is the capital of France.", fault=name)
    try:
        ask(provider, wire, stream=stream, timeout=TIMEOUT if name in SILENT else 10)
    except hardened.StreamInterrupted as interrupted:
        failures[:] = failures or [interrupted.error_class]  # after its first content no attempt has failed
    except (openai.OpenAIError, anthropic.AnthropicError):
        pass
    else:
        assert not fault.happens_to(provider.requests[-1]), "a fault must not look like an answer"
    assert failures == ([fault.kind] if fault.happens_to(provider.requests[-1]) else [])
    assert len(provider.requests) == 1


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(
    "name", [name for name, fault in FAULTS.items() if not fault.kind and name not in (*SLOW, "trickle")]
)
def test_what_is_an_answer_all_the_same(
    name: str, wire: str, stream: bool, provider: FakeProvider, failures: list[str]
) -> None:
    provider.reply(text="Paris is the capital.", fault=name)
    text = ask(provider, wire, stream=stream)
    told = {"refusal": "", "duplicate_event": text, "giant_event": "word " * 200_000 if stream else text}
    if not (name == "refusal" and wire == "messages"):
        assert text == told.get(name, "Paris is the capital.")
    assert failures == []


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("name", SLOW)
def test_what_is_late_is_told_apart_by_time_only(
    name: str, wire: str, provider: FakeProvider, failures: list[str]
) -> None:
    fault = FAULTS[name]
    assert fault.fields is not None
    ((field, seconds),) = fault.fields(Request("POST", "/")).items()
    assert field in ("delay", "chunk_delay")
    assert seconds >= 0.2
    provider.reply(text="Paris", fault=name)
    with pytest.raises((openai.OpenAIError, anthropic.AnthropicError)):
        ask(provider, wire, stream=True, timeout=0.05)
    assert [*failures, "transport"][0] == "transport"


def test_who_may_choose_a_fault(provider: FakeProvider) -> None:
    client = openai.OpenAI(base_url=provider.openai_base_url, api_key="test", max_retries=0)

    def status(model: str = MODEL, **headers: str) -> int:
        try:
            client.chat.completions.create(model=model, messages=ASK, extra_headers=headers)
        except openai.APIStatusError as error:
            return error.status_code
        return 200

    provider.disturb(lambda request: "unavailable")
    assert status() == 503
    provider.reply(fault="overloaded")
    assert status() == 529, "a reply goes before a schedule"
    assert status("fault-not_found") == 404
    assert status("fault-not_found", **{"x-hardened-fault": "forbidden"}) == 403
    assert status("fault-no_such") == 500, "a mistake reaches the test"
    provider.disturb()
    assert status() == 200
    assert [attempt.fault for attempt in provider.attempts] == [
        "unavailable", "overloaded", "not_found", "forbidden", None, None,
    ]  # fmt: skip
    assert [attempt.request for attempt in provider.attempts] == provider.requests


def test_a_mix_is_the_same_for_the_same_seed() -> None:
    request = Request("POST", "/v1/chat/completions")

    def drawn(seed: int) -> list[str | None]:
        mix = Mix(COMMON, seed=seed)
        return [mix(request) for _ in range(2000)]

    assert drawn(1) == drawn(1) != drawn(2)
    assert set(drawn(3)) == {*COMMON, None}
    assert sum(name is not None for name in drawn(4)) == pytest.approx(2000 * sum(COMMON.values()), rel=0.1)


def test_outages_and_flapping() -> None:
    request = Request("POST", "/")
    now = 100.0
    outage = Outage(2, 8, "reset", clock=lambda: now)
    seen: list[str | None] = []
    for now in (100.0, 101.9, 102.0, 107.9, 108.0):  # noqa: B007 - the clock reads it
        seen.append(outage(request))
    assert seen == [None, None, "reset", "reset", None]
    flapping = Flapping(bad=2, good=1)
    assert [flapping(request) for _ in range(6)] == ["unavailable", "unavailable", None] * 2


@pytest.mark.parametrize(
    "make",
    [
        lambda: Mix({"hangs": 0.1}),
        lambda: Mix({"hang": -0.1}),
        lambda: Mix({"hang": 0.6, "reset": 0.6}),
        lambda: Outage(0, 1, "downn"),
        lambda: Flapping(bad=0),
        lambda: Reply(fault="unavailabel"),
    ],
)
def test_impossible_schedules_are_refused(make: Any) -> None:
    with pytest.raises(ValueError):
        make()


def test_a_mistyped_fault_is_told_what_was_meant() -> None:
    with pytest.raises(ValueError, match="did you mean 'unavailable'"):
        Reply(fault="unavailabel")


def test_nobody_listens_while_it_is_unreachable(provider: FakeProvider) -> None:
    port = provider.port
    with provider.unreachable(), pytest.raises(ConnectionRefusedError):
        socket.create_connection((provider.url.split("/")[2].split(":")[0], port))
    assert provider.port == port
    client = openai.OpenAI(base_url=provider.openai_base_url, api_key="test", max_retries=0)
    assert client.chat.completions.create(model=MODEL, messages=ASK).choices


@pytest.mark.parametrize("why", ["dns_failure", "connection_refused", "tls_failure"])
@pytest.mark.parametrize("sdk", ["openai", "anthropic"])
def test_nobody_can_be_reached_there(why: Any, sdk: str, provider: FakeProvider, failures: list[str]) -> None:
    url = provider.nowhere(why)
    assert url == provider.nowhere(why)
    with pytest.raises((openai.APIConnectionError, anthropic.APIConnectionError)) as raised:
        if sdk == "openai":
            with openai.OpenAI(base_url=f"{url}/v1", api_key="test") as client:
                client.chat.completions.create(model=MODEL, messages=ASK)
        else:
            with anthropic.Anthropic(base_url=url, api_key="test") as other:
                other.messages.create(model=CLAUDE, max_tokens=64, messages=ASK)
    cause = {"dns_failure": "name", "connection_refused": "refused", "tls_failure": "ssl"}[why]
    assert cause in str(raised.value.__cause__).lower()
    assert (failures, provider.requests) == (["transport"], [])


def test_the_log_tells_the_requests_of_a_call(provider: FakeProvider, failures: list[str]) -> None:
    provider.disturb(Flapping("server_error", bad=1, good=1))
    set_active(load({"resilience": {"retries": 1}, "telemetry": {"file": {"enabled": False}}}), "test")
    with openai.OpenAI(base_url=provider.openai_base_url, api_key="test") as client:
        client.chat.completions.create(model=MODEL, messages=ASK, extra_headers={"Idempotency-Key": "k1"})
    first, second = provider.attempts
    assert (first.fault, second.fault) == ("server_error", None)
    assert first.idempotency_key == second.idempotency_key == "k1"
    assert first.time <= second.time


def test_the_documentation_has_every_fault() -> None:
    page = (Path(__file__).parents[2] / "docs/testing.md").read_text(encoding="utf-8")
    for name, fault in FAULTS.items():
        only = "" if fault.on == "both" else fault.on
        kind = f"`{fault.kind}`" if fault.kind else "an answer"
        assert f"| `{name}` | {fault.does} | {only} | {kind} |" in page
