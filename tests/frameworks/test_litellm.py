"""LiteLLM above openai 2: one span for each call, and no secret on either side."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import pytest
from leaky import CLEAN, LeakyProvider
from shapes import MODEL
from traces import KEY, Traces

import hardened

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else it asks the network for prices
litellm = pytest.importorskip("litellm", reason="litellm is not installed")

QUESTION = [{"role": "user", "content": f"my key is {KEY}"}]


def settings(leaky: LeakyProvider) -> Any:
    return {"model": f"openai/{MODEL}", "messages": QUESTION, "api_base": leaky.openai_base_url, "api_key": "test"}


def piece(chunk: Any) -> str:
    return chunk.choices[0].delta.content or "" if chunk.choices else ""


def test_completion(leaky: LeakyProvider, traces: Traces) -> None:
    assert litellm.completion(**settings(leaky)).choices[0].message.content == CLEAN
    assert asyncio.run(litellm.acompletion(**settings(leaky))).choices[0].message.content == CLEAN
    _assert_guarded(leaky, traces, calls=2)


def test_stream(leaky: LeakyProvider, traces: Traces) -> None:
    async def main() -> str:
        stream = await litellm.acompletion(**settings(leaky), stream=True)
        return "".join([piece(chunk) async for chunk in stream])

    assert "".join(map(piece, litellm.completion(**settings(leaky), stream=True))) == CLEAN
    assert asyncio.run(main()) == CLEAN
    _assert_guarded(leaky, traces, calls=2)


def test_a_block_comes_through(leaky: LeakyProvider, traces: Traces) -> None:
    hardened.configure(detectors={"secrets": {"input": "block"}}, telemetry={"file": {"path": str(traces.path)}})
    with pytest.raises(Exception, match="blocked at stage 'input'"):  # LiteLLM puts every error into one of its own
        litellm.completion(**settings(leaky), num_retries=0)
    assert leaky.requests == []


def _assert_guarded(leaky: LeakyProvider, traces: Traces, calls: int) -> None:
    assert len(traces.calls()) == len(leaky.requests) == calls
    assert all(KEY.encode() not in request.body for request in leaky.requests)
    assert KEY.encode() not in traces.bytes
    assert {span.guard_outcome for span in traces.calls()} == {"redacted"}
