"""What one wire says in the other: nothing is lost on the way there and back, and pieces say what the whole says."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardened.resilience.translation import Refused, chat_to_messages, messages_to_chat
from hardened.resilience.translation.answers import (
    FINISH_REASONS,
    STOP_REASONS,
    chat_answer,
    chat_error,
    message_answer,
    message_error,
)
from hardened.resilience.translation.chat_events import ChatEvents
from hardened.resilience.translation.fields import Fields
from hardened.resilience.translation.message_events import MessageEvents
from hardened.testing.message import sse
from hardened_instrumentation.calls import StreamSession
from hardened_instrumentation.framing import ServerSentEvents
from hardened_instrumentation.http_reply import Rewriter

Json = dict[str, Any]

GUIDE = (Path(__file__).parents[2] / "docs" / "resilience.md").read_text(encoding="utf-8")
SECRET = "what-nobody-may-see"

words = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20).filter(lambda text: bool(text.strip()))
names = st.from_regex(r"[A-Za-z0-9_-]{1,20}", fullmatch=True)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)
arguments = st.dictionaries(names, values, max_size=3)
calls = st.lists(st.tuples(names, names, arguments), min_size=1, max_size=3, unique_by=lambda call: call[0])
images = st.sampled_from(["https://example.org/a.png", "data:image/png;base64,iVBORw0KGgo="])
tools = st.lists(
    st.fixed_dictionaries({"name": names, "description": words, "parameters": arguments.map(lambda a: {"x": a})}),
    max_size=2,
)


def text_part(text: str) -> Json:
    return {"type": "text", "text": text}


def image_part(url: str) -> Json:
    return {"type": "image_url", "image_url": {"url": url}}


@st.composite
def conversations(draw: st.DrawFn) -> list[Json]:
    """Turns of a user and an assistant who calls tools, as OpenAI has them."""
    messages: list[Json] = [{"role": "system", "content": text} for text in draw(st.lists(words, max_size=2))]
    for _ in range(draw(st.integers(0, 2))):
        messages.append(draw(users))
        made = draw(st.none() | calls)
        said: Json = {"role": "assistant", "content": draw(words if made is None else words | st.just(""))}
        if made is not None:
            said["tool_calls"] = [call(*one) for one in made]
        messages.append(said)
        results = draw(words) if made is not None else ""
        messages += [{"role": "tool", "tool_call_id": id, "content": results} for id, _, _ in made or ()]
    return [*messages, draw(users)]


users = st.one_of(words, st.lists(st.builds(text_part, words) | st.builds(image_part, images), min_size=2, max_size=3))
users = users.map(lambda content: {"role": "user", "content": content})


def call(id: str, name: str, given: Json) -> Json:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": json.dumps(given)}}


@st.composite
def requests(draw: st.DrawFn) -> Json:
    """A request that OpenAI takes, and that says nothing that Anthropic cannot."""
    more = st.fixed_dictionaries(
        {},
        optional={
            "temperature": st.floats(0, 1),
            "top_p": st.floats(0, 1),
            "stop": words | st.lists(words, min_size=1, max_size=4),
            "max_completion_tokens": st.integers(1, 4000),
            "seed": st.integers(),
            "user": words,
            "tool_choice": st.sampled_from(["auto", "none", "required"]),
            "parallel_tool_calls": st.booleans(),
        },
    )
    functions = [{"type": "function", "function": function} for function in draw(tools)]
    return {"model": "m", "messages": draw(conversations()), "tools": functions, **draw(more)}


def spoken(messages: Iterable[Json]) -> list[tuple[str, str, Any]]:
    """What a conversation says, in order, whatever messages it is cut into."""
    found: list[tuple[str, str, Any]] = []
    for message in messages:
        role, content = message["role"], message.get("content") or []
        parts = [text_part(content)] if isinstance(content, str) else content
        if role == "tool":
            found.append(("tool", message["tool_call_id"], [part["text"] for part in parts]))
            continue
        for part in parts:
            found.append((role, part["type"], part.get("text") or part["image_url"]["url"]))
        for one in message.get("tool_calls", ()):
            function = one["function"]
            found.append(("call", one["id"], (function["name"], json.loads(function["arguments"]))))
    return found


@given(requests())
def test_a_request_comes_back_as_it_went(body: Json) -> None:
    there = chat_to_messages.request(body, "anthropic")
    back = messages_to_chat.request(there, "openai")
    assert spoken(back["messages"]) == spoken(body["messages"])
    assert back.get("tools", []) == body["tools"]
    stop = body.get("stop")
    assert back.get("stop") == ([stop] if isinstance(stop, str) else stop)
    for name in ("temperature", "top_p", "model"):
        assert back.get(name) == body.get(name)
    if body["tools"] and "tool_choice" in body:
        assert back["tool_choice"] == body["tool_choice"]
        serial = body.get("parallel_tool_calls") is False and body["tool_choice"] != "none"
        assert back.get("parallel_tool_calls", True) is not serial


@given(requests())
def test_turns_alternate_and_results_follow_their_calls(body: Json) -> None:
    there = chat_to_messages.request(body, "anthropic")
    roles = [message["role"] for message in there["messages"]]
    assert roles == (["user", "assistant"] * len(roles))[: len(roles)]
    for asked, answered in pairwise(there["messages"]):
        wanted = [block["id"] for block in asked["content"] if block["type"] == "tool_use"]
        given = [block["tool_use_id"] for block in answered["content"][: len(wanted)] if "tool_use_id" in block]
        assert given == wanted


@pytest.mark.parametrize("fields", [chat_to_messages.REQUEST, messages_to_chat.REQUEST])
def test_the_guide_names_what_is_dropped_and_what_is_refused(fields: Fields) -> None:
    missing = [name for name in (*fields.dropped, *fields.refused) if f"`{name}`" not in GUIDE]
    assert missing == []


OF_CHAT = sorted(chat_to_messages.REQUEST.said | chat_to_messages.REQUEST.dropped.keys())
OF_CHAT += sorted(chat_to_messages.REQUEST.refused)
OF_MESSAGES = sorted(messages_to_chat.REQUEST.said | messages_to_chat.REQUEST.dropped.keys())
OF_MESSAGES += sorted(messages_to_chat.REQUEST.refused)
FIELDS = ["role", "type", "content", "text", "id", "name", "input", "source", "url", "function", "arguments"]
KINDS = ["user", "assistant", "tool", "system", "text", "image", "image_url", "tool_use", "tool_result", "function"]
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from([*KINDS, SECRET]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*FIELDS, "tool_calls", SECRET]), inner, max_size=4)
    ),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("translate", "fields"), [(chat_to_messages.request, OF_CHAT), (messages_to_chat.request, OF_MESSAGES)]
)
@given(data=st.data())
def test_whatever_is_asked_is_translated_or_refused_without_a_word_of_it(
    translate: Callable[[Json, str], Json], fields: list[str], data: st.DataObject
) -> None:
    body = data.draw(st.dictionaries(st.sampled_from([*fields, SECRET]), anything, max_size=6))
    body |= {"model": "m", "max_tokens": 10}
    try:
        translate(body, "openai")
    except Refused as refused:
        assert SECRET not in str(refused)


# Answers


@st.composite
def chat_answers(draw: st.DrawFn) -> Json:
    made = draw(st.just([]) | calls)
    message: Json = {"role": "assistant", "content": draw(words if not made else words | st.none()), "refusal": None}
    if made:
        message["tool_calls"] = [call(*one) for one in made]
    reason = "tool_calls" if made else draw(st.sampled_from(["stop", "length", "content_filter"]))
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": reason}
    given, output, cached = draw(st.integers(20, 99)), draw(st.integers(0, 99)), draw(st.integers(1, 9))
    usage = {"prompt_tokens": given, "completion_tokens": output, "total_tokens": given + output}
    usage["prompt_tokens_details"] = {"cached_tokens": cached}
    if draw(st.booleans()):
        usage["prompt_tokens_details"]["cache_write_tokens"] = draw(st.integers(1, 9))
    head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m"}
    return {**head, "choices": [choice], "usage": usage}


def said(answer: Json) -> Any:
    """What a chat completion says, arguments as the values that they are."""
    choice = answer["choices"][0]
    made = [
        (one["id"], one["function"]["name"], json.loads(one["function"]["arguments"]))
        for one in choice["message"].get("tool_calls") or ()
    ]
    head = [answer[name] for name in ("id", "model", "usage")]
    return choice["message"]["content"], made, choice["finish_reason"], head


@given(chat_answers())
def test_an_answer_comes_back_as_it_went(answer: Json) -> None:
    assert said(chat_answer(message_answer(answer))) == said(answer)


@pytest.mark.parametrize("reason", FINISH_REASONS)
def test_reasons_are_reasons_of_the_other_wire(reason: str) -> None:
    assert FINISH_REASONS[reason] in STOP_REASONS
    assert STOP_REASONS[FINISH_REASONS[reason]] in FINISH_REASONS


def test_errors_keep_what_they_mean() -> None:
    for kind in ("overloaded_error", "rate_limit_error", "authentication_error", "api_error", "billing_error"):
        error = {"type": "error", "error": {"type": kind, "message": "why"}}
        assert message_error(chat_error(error)) == error


# Streams


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    edges = [0, *sorted({place % (len(data) + 1) for place in places}), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


def through(session: StreamSession, chunks: Sequence[bytes]) -> list[Json]:
    """The events that an application reads."""
    rewriter = Rewriter(session, ServerSentEvents())
    out = b"".join([*map(rewriter.feed, chunks), rewriter.end()])
    framing = ServerSentEvents()
    return [event.data for event in (*framing.feed(out), *framing.flush()) if event.data is not None]


def pieces(text: str, size: int) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]


def chat_stream(answer: Json, size: int) -> bytes:
    """The chunks in which OpenAI would send an answer."""
    choice = answer["choices"][0]
    deltas: list[Json] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": piece} for piece in pieces(choice["message"]["content"] or "", size)]
    for place, one in enumerate(choice["message"].get("tool_calls", ())):
        function = one["function"]
        deltas.append({"tool_calls": [{**one, "index": place, "function": {**function, "arguments": ""}}]})
        for piece in pieces(function["arguments"], size):
            deltas.append({"tool_calls": [{"index": place, "function": {"arguments": piece}}]})
    head = {"id": answer["id"], "model": answer["model"]}
    events: list[Json] = [{**head, "choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    events.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}]})
    events.append({**head, "choices": [], "usage": answer["usage"]})
    return b"".join(map(sse, events)) + b"data: [DONE]\n\n"


def message_stream(message: Json, size: int) -> bytes:
    """The events in which Anthropic would send an answer."""
    start = {**message, "content": [], "stop_reason": None, "usage": {**message["usage"], "output_tokens": 1}}
    events: list[Json] = [{"type": "message_start", "message": start}, {"type": "ping"}]
    for index, block in enumerate(message["content"]):
        empty = {"text": ""} if block["type"] == "text" else {"input": {}}
        events.append({"type": "content_block_start", "index": index, "content_block": {**block, **empty}})
        if block["type"] == "text":
            deltas = [{"type": "text_delta", "text": piece} for piece in pieces(block["text"], size)]
        else:
            written = json.dumps(block["input"]) if block["input"] else ""
            deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in ["", *pieces(written, size)]]
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", "index": index})
    counts = {"output_tokens": message["usage"]["output_tokens"]}
    events.append({"type": "message_delta", "delta": {"stop_reason": message["stop_reason"]}, "usage": counts})
    return b"".join(sse(event, event["type"]) for event in [*events, {"type": "message_stop"}])


def whole_chat(events: list[Json]) -> Json:
    """The answer that chunks make."""
    content, made, reason, usage = "", dict[int, Json](), None, None
    for event in events:
        usage = event.get("usage") or usage
        for choice in event["choices"]:
            reason = choice["finish_reason"] or reason
            content += choice["delta"].get("content") or ""
            for one in choice["delta"].get("tool_calls", ()):
                known = made.setdefault(one["index"], {**one, "function": {**one["function"], "arguments": ""}})
                known["function"]["arguments"] += one["function"]["arguments"]
    message: Json = {"content": content or None, "tool_calls": [made[place] for place in sorted(made)]}
    return {**events[0], "choices": [{"message": message, "finish_reason": reason}], "usage": usage}


def whole_message(events: list[Json]) -> Json:
    """The message that events make; blocks must follow each other."""
    message: Json = {}
    for event in events:
        match event["type"]:
            case "message_start":
                message = event["message"]
            case "content_block_start":
                assert event["index"] == len(message["content"])
                message["content"].append({**event["content_block"]})
            case "content_block_delta":
                block, delta = message["content"][event["index"]], event["delta"]
                assert event["index"] == len(message["content"]) - 1
                key = "text" if delta["type"] == "text_delta" else "json"
                block[key] = block.get(key, "") + (delta.get("text") or delta.get("partial_json") or "")
            case "content_block_stop":
                block = message["content"][event["index"]]
                if block["type"] == "tool_use":
                    block["input"] = json.loads(block.pop("json", "") or "{}")
            case "message_delta":
                message = {**message, **event["delta"], "usage": event["usage"]}
            case _:
                assert event["type"] == "message_stop"
    return message


places = st.lists(st.integers(0, 2**16), max_size=12)


@given(chat_answers(), st.integers(1, 7), places)
def test_a_chat_in_pieces_is_the_message_of_the_whole(answer: Json, size: int, at: list[int]) -> None:
    events = through(MessageEvents({}), cut(chat_stream(answer, size), at))
    assert events[-1] == {"type": "message_stop"}
    assert whole_message(events) == message_answer(answer)


@given(chat_answers(), st.integers(1, 7), places, st.booleans())
def test_a_message_in_pieces_is_the_chat_of_the_whole(answer: Json, size: int, at: list[int], apart: bool) -> None:
    message = message_answer(answer)
    asked: Json = {"stream_options": {"include_usage": True}} if apart else {}
    events = through(ChatEvents(asked), cut(message_stream(message, size), at))
    assert said(whole_chat(events)) == said(chat_answer(message))
    assert bool(events[-1]["choices"]) is not apart


@pytest.mark.parametrize("session", [ChatEvents, MessageEvents])
@given(data=st.data())
def test_whatever_a_stream_brings_nothing_is_raised(session: Any, data: st.DataObject) -> None:
    kinds = ["message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta"]
    keys = ["message", "delta", "index", "content_block", "choices", "usage", "error"]
    inner = ["type", "tool_calls", "function", "finish_reason", "stop_reason", "index", "id", "content", "delta"]
    half = anything | st.dictionaries(st.sampled_from(inner), anything, max_size=5)
    fields = {key: half | st.lists(half, max_size=2) for key in keys}
    event = st.fixed_dictionaries({"type": st.sampled_from(kinds) | anything}, optional=fields)
    garbage = st.binary(max_size=20).map(lambda raw: raw + b"\n\n")
    events = data.draw(st.lists(event.map(sse) | garbage, max_size=6))
    through(session({}), events)


def test_each_event_is_passed_on_at_once() -> None:
    """The first token of the other provider is the first token of the application."""
    answer: Json = {"id": "1", "model": "m", "usage": {}}
    answer["choices"] = [{"message": {"content": "abc"}, "finish_reason": "stop"}]
    framing, session = ServerSentEvents(), MessageEvents({})
    kinds: list[list[str]] = []
    for event in framing.feed(chat_stream(answer, 1)):
        kinds.append([one.data["type"] for one in session.feed(event)])
    assert kinds[:3] == [["message_start"], ["content_block_start", "content_block_delta"], ["content_block_delta"]]


@pytest.mark.parametrize(
    "event",
    [
        {"type": "content_block_start", "index": 0, "content_block": {"type": "server_tool_use", "id": "x"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "citations_delta", "citation": {}}},
        {"type": "message_delta", "delta": {"stop_reason": "pause_turn"}},
    ],
)
def test_an_event_without_translation_ends_the_stream(event: Json) -> None:
    stop = {"type": "message_stop"}
    (only,) = through(ChatEvents({}), [sse(event), sse(stop)])
    assert only["error"]["code"] == "server_error"


def test_thoughts_are_left_out() -> None:
    content = [{"type": "thinking", "thinking": "hm", "signature": "s"}, text_part("Paris")]
    message = {"id": "1", "model": "m", "content": content, "stop_reason": "end_turn", "usage": {"output_tokens": 3}}
    assert chat_answer(message)["choices"][0]["message"]["content"] == "Paris"
    events: list[Json] = [
        {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "s"}},
        {"type": "content_block_stop", "index": 0},
    ]
    assert through(ChatEvents({}), [sse(event) for event in events]) == []


def test_arguments_are_written_in_the_letters_of_their_language() -> None:
    use: Json = {"type": "tool_use", "id": "a", "name": "look"}
    whole = {"id": "1", "model": "m", "content": [use], "stop_reason": "tool_use", "usage": {}}
    for city, wanted in (({"city": "Zürich"}, '{"city":"Zürich"}'), ({"half": "\ud83d"}, '{"half":"\\ud83d"}')):
        use["input"] = city
        (made,) = chat_answer(whole)["choices"][0]["message"]["tool_calls"]
        assert made["function"]["arguments"] == wanted


def test_calls_that_come_mixed_end_the_stream() -> None:
    chunks = [
        {"choices": [{"delta": {"tool_calls": [{**call("a", "look", {}), "index": 0}]}}]},
        {"choices": [{"delta": {"tool_calls": [{**call("b", "look", {}), "index": 1}]}}]},
        {"choices": [{"delta": {"tool_calls": [{"index": 0, "function": {"arguments": "{"}}]}}]},
    ]
    assert through(MessageEvents({}), [sse(chunk) for chunk in chunks])[-1]["type"] == "error"
