"""Every recorded call of real providers, with us and without: the same data, one span, the recorded tokens."""

from __future__ import annotations

import copy
from functools import lru_cache
from typing import Any

import pytest
from cassettes import Played, play, player
from traces import KEY, Configure

import hardened
from hardened.analysis.spans import SpanRecord

CALLS = {"openai": 369, "anthropic": 66, "groq": 36}
"""Recorded calls by SDK; Azure OpenAI is among those of openai."""

REQUIRED = {
    "text": {"content": str},
    "reasoning": {"content": str},
    "tool_call": {"name": str},
    "tool_call_response": {},
    "blob": {"modality": str},
    "uri": {"modality": str, "uri": str},
    "file": {"modality": str, "file_id": str},
}
"""What the conventions' JSON schemas of messages demand of each part."""


def check_messages(messages: Any, *, output: bool) -> None:
    """Messages as the schemas `gen-ai-input-messages` and `gen-ai-output-messages` of the conventions want them."""
    assert isinstance(messages, list)
    for message in messages:
        assert isinstance(message["role"], str)
        assert not output or isinstance(message["finish_reason"], str)
        for part in message["parts"]:
            assert isinstance(part["type"], str)
            for key, kind in REQUIRED.get(part["type"], {}).items():
                assert isinstance(part[key], kind), (part["type"], key)


def check_tokens(played: Played, span: SpanRecord) -> None:
    usage = played.usage
    if usage is None or played.status >= 400:
        assert span.input_tokens is None or span.usage_estimated
        return
    read, written = usage.get("cache_read_input_tokens") or 0, usage.get("cache_creation_input_tokens") or 0
    given = usage.get("prompt_tokens", usage.get("input_tokens"))
    made = usage.get("completion_tokens", usage.get("output_tokens"))
    assert span.input_tokens == (given + read + written if given is not None else None), played.cassette
    if span.operation != "embeddings":
        assert span.output_tokens == made, played.cassette


TEXTS = (
    "content",
    "refusal",
    "text",
    "partial_json",
    "thinking",
    "arguments",
    "delta",
    "reasoning",
    "reasoning_content",
)


def joined(returned: list[Any]) -> list[Any]:
    """What was returned, the growing texts of a stream joined: which piece comes in which event may change, since text
    waits until it is decided."""
    return [_joined(one["value"]) if one["type"] == "Stream" else one for one in returned]


def _joined(events: list[Any]) -> Any:
    texts: dict[Any, str] = {}
    others: list[Any] = []
    for event in events:
        if str(event.get("type", "")).endswith("delta") and event["type"] != "message_delta":
            place = (event["type"], event.get("index"), event.get("output_index"), event.get("content_index"))
            _collect(event.get("delta"), place, texts)
        elif event.get("object") in ("chat.completion.chunk", "text_completion"):
            for choice in event["choices"]:
                _collect(choice, (choice["index"],), texts)
            if not event["choices"] or any(choice["finish_reason"] for choice in event["choices"]):
                others.append(event)
        else:
            others.append(event)
    return texts, others


def _collect(value: Any, place: tuple[Any, ...], texts: dict[Any, str]) -> None:
    if isinstance(value, str):
        texts[place] = texts.get(place, "") + value
    elif isinstance(value, list):
        for item in value:
            _collect(item, (*place, item.get("index")), texts)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key in TEXTS and isinstance(item, str):
                texts[*place, key] = texts.get((*place, key), "") + item
                value[key] = ""
            elif isinstance(item, dict | list):
                _collect(item, place, texts)


@lru_cache
def _bare(sdk: str) -> list[Played]:
    """What the SDK returns without us."""
    return list(play(player(), sdk))


def _exactly(returned: list[Any]) -> list[Any]:
    return returned


@pytest.mark.parametrize(("preset", "same"), [("observe", _exactly), ("balanced", joined)])
@pytest.mark.parametrize("sdk", CALLS)
def test_recorded_calls(sdk: str, preset: str, same: Any, configure: Configure) -> None:
    module = player()
    bare = _bare(sdk)
    traces = configure(preset=preset)
    with_us = list(play(module, sdk))
    assert len(bare) == len(with_us) == CALLS[sdk]
    for one, other in zip(bare, with_us, strict=True):
        assert (one.cassette, one.outcome) == (other.cassette, other.outcome)
        assert same(copy.deepcopy(one.returned)) == same(other.returned), one.cassette
    spans = sorted(traces.calls(), key=lambda span: span.start)
    assert len(spans) == CALLS[sdk]
    for played, span in zip(with_us, spans, strict=True):
        assert span.provider in ("openai", "azure.ai.openai", "anthropic", "groq")
        check_tokens(played, span)
        check_messages(span.input_messages or [], output=False)
        check_messages(span.output_messages or [], output=True)


@pytest.mark.parametrize("sdk", CALLS)
def test_no_planted_key_is_exported(sdk: str, configure: Configure) -> None:
    module = player()
    traces = configure()
    played = list(play(module, sdk, plant=KEY))
    exported = traces.bytes
    assert len(exported) > 1000 * len(played) / 4
    assert KEY.encode() not in exported
    assert KEY[:24].encode() not in exported
    assert not any(KEY in repr(one.returned) for one in played)


def test_uninstrumented_means_untouched(configure: Configure) -> None:
    module = player()
    traces = configure()
    hardened.uninstrument()
    assert list(play(module, "groq"))
    assert traces.calls() == []
