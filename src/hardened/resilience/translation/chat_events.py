"""Anthropic's events of a stream as OpenAI's chunks, one by one as they come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from hardened.resilience.translation import Refused
from hardened.resilience.translation.answers import (
    SILENT,
    chat_call,
    chat_error,
    chat_head,
    chat_usage,
    finish_reason,
)
from hardened.resilience.translation.fields import mapping, refuse, text
from hardened.resilience.translation.passing import PassingOn
from hardened_instrumentation.calls import Json, WireEvent
from hardened_instrumentation.wires.parts import as_dict

DONE: Final = b"data: [DONE]\n\n"


class ChatEvents(PassingOn):
    """`StreamSession` that turns one streamed message into chunks of a chat completion.

    Usage comes in an event of its own where the application has asked for that, else with the reason to stop: OpenAI
    would not send it then, but what a call has cost must be known.
    """

    def __init__(self, asked: Json) -> None:
        self._usage_apart = bool(as_dict(asked.get("stream_options")).get("include_usage"))
        self._head: Json = {}
        self._usage: Json = {}
        self._kinds: dict[Any, str] = {}  # of blocks, by their index
        self._calls: dict[Any, int] = {}  # the place among the calls, by the index of the block
        self._begun: set[Any] = set()  # blocks of calls whose arguments have begun

    def _translated(self, data: Json) -> Sequence[WireEvent]:
        match data.get("type"):
            case "message_start":
                return self._start(data)
            case "content_block_start":
                return self._block(data)
            case "content_block_delta":
                return self._delta(data)
            case "content_block_stop":
                return self._stop(data)
            case "message_delta":
                return self._message_delta(data)
            case "message_stop":
                return self._message_stop()
            case "error":
                return (_event(chat_error(data)),)
            case _:  # a ping, or an event of a new type
                return ()

    def _failed(self, refused: Refused) -> Sequence[WireEvent]:
        error = {"message": f"the stream has no translation: {refused}", "type": "server_error", "code": "server_error"}
        return (_event({"error": error}),)

    def _start(self, data: Json) -> Sequence[WireEvent]:
        message = mapping(data.get("message"), "message")
        self._head = chat_head(message, "chat.completion.chunk")
        self._usage.update(_counted(message))
        return (self._chunk({"role": "assistant", "content": "", "refusal": None}),)

    def _block(self, data: Json) -> Sequence[WireEvent]:
        index, block = data.get("index"), mapping(data.get("content_block"), "content_block")
        kind = self._kinds[index] = text(block.get("type"), "content_block.type")
        if kind == "text":
            return (self._chunk({"content": block["text"]}),) if block.get("text") else ()
        if kind == "tool_use":
            place = self._calls[index] = len(self._calls)
            call = chat_call(text(block.get("id"), "content_block.id"), text(block.get("name"), "content_block"), "")
            events = [self._call(place, call)]
            if block.get("input"):  # mostly it comes in pieces
                events.append(self._arguments(index, chat_call("", "", block["input"])["function"]["arguments"]))
            return events
        return () if kind in SILENT else refuse("content_block", "it has no translation")

    def _delta(self, data: Json) -> Sequence[WireEvent]:
        index, delta = data.get("index"), mapping(data.get("delta"), "delta")
        kind = delta.get("type")
        if kind == "text_delta":
            return (self._chunk({"content": text(delta.get("text"), "delta.text")}),)
        if kind == "input_json_delta":
            piece = text(delta.get("partial_json"), "delta.partial_json")
            return (self._arguments(index, piece),) if piece else ()
        return () if self._kinds.get(index) in SILENT else refuse("delta", "it has no translation")

    def _stop(self, data: Json) -> Sequence[WireEvent]:
        index = data.get("index")
        if index in self._calls and index not in self._begun:  # a call without arguments
            return (self._arguments(index, "{}"),)
        return ()

    def _message_delta(self, data: Json) -> Sequence[WireEvent]:
        self._usage.update(_counted(data))
        reason = finish_reason(as_dict(data.get("delta")).get("stop_reason"))
        more: Json = {} if self._usage_apart else {"usage": chat_usage(self._usage)}
        return (self._chunk({}, reason, **more),)

    def _message_stop(self) -> Sequence[WireEvent]:
        done = WireEvent(None, None, DONE)
        if not self._usage_apart:
            return (done,)
        return (_event({**self._head, "choices": [], "usage": chat_usage(self._usage)}), done)

    def _arguments(self, index: Any, piece: str) -> WireEvent:
        self._begun.add(index)
        return self._call(self._calls[index], {"function": {"arguments": piece}})

    def _call(self, place: int, call: Json) -> WireEvent:
        return self._chunk({"tool_calls": [{"index": place, **call}]})

    def _chunk(self, delta: Json, reason: str | None = None, **more: Any) -> WireEvent:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return _event({**self._head, "choices": [choice], **more})


def _counted(holder: Json) -> Json:
    return {name: count for name, count in as_dict(holder.get("usage")).items() if count is not None}


def _event(data: Json) -> WireEvent:
    return WireEvent(None, data, b"", changed=True)
