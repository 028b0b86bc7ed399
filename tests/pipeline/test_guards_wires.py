"""Answers of shapes that nobody promised: the call goes as it would without us, and no secret comes out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from leaky import assert_clean
from shapes import ASK, CLAUDE, MODEL, Clients, plain
from traces import KEY, Configure

import hardened
from hardened.testing import FakeProvider

HALVES = (f"the key {KEY[:20]}", f"{KEY[20:]} is here")
CHUNK = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}


@pytest.fixture(scope="module")
def shared() -> Iterator[Clients]:
    with FakeProvider() as running:
        yield Clients(running)


def sse(events: list[Any], named: bool = False) -> str:
    def one(event: Any) -> str:
        name = f"event: {event['type']}\n" if named and isinstance(event, dict) and "type" in event else ""
        return f"{name}data: {json.dumps(event)}\n\n"

    return "".join(map(one, events))


def chat(clients: Clients, body: Any) -> Any:
    clients.provider.reply(body=body)
    stream = isinstance(body, str) and body.startswith("data:")
    result = clients.openai.chat.completions.create(model=MODEL, messages=ASK, stream=stream)
    return plain(list(result)) if stream else plain(result)


def responses(clients: Clients, body: Any) -> Any:
    clients.provider.reply(body=body)
    stream = isinstance(body, str) and "data:" in body
    result = clients.openai.responses.create(model=MODEL, input="Name it", stream=stream)
    return plain(list(result)) if stream else plain(result)


def messages(clients: Clients, body: Any) -> Any:
    clients.provider.reply(body=body)
    stream = isinstance(body, str) and "data:" in body
    result = clients.anthropic.messages.create(model=CLAUDE, max_tokens=9, messages=ASK, stream=stream)
    return plain(list(result)) if stream else plain(result)


def completions(clients: Clients, body: Any) -> Any:
    clients.provider.reply(body=body)
    stream = isinstance(body, str) and "data:" in body
    result = clients.openai.completions.create(model=MODEL, prompt="Name it", stream=stream)
    return plain(list(result)) if stream else plain(result)


def transcription(clients: Clients, body: Any) -> Any:
    clients.provider.reply(body=body)
    result = clients.openai.audio.transcriptions.create(model="whisper-1", file=("a.wav", b"RIFF"), stream=True)
    return plain(list(result))


def chunks(*deltas: Any, end: str = "stop", **choice: Any) -> str:
    events = [{**CHUNK, "choices": [{"index": 0, "delta": delta, "finish_reason": None, **choice}]} for delta in deltas]
    last = {**CHUNK, "choices": [{"index": 0, "delta": {}, "finish_reason": end, **choice}]}
    return sse([*events, last]) + "data: [DONE]\n\n"


def raw_chunks(*choices: Any) -> str:
    return sse([{**CHUNK, "choices": choice} for choice in choices]) + "data: [DONE]\n\n"


def halves(of: Any) -> list[Any]:
    return [of(half) for half in HALVES]


def call(**function: Any) -> Any:
    return {"tool_calls": [{"index": 0, **function}]}


def block(*deltas: Any, start: Any = None, index: Any = 0, **message: Any) -> str:
    head = {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": None}
    events = [
        {"type": "message_start", "message": {**head, "usage": {"input_tokens": 1, "output_tokens": 1}, **message}},
        {"type": "content_block_start", "index": index, "content_block": start or {"type": "text", "text": ""}},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}},
        {"type": "message_stop"},
    ]
    return sse(events, named=True)


def item(kind: str, **fields: Any) -> Any:
    body = {"id": "r", "object": "response", "created_at": 1, "model": "m", "status": "completed", "tools": []}
    return {**body, "output": [{"id": "i", "type": kind, "status": "completed", **fields}]}


def item_stream(kind: str, **fields: Any) -> str:
    body = item(kind, **fields)
    done = {"type": "response.output_item.done", "output_index": 0, "item": body["output"][0], "sequence_number": 1}
    return sse([done, {"type": "response.completed", "response": body, "sequence_number": 2}], named=True)


def response_deltas(*events: Any) -> str:
    last = {"type": "response.completed", "response": item("message", content=[]), "sequence_number": 9}
    return sse([*({"sequence_number": 1, "output_index": 0, **event} for event in events), last], named=True)


LEAK = f"the key {KEY} is here"
MESSAGE = {"id": "m", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn"}
COMPLETION = {"id": "c", "object": "chat.completion", "created": 1, "model": "m"}

CASES: dict[str, tuple[Any, Any]] = {
    # chat, streamed
    "content in parts": (chat, chunks(*halves(lambda half: {"content": [{"type": "text", "text": half}]}))),
    "content in one part": (chat, chunks(*halves(lambda half: {"content": {"type": "text", "text": half}}))),
    "content in bare parts": (chat, chunks(*halves(lambda half: {"content": [half]}))),
    "legacy function call": (chat, chunks(*halves(lambda half: {"function_call": {"arguments": half}}))),
    "custom tool": (chat, chunks(*halves(lambda half: call(custom={"name": "t", "input": half})))),
    "arguments as object": (chat, chunks(call(function={"name": "t", "arguments": {"at": [LEAK]}}))),
    "tool calls as object": (
        chat,
        chunks(*halves(lambda half: {"tool_calls": {"index": 0, "function": {"arguments": half}}})),
    ),
    "tool calls are null": (chat, chunks({"tool_calls": [None]}, {"content": LEAK})),
    "no index in tool calls": (
        chat,
        chunks(*halves(lambda half: {"tool_calls": [{"index": None, "function": {"arguments": half}}]})),
    ),
    "transcript of audio": (chat, chunks(*halves(lambda half: {"audio": {"id": "a", "transcript": half}}))),
    "delta is null": (chat, chunks(None, {"content": LEAK})),
    "delta is a list": (chat, chunks(*halves(lambda half: [{"content": half}]))),
    "delta is a text": (chat, chunks("", {"content": LEAK})),
    "content is a number": (chat, chunks({"content": 7}, {"content": LEAK})),
    "index is null": (chat, chunks(*halves(lambda half: {"content": half}), index=None)),
    "index is a text": (chat, chunks(*halves(lambda half: {"content": half}), index="0")),
    "finish reason is an object": (chat, chunks({"content": LEAK}, end={"type": "stop"})),  # type: ignore[arg-type]
    "choices are null": (chat, raw_chunks(None, [{"index": 0, "delta": {"content": LEAK}}], None)),
    "choices are an object": (chat, raw_chunks(*halves(lambda half: {"index": 0, "delta": {"content": half}}))),
    "choice is null": (chat, raw_chunks([None], [{"index": 0, "delta": {"content": LEAK}}])),
    "usage is a list": (chat, sse([{**CHUNK, "choices": [{"delta": {"content": LEAK}}], "usage": [1]}])),
    "whole message in a stream": (
        chat,
        raw_chunks([{"index": 0, "message": {"role": "assistant", "content": LEAK}, "finish_reason": "stop"}]),
    ),
    # chat, whole
    "parts": (chat, {**COMPLETION, "choices": [{"message": {"content": [{"type": "text", "text": LEAK}]}}]}),
    "parts of an unknown type": (
        chat,
        {**COMPLETION, "choices": [{"message": {"content": [{"type": "new", "text": LEAK}]}}]},
    ),
    "bare parts": (chat, {**COMPLETION, "choices": [{"message": {"content": [LEAK]}}]}),
    "content is an object": (chat, {**COMPLETION, "choices": [{"message": {"content": {"text": LEAK}}}]}),
    "message is a list": (chat, {**COMPLETION, "choices": [{"message": [{"content": LEAK}]}]}),
    "choices are one object": (chat, {**COMPLETION, "choices": {"message": {"content": LEAK}}}),
    "audio with a transcript": (
        chat,
        {**COMPLETION, "choices": [{"message": {"content": None, "audio": {"data": "UklGRg==", "transcript": LEAK}}}]},
    ),
    "arguments are an object": (
        chat,
        {
            **COMPLETION,
            "choices": [{"message": {"tool_calls": [{"function": {"name": "t", "arguments": {"a": LEAK}}}]}}],
        },
    ),
    "tool calls are one object": (
        chat,
        {**COMPLETION, "choices": [{"message": {"tool_calls": {"function": {"name": "t", "arguments": LEAK}}}}]},
    ),
    "a list": (chat, [{**COMPLETION, "choices": [{"message": {"content": LEAK}}]}]),
    "not JSON": (chat, '{"choices": [{"message": {"content": "' + LEAK),
    "a JSON string": (chat, json.dumps(LEAK)),
    # legacy completions
    "text is a list": (completions, {**COMPLETION, "choices": [{"text": [LEAK]}]}),
    "text in parts": (completions, sse([{**CHUNK, "choices": [{"index": 0, "text": [LEAK]}]}])),
    "completion choices are an object": (completions, {**COMPLETION, "choices": {"text": LEAK}}),
    # messages
    "compaction": (
        messages,
        block(*halves(lambda half: {"type": "compaction_delta", "content": half}), start={"type": "compaction"}),
    ),
    "unknown delta": (messages, block(*halves(lambda half: {"type": "new_delta", "text": half}))),
    "delta without a type": (messages, block(*halves(lambda half: {"text": half}))),
    "text in a list": (messages, block({"type": "text_delta", "text": [LEAK]})),
    "block is a list": (messages, block({"type": "text_delta", "text": LEAK}, start=[{"text": LEAK}])),
    "block index is null": (messages, block(*halves(lambda half: {"type": "text_delta", "text": half}), index=None)),
    "message with content": (messages, block(content=[{"type": "text", "text": LEAK}])),
    "unknown event": (messages, sse([{"type": "news", "text": LEAK}], named=True) + block()),
    "content is a text": (messages, {**MESSAGE, "content": LEAK}),
    "content is one block": (messages, {**MESSAGE, "content": {"type": "text", "text": LEAK}}),
    "unknown block": (messages, {**MESSAGE, "content": [{"type": "compaction", "content": LEAK}]}),
    "text of a block in a list": (messages, {**MESSAGE, "content": [{"type": "text", "text": [LEAK]}]}),
    "result of a server's tool": (
        messages,
        {**MESSAGE, "content": [{"type": "bash_code_execution_tool_result", "content": {"stdout": LEAK}}]},
    ),
    # responses
    "delta is an object": (
        responses,
        response_deltas({"type": "response.output_text.delta", "content_index": 0, "delta": {"text": LEAK}}),
    ),
    "unknown growing field": (
        responses,
        response_deltas(*halves(lambda half: {"type": "response.news.delta", "content_index": 0, "delta": half})),
    ),
    "unknown response event": (responses, response_deltas({"type": "response.news", "news": [{"text": LEAK}]})),
    "annotation": (
        responses,
        response_deltas({"type": "response.output_text.annotation.added", "annotation": {"title": LEAK}}),
    ),
    "output is an object": (responses, {**item("message"), "output": {"type": "message", "content": [{"text": LEAK}]}}),
    "content is one part": (responses, item("message", content={"type": "output_text", "text": LEAK})),
    "shell": (responses, item("shell_call", action={"commands": [LEAK]}, call_id="c")),
    "patch": (responses, item("apply_patch_call", operation={"type": "create_file", "path": "a", "diff": LEAK})),
    "shell, streamed": (responses, item_stream("shell_call", action={"commands": [LEAK]}, call_id="c")),
    "logs": (responses, item("code_interpreter_call", code="1", outputs=[{"type": "logs", "logs": LEAK}])),
    "search": (responses, item("web_search_call", action={"type": "search", "query": LEAK})),
    "files": (responses, item("file_search_call", queries=[LEAK], results=[{"text": LEAK}])),
    "error of a tool": (responses, item("mcp_call", name="t", arguments="{}", error=LEAK, server_label="s")),
    # transcription
    "transcript": (
        transcription,
        sse(
            [
                *halves(lambda half: {"type": "transcript.text.delta", "delta": half}),
                {"type": "transcript.text.done", "text": "".join(HALVES)},
            ]
        ),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_unexpected_answers(name: str, shared: Clients, configure: Configure) -> None:
    ask, body = CASES[name]
    hardened.uninstrument()
    try:
        bare: Any = ask(shared, body)
    except Exception as error:
        bare = error
    traces = configure(resilience={"validate_answers": False})  # else they are no answers at all
    try:
        seen = ask(shared, body)
    except Exception as error:
        assert type(error) is type(bare)
        assert KEY not in str(error)
    else:
        assert not isinstance(bare, Exception)
        assert_clean(seen)
        assert "[OPENAI_API_KEY]" in json.dumps(seen)
    span = traces.call()
    assert span.guard_outcome == "redacted"
    assert KEY.encode() not in traces.bytes
