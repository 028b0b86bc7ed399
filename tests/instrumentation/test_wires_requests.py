"""No text of a request is overlooked, and what is no text goes on as it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import reduce
from typing import Any

import pytest
from shapes import CLAUDE, MODEL, Clients
from traces import KEY

import hardened
from hardened.policy.active import reset, set_active
from hardened.policy.load import load
from hardened.testing import FakeProvider

LEAK = f"the key {KEY} is here"
MARK = "[OPENAI_API_KEY]"
CARD = 4111_1111_1111_1111


@pytest.fixture(scope="module")
def guarded() -> Iterator[Clients]:
    """Clients whose requests are redacted: a credential and a card number never reach the provider."""
    detectors = {"secrets": dict.fromkeys(("input", "retrieval", "tool_result"), "redact")}
    detectors["pii"] = dict(detectors["secrets"])
    odd_answers = {"validate_answers": False}
    policy = {"telemetry": {"file": {"enabled": False}}, "detectors": detectors, "resilience": odd_answers}
    set_active(load(policy), "test")
    hardened.instrument()
    with FakeProvider() as provider:
        yield Clients(provider)
    hardened.uninstrument()
    reset()


def received(clients: Clients, path: str, body: dict[str, Any]) -> Any:
    """What the provider receives of `body`."""
    client = clients.anthropic if path.startswith("/v1/") else clients.openai
    clients.provider.reset()
    clients.provider.reply(body={})
    client.post(path, body=body, cast_to=object)
    return clients.provider.requests[-1].json


def chat(*messages: Any, **fields: Any) -> tuple[str, dict[str, Any]]:
    return "/chat/completions", {"model": MODEL, "messages": [{"role": "user", "content": "hi"}, *messages], **fields}


def says(*parts: Any) -> Any:
    return {"role": "user", "content": list(parts)}


def response(given: Any = "hi", **fields: Any) -> tuple[str, dict[str, Any]]:
    return "/responses", {"model": MODEL, "input": given, **fields}


def message(*contents: Any, role: str = "user", **fields: Any) -> tuple[str, dict[str, Any]]:
    asked = [{"role": "user", "content": "hi"}, {"role": role, "content": list(contents)}] if contents else []
    return "/v1/messages", {"model": CLAUDE, "max_tokens": 9, "messages": asked, **fields}


def result(kind: str, content: Any) -> tuple[str, dict[str, Any]]:
    return message({"type": kind, "tool_use_id": "t", "content": content}, role="assistant")


def tool_use(given: Any) -> tuple[str, dict[str, Any]]:
    return message({"type": "tool_use", "id": "t", "name": "f", "input": given}, role="assistant")


PLAIN = {"type": "text", "media_type": "text/plain", "data": LEAK}
SOURCE = {"type": "url", "url": "http://x.test"}
CITATION = {"type": "char_location", "document_index": 0, "start_char_index": 0, "end_char_index": 1}

TEXTS: dict[str, tuple[str, dict[str, Any]]] = {
    "chat: prediction": chat(prediction={"type": "content", "content": LEAK}),
    "chat: prediction in parts": chat(prediction={"type": "content", "content": [{"type": "text", "text": LEAK}]}),
    "chat: metadata": chat(metadata={"note": LEAK}),
    "chat: description of a tool": chat(tools=[{"type": "function", "function": {"name": "f", "description": LEAK}}]),
    "chat: description of a parameter": chat(
        functions=[{"name": "f", "parameters": {"properties": {"a": {"type": "string", "description": LEAK}}}}]
    ),
    "chat: description of a format": chat(
        response_format={"type": "json_schema", "json_schema": {"name": "n", "description": LEAK, "schema": {}}}
    ),
    "chat: name of a file": chat(says({"type": "file", "file": {"filename": f"{KEY}.pdf", "file_id": "f"}})),
    "chat: parsed arguments": chat(
        {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": {"a": [{KEY: 1}]}}}]}
    ),
    "completions: suffix": ("/completions", {"model": MODEL, "prompt": ["x"], "suffix": LEAK}),
    "speech: instructions": ("/audio/speech", {"model": MODEL, "input": "x", "instructions": LEAK}),
    "video: prompt": ("/videos", {"prompt": LEAK}),
    "responses: counted": ("/responses/input_tokens", {"model": MODEL, "input": LEAK}),
    "responses: compacted": ("/responses/compact", {"model": MODEL, "input": [{"role": "user", "content": LEAK}]}),
    "conversation: items": ("/conversations", {"items": [{"role": "user", "content": LEAK}]}),
    "conversation: more items": ("/conversations/conv_1/items", {"items": [{"role": "user", "content": LEAK}]}),
    "responses: a text": response(LEAK),
    "responses: instructions": response(instructions=LEAK),
    "responses: texts in the place of items": response([LEAK]),
    "responses: texts in the place of parts": response([{"role": "user", "content": [LEAK]}]),
    "responses: variable of a prompt": response(prompt={"id": "p", "variables": {"name": LEAK}}),
    "responses: part as variable": response(
        prompt={"id": "p", "variables": {"q": {"type": "input_text", "text": LEAK}}}
    ),
    "responses: metadata": response(metadata={"name": LEAK}),
    "responses: description of a tool": response(tools=[{"type": "function", "name": "f", "description": LEAK}]),
    "responses: description of a server": response(
        tools=[{"type": "mcp", "server_label": "s", "server_description": LEAK}]
    ),
    "responses: name of a file": response(
        [{"role": "user", "content": [{"type": "input_file", "filename": f"{KEY}.pdf", "file_data": "QQ=="}]}]
    ),
    "responses: parsed arguments": response([{"type": "function_call", "call_id": "c", "arguments": {KEY: 1}}]),
    "messages: fetched page": result(
        "web_fetch_tool_result", {"type": "web_fetch_result", "content": {"type": "document", "source": PLAIN}}
    ),
    "messages: result of a shape to come": result("new_tool_result", {"page": [{"source": PLAIN}]}),
    "messages: output of code": result("code_execution_tool_result", {"type": "code_execution_result", "stdout": LEAK}),
    "messages: title of a document": message({"type": "document", "title": LEAK, "source": SOURCE}),
    "messages: context of a document": message({"type": "document", "context": LEAK, "source": SOURCE}),
    "messages: title of a search result": message(
        {"type": "search_result", "title": LEAK, "source": "s", "content": [{"type": "text", "text": "x"}]}
    ),
    "messages: source of a search result": message(
        {"type": "search_result", "title": "t", "source": LEAK, "content": [{"type": "text", "text": "x"}]}
    ),
    "messages: citation": message(
        {"type": "text", "text": "x", "citations": [{**CITATION, "cited_text": LEAK}]}, role="assistant"
    ),
    "messages: description of a tool": message(tools=[{"name": "f", "description": LEAK, "input_schema": {}}]),
    "messages: deep within arguments": tool_use(reduce(lambda inner, _: {"a": [inner]}, range(60), {"key": LEAK})),
    "messages: key of arguments": tool_use({KEY: 1}),
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_secret_in_a_text_does_not_reach_the_provider(name: str, guarded: Clients) -> None:
    path, body = TEXTS[name]
    sent = json.dumps(received(guarded, path, body))
    assert KEY not in sent
    assert MARK in sent
    assert KEY in json.dumps(body)  # the application's own objects stay as they are


KEPT: dict[str, tuple[str, dict[str, Any]]] = {
    "chat: identifiers": chat(
        {"role": "user", "name": KEY, "content": "x"},
        {"role": "tool", "tool_call_id": KEY, "content": "x"},
        user=KEY,
        safety_identifier=KEY,
        prompt_cache_key=KEY,
        metadata={"user_id": KEY},
    ),
    "chat: files": chat(says({"type": "file", "file": {"filename": "a.txt", "file_data": f"data:text/plain,{KEY}"}})),
    "chat: names of a tool": chat(tools=[{"type": "function", "function": {"name": KEY, "parameters": {"a": 1}}}]),
    "responses: identifiers": response(
        [{"type": "function_call_output", "call_id": KEY, "output": "x"}],
        safety_identifier=KEY,
        previous_response_id=KEY,
        prompt={"id": KEY, "version": "1", "variables": {"n": "x"}},
    ),
    "responses: credentials of tools": response(
        tools=[{"type": "mcp", "server_label": "s", "authorization": KEY, "headers": {"authorization": KEY}}]
    ),
    "messages: credentials of servers": message(
        mcp_servers=[{"type": "url", "name": "a", "url": "http://x.test", "authorization_token": KEY}],
        metadata={"user_id": KEY},
    ),
    "messages: signed and encrypted content": message(
        {"type": "thinking", "thinking": LEAK, "signature": KEY},
        {"type": "redacted_thinking", "data": KEY},
        {"type": "web_search_tool_result", "tool_use_id": KEY, "content": [{"encrypted_content": KEY, "url": "u"}]},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": KEY}},
        role="assistant",
    ),
    "responses: encrypted content": response(
        [{"type": "reasoning", "id": "r", "summary": [], "encrypted_content": KEY}]
    ),
}


@pytest.mark.parametrize("name", KEPT)
def test_what_is_no_text_reaches_the_provider_unchanged(name: str, guarded: Clients) -> None:
    path, body = KEPT[name]
    assert received(guarded, path, body) == body


def test_a_number_in_arguments_does_not_reach_the_provider(guarded: Clients) -> None:
    sent = received(guarded, *tool_use({"card": CARD, "count": 3}))
    assert sent["messages"][1]["content"][0]["input"] == {"card": "[CREDIT_CARD]", "count": 3}


def test_a_redacted_title_leaves_the_settings_of_its_document(guarded: Clients) -> None:
    document = {"type": "document", "title": LEAK, "citations": {"enabled": True}, "source": SOURCE}
    sent = received(guarded, *message(document))
    assert sent["messages"][1]["content"] == [{**document, "title": f"the key {MARK} is here"}]
