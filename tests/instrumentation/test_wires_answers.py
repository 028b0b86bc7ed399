"""No text of an answer is overlooked, wherever it stands and however late it comes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from shapes import ASK, CLAUDE, MODEL, Clients, plain
from traces import KEY

import hardened
from hardened.policy.active import reset, set_active
from hardened.policy.load import load
from hardened.testing import FakeProvider

LEAK = f"the key {KEY} is here"
MARK = "[OPENAI_API_KEY]"
HALVES = (LEAK[:30], LEAK[30:])


@pytest.fixture(scope="module")
def guarded() -> Iterator[Clients]:
    detectors = {"secrets": dict.fromkeys(("output", "tool_call"), "redact")}
    odd_answers = {"validate_answers": False}
    policy = {"telemetry": {"file": {"enabled": False}}, "detectors": detectors, "resilience": odd_answers}
    set_active(load(policy), "test")
    hardened.instrument()
    with FakeProvider() as provider:
        yield Clients(provider)
    hardened.uninstrument()
    reset()


def seen(clients: Clients, call: str, body: Any) -> str:
    """What the application sees of an answer, as JSON text, or the message of the error that the SDK makes of it."""
    clients.provider.reset()
    stream = isinstance(body, list)
    clients.provider.reply(body="".join(map(event, body)) if stream else body)
    calls = {
        "chat": lambda: clients.openai.chat.completions.create(model=MODEL, messages=ASK, stream=stream),
        "responses": lambda: clients.openai.responses.create(model=MODEL, input="hi", stream=stream),
        "completions": lambda: clients.openai.completions.create(model=MODEL, prompt="hi", stream=stream),
        "messages": lambda: clients.anthropic.messages.create(model=CLAUDE, max_tokens=9, messages=ASK, stream=stream),
        "images": lambda: clients.openai.images.generate(prompt="hi"),
        "transcription": lambda: clients.openai.audio.transcriptions.create(
            model="whisper-1", file=("a.wav", b"RIFF"), response_format="verbose_json"
        ),
    }
    try:
        result: Any = calls[call]()
        return json.dumps(plain(list(result) if stream else result))
    except Exception as error:
        return str(error)


def event(data: Any) -> str:
    name = f"event: {data['type']}\n" if "type" in data else "event: error\n" if "error" in data else ""
    return f"{name}data: {json.dumps(data)}\n\n"


def chat(**message: Any) -> Any:
    return "chat", {"id": "c", "model": "m", "choices": [{"index": 0, "message": {"content": "x", **message}}]}


def response(*output: Any, **fields: Any) -> Any:
    head = {"id": "r", "object": "response", "created_at": 1, "model": "m", "status": "completed", "tools": []}
    return {**head, "output": list(output), **fields}


def says(text: str, **part: Any) -> Any:
    return {"type": "message", "id": "m", "content": [{"type": "output_text", "text": text, **part}]}


def message(*content: Any) -> Any:
    return {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": list(content)}


def block(start: Any, *deltas: Any) -> Any:
    return [
        {"type": "message_start", "message": {**message(), "usage": {"input_tokens": 1, "output_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": start},
        *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}},
        {"type": "message_stop"},
    ]


CITATION = {"type": "char_location", "document_index": 0, "start_char_index": 0, "end_char_index": 1}
EMPTY = {"type": "text", "text": ""}

CASES: dict[str, tuple[str, Any]] = {
    "annotation of a chat": chat(annotations=[{"type": "url_citation", "url_citation": {"title": LEAK}}]),
    "field of another service": chat(provider_note=LEAK),
    "error in a chat stream": ("chat", [{"error": {"message": LEAK, "type": "x"}}]),
    "annotation of a response": ("responses", response(says("x", annotations=[{"title": LEAK, "url": "u"}]))),
    "instructions again": ("responses", response(instructions=LEAK)),
    "revised prompt of an image call": (
        "responses",
        response({"type": "image_generation_call", "id": "i", "result": "", "revised_prompt": LEAK}),
    ),
    "failed response": (
        "responses",
        [{"type": "response.failed", "response": response(status="failed", error={"code": "x", "message": LEAK})}],
    ),
    "cited text": ("messages", message({**EMPTY, "text": "x", "citations": [{**CITATION, "cited_text": LEAK}]})),
    "cited text, streamed": (
        "messages",
        block(EMPTY, {"type": "citations_delta", "citation": {**CITATION, "cited_text": LEAK}}),
    ),
    "fetched page": (
        "messages",
        message(
            {
                "type": "web_fetch_tool_result",
                "content": {"content": {"type": "document", "source": {"type": "text", "data": LEAK}}},
            }
        ),
    ),
    "text that begins with its block": (
        "messages",
        block({**EMPTY, "text": HALVES[0]}, {"type": "text_delta", "text": HALVES[1]}),
    ),
    "error in a message stream": ("messages", [{"type": "error", "error": {"type": "x", "message": LEAK}}]),
    "revised prompt": ("images", {"created": 1, "data": [{"url": "u", "revised_prompt": LEAK}]}),
    "words": ("transcription", {"text": "x", "words": [{"word": KEY, "start": 0, "end": 1}]}),
}


@pytest.mark.parametrize("name", CASES)
def test_a_secret_does_not_reach_the_application(name: str, guarded: Clients) -> None:
    text = seen(guarded, *CASES[name])
    assert KEY not in text
    assert MARK in text


def test_a_text_that_was_changed_is_not_repeated_beside_it(guarded: Clients) -> None:
    words = [{"word": KEY[:20]}, {"word": KEY[20:]}]
    assert KEY[20:] not in seen(guarded, "transcription", {"text": LEAK, "words": words})
    cited = [{**CITATION, "cited_text": KEY[20:]}]
    assert KEY[20:] not in seen(guarded, "messages", message({**EMPTY, "text": LEAK, "citations": cited}))


def chunk(index: int = 0, **choice: Any) -> Any:
    return {"id": "c", "model": "m", "choices": [{"index": index, **choice}]}


LATE: dict[str, tuple[str, list[Any]]] = {
    "chat": (
        "chat",
        [
            chunk(delta={"content": HALVES[0]}, finish_reason="stop"),
            chunk(delta={"content": HALVES[1]}),
        ],
    ),
    "completions": ("completions", [chunk(text=HALVES[0], finish_reason="stop"), chunk(text=HALVES[1])]),
    "responses": (
        "responses",
        [
            {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": HALVES[0]},
            {"type": "response.output_text.done", "output_index": 0, "content_index": 0, "text": HALVES[0]},
            {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": HALVES[1]},
        ],
    ),
    "messages": (
        "messages",
        [
            *block(EMPTY, {"type": "text_delta", "text": HALVES[0]})[:-2],
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": HALVES[1]}},
        ],
    ),
}


@pytest.mark.parametrize("name", LATE)
def test_a_piece_after_the_end_of_its_field_does_not_complete_a_secret(name: str, guarded: Clients) -> None:
    call, events = LATE[name]
    text = seen(guarded, call, events)
    assert KEY[:15] in text  # out already with the end of the field
    assert KEY[-15:] not in text


def test_a_clean_piece_after_the_end_of_its_field_arrives(guarded: Clients) -> None:
    events = [chunk(delta={"content": "one"}, finish_reason="stop"), chunk(delta={"content": " two"})]
    assert " two" in seen(guarded, "chat", events)


def test_what_is_fetched_later_is_guarded_as_well(guarded: Clients) -> None:
    client = guarded.openai
    items = {"object": "list", "data": [says(LEAK)], "has_more": False}
    fetched = {
        lambda: client.responses.retrieve("resp_1"): response(says(LEAK)),
        lambda: client.responses.cancel("resp_1"): response(says(LEAK)),
        lambda: client.responses.input_items.list("resp_1"): items,
        lambda: client.conversations.items.list("conv_1"): items,
        lambda: client.chat.completions.retrieve("chatcmpl_1"): chat(content=LEAK)[1],
    }
    for fetch, body in fetched.items():
        guarded.provider.reset()
        guarded.provider.reply(body=body)
        text = fetch().model_dump_json(warnings=False)
        assert KEY not in text
        assert MARK in text
