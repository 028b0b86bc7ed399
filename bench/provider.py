"""A provider inside the process: the same bytes for the same call, over the transport of `httpx` or `httpx2`.

The request still goes through the whole SDK (building, JSON, parsing of events, pydantic models); only the network is
missing. Texts differ from call to call, because a text that was judged before is not judged again.
"""

from __future__ import annotations

import importlib
import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any

PROSE = (
    "after the second review our team moved the delivery of the northern route to the next quarter because the "
    "warehouse needs a new floor and nobody wants to store paper under an open roof while it is raining outside"
)
WORDS = PROSE.split()
PERSONAL = "Write to mara.lindqvist@example.org or call +1 212 555 0187 about it. "

_numbers = itertools.count()


def text(size: int, opening: str = "") -> str:
    """Prose of `size` characters; no other call of this function returns the same."""
    words = itertools.cycle(WORDS)
    parts = [f"Note {next(_numbers)}. ", opening]
    length = sum(map(len, parts))
    while length < size:
        parts.append(next(words) + " ")
        length += len(parts[-1])
    return "".join(parts)[:size]


def client(sdk: str) -> Any:
    """A client of `openai` or `anthropic` that talks to this module."""
    package = importlib.import_module(sdk)
    base = importlib.import_module(f"{sdk}._base_client")
    http = getattr(base, "httpx2", None) or base.httpx
    make = {"openai": lambda **options: package.OpenAI(**options), "anthropic": lambda **o: package.Anthropic(**o)}[sdk]
    return make(api_key="none", max_retries=0, http_client=http.Client(transport=_transport(http)))


def _transport(http: Any) -> Any:
    class Events(http.SyncByteStream):
        def __init__(self, events: list[bytes]) -> None:
            self.events = events

        def __iter__(self) -> Iterator[bytes]:
            return iter(self.events)

    def answer(request: Any) -> Any:
        asked = json.loads(request.content)
        route = request.url.path.rsplit("/", 1)[-1]
        if asked.get("stream"):
            events = STREAMS[route]()
            return http.Response(200, headers={"content-type": "text/event-stream"}, stream=Events(events))
        opening = PERSONAL if PERSONAL in json.dumps(asked) else ""
        return http.Response(200, json=ANSWERS[route](text(800, opening)))

    return http.MockTransport(answer)


def _chat(answer: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{next(_numbers)}",
        "object": "chat.completion",
        "created": 1790000000,
        "model": "gpt-4o-2024-08-06",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": answer}, "logprobs": None, "finish_reason": "stop"}
        ],
        "usage": _CHAT_USAGE,
        "service_tier": "default",
    }


_CHAT_USAGE = {"prompt_tokens": 214, "completion_tokens": 173, "total_tokens": 387}
_USAGE = {"input_tokens": 214, "output_tokens": 173, "total_tokens": 387}


def _responses(answer: str, status: str = "completed") -> dict[str, Any]:
    part = {"type": "output_text", "text": answer, "annotations": [], "logprobs": []}
    item = {"id": "msg_1", "type": "message", "status": status, "role": "assistant", "content": [part]}
    return {
        "id": f"resp_{next(_numbers)}",
        "object": "response",
        "created_at": 1790000000,
        "status": status,
        "model": "gpt-4o-2024-08-06",
        "output": [item] if answer else [],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": _USAGE if answer else None,
    }


def _messages(answer: str) -> dict[str, Any]:
    return {
        "id": f"msg_{next(_numbers)}",
        "type": "message",
        "role": "assistant",
        "model": "claude-haiku-4-5-20251001",
        "content": [{"type": "text", "text": answer}] if answer else [],
        "stop_reason": "end_turn" if answer else None,
        "stop_sequence": None,
        "usage": {"input_tokens": 214, "output_tokens": 173},
    }


ANSWERS: dict[str, Callable[[str], dict[str, Any]]] = {
    "completions": _chat,
    "responses": _responses,
    "messages": _messages,
}

CHUNKS = 500


def _pieces() -> list[str]:
    return [" " + word for word, _ in zip(itertools.cycle(WORDS), range(CHUNKS), strict=False)]


def _event(data: dict[str, Any]) -> bytes:
    name = f"event: {data['type']}\n" if "type" in data else ""
    return f"{name}data: {json.dumps(data, separators=(',', ':'))}\n\n".encode()


def _chat_events() -> list[bytes]:
    head = {**_chat(""), "object": "chat.completion.chunk", "usage": None}

    def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
        return _event({**head, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]})

    texts = [chunk({"content": piece}) for piece in _pieces()]
    usage = _event({**head, "choices": [], "usage": _CHAT_USAGE})
    return [chunk({"role": "assistant", "content": ""}), *texts, chunk({}, "stop"), usage, b"data: [DONE]\n\n"]


def _responses_events() -> list[bytes]:
    pieces = _pieces()
    whole = "".join(pieces)
    numbers = itertools.count()
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}

    def event(kind: str, **fields: Any) -> bytes:
        return _event({"type": kind, "sequence_number": next(numbers), **fields})

    done = _responses(whole)
    [item] = done["output"]
    [part] = item["content"]
    begun = {**item, "status": "in_progress", "content": []}
    return [
        event("response.created", response=_responses("", "in_progress")),
        event("response.output_item.added", output_index=0, item=begun),
        event("response.content_part.added", **place, part={**part, "text": ""}),
        *[event("response.output_text.delta", **place, delta=piece, logprobs=[]) for piece in pieces],
        event("response.output_text.done", **place, text=whole, logprobs=[]),
        event("response.content_part.done", **place, part=part),
        event("response.output_item.done", output_index=0, item=item),
        event("response.completed", response=done),
    ]


def _messages_events() -> list[bytes]:
    deltas = [{"type": "text_delta", "text": piece} for piece in _pieces()]
    return [
        _event({"type": "message_start", "message": _messages("")}),
        _event({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        *[_event({"type": "content_block_delta", "index": 0, "delta": delta}) for delta in deltas],
        _event({"type": "content_block_stop", "index": 0}),
        _event({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 173}}),
        _event({"type": "message_stop"}),
    ]


STREAMS: dict[str, Callable[[], list[bytes]]] = {
    "completions": _chat_events,
    "responses": _responses_events,
    "messages": _messages_events,
}
