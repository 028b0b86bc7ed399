"""A fault inside our own code never reaches the application, and is logged once, without what it was about."""

from __future__ import annotations

import gc
import logging
import threading
from typing import Any

import pytest
from shapes import ASK, MODEL, Clients
from traces import KEY, Configure, Traces

import hardened
from hardened.telemetry import faults

PLACES = [
    "hardened.telemetry.record.runtime",
    "hardened.telemetry.context.current",
    "hardened.telemetry.providers.tracer",
    "hardened.telemetry.content.encode",
    "hardened.telemetry.record.CallRecord._usage",
    "hardened.telemetry.decisions.Decisions.emit",
    "hardened.telemetry.metrics.Metrics.record",
    "hardened.spend.prices.PriceBook.prefetch",
    "hardened.spend.prices.PriceBook.when_ready",
    "hardened_instrumentation.providers.base.wire_body",
    "hardened_instrumentation.wires.openai_chat.ChatCompletions.request",
    "hardened_instrumentation.wires.openai_chat.ChatCompletions.request_slots",
    "hardened_instrumentation.wires.openai_chat.ChatCompletions.response",
    "hardened_instrumentation.wires.openai_chat.ChatCompletions.response_slots",
    "hardened_instrumentation.wires.openai_chat.ChatReader.read",
    "hardened_instrumentation.wires.openai_chat.ChatReader.collect",
    "hardened_instrumentation.wires.openai_chat.ChatReader.response",
]

KEEPS_THE_SPAN = [
    place
    for place in PLACES
    if place.split(".")[-1]
    in (
        "encode",
        "_usage",
        "_emit_guards",
        "record",
        "record_guard",
        "prefetch",
        "when_ready",
        "request",
        "response",
        "read",
        "collect",
        "request_slots",
        "response_slots",
    )
]


@pytest.fixture(autouse=True)
def no_fault_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "_counts", type(faults._counts)())


def answers(clients: Clients) -> list[str | None]:
    create = clients.openai.chat.completions.create
    whole = create(model=MODEL, messages=ASK).choices[0].message.content
    chunks = list(create(model=MODEL, messages=ASK, stream=True))
    return [whole, "".join(chunk.choices[0].delta.content or "" for chunk in chunks)]


@pytest.mark.parametrize("place", PLACES)
def test_the_application_gets_its_answers(
    place: str, clients: Clients, traces: Traces, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError(KEY)

    text = "You said: Name the capital of France."
    assert answers(clients) == [text, text]
    before = len(traces.calls())
    monkeypatch.setattr(place, broken)
    with caplog.at_level(logging.INFO):
        for _ in range(2):
            assert answers(clients) == [text, text]
        monkeypatch.undo()
        found = len(traces.calls()) - before
    logged = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert 1 <= len(logged) <= 3
    assert len({record.getMessage() for record in logged}) == len(logged)
    assert KEY not in caplog.text
    if place in KEEPS_THE_SPAN:
        assert found == 4


def test_streams_that_are_abandoned_in_other_threads(clients: Clients, configure: Configure) -> None:
    traces = configure()
    clients.provider.default = clients.provider.default.__class__(text="word " * 500)

    def leave() -> None:
        stream = clients.openai.chat.completions.create(model=MODEL, messages=ASK, stream=True)
        cycle: list[Any] = [stream]
        cycle.append(cycle)
        next(iter(stream))

    threads = [threading.Thread(target=leave) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    gc.collect()
    assert [span.stream_outcome for span in traces.calls()] == ["aborted"] * 8


def test_on_and_off_again(clients: Clients, configure: Configure) -> None:
    traces = configure()
    for count in range(1, 4):
        answers(clients)
        hardened.uninstrument()
        answers(clients)
        hardened.instrument()
        hardened.instrument()
        assert len(traces.calls()) == 2 * count
