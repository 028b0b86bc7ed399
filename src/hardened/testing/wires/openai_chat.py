"""OpenAI chat completions and legacy completions, also as Azure OpenAI and compatible servers speak them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

from hardened.testing.message import Answer, event_answer, json_answer, sse
from hardened.testing.wires.turn import Turn

_DONE = b"data: [DONE]\n\n"
_FINGERPRINT = "fp_07871e2ad8"
_SAFE = {kind: {"filtered": False, "severity": "safe"} for kind in ("hate", "self_harm", "sexual", "violence")}


def chat(turn: Turn) -> Answer:
    """`POST chat/completions`."""
    if turn.request.stream:
        return event_answer([sse(chunk) for chunk in _chat_chunks(turn)] + [_DONE])
    choices = [_chat_choice(turn, index, text) for index, text in enumerate(_choice_texts(turn))]
    body = _head(turn, "chat.completion") | {"choices": choices, "usage": _usage(turn)}
    if _is_azure(turn):
        body["prompt_filter_results"] = [{"prompt_index": 0, "content_filter_results": _SAFE}]
    return json_answer(body)


def completions(turn: Turn) -> Answer:
    """`POST completions`, the legacy endpoint."""
    head = {"id": turn.ids.next("cmpl-"), "object": "text_completion", "created": turn.created, "model": turn.model}
    finish = turn.reply.finish_reason or "stop"
    if not turn.request.stream:
        choices = [_text_choice(index, text, finish) for index, text in enumerate(_choice_texts(turn))]
        return json_answer(head | {"choices": choices, "usage": _plain_usage(turn)})
    pieces = [turn.reply.pieces(text) for text in _choice_texts(turn)]
    chunks: list[Any] = []
    for round_ in zip_longest(*pieces):
        chunks += [{"choices": [_text_choice(index, piece, None)]} for index, piece in enumerate(round_) if piece]
    chunks += [{"choices": [_text_choice(index, "", finish)]} for index in range(len(pieces))]
    if _wants_usage(turn):
        chunks.append({"choices": [], "usage": _plain_usage(turn)})
    return event_answer([sse(head | chunk) for chunk in chunks] + [_DONE])


def _choice_texts(turn: Turn) -> list[str]:
    """The text of each choice; `n` of them, however many were scripted."""
    count = int(turn.request.fields.get("n") or 1)
    scripted = list(turn.reply.choices)[:count]
    return scripted + [turn.text] * (count - len(scripted))


def _head(turn: Turn, kind: str) -> dict[str, Any]:
    return {
        "id": turn.ids.next("chatcmpl-", 29),
        "object": kind,
        "created": turn.created,
        "model": turn.model,
        "service_tier": "default",
        "system_fingerprint": _FINGERPRINT,
    }


def _chat_choice(turn: Turn, index: int, text: str) -> dict[str, Any]:
    reply = turn.reply
    message: dict[str, Any] = {
        "role": "assistant",
        "content": text or None,
        "refusal": reply.refusal,
        "annotations": [],
    }
    if reply.reasoning:
        message["reasoning_content"] = reply.reasoning
    if turn.tool_calls:
        message["tool_calls"] = [
            {
                "id": call.id or turn.ids.next("call_"),
                "type": "function",
                "function": {"name": call.name, "arguments": call.json},
            }
            for call in turn.tool_calls
        ]
    choice = {"index": index, "message": message, "logprobs": None, "finish_reason": _finish(turn)}
    return choice | ({"content_filter_results": _SAFE} if _is_azure(turn) else {})


def _chat_chunks(turn: Turn) -> Iterator[dict[str, Any]]:
    """The chunks of a stream. Several choices take turns, as the real service interleaves them."""
    head = _head(turn, "chat.completion.chunk")
    usage = {"usage": None} if _wants_usage(turn) else {}
    if _is_azure(turn):  # Azure begins with a chunk that has no choices and empty names
        filtered = [{"prompt_index": 0, "content_filter_results": _SAFE}]
        yield {"id": "", "object": "", "created": 0, "model": "", "choices": [], "prompt_filter_results": filtered}
    per_choice = [list(_deltas(turn, text)) for text in _choice_texts(turn)]
    for round_ in zip_longest(*per_choice):
        for index, delta in enumerate(round_):
            if delta is not None:
                yield head | {"choices": [_chunk_choice(turn, index, delta, None)]} | usage | _padding(turn, delta)
    for index in range(len(per_choice)):
        yield head | {"choices": [_chunk_choice(turn, index, {}, _finish(turn))]} | usage | _padding(turn, {})
    if usage:
        yield head | {"choices": [], "usage": _usage(turn)} | _padding(turn, {})


def _deltas(turn: Turn, text: str) -> Iterator[dict[str, Any]]:
    reply = turn.reply
    content = None if turn.tool_calls and not text else ""
    yield {"role": "assistant", "content": content, "refusal": None}
    for piece in reply.pieces(reply.reasoning or ""):
        yield {"reasoning_content": piece}
    for piece in reply.pieces(text):
        yield {"content": piece}
    for piece in reply.pieces(reply.refusal or ""):
        yield {"refusal": piece}
    for index, call in enumerate(turn.tool_calls):
        first = {"id": call.id or turn.ids.next("call_"), "type": "function"}
        yield {"tool_calls": [{"index": index, **first, "function": {"name": call.name, "arguments": ""}}]}
        for piece in reply.pieces(call.json):
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}


def _chunk_choice(turn: Turn, index: int, delta: dict[str, Any], finish: str | None) -> dict[str, Any]:
    choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
    return choice | ({"content_filter_results": _SAFE if delta.get("content") else {}} if _is_azure(turn) else {})


def _padding(turn: Turn, delta: dict[str, Any]) -> dict[str, str]:
    """OpenAI pads streamed chunks to hide their length unless the client declines."""
    if _is_azure(turn) or _stream_option(turn, "include_obfuscation") is False:
        return {}
    return {"obfuscation": "x" * max(0, 16 - len(str(delta.get("content") or "")))}


def _finish(turn: Turn) -> str:
    return turn.reply.finish_reason or ("tool_calls" if turn.tool_calls else "stop")


def _wants_usage(turn: Turn) -> bool:
    return bool(_stream_option(turn, "include_usage"))


def _stream_option(turn: Turn, name: str) -> Any:
    options: dict[str, Any] = turn.request.fields.get("stream_options") or {}
    return options.get(name)


def _is_azure(turn: Turn) -> bool:
    return "/deployments/" in turn.request.path


def _usage(turn: Turn) -> dict[str, Any]:
    return _plain_usage(turn) | {
        "prompt_tokens_details": {"cached_tokens": turn.tokens.cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": turn.tokens.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _plain_usage(turn: Turn) -> dict[str, int]:
    tokens = turn.tokens
    total = tokens.input + tokens.output
    return {"prompt_tokens": tokens.input, "completion_tokens": tokens.output, "total_tokens": total}


def _text_choice(index: int, text: str, finish: str | None) -> dict[str, Any]:
    return {"text": text, "index": index, "logprobs": None, "finish_reason": finish}
