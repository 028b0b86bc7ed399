"""What real providers have answered says the same in the other wire, and few requests to them have no translation."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from cassettes import player, recorded

from hardened.resilience.translation import Refused, chat_to_messages, messages_to_chat
from hardened.resilience.translation.answers import chat_answer, message_answer
from hardened.resilience.translation.chat_events import ChatEvents
from hardened.resilience.translation.message_events import MessageEvents
from hardened_instrumentation.calls import ResponseView, Wire
from hardened_instrumentation.framing import ServerSentEvents
from hardened_instrumentation.http_reply import Rewriter
from hardened_instrumentation.wires.anthropic_messages import Messages
from hardened_instrumentation.wires.openai_chat import ChatCompletions

DIRECTIONS: dict[str, tuple[Any, Any, Any, Wire, Wire]] = {
    "/chat/completions": (
        chat_to_messages.request,
        message_answer,
        MessageEvents,
        ChatCompletions(),
        Messages(),
    ),
    "/v1/messages": (messages_to_chat.request, chat_answer, ChatEvents, Messages(), ChatCompletions()),
}
FIGURES = {
    "/chat/completions": {"request": 255, "answer": 165, "stream": 85},
    "/v1/messages": {"request": 55, "answer": 30, "stream": 20},
}
"""So many are translated at least."""


@pytest.mark.parametrize("path", DIRECTIONS)
def test_recorded_calls(path: str) -> None:
    request, answer, events, own, other = DIRECTIONS[path]
    said: Counter[str] = Counter()
    for asked, text in recorded(player(), path):
        try:
            request({**asked, "model": "m"}, "openai")
            said["request"] += 1
        except Refused:
            continue
        if text.lstrip().startswith(("data:", "event:")):
            rewriter = Rewriter(events({}), ServerSentEvents())
            there = rewriter.feed(text.encode()) + rewriter.end()
            assert spoken(streamed(other, there)) == spoken(streamed(own, text.encode()))
            said["stream"] += 1
        elif isinstance(whole := _json(text), dict) and (whole.get("choices") or whole.get("content")):
            assert spoken(other.response(answer(whole))) == spoken(own.response(whole))
            said["answer"] += 1
    assert {name: said[name] >= least for name, least in FIGURES[path].items()} == dict.fromkeys(FIGURES[path], True)


def streamed(wire: Wire, body: bytes) -> ResponseView:
    reader, framing = wire.reader(), ServerSentEvents()
    assert reader is not None
    for event in (*framing.feed(body), *framing.flush()):
        reader.collect(event, reader.read(event))
    return reader.response()


def spoken(view: ResponseView) -> Any:
    """Text, calls of tools and usage of an answer; reasoning is of one wire only."""
    (message,) = view.messages
    texts = "".join(part["content"] for part in message["parts"] if part["type"] == "text")
    calls = [(part["id"], part["name"], part["arguments"]) for part in message["parts"] if part["type"] == "tool_call"]
    usage = view.usage
    return texts, calls, view.complete, usage and (usage.input, usage.output, usage.cache_read or 0)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
