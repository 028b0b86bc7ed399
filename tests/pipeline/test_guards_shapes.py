"""Guards in every shape of a call: what the provider receives and what the application sees."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import MappingProxyType
from typing import Any

import pytest
from anthropic.types import TextBlock
from leaky import ANSWER, CLEAN, LeakyProvider, assert_clean, joined, texts
from shapes import QUESTION, SHAPES, Clients
from traces import KEY, Configure

import hardened

WITHOUT_REQUEST_TEXT = {"models_page", "async_models_page"}
WITHOUT_ANSWER = {*WITHOUT_REQUEST_TEXT, "embeddings", "images", "speech", "speech_streaming"}
WITHOUT_ANSWER |= {"moderation", "count_tokens"}
ASKING = [name for name in SHAPES if name not in WITHOUT_REQUEST_TEXT]
ANSWERING = [name for name in SHAPES if name not in WITHOUT_ANSWER]
BLOCK = {"secrets": {"output": "block", "tool_call": "block"}}


@pytest.fixture(scope="module")
def shared() -> Iterator[Clients]:
    with LeakyProvider() as running:
        yield Clients(running)


@pytest.fixture
def leaky(shared: Clients) -> Iterator[LeakyProvider]:
    provider = shared.provider
    assert isinstance(provider, LeakyProvider)
    yield provider
    provider.reset()
    provider.chunk_size = 4
    shared.question = QUESTION


@pytest.mark.parametrize("name", ASKING)
def test_no_secret_of_a_request_reaches_the_provider(
    name: str, shared: Clients, leaky: LeakyProvider, configure: Configure
) -> None:
    traces = configure()
    shared.question = f"my key is {KEY}, is it safe?"
    leaky.default = leaky.default.__class__(text="fine")
    SHAPES[name](shared)
    received = b"".join(request.body for request in leaky.requests)
    assert KEY.encode() not in received
    assert b"my key is [OPENAI_API_KEY], is it safe?" in received
    (decision,) = {d for d in traces.call().guard_decisions if d.stage == "input"}
    assert (decision.detector, decision.outcome, decision.enforced) == ("secrets", "redacted", True)
    assert KEY.encode() not in traces.bytes


CUT = [(name, size) for name in ANSWERING for size in ((4, 1) if "stream" in name else (4,))]


@pytest.mark.parametrize(("name", "chunk_size"), CUT)
def test_no_secret_of_an_answer_reaches_the_application(
    name: str, chunk_size: int, shared: Clients, leaky: LeakyProvider, configure: Configure
) -> None:
    traces = configure()
    leaky.chunk_size = chunk_size
    leaky.leak()
    seen = SHAPES[name](shared)
    assert_clean(seen)
    whole = [text for _, text in texts(seen)] + list(joined(seen).values())
    if "two_choices" not in name and "choices_tools" not in name:
        assert any(CLEAN in text for text in whole)
    span = traces.call()
    assert span.guard_outcome == "redacted"
    assert KEY.encode() not in traces.bytes
    stages = {d.stage for d in span.guard_decisions}
    assert stages <= {"output", "tool_call"} and stages
    assert len(traces.guards()) == len(span.guard_decisions)
    assert {guard.parent_id for guard in traces.guards()} == {span.span_id}


@pytest.mark.parametrize("name", ASKING)
def test_a_block_at_input_reaches_no_provider(
    name: str, shared: Clients, leaky: LeakyProvider, configure: Configure
) -> None:
    traces = configure(preset="strict")
    shared.question = f"my key is {KEY}, is it safe?"
    with pytest.raises(hardened.BlockedError) as caught:
        SHAPES[name](shared)
    error = caught.value
    assert leaky.requests == []
    assert (error.stage, error.detector, error.category) == ("input", "secrets", "openai_api_key")
    assert KEY not in str(error) and KEY not in repr(error.__context__)
    span = traces.call()
    assert (span.status, span.error_type, span.guard_outcome) == ("error", "BlockedError", "blocked")


@pytest.mark.parametrize("name", ANSWERING)
def test_a_block_at_output_reaches_the_application_as_an_error(
    name: str, shared: Clients, leaky: LeakyProvider, configure: Configure
) -> None:
    traces = configure(detectors=BLOCK)
    leaky.leak()
    with pytest.raises(hardened.BlockedError) as caught:
        SHAPES[name](shared)
    assert (caught.value.stage, caught.value.detector) in (("output", "secrets"), ("tool_call", "secrets"))
    span = traces.call()
    assert (span.status, span.error_type, span.guard_outcome) == ("error", "BlockedError", "blocked")
    assert KEY.encode() not in traces.bytes
    if "transcription" not in name:
        assert span.cost_known is not None and span.output_tokens  # the provider has worked and wants its money


@pytest.mark.parametrize("mode", ["shadow", "off"])
@pytest.mark.parametrize("name", ANSWERING)
def test_shadow_and_off_change_nothing(
    name: str, mode: str, shared: Clients, leaky: LeakyProvider, configure: Configure
) -> None:
    shared.question = f"my key is {KEY}, is it safe?"
    leaky.leak()
    bare = SHAPES[name](shared)
    sent = leaky.requests[-1].fields
    traces = configure(mode=mode)
    assert SHAPES[name](shared) == bare
    assert leaky.requests[-1].fields == sent
    decisions = traces.call().guard_decisions
    assert KEY.encode() not in traces.bytes
    if mode == "off":
        assert decisions == () and traces.guards() == []
    else:
        assert {d.stage for d in decisions} >= {"input"} and len({d.stage for d in decisions}) >= 2
        assert not any(d.enforced for d in decisions)


def _arguments(value: Any) -> list[Any]:
    return [text for key, text in texts(value) if key == "arguments"]


def test_arguments_of_tools_stay_json(shared: Clients, leaky: LeakyProvider, configure: Configure) -> None:
    configure()
    expected = {"at": CLEAN, "nested": [{"key": "[OPENAI_API_KEY]"}]}
    for name in ("chat_tool_call", "responses_stream"):
        complete = [text for text in _arguments(SHAPES[name](shared)) if text.endswith("}")]
        assert complete and all(json.loads(text) == expected for text in complete)
    chunks = SHAPES["chat_stream_usage_choices_tools"](shared)
    for index in (0, 1):
        found = joined(chunks, index)
        assert (found["content"], json.loads(found["arguments"])) == (CLEAN, expected)
    (tool,) = [block for block in SHAPES["message_blocks"](shared)["content"] if block["type"] == "tool_use"]
    assert tool["input"] == expected
    assert json.loads(joined(SHAPES["message_stream"](shared))["partial_json"]) == expected


def test_choices_are_guarded_apart(shared: Clients, leaky: LeakyProvider, configure: Configure) -> None:
    configure()
    leaky.default = leaky.default.__class__(choices=[ANSWER, "Rome has no key.", KEY], chunk_size=1)
    stream = shared.openai.chat.completions.create(model="gpt-4o", messages=shared.ask, stream=True, n=3)
    pieces: dict[int, str] = {}
    for chunk in stream:
        for choice in chunk.choices:
            pieces[choice.index] = pieces.get(choice.index, "") + (choice.delta.content or "")
    assert pieces == {0: CLEAN, 1: "Rome has no key.", 2: "[OPENAI_API_KEY]"}


@pytest.mark.parametrize("inside", [False, True])
def test_what_can_be_read_once_only_is_guarded_too(
    leaky: LeakyProvider, shared: Clients, configure: Configure, inside: bool
) -> None:
    configure()
    content: Any = ({"type": "text", "text": f"key {KEY}"} for _ in range(1)) if inside else f"key {KEY}"
    messages: Any = iter([{"role": "user", "content": content}])
    shared.anthropic.messages.create(model="claude-haiku-4-5", max_tokens=9, messages=messages)
    sent = json.dumps(leaky.requests[-1].json)
    assert KEY not in sent and "key [" in sent


def test_what_an_sdk_hands_on_as_it_is_is_guarded_too(
    leaky: LeakyProvider, shared: Clients, configure: Configure
) -> None:
    configure()
    said = TextBlock(type="text", text=f"key {KEY}")  # as applications put an answer into the next request
    views = {"only": {"type": "text", "text": f"view {KEY}"}}.values()
    messages: Any = (
        {"role": "user", "content": f"tuple {KEY}"},
        {"role": "assistant", "content": [said]},
        MappingProxyType({"role": "user", "content": views}),
    )
    shared.anthropic.messages.create(model="claude-haiku-4-5", max_tokens=9, messages=messages)
    sent = leaky.requests[-1].json
    assert KEY not in json.dumps(sent)
    assert [message["role"] for message in sent["messages"]] == ["user", "assistant", "user"]
    assert sent["messages"][1]["content"] == [{"type": "text", "text": "key [OPENAI_API_KEY]"}]
    assert sent["messages"][2]["content"][0]["text"].startswith("view [")


def test_what_the_applications_iterator_raises_is_raised(shared: Clients, configure: Configure) -> None:
    configure()

    def messages() -> Iterator[Any]:
        yield {"role": "user", "content": "hello"}
        raise LookupError("the application's own")

    with pytest.raises(LookupError):
        shared.anthropic.messages.create(model="claude-haiku-4-5", max_tokens=9, messages=messages())
