"""OpenAI responses, with every event that the real service streams."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hardened.testing.message import Answer, event_answer, json_answer, sse
from hardened.testing.wires.turn import Turn

# What a response repeats from its request, and the service's defaults (from a recorded response of 2026).
_REPEATED: dict[str, Any] = {
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "service_tier": "default",
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}, "verbosity": "medium"},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
    "metadata": {},
}


def responses(turn: Turn) -> Answer:
    """`POST responses`; `GET responses/{id}` answers as if that response had just been completed."""
    body = _response(turn, "in_progress")
    if turn.request.method == "GET":
        body["id"] = turn.path_id
    items = _items(turn)
    finished = body | _finished(turn) | {"output": items}
    if not turn.request.stream:
        return json_answer(finished)
    events = _numbered(_events(turn, body, items, finished))
    return event_answer([sse(event, event["type"]) for event in events])


def _response(turn: Turn, status: str) -> dict[str, Any]:
    fields = turn.request.fields
    repeated = {key: fields.get(key, default) for key, default in _REPEATED.items()}
    return {
        "id": turn.ids.next("resp_", 50),
        "object": "response",
        "created_at": turn.created,
        "status": status,
        "completed_at": None,
        "error": None,
        "incomplete_details": None,
        "model": turn.model,
        "output": [],
        "usage": None,
        **repeated,
    }


def _finished(turn: Turn) -> dict[str, Any]:
    """How the response ends: `finish_reason` may be `max_output_tokens` or `content_filter`, else it is complete."""
    reason = turn.reply.finish_reason
    incomplete = reason in ("max_output_tokens", "content_filter")
    tokens = turn.tokens
    return {
        "status": "incomplete" if incomplete else "completed",
        "completed_at": None if incomplete else turn.created,
        "incomplete_details": {"reason": reason} if incomplete else None,
        "usage": {
            "input_tokens": tokens.input,
            "input_tokens_details": {"cached_tokens": tokens.cached},
            "output_tokens": tokens.output,
            "output_tokens_details": {"reasoning_tokens": tokens.reasoning},
            "total_tokens": tokens.input + tokens.output,
        },
    }


def _items(turn: Turn) -> list[dict[str, Any]]:
    """The finished output items: reasoning, message, function calls."""
    items: list[dict[str, Any]] = []
    if turn.reply.reasoning:
        summary = [{"type": "summary_text", "text": turn.reply.reasoning}]
        items.append({"id": turn.ids.next("rs_", 50), "type": "reasoning", "summary": summary})
    if turn.text or turn.reply.refusal:
        message = {"id": turn.ids.next("msg_", 50), "type": "message", "status": "completed"}
        items.append({**message, "content": [_part(turn, turn.text)], "role": "assistant"})
    for call in turn.tool_calls:
        function = {"id": turn.ids.next("fc_", 50), "type": "function_call", "status": "completed"}
        call_id = call.id or turn.ids.next("call_")
        items.append({**function, "arguments": call.json, "call_id": call_id, "name": call.name})
    return items


def _part(turn: Turn, text: str) -> dict[str, Any]:
    if turn.reply.refusal:
        return {"type": "refusal", "refusal": turn.reply.refusal}
    return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}


def _numbered(events: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for number, event in enumerate(events):
        yield event | {"sequence_number": number}


def _events(
    turn: Turn, body: dict[str, Any], items: list[dict[str, Any]], finished: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    yield {"type": "response.created", "response": body}
    yield {"type": "response.in_progress", "response": body}
    for index, item in enumerate(items):
        yield {"type": "response.output_item.added", "item": _begun(item), "output_index": index}
        place = {"item_id": item["id"], "output_index": index}
        if item["type"] == "reasoning":
            yield from _summary_events(turn, item, place)
        elif item["type"] == "message":
            yield from _content_events(turn, item, place)
        else:
            yield from _argument_events(turn, item, place)
        yield {"type": "response.output_item.done", "item": item, "output_index": index}
    yield {"type": f"response.{finished['status']}", "response": finished}


def _begun(item: dict[str, Any]) -> dict[str, Any]:
    """An output item before it has any content."""
    empty: dict[str, dict[str, Any]] = {
        "reasoning": {"summary": []},
        "message": {"content": [], "status": "in_progress"},
        "function_call": {"arguments": "", "status": "in_progress"},
    }
    return item | empty[item["type"]]


def _summary_events(turn: Turn, item: dict[str, Any], place: dict[str, Any]) -> Iterator[dict[str, Any]]:
    name = "response.reasoning_summary"
    place = place | {"summary_index": 0}
    part = item["summary"][0]
    yield {"type": f"{name}_part.added", **place, "part": part | {"text": ""}}
    for piece in turn.reply.pieces(part["text"]):
        yield {"type": f"{name}_text.delta", **place, "delta": piece, "obfuscation": "x"}
    yield {"type": f"{name}_text.done", **place, "text": part["text"]}
    yield {"type": f"{name}_part.done", **place, "part": part}


def _content_events(turn: Turn, item: dict[str, Any], place: dict[str, Any]) -> Iterator[dict[str, Any]]:
    part = item["content"][0]
    field = "refusal" if part["type"] == "refusal" else "text"
    name = "response.refusal" if part["type"] == "refusal" else "response.output_text"
    place = place | {"content_index": 0}
    logprobs: dict[str, Any] = {"logprobs": []} if field == "text" else {}
    yield {"type": "response.content_part.added", **place, "part": part | {field: ""}}
    for piece in turn.reply.pieces(part[field]):
        yield {"type": f"{name}.delta", **place, "delta": piece, **logprobs, "obfuscation": "x" * 8}
    yield {"type": f"{name}.done", **place, field: part[field], **logprobs}
    yield {"type": "response.content_part.done", **place, "part": part}


def _argument_events(turn: Turn, item: dict[str, Any], place: dict[str, Any]) -> Iterator[dict[str, Any]]:
    name = "response.function_call_arguments"
    for piece in turn.reply.pieces(item["arguments"]):
        yield {"type": f"{name}.delta", **place, "delta": piece, "obfuscation": "x" * 8}
    yield {"type": f"{name}.done", **place, "arguments": item["arguments"]}
