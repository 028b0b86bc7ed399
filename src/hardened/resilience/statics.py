"""A fixed text as the answer of a model, in the wire format of the call: what is said when nobody else answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final
from uuid import uuid4

from hardened_instrumentation.calls import Call, Compose, Json
from hardened_instrumentation.framing import dump_json, parse_json
from hardened_instrumentation.wires.parts import as_dict

EVENTS: Final = "text/event-stream; charset=utf-8"

MAY_TALK: Final = frozenset({"auto", "none", "allowed_tools"})
"""Choices of tools that leave the model free to answer with a text."""


def unfit(call: Call, text: str) -> str | None:
    """Why `text` cannot be the answer to `call`; `None` if it can."""
    if call.body is None or call.operation != "chat" or call.route not in ROUTES:
        return f"no text can answer {call.route}"
    if call.wire.request(call.body).output_type == "json" and parse_json(text) is None:
        return "JSON is asked for, and the text is none"
    choice: Any = call.body.get("tool_choice")
    kind = choice if isinstance(choice, str) else as_dict(choice).get("type")
    if isinstance(kind, str) and kind not in MAY_TALK:
        return "a call of a tool is asked for, and a text is none"
    return None


def compose(call: Call, text: str) -> Compose:
    """The effect that makes an answer of `text`, which is not `unfit`."""
    whole, streamed = ROUTES[call.route]
    model = str((call.body or {}).get("model") or "")
    if not call.stream:
        return Compose(whole(text, model))
    return Compose(b"".join(_event(event) for event in streamed(text, model)), EVENTS)


def _event(data: Json | bytes) -> bytes:
    if isinstance(data, bytes):
        return data
    name = f"event: {data['type']}\n".encode() if "type" in data else b""
    return name + b"data: " + dump_json(data) + b"\n\n"


def _completion(text: str, model: str) -> Json:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "logprobs": None, "finish_reason": "stop"}
    usage = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    return {**_head("chat.completion", model), "choices": [choice], "usage": usage}


def _chunks(text: str, model: str) -> Iterable[Json | bytes]:
    head = _head("chat.completion.chunk", model)
    for delta, reason in (({"role": "assistant", "content": text}, None), ({}, "stop")):
        yield {**head, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}]}
    yield b"data: [DONE]\n\n"


def _head(kind: str, model: str) -> Json:
    return {"id": _id("chatcmpl-"), "object": kind, "created": int(time.time()), "model": model}


def _message(text: str, model: str) -> Json:
    return {
        "id": _id("msg_"),
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 0, "output_tokens": 0},
    }


def _message_events(text: str, model: str) -> Iterable[Json]:
    begun: Json = {**_message(text, model), "content": [], "stop_reason": None}
    yield {"type": "message_start", "message": begun}
    yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    yield {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}
    yield {"type": "content_block_stop", "index": 0}
    delta = {"stop_reason": "end_turn", "stop_sequence": None}
    yield {"type": "message_delta", "delta": delta, "usage": {"output_tokens": 0}}
    yield {"type": "message_stop"}


def _response(text: str, model: str, *, status: str = "completed") -> Json:
    item = _item(text, status)
    return {
        "id": _id("resp_"),
        "object": "response",
        "created_at": int(time.time()),
        "status": status,
        "model": model,
        "output": [item] if status == "completed" else [],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
    }


def _item(text: str, status: str) -> Json:
    content: list[Json] = [{"type": "output_text", "text": text, "annotations": []}] if status == "completed" else []
    return {"id": "msg_0", "type": "message", "role": "assistant", "status": status, "content": content}


def _response_events(text: str, model: str) -> Iterable[Json]:
    whole = _response(text, model)
    place = {"output_index": 0, "content_index": 0, "item_id": "msg_0"}
    part: Json = {"type": "output_text", "text": "", "annotations": []}
    events: list[Json] = [
        {"type": "response.created", "response": {**whole, "status": "in_progress", "output": []}},
        {"type": "response.output_item.added", "output_index": 0, "item": _item(text, "in_progress")},
        {"type": "response.content_part.added", **place, "part": part},
        {"type": "response.output_text.delta", **place, "delta": text, "logprobs": []},
        {"type": "response.output_text.done", **place, "text": text, "logprobs": []},
        {"type": "response.content_part.done", **place, "part": {**part, "text": text}},
        {"type": "response.output_item.done", "output_index": 0, "item": _item(text, "completed")},
        {"type": "response.completed", "response": whole},
    ]
    for number, event in enumerate(events):
        yield {**event, "sequence_number": number}


def _id(prefix: str) -> str:
    return f"{prefix}hardened_{uuid4().hex[:16]}"


ROUTES: Final[Mapping[str, tuple[Callable[[str, str], Json], Callable[[str, str], Iterable[Any]]]]] = {
    "chat/completions": (_completion, _chunks),
    "messages": (_message, _message_events),
    "responses": (_response, _response_events),
}
"""By route: the whole answer, and its events."""
