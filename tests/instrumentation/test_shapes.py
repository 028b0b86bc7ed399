"""Whatever the shape of a call: it is handed over once, ends once, and returns what the SDK returns without us."""

from __future__ import annotations

import pytest
from recorder import Recorder
from shapes import SHAPES, Clients

import hardened_instrumentation


@pytest.mark.parametrize("name", SHAPES)
def test_returns_what_the_sdk_returns(name: str, clients: Clients, recorder: Recorder) -> None:
    hardened_instrumentation.uninstrument()
    bare = SHAPES[name](clients)
    assert not recorder.records
    hardened_instrumentation.instrument(recorder)
    assert SHAPES[name](clients) == bare
    assert len(recorder.records) == 1
    assert len(recorder.last.endings) == 1


@pytest.mark.parametrize("name", [name for name in SHAPES if "stream" in name and "speech" not in name])
def test_streams_are_complete(name: str, clients: Clients, recorder: Recorder) -> None:
    SHAPES[name](clients)
    response = recorder.last.response
    assert response is not None and response.complete and response.messages and response.finish_reasons
