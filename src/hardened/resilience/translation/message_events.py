"""OpenAI's chunks of a stream as Anthropic's events, one by one as they come."""

from __future__ import annotations

from collections.abc import Sequence

from hardened.resilience.translation import Refused
from hardened.resilience.translation.answers import message_error, message_head, message_usage, stop_reason
from hardened.resilience.translation.fields import items, mapping, refuse, text
from hardened.resilience.translation.passing import PassingOn
from hardened_instrumentation.calls import Ending, Json, WireEvent
from hardened_instrumentation.wires.parts import as_dict


class MessageEvents(PassingOn):
    """`StreamSession` that turns one streamed chat completion into the events of a message.

    Blocks follow each other: one ends where the next begins. The reason to stop comes before the usage at OpenAI, and
    with it at Anthropic, so it waits for the end.
    """

    def __init__(self, asked: Json) -> None:
        self._begun = False
        self._stopped = False
        self._block = -1  # the index of the last one
        self._open: str | int | None = None  # the text field, or the place of the call, that it holds
        self._calls: set[int] = set()  # the places of those that have begun
        self._reason: str | None = None
        self._refuses = False
        self._usage: Json = {}

    def _translated(self, data: Json) -> Sequence[WireEvent]:
        if data.get("error") and not data.get("choices"):
            return (_event(message_error(data)),)
        self._usage = as_dict(data.get("usage")) or self._usage
        events: list[WireEvent] = []
        for value, path in items(data.get("choices"), "choices"):
            choice = mapping(value, path)
            if choice.get("index") not in (None, 0):
                refuse(path, "it is not one answer")
            if not self._begun:
                self._begun = True
                events.append(self._start(data))
            events += self._delta(as_dict(choice.get("delta")))
            if choice.get("finish_reason"):
                self._reason = stop_reason(choice["finish_reason"], calls=bool(self._calls), refuses=self._refuses)
                events += self._close()
        return events

    def _failed(self, refused: Refused) -> Sequence[WireEvent]:
        error = {"type": "api_error", "message": f"the stream has no translation: {refused}"}
        return (_event({"type": "error", "error": error}),)

    def _other(self, event: WireEvent) -> Sequence[WireEvent]:
        return self._end() if b"[DONE]" in event.raw else super()._other(event)

    def finish(self, how: Ending, error: BaseException | None = None) -> Sequence[WireEvent]:
        return self._end() if how == "read" and not self._over else ()  # not all services say [DONE]

    def _end(self) -> Sequence[WireEvent]:
        """The answer is over, if anything has said why."""
        if self._reason is None or self._stopped:
            return ()
        self._stopped = True
        delta = {"stop_reason": self._reason, "stop_sequence": None}
        return (
            _event({"type": "message_delta", "delta": delta, "usage": message_usage(self._usage)}),
            _event({"type": "message_stop"}),
        )

    def _start(self, chunk: Json) -> WireEvent:
        message: Json = {**message_head(chunk), "content": [], "stop_reason": None, "stop_sequence": None}
        message["usage"] = {"input_tokens": 0, "output_tokens": 0}  # is only counted at the end
        return _event({"type": "message_start", "message": message})

    def _delta(self, delta: Json) -> Sequence[WireEvent]:
        if delta.get("audio") or delta.get("function_call"):
            refuse("delta", "it has no translation")
        events: list[WireEvent] = []
        for name in ("content", "refusal"):
            if delta.get(name):
                self._refuses = self._refuses or name == "refusal"
                events += self._text(name, text(delta[name], f"delta.{name}"))
        for value, path in items(delta.get("tool_calls"), "delta.tool_calls"):
            events += self._call(mapping(value, path), path)
        return events

    def _text(self, name: str, piece: str) -> Sequence[WireEvent]:
        begun = [] if self._open == name else self._begin(name, {"type": "text", "text": ""})
        return (*begun, self._piece({"type": "text_delta", "text": piece}))

    def _call(self, call: Json, path: str) -> Sequence[WireEvent]:
        place = call.get("index")
        if not isinstance(place, int):
            refuse(path, "it does not say which call it is")
        function = as_dict(call.get("function"))
        events: list[WireEvent] = []
        if place not in self._calls:
            id, name = text(call.get("id"), path), text(function.get("name"), path)
            events += self._begin(place, {"type": "tool_use", "id": id, "name": name, "input": {}})
            self._calls.add(place)
        elif place != self._open:
            refuse(path, "the call was over")
        if function.get("arguments"):
            events.append(self._piece({"type": "input_json_delta", "partial_json": text(function["arguments"], path)}))
        return events

    def _begin(self, what: str | int, block: Json) -> list[WireEvent]:
        closed = self._close()
        self._block += 1
        self._open = what
        return [*closed, _event({"type": "content_block_start", "index": self._block, "content_block": block})]

    def _close(self) -> Sequence[WireEvent]:
        if self._open is None:
            return ()
        self._open = None
        return (_event({"type": "content_block_stop", "index": self._block}),)

    def _piece(self, delta: Json) -> WireEvent:
        return _event({"type": "content_block_delta", "index": self._block, "delta": delta})


def _event(data: Json) -> WireEvent:
    return WireEvent(data["type"], data, b"", changed=True)
