"""OpenAI endpoints beside text generation: embeddings, images, audio, moderations, batches, files, models."""

from __future__ import annotations

import base64
import hashlib
import struct
from typing import Any, cast

from hardened.testing.message import Answer, event_answer, json_answer, sse
from hardened.testing.wires.turn import Turn

# The smallest valid PNG, one transparent pixel, and a WAV file of silence: enough for a client to save and open.
_PNG = base64.b64encode(
    bytes.fromhex(
        "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360606060000000050001a5f6"
        "45400000000049454e44ae426082"
    )
).decode()
_WAV = b"RIFF" + struct.pack("<I", 36 + 1600) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16)
_SPEECH = _WAV + b"data" + struct.pack("<I", 1600) + bytes(1600)
_MODERATION_CATEGORIES = (
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/instructions",
    "self-harm/intent",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
)


def embeddings(turn: Turn) -> Answer:
    """`POST embeddings`: deterministic unit-range vectors, as floats or as base64 (what the SDK asks for)."""
    inputs = _inputs(turn)
    size = int(turn.request.fields.get("dimensions") or 8)
    as_base64 = turn.request.fields.get("encoding_format") == "base64"
    data = [
        {"object": "embedding", "index": index, "embedding": _vector(str(item), size, as_base64)}
        for index, item in enumerate(inputs)
    ]
    usage = {"prompt_tokens": turn.tokens.input, "total_tokens": turn.tokens.input}
    return json_answer({"object": "list", "data": data, "model": turn.model, "usage": usage})


def _inputs(turn: Turn) -> list[Any]:
    """The inputs of a request: one text, a list of them, one list of token numbers, or a list of such lists."""
    given: Any = turn.request.fields.get("input")
    if not isinstance(given, list):
        return [given]
    items = cast("list[Any]", given)
    return [items] if items and isinstance(items[0], int) else items


def _vector(text: str, size: int, as_base64: bool) -> list[float] | str:
    values = [
        hashlib.sha256(f"{index}:{text}".encode()).digest()[0] / 127.5 - 1.0  # -1 … 1
        for index in range(size)
    ]
    return base64.b64encode(struct.pack(f"<{size}f", *values)).decode() if as_base64 else values


def images(turn: Turn) -> Answer:
    """`POST images/generations`, `images/edits` and `images/variations`: base64 or URL, as asked for."""
    fields = turn.request.fields
    as_base64 = fields.get("response_format") == "b64_json" or turn.model.startswith("gpt-image")
    image: dict[str, Any] = {"b64_json": _PNG}
    if not as_base64:
        image = {"url": f"http://{turn.request.headers.get('host', '127.0.0.1')}/images/{turn.ids.next('img-')}.png"}
    body: dict[str, Any] = {"created": turn.created, "data": [image] * int(fields.get("n") or 1)}
    if turn.model.startswith("gpt-image"):
        tokens = turn.tokens
        body["usage"] = {
            "input_tokens": tokens.input,
            "input_tokens_details": {"image_tokens": 0, "text_tokens": tokens.input},
            "output_tokens": 272,
            "total_tokens": tokens.input + 272,
        }
    return json_answer(body)


def speech(_: Turn) -> Answer:
    """`POST audio/speech`: a WAV file of silence."""
    return Answer("audio/wav", _SPEECH)


def transcription(turn: Turn) -> Answer:
    """`POST audio/transcriptions` and `audio/translations`: JSON, text or a stream, as the form says."""
    text = turn.reply.text if turn.reply.text is not None else "This is a transcription."
    kind = turn.request.fields.get("response_format", "json")
    usage = {
        "type": "tokens",
        "input_tokens": 14,
        "input_token_details": {"text_tokens": 0, "audio_tokens": 14},
        "output_tokens": turn.tokens.output,
        "total_tokens": 14 + turn.tokens.output,
    }
    if turn.request.stream:
        events = [{"type": "transcript.text.delta", "delta": piece} for piece in turn.reply.pieces(text)]
        return event_answer([sse(e) for e in [*events, {"type": "transcript.text.done", "text": text, "usage": usage}]])
    if kind in ("text", "srt", "vtt"):
        return Answer("text/plain; charset=utf-8", text.encode() + b"\n")
    if kind == "verbose_json":
        return json_answer({"task": "transcribe", "language": "english", "duration": 0.1, "text": text, "segments": []})
    return json_answer({"text": text, "usage": usage})


def moderations(turn: Turn) -> Answer:
    """`POST moderations`: nothing is flagged."""
    result = {
        "flagged": False,
        "categories": dict.fromkeys(_MODERATION_CATEGORIES, False),
        "category_scores": dict.fromkeys(_MODERATION_CATEGORIES, 0.0001),
        "category_applied_input_types": {name: ["text"] for name in _MODERATION_CATEGORIES},
    }
    return json_answer({"id": turn.ids.next("modr-"), "model": turn.model, "results": [result] * len(_inputs(turn))})


def batch(turn: Turn) -> Answer:
    """`batches`: create, retrieve, list and cancel. A created batch is complete when it is asked for."""
    request = turn.request
    if request.method == "GET":
        if turn.path_id != "batches":
            return json_answer(_batch(turn, turn.path_id, "completed"))
        known = [_batch(turn, id, "completed") for id in turn.batches if id.startswith("batch_")]
        return json_answer({"object": "list", **turn.page(known)})
    if request.path.endswith("/cancel"):
        return json_answer(_batch(turn, request.path.split("/")[-2], "cancelling"))
    id = turn.ids.next("batch_")
    turn.batches[id] = request.fields
    return json_answer(_batch(turn, id, "validating"))


def _batch(turn: Turn, id: str, status: str) -> dict[str, Any]:
    asked = turn.batches.get(id, {})
    complete = status == "completed"
    return {
        "id": id,
        "object": "batch",
        "endpoint": asked.get("endpoint", "/v1/chat/completions"),
        "errors": None,
        "input_file_id": asked.get("input_file_id", "file-input"),
        "completion_window": asked.get("completion_window", "24h"),
        "status": status,
        "output_file_id": f"file-{id}" if complete else None,
        "error_file_id": None,
        "created_at": turn.created,
        "completed_at": turn.created if complete else None,
        "request_counts": {"total": 1, "completed": int(complete), "failed": 0},
        "metadata": asked.get("metadata"),
    }


def files(turn: Turn) -> Answer:
    """`files`: upload and retrieve; the content of every file is one line of a batch's output."""
    request = turn.request
    if request.path.endswith("/content"):
        answer = {"custom_id": "request-1", "response": {"status_code": 200, "body": {"text": turn.text}}}
        return Answer("application/octet-stream", json_answer(answer).body + b"\n")
    id = turn.ids.next("file-") if request.method == "POST" else turn.path_id
    described = {"id": id, "object": "file", "bytes": len(request.body), "created_at": turn.created}
    purpose = request.fields.get("purpose", "batch")
    return json_answer(described | {"filename": "batch.jsonl", "purpose": purpose, "status": "processed"})


def models(turn: Turn) -> Answer:
    """`GET models` and `models/{id}`, in the shape of whoever asks: OpenAI's or Anthropic's SDK."""
    one = turn.path_id if turn.path_id != "models" else None
    if "anthropic-version" in turn.request.headers:
        names = [one] if one else ["claude-sonnet-4-6", "claude-haiku-4-5"]
        found = [_anthropic_model(name) for name in names]
        ends = {"has_more": False, "first_id": names[0], "last_id": names[-1]}
        return json_answer(found[0] if one else {"data": found} | ends)
    names = [one] if one else ["gpt-4o", "gpt-4o-mini", "text-embedding-3-small"]
    listed = [{"id": name, "object": "model", "created": 1715367049, "owned_by": "system"} for name in names]
    return json_answer(listed[0] if one else {"object": "list", "data": listed})


def _anthropic_model(name: str) -> dict[str, Any]:
    return {"type": "model", "id": name, "display_name": name, "created_at": "2026-02-17T00:00:00Z"}
