"""LangChain above openai and anthropic: one span for each call, and no secret on either side."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from leaky import CLEAN, LeakyProvider
from shapes import CLAUDE, MODEL
from traces import KEY, Traces

import hardened

langchain_openai = pytest.importorskip("langchain_openai", reason="langchain-openai is not installed")
langchain_anthropic = pytest.importorskip("langchain_anthropic", reason="langchain-anthropic is not installed")

QUESTION = f"my key is {KEY}"


def chat_openai(leaky: LeakyProvider, **more: Any) -> Any:
    return langchain_openai.ChatOpenAI(
        model=MODEL, base_url=leaky.openai_base_url, api_key="test", max_retries=0, **more
    )


def responses_openai(leaky: LeakyProvider) -> Any:
    return chat_openai(leaky, use_responses_api=True)


def chat_anthropic(leaky: LeakyProvider) -> Any:
    return langchain_anthropic.ChatAnthropic(model=CLAUDE, base_url=leaky.url, api_key="test", max_retries=0)


models = pytest.mark.parametrize("make", [chat_openai, responses_openai, chat_anthropic])


def text(message: Any) -> str:
    return message.text() if callable(message.text) and not isinstance(message.text, str) else str(message.text)


@models
def test_invoke(make: Any, leaky: LeakyProvider, traces: Traces) -> None:
    assert text(make(leaky).invoke(QUESTION)) == CLEAN
    assert text(asyncio.run(make(leaky).ainvoke(QUESTION))) == CLEAN
    _assert_guarded(leaky, traces, calls=2)


@models
def test_stream(make: Any, leaky: LeakyProvider, traces: Traces) -> None:
    async def main() -> str:
        return "".join([text(chunk) async for chunk in make(leaky).astream(QUESTION)])

    assert "".join(text(chunk) for chunk in make(leaky).stream(QUESTION)) == CLEAN
    assert asyncio.run(main()) == CLEAN
    _assert_guarded(leaky, traces, calls=2)


def test_tools(leaky: LeakyProvider, traces: Traces) -> None:
    from langchain_core.tools import tool

    @tool
    def look(at: str) -> str:
        """Look somewhere."""
        return at

    for make in (chat_openai, chat_anthropic):
        leaky.reply(tool_calls=[{"name": "look"}])
        (call,) = make(leaky).bind_tools([look]).invoke(QUESTION).tool_calls
        assert call["args"] == {"at": CLEAN, "nested": [{"key": "[OPENAI_API_KEY]"}]}
    _assert_guarded(leaky, traces, calls=2)


def test_embeddings(leaky: LeakyProvider, traces: Traces) -> None:
    embed = langchain_openai.OpenAIEmbeddings(
        model="text-embedding-3-small", base_url=leaky.openai_base_url, api_key="test", check_embedding_ctx_length=False
    )
    assert embed.embed_documents([QUESTION])
    _assert_guarded(leaky, traces, calls=1)


@models
def test_a_block_comes_through(make: Any, leaky: LeakyProvider, traces: Traces) -> None:
    hardened.configure(detectors={"secrets": {"input": "block"}}, telemetry={"file": {"path": str(traces.path)}})
    with pytest.raises(hardened.BlockedError):
        make(leaky).invoke(QUESTION)
    assert leaky.requests == []


def _assert_guarded(leaky: LeakyProvider, traces: Traces, calls: int) -> None:
    assert len(traces.calls()) == len(leaky.requests) == calls
    assert all(KEY.encode() not in request.body for request in leaky.requests)
    assert KEY.encode() not in traces.bytes
    assert all(span.guard_outcome == "redacted" and span.output_tokens != 0 for span in traces.calls())
