"""Anthropic messages, also through Amazon Bedrock and Google Vertex AI, token counts and message batches."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

from hardened.testing.message import Answer, Request, encode, event_answer, json_answer, sse
from hardened.testing.wires.aws import event_stream_message
from hardened.testing.wires.turn import Turn

_CREATED_AT = "2026-01-01T00:00:00Z"


def messages(turn: Turn) -> Answer:
    """`POST messages`, beta or not, and Vertex's `rawPredict` and `streamRawPredict`."""
    if turn.request.stream:
        return event_answer([sse(event, event["type"]) for event in _events(turn)])
    return json_answer(_message(turn))


def bedrock(turn: Turn) -> Answer:
    """`POST model/{model}/invoke` and `invoke-with-response-stream`: the same events in AWS's binary framing."""
    tokens = {
        "x-amzn-bedrock-input-token-count": str(turn.tokens.input),
        "x-amzn-bedrock-output-token-count": str(turn.tokens.output),
    }
    if not turn.request.stream:
        answer = json_answer(_message(turn))
        answer.headers |= tokens
        return answer
    frames: list[bytes] = []
    for event in _events(turn):
        if event["type"] == "message_stop":
            counts = {"inputTokenCount": turn.tokens.input, "outputTokenCount": turn.tokens.output}
            event = event | {"amazon-bedrock-invocationMetrics": counts}
        payload = encode({"bytes": base64.b64encode(encode(event)).decode(), "p": "abcdefgh"})
        frames.append(event_stream_message(payload, event_type="chunk"))
    return Answer("application/vnd.amazon.eventstream", events=frames)


def count_tokens(turn: Turn) -> Answer:
    """`POST messages/count_tokens`."""
    return json_answer({"input_tokens": turn.tokens.input})


def batches(turn: Turn) -> Answer:
    """`messages/batches`: create, retrieve, list, cancel, delete, results. A batch has ended when it is asked for."""
    request = turn.request
    parts = request.path.rsplit("/batches", 1)[1].strip("/").split("/")
    id = parts[0]
    if not id and request.method == "POST":
        id = turn.ids.next("msgbatch_")
        turn.batches[id] = request.fields.get("requests", [])
        return json_answer(_batch(turn, id, "in_progress"))
    if not id:
        known = [_batch(turn, id, "ended") for id in turn.batches if id.startswith("msgbatch_")]
        return json_answer(turn.page(known))
    if parts[-1] == "results":
        return Answer("application/x-jsonl", b"".join(_result(turn, asked) for asked in turn.batches.get(id, [])))
    if request.method == "DELETE":
        return json_answer({"id": id, "type": "message_batch_deleted"})
    return json_answer(_batch(turn, id, "canceling" if parts[-1] == "cancel" else "ended"))


def _message(turn: Turn) -> dict[str, Any]:
    return _head(turn) | {"content": _blocks(turn), **_stop(turn), "usage": _usage(turn, turn.tokens.output)}


def _head(turn: Turn) -> dict[str, Any]:
    return {"id": turn.ids.next("msg_01"), "type": "message", "role": "assistant", "model": turn.model}


def _blocks(turn: Turn) -> list[dict[str, Any]]:
    """The finished content blocks: thinking, text, tool uses."""
    blocks: list[dict[str, Any]] = []
    if turn.reply.reasoning:
        signature = base64.b64encode(f"signed {turn.ids.next('', 32)}".encode()).decode()
        blocks.append({"type": "thinking", "thinking": turn.reply.reasoning, "signature": signature})
    text = turn.text or turn.reply.refusal
    if text:
        blocks.append({"type": "text", "text": text})
    for call in turn.tool_calls:
        id = call.id or turn.ids.next("toolu_01")
        blocks.append({"type": "tool_use", "id": id, "name": call.name, "input": json.loads(call.json)})
    return blocks


def _stop(turn: Turn) -> dict[str, Any]:
    fitting = "refusal" if turn.reply.refusal else "tool_use" if turn.tool_calls else "end_turn"
    return {"stop_reason": turn.reply.finish_reason or fitting, "stop_sequence": None}


def _usage(turn: Turn, output: int) -> dict[str, Any]:
    """Anthropic counts cached tokens apart from `input_tokens`, and repeats running totals in a stream."""
    tokens = turn.tokens
    return {
        "input_tokens": tokens.input - tokens.cached - tokens.cache_write,
        "cache_creation_input_tokens": tokens.cache_write,
        "cache_read_input_tokens": tokens.cached,
        "cache_creation": {"ephemeral_5m_input_tokens": tokens.cache_write, "ephemeral_1h_input_tokens": 0},
        "output_tokens": output,
        "service_tier": "standard",
    }


def _events(turn: Turn) -> Iterator[dict[str, Any]]:
    unfinished: dict[str, Any] = {"content": [], "stop_reason": None, "stop_sequence": None, "usage": _usage(turn, 1)}
    yield {"type": "message_start", "message": _head(turn) | unfinished}
    for index, block in enumerate(_blocks(turn)):
        yield {"type": "content_block_start", "index": index, "content_block": _begun(block)}
        if index == 0:
            yield {"type": "ping"}
        for delta in _deltas(turn, block):
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    usage = _usage(turn, turn.tokens.output)
    totals = {key: usage[key] for key in usage if key.endswith("_tokens")}
    yield {"type": "message_delta", "delta": _stop(turn), "usage": totals}
    yield {"type": "message_stop"}


def _begun(block: dict[str, Any]) -> dict[str, Any]:
    """A content block before it has any content."""
    empty: dict[str, dict[str, Any]] = {
        "thinking": {"thinking": "", "signature": ""},
        "text": {"text": ""},
        "tool_use": {"input": {}},
    }
    return block | empty[block["type"]]


def _deltas(turn: Turn, block: dict[str, Any]) -> Iterator[dict[str, Any]]:
    pieces = turn.reply.pieces
    if block["type"] == "thinking":
        yield from ({"type": "thinking_delta", "thinking": piece} for piece in pieces(block["thinking"]))
        yield {"type": "signature_delta", "signature": block["signature"]}
    elif block["type"] == "text":
        yield from ({"type": "text_delta", "text": piece} for piece in pieces(block["text"]))
    else:  # the service sends an empty piece first
        text = json.dumps(block["input"], ensure_ascii=False)
        yield from ({"type": "input_json_delta", "partial_json": piece} for piece in ["", *pieces(text)])


def _batch(turn: Turn, id: str, status: str) -> dict[str, Any]:
    count = len(turn.batches.get(id, []))
    ended = status == "ended"
    host = turn.request.headers.get("host", "127.0.0.1")
    counts = {"processing": 0 if ended else count, "succeeded": count if ended else 0}
    return {
        "id": id,
        "type": "message_batch",
        "processing_status": status,
        "request_counts": {**counts, "errored": 0, "canceled": 0, "expired": 0},
        "created_at": _CREATED_AT,
        "expires_at": "2026-01-02T00:00:00Z",
        "ended_at": _CREATED_AT if ended else None,
        "archived_at": None,
        "cancel_initiated_at": _CREATED_AT if status == "canceling" else None,
        "results_url": f"http://{host}/v1/messages/batches/{id}/results" if ended else None,
    }


def _result(turn: Turn, asked: dict[str, Any]) -> bytes:
    """One line of a batch's results: the request answered as if it had come alone."""
    request = Request("POST", "/v1/messages", body=encode(asked.get("params", {})))
    message = _message(Turn(request, turn.reply, turn.ids, turn.batches, turn.created))
    return encode({"custom_id": asked.get("custom_id"), "result": {"type": "succeeded", "message": message}}) + b"\n"
