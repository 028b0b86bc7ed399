"""A provider that speaks another wire answers, in the types of the SDK that was called."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from typing import Any

import anthropic
import groq
import openai
import pytest
from callers import CALLERS, STREAMS, anthropic_client, events, openai_client
from pydantic import BaseModel
from shapes import ASK, CLAUDE, MODEL
from traces import EMAIL, KEY, Configure

import hardened
from hardened.testing import FakeProvider, Reply

OTHER_KEY = "key-of-the-other"
DOWN = Reply(status=503)
PIXEL = "data:image/png;base64,iVBORw0KGgo="
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
FUNCTION = {"type": "function", "function": {"name": "look", "description": "looks", "parameters": SCHEMA}}
TOOL = {"name": "look", "description": "looks", "input_schema": SCHEMA}
CALLS = ({"name": "look", "arguments": {"city": "Paris"}}, {"name": "look", "arguments": {"city": "Rome"}})
WANTED = [("look", {"city": "Paris"}), ("look", {"city": "Rome"})]
ASKED = {"openai": {"model": MODEL}, "anthropic": {"model": CLAUDE, "max_tokens": 64}}


def to_claude(other: FakeProvider, **more: Any) -> dict[str, Any]:
    target = {"provider": "anthropic", "base_url": other.url, "api_key": OTHER_KEY, "model": "claude-opus-4-6"}
    return {"targets": {"claude": {**target, **more}}, "routes": {"default": ["claude"]}}


def to_gpt(other: FakeProvider, **more: Any) -> dict[str, Any]:
    target = {"provider": "openai", "base_url": other.openai_base_url, "api_key": OTHER_KEY, "model": "gpt-4o"}
    return {"targets": {"gpt": {**target, **more}}, "routes": {"default": ["gpt"]}}


TO_OTHER: dict[str, Callable[..., dict[str, Any]]] = {"openai": to_claude, "anthropic": to_gpt}
SDKS = pytest.mark.parametrize("sdk", ["openai", "anthropic"])


@pytest.fixture(autouse=True)
def down(provider: FakeProvider, waits: list[float]) -> None:
    """The application's own service fails, and nobody sleeps."""
    provider.default = DOWN


def ask(sdk: str, provider: FakeProvider, **more: Any) -> Any:
    """One call without a stream."""
    if sdk == "openai":
        return openai_client(provider).chat.completions.create(**{"model": MODEL, "messages": ASK, **more})
    return anthropic_client(provider).messages.create(**{**ASKED[sdk], "messages": ASK, **more})


@pytest.mark.parametrize("callers", [CALLERS, STREAMS])
@pytest.mark.parametrize("name", CALLERS)
def test_it_answers(name: str, callers: Any, provider: FakeProvider, other: FakeProvider, configure: Configure) -> None:
    sdk = callers[name].sdk
    traces = configure(**TO_OTHER[sdk](other))
    other.default = Reply(text="Paris is the capital.", usage={"input": 1000, "output": 200})
    assert callers[name].call(provider) == "Paris is the capital."
    (request,) = other.requests
    wanted = {
        "openai": ("/v1/messages", "claude-opus-4-6", "anthropic"),
        "anthropic": ("/v1/chat/completions", "gpt-4o", "openai"),
    }
    path, model, wire = wanted[sdk]
    assert (request.path, request.json["model"]) == (path, model)
    span = traces.call()
    assert span.attributes["hardened.served_by"] == {"openai": "claude", "anthropic": "gpt"}[sdk]
    assert (span.provider, span.response_model, span.attributes["server.port"]) == (wire, model, other.port)
    assert (span.input_tokens, span.output_tokens) == (1000, 200)
    dollars = {"openai": 1000 * 5e-6 + 200 * 25e-6, "anthropic": 1000 * 2.5e-6 + 200 * 10e-6}
    assert span.cost_usd == pytest.approx(dollars[sdk])


@pytest.mark.parametrize("callers", [CALLERS, STREAMS])
def test_tokens_of_the_cache_have_their_own_price(
    callers: Any, provider: FakeProvider, other: FakeProvider, configure: Configure
) -> None:
    traces = configure(**to_claude(other))
    other.default = Reply(text="hi", usage={"input": 1000, "cached": 800, "cache_write": 100, "output": 12})
    callers["openai"].call(provider)
    dollars = (100 * 5 + 800 * 0.5 + 100 * 6.25 + 12 * 25) / 1e6
    assert traces.call().cost_usd == pytest.approx(dollars)
    assert traces.call().input_tokens == 1000


@SDKS
def test_only_the_key_of_the_other_goes_there(
    sdk: str, provider: FakeProvider, other: FakeProvider, configure: Configure
) -> None:
    configure(**TO_OTHER[sdk](other))
    secret = "own-" + "credential-0815"
    extra = {"X-Helicone-Auth": secret, "openai-beta": "x", "anthropic-beta": "x", "x-harmless": "kept"}
    clients = {"openai": openai_client, "anthropic": anthropic_client}
    client = clients[sdk](provider, api_key=secret, default_headers={"x-gateway-key": secret})
    create = client.chat.completions.create if sdk == "openai" else client.messages.create
    create(**ASKED[sdk], messages=ASK, extra_headers=extra, extra_query={"beta": "true"})
    (request,) = other.requests
    assert secret not in str(request.headers) + request.query
    assert not {"openai-beta", "anthropic-beta"} & request.headers.keys()
    assert (request.headers["x-harmless"], request.query) == ("kept", "")
    keys = request.headers.get("authorization"), request.headers.get("x-api-key")
    assert keys == {"openai": (None, OTHER_KEY), "anthropic": (f"Bearer {OTHER_KEY}", None)}[sdk]
    assert ("anthropic-version" in request.headers) == (sdk == "openai")


@pytest.mark.parametrize("name", ["azure", "groq", "bedrock"])
def test_other_clients_of_the_same_wires(
    name: str, provider: FakeProvider, other: FakeProvider, configure: Configure
) -> None:
    if name == "bedrock":
        pytest.importorskip("botocore", reason="the SDK signs requests to AWS with it")
        configure(**to_gpt(other))
        client: Any = anthropic.AnthropicBedrock(
            base_url=provider.url, aws_access_key="a", aws_secret_key="b", aws_region="eu-west-1", max_retries=0
        )
        assert client.messages.create(**ASKED["anthropic"], messages=ASK).content[0].text.startswith("You said")
        with client.messages.stream(**ASKED["anthropic"], messages=ASK) as stream:
            assert stream.get_final_text().startswith("You said")
        return
    configure(**to_claude(other))
    if name == "azure":
        client = openai.AzureOpenAI(azure_endpoint=provider.url, api_key="a", api_version="2024-10-21", max_retries=0)
    else:
        client = groq.Groq(base_url=provider.url, api_key="a", max_retries=0)
    answer = client.chat.completions.create(model="m", messages=ASK)
    assert answer.choices[0].message.content.startswith("You said")
    assert other.requests[0].path == "/v1/messages"
    chunks = list(client.chat.completions.create(model="m", messages=ASK, stream=True))
    assert chunks[-1].choices[0].finish_reason == "stop"


@SDKS
def test_the_other_sdk_need_not_be_installed(
    sdk: str, provider: FakeProvider, other: FakeProvider, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("openai", "anthropic"):
        if name != sdk:
            monkeypatch.setitem(sys.modules, name, None)  # to import it is an error now
    configure(**TO_OTHER[sdk](other))
    for callers in (CALLERS, STREAMS):
        assert callers[sdk].call(provider).startswith("You said")


# What the SDKs make of it


def test_openais_own_types(provider: FakeProvider, other: FakeProvider, configure: Configure) -> None:
    configure(**to_claude(other))
    client = openai_client(provider)
    raw = client.chat.completions.with_raw_response.create(model=MODEL, messages=ASK)
    assert (raw.headers["x-hardened-served-by"], type(raw.parse()).__name__) == ("claude", "ChatCompletion")
    assert raw.elapsed.total_seconds() > 0
    assert json.loads(raw.content)["object"] == "chat.completion"
    with client.chat.completions.with_streaming_response.create(model=MODEL, messages=ASK) as response:
        assert response.json()["choices"][0]["finish_reason"] == "stop"
    assert type(client.chat.completions.create(model=MODEL, messages=ASK, stream=True)).__name__ == "Stream"
    with client.chat.completions.stream(model=MODEL, messages=ASK) as stream:
        kinds = [event.type for event in stream]
        assert stream.get_final_completion().choices[0].message.content.startswith("You said")
    assert "content.delta" in kinds
    raw = client.chat.completions.with_raw_response.create(model=MODEL, messages=ASK, stream=True)
    assert next(chunk.object for chunk in raw.parse()) == "chat.completion.chunk"


def test_openais_async_stream_helper(provider: FakeProvider, other: FakeProvider, configure: Configure) -> None:
    configure(**to_claude(other))

    async def main() -> Any:
        async with (
            openai_client(provider, openai.AsyncOpenAI) as client,
            client.chat.completions.stream(model=MODEL, messages=ASK, stream_options={"include_usage": True}) as stream,
        ):
            return await stream.get_final_completion()

    answer = asyncio.run(main())
    assert answer.choices[0].message.content.startswith("You said")
    assert answer.usage.completion_tokens > 0


@pytest.mark.parametrize("asked", [False, True])
def test_usage_comes_where_it_is_asked_for(
    asked: bool, provider: FakeProvider, other: FakeProvider, configure: Configure
) -> None:
    configure(**to_claude(other))
    more: Any = {"stream_options": {"include_usage": True}} if asked else {}
    chunks = list(openai_client(provider).chat.completions.create(model=MODEL, messages=ASK, stream=True, **more))
    assert [bool(chunk.usage) for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert [len(chunk.choices) for chunk in chunks][-1] == (0 if asked else 1), "without asking, all have a choice"


def test_anthropics_own_types(provider: FakeProvider, other: FakeProvider, configure: Configure) -> None:
    configure(**to_gpt(other))
    client = anthropic_client(provider)
    raw = client.messages.with_raw_response.create(**ASKED["anthropic"], messages=ASK)
    assert (raw.headers["x-hardened-served-by"], type(raw.parse()).__name__) == ("gpt", "Message")
    with client.messages.stream(**ASKED["anthropic"], messages=ASK) as stream:
        kinds = [event.type for event in stream]
        message = stream.get_final_message()
    assert (message.stop_reason, message.content[0].text[:8]) == ("end_turn", "You said")
    assert (kinds[0], kinds[-1]) == ("message_start", "message_stop")
    assert message.usage.output_tokens > 0
    assert other.requests[-1].json["stream_options"] == {"include_usage": True}
    assert client.beta.messages.create(**ASKED["anthropic"], messages=ASK, betas=["x"]).type == "message"


class City(BaseModel):
    city: str


def test_parsed_answers(provider: FakeProvider, other: FakeProvider, configure: Configure) -> None:
    configure(**to_claude(other))
    other.default = Reply(text='{"city": "Paris"}')
    answer = openai_client(provider).chat.completions.parse(model=MODEL, messages=ASK, response_format=City)
    assert answer.choices[0].message.parsed == City(city="Paris")
    assert other.requests[0].json["output_config"]["format"]["schema"]["required"] == ["city"]
    configure(**to_gpt(other))
    message = anthropic_client(provider).messages.parse(**ASKED["anthropic"], messages=ASK, output_format=City)
    assert message.parsed_output == City(city="Paris")
    form = other.requests[-1].json["response_format"]
    assert (form["type"], form["json_schema"]["strict"]) == ("json_schema", True)


# Tools and images


@pytest.mark.parametrize("how", ["plain", "stream", "helper"])
def test_openais_calls_of_tools(how: str, provider: FakeProvider, other: FakeProvider, configure: Configure) -> None:
    configure(**to_claude(other))
    other.default = Reply(text="Let me look.", tool_calls=CALLS)
    chat = openai_client(provider).chat.completions
    asked: Any = {"model": MODEL, "messages": ASK, "tools": [FUNCTION]}
    if how == "plain":
        choice = chat.create(**asked).choices[0]
        made = [(call.function.name, call.function.arguments) for call in choice.message.tool_calls]
        assert (choice.finish_reason, choice.message.content) == ("tool_calls", "Let me look.")
    elif how == "helper":
        with chat.stream(**asked) as stream:
            choice = stream.get_final_completion().choices[0]
        made = [(call.function.name, call.function.arguments) for call in choice.message.tool_calls]
    else:
        calls: dict[int, list[str]] = {}
        for chunk in chat.create(**asked, stream=True):
            for call in chunk.choices[0].delta.tool_calls or ():
                if call.id:
                    calls[call.index] = [call.function.name, ""]
                calls[call.index][1] += call.function.arguments or ""
        made = [(name, arguments) for name, arguments in calls.values()]
    assert [(name, json.loads(arguments)) for name, arguments in made] == WANTED
    assert other.requests[0].json["tools"] == [TOOL]


@pytest.mark.parametrize("how", ["plain", "stream", "helper"])
def test_anthropics_calls_of_tools(how: str, provider: FakeProvider, other: FakeProvider, configure: Configure) -> None:
    configure(**to_gpt(other))
    other.default = Reply(text="Let me look.", tool_calls=CALLS)
    messages = anthropic_client(provider).messages
    asked: Any = {**ASKED["anthropic"], "messages": ASK, "tools": [TOOL]}
    if how == "plain":
        message = messages.create(**asked)
    elif how == "helper":
        with messages.stream(**asked) as stream:
            message = stream.get_final_message()
    else:
        blocks: dict[int, list[str]] = {}
        for event in messages.create(**asked, stream=True):
            if event.type == "content_block_start" and event.content_block.type == "tool_use":
                blocks[event.index] = [event.content_block.name, ""]
            elif event.type == "content_block_delta" and event.delta.type == "input_json_delta":
                blocks[event.index][1] += event.delta.partial_json
        assert [(name, json.loads(text)) for name, text in blocks.values()] == WANTED
        return
    assert message.stop_reason == "tool_use"
    assert [(block.name, block.input) for block in message.content if block.type == "tool_use"] == WANTED
    assert other.requests[0].json["tools"] == [FUNCTION]


def test_a_whole_round_with_tools_and_images(provider: FakeProvider, other: FakeProvider, configure: Configure) -> None:
    configure(**to_claude(other))
    client = openai_client(provider)
    look: list[Any] = [
        {"role": "developer", "content": "Look closely."},
        {
            "role": "user",
            "content": [{"type": "text", "text": "Where is it?"}, {"type": "image_url", "image_url": {"url": PIXEL}}],
        },
    ]
    other.reply(tool_calls=CALLS)
    said = client.chat.completions.create(model=MODEL, messages=look, tools=[FUNCTION]).choices[0].message
    results = [{"role": "tool", "tool_call_id": call.id, "content": "sunny"} for call in said.tool_calls]
    client.chat.completions.create(model=MODEL, messages=[*look, said, *results], tools=[FUNCTION])
    body = other.requests[-1].json
    assert body["system"] == [{"type": "text", "text": "Look closely."}]
    user, assistant, answers = body["messages"]
    source = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}
    assert user["content"][1] == {"type": "image", "source": source}
    assert [(block["name"], block["input"]) for block in assistant["content"]] == WANTED
    assert [block["tool_use_id"] for block in answers["content"]] == [call.id for call in said.tool_calls]


def test_a_whole_round_the_other_way(provider: FakeProvider, other: FakeProvider, configure: Configure) -> None:
    configure(**to_gpt(other))
    client = anthropic_client(provider)
    image = {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}}
    look: list[Any] = [{"role": "user", "content": [image, {"type": "text", "text": "Where is it?"}]}]
    asked: Any = {**ASKED["anthropic"], "system": "Look closely.", "tools": [TOOL]}
    other.reply(tool_calls=CALLS)
    said = client.messages.create(**asked, messages=look).content
    first, second = [
        {"type": "tool_result", "tool_use_id": block.id, "content": "sunny", "is_error": failed}
        for block, failed in zip(said, (False, True), strict=True)
    ]
    turns = [*look, {"role": "assistant", "content": said}, {"role": "user", "content": [first, second]}]
    client.messages.create(**asked, messages=turns)
    system, user, assistant, *results = other.requests[-1].json["messages"]
    assert system == {"role": "system", "content": "Look closely."}
    assert user["content"][0] == {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
    made = [(call["function"]["name"], json.loads(call["function"]["arguments"])) for call in assistant["tool_calls"]]
    assert made == WANTED
    assert [(result["tool_call_id"], result["content"]) for result in results] == [
        (said[0].id, "sunny"),
        (said[1].id, "Error: sunny"),
    ]


# Guards, money


@SDKS
def test_guards_look_at_the_answer(sdk: str, provider: FakeProvider, other: FakeProvider, configure: Configure) -> None:
    traces = configure(**TO_OTHER[sdk](other))
    other.default = Reply(text=f"the key is {KEY}, keep it")
    for callers in (CALLERS, STREAMS):
        said = callers[sdk].call(provider)
        assert KEY not in said
        assert said.endswith("keep it")
    assert KEY.encode() not in traces.bytes
    assert all(span.guard_decisions for span in traces.calls())


@SDKS
@pytest.mark.parametrize("callers", [CALLERS, STREAMS])
def test_guards_block_the_answer(
    sdk: str, callers: Any, provider: FakeProvider, other: FakeProvider, configure: Configure
) -> None:
    configure(**TO_OTHER[sdk](other), detectors={"secrets": {"output": "block"}})
    other.default = Reply(text=f"the key is {KEY}")
    with pytest.raises(hardened.BlockedError):
        callers[sdk].call(provider)


@SDKS
@pytest.mark.parametrize("callers", [CALLERS, STREAMS])
def test_pseudonyms_go_there_and_values_come_back(
    sdk: str, callers: Any, provider: FakeProvider, other: FakeProvider, configure: Configure
) -> None:
    configure(**TO_OTHER[sdk](other), detectors={"pii": {"input": "redact", "operator": "pseudonym"}})
    asked: Any = {"messages": [{"role": "user", "content": f"Write to {EMAIL}"}], **ASKED[sdk]}
    if sdk == "openai":
        client = openai_client(provider).chat.completions
        said = client.create(**asked).choices[0].message.content
        if callers is STREAMS:
            chunks = client.create(**asked, stream=True)
            said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    elif callers is STREAMS:
        with anthropic_client(provider).messages.stream(**asked) as stream:
            said = stream.get_final_text()
    else:
        said = ask(sdk, provider, **asked).content[0].text
    assert EMAIL.encode() not in other.requests[-1].body
    assert said == f"You said: Write to {EMAIL}"


def test_the_request_goes_there_as_guards_have_made_it(
    provider: FakeProvider, other: FakeProvider, configure: Configure
) -> None:
    configure(**to_claude(other))
    ask("openai", provider, messages=[{"role": "user", "content": f"my key is {KEY}"}])
    assert KEY.encode() not in other.requests[0].body


# What cannot be translated, and what fails


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"n": 2}, "n: Anthropic gives one answer"),
        ({"logprobs": True}, "logprobs"),
        ({"temperature": 1.5}, "temperature: Anthropic's goes up to 1"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"messages": [*ASK, {"role": "assistant", "content": "Well"}]}, "go on with the last answer"),
        ({"extra_body": {"vendor_field": 1}}, "vendor_field: it has no translation"),
    ],
)
def test_why_openais_request_is_not_translated(
    more: Any, reason: str, provider: FakeProvider, other: FakeProvider, configure: Configure
) -> None:
    traces = configure(**to_claude(other))
    with pytest.raises(openai.InternalServerError) as raised:
        ask("openai", provider, **more)
    assert (raised.value.status_code, other.requests) == (503, [])
    (skipped,) = [said for name, said in events(traces) if name == "hardened.target.skipped"]
    assert skipped["hardened.target"] == "claude"
    assert reason in skipped["hardened.target.reason"]


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"extra_body": {"top_k": 5}}, "top_k: OpenAI has no top_k"),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 2000}, "thinking"),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "tools[0].type: it runs at Anthropic"),
        ({"messages": [{"role": "user", "content": [{"type": "document", "source": {}}]}]}, "documents"),
    ],
)
def test_why_anthropics_request_is_not_translated(
    more: Any, reason: str, provider: FakeProvider, other: FakeProvider, configure: Configure
) -> None:
    traces = configure(**to_gpt(other))
    with pytest.raises(anthropic.InternalServerError):
        ask("anthropic", provider, **more)
    assert other.requests == []
    (skipped,) = [said for name, said in events(traces) if name == "hardened.target.skipped"]
    assert reason in skipped["hardened.target.reason"]


@pytest.mark.parametrize("missing", ["api_key", "model"])
def test_what_another_wire_needs(
    missing: str, provider: FakeProvider, other: FakeProvider, configure: Configure
) -> None:
    policy = to_claude(other)
    target = policy["targets"]["claude"]
    if missing == "api_key":
        del target["base_url"]
    del target[missing]
    traces = configure(**policy)
    with pytest.raises(openai.InternalServerError):
        ask("openai", provider)
    (skipped,) = [said for name, said in events(traces) if name == "hardened.target.skipped"]
    assert missing.removeprefix("api_") in skipped["hardened.target.reason"]


@SDKS
@pytest.mark.parametrize(("status", "kind", "sent"), [(429, "throttle", 3), (500, "provider", 3), (401, "client", 1)])
def test_errors_follow_the_others_rules(
    sdk: str, status: int, kind: str, sent: int, provider: FakeProvider, other: FakeProvider, configure: Configure
) -> None:
    traces = configure(**TO_OTHER[sdk](other))
    other.default = Reply(status=status)
    with pytest.raises((openai.InternalServerError, anthropic.InternalServerError)) as raised:
        CALLERS[sdk].call(provider)
    assert str(provider.port) in str(raised.value.request.url), "the application sees the error of its own service"
    assert f"failed: {kind}" in "".join(raised.value.__notes__)
    assert len(other.requests) == sent
    failed = [said for name, said in events(traces) if name == "hardened.attempt.failed"]
    assert failed[-1]["hardened.error.class"] == kind


def test_an_error_of_a_fallback_alone_says_whose_it_is(
    provider: FakeProvider, other: FakeProvider, configure: Configure
) -> None:
    configure(**to_claude(other), resilience={"retries": 0})
    for _ in range(5):
        ask("openai", provider)
    other.default = Reply(status=401)  # and the breaker of the own service is open
    with pytest.raises(openai.AuthenticationError) as raised:
        ask("openai", provider)
    assert "what the fallback 'claude' says" in "".join(raised.value.__notes__)


@SDKS
def test_a_stream_that_begins_with_an_error_of_the_other(
    sdk: str, provider: FakeProvider, other: FakeProvider, configure: Configure
) -> None:
    traces = configure(**TO_OTHER[sdk](other))
    other.default = Reply(fault="error_event")
    with pytest.raises((openai.InternalServerError, anthropic.InternalServerError)) as raised:
        STREAMS[sdk].call(provider)
    assert str(provider.port) in str(raised.value.request.url), "the application sees the error of its own service"
    assert "a fallback was asked too, and failed" in "".join(raised.value.__notes__)
    span = traces.call()
    assert span.error_type
    assert "hardened.served_by" not in span.attributes


def test_anthropics_empty_account_is_known_as_such(
    provider: FakeProvider, other: FakeProvider, configure: Configure
) -> None:
    configure(**to_claude(other))
    other.default = Reply(fault="insufficient_quota")  # a 400, which another provider would not be asked about
    with pytest.raises(openai.InternalServerError) as raised:
        ask("openai", provider)
    assert "throttle" in "".join(raised.value.__notes__)


NO_ANSWER = [
    *((CALLERS, fault) for fault in ("html", "malformed_json", "empty_choices", "empty_body")),
    *((STREAMS, fault) for fault in ("error_event", "empty_body", "reset_after_headers")),
]


@SDKS
@pytest.mark.parametrize(("callers", "fault"), NO_ANSWER)
def test_where_there_is_no_answer_the_next_is_asked(
    sdk: str, callers: Any, fault: str, provider: FakeProvider, other: FakeProvider, configure: Configure
) -> None:
    policy = TO_OTHER[sdk](other)
    policy["targets"]["sorry"] = {"static": "Later."}
    policy["routes"]["default"].append("sorry")
    configure(**policy)
    other.default = Reply(fault=fault)
    assert callers[sdk].call(provider) == "Later."


@SDKS
@pytest.mark.parametrize("fault", ["cut", "end", "late_error_event", "garbage"])
def test_a_stream_that_breaks_after_its_first_content(
    sdk: str, fault: str, provider: FakeProvider, other: FakeProvider, configure: Configure
) -> None:
    traces = configure(**TO_OTHER[sdk](other))
    other.default = Reply(text="word " * 30, fault=fault)
    with pytest.raises(hardened.StreamInterrupted) as raised:
        STREAMS[sdk].call(provider)
    assert raised.value.partial_text.startswith("word word")
    span = traces.call()
    assert span.usage_estimated
    assert span.output_tokens
    assert span.output_tokens > 3


@SDKS
def test_buffered_streams_fail_over_whenever_they_break(
    sdk: str, provider: FakeProvider, other: FakeProvider, configure: Configure
) -> None:
    configure(**TO_OTHER[sdk](other), stream="buffer")
    other.reply(text="word " * 30, fault="cut")
    other.reply(text="whole")
    assert STREAMS[sdk].call(provider) == "whole"


def test_an_answer_without_translation_is_none(
    provider: FakeProvider, other: FakeProvider, configure: Configure
) -> None:
    configure(**to_gpt(other))
    call = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"city": '}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    body = {"id": "x", "model": "gpt-4o", "choices": [{"index": 0, "message": message, "finish_reason": "length"}]}
    other.default = Reply(body=body)
    with pytest.raises(anthropic.InternalServerError) as raised:
        ask("anthropic", provider, tools=[TOOL])
    assert "invalid (untranslatable)" in "".join(raised.value.__notes__)
    assert len(other.requests) == 1
