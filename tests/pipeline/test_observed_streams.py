"""Streams that no guard looks at: they are read in the background, and their spans say the same."""

from __future__ import annotations

from typing import Any

import pytest
from shapes import ASK, MODEL, SHAPES, Clients
from traces import Configure, Traces

from hardened import stream
from hardened.analysis.spans import SpanRecord

OWN = ("gen_ai.response.id", "gen_ai.response.time_to_first_chunk", "hardened.guard.duration", "server.port")


def said(span: SpanRecord) -> dict[str, Any]:
    """What a span says that is not of this one call only."""
    return {name: value for name, value in span.attributes.items() if name not in OWN}


@pytest.mark.parametrize("kept", [stream.KEPT, 1])
@pytest.mark.parametrize("name", [name for name in SHAPES if "stream" in name])
def test_a_stream_says_the_same_without_guards(
    name: str, kept: int, clients: Clients, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "KEPT", kept)
    traces = configure(preset="observe")
    guarded = SHAPES[name](clients)
    configure(mode="off")
    assert SHAPES[name](clients) == guarded
    first, second = sorted(traces.calls(), key=lambda span: span.start)
    assert said(second) == said(first)
    assert ("gen_ai.response.time_to_first_chunk" in second.attributes) == (
        "gen_ai.response.time_to_first_chunk" in first.attributes
    )


def test_a_stream_that_is_left_says_what_came_and_ends_when_it_was_left(clients: Clients, configure: Configure) -> None:
    traces: Traces = configure(mode="off")
    with clients.openai.chat.completions.create(model=MODEL, messages=ASK, stream=True) as events:
        came = next(event.choices[0].delta.content for event in events if event.choices[0].delta.content)
    span = traces.call()
    assert (span.stream_outcome, span.error_type) == ("aborted", None)
    assert span.output_messages[0]["parts"][0]["content"].startswith(came)
