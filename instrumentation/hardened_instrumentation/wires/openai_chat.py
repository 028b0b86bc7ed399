"""OpenAI chat completions, and the many services that copy them."""

from __future__ import annotations

from typing import Any

from hardened_instrumentation.calls import (
    Delta,
    EventView,
    Json,
    RequestView,
    ResponseView,
    Role,
    Slot,
    SlotKind,
    Usage,
    WireEvent,
)
from hardened_instrumentation.wires import parts
from hardened_instrumentation.wires.growing import Late, collect
from hardened_instrumentation.wires.parts import as_dict, as_list, each

PARAMETERS = {
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
    "max_tokens": "gen_ai.request.max_tokens",
    "max_completion_tokens": "gen_ai.request.max_tokens",
    "frequency_penalty": "gen_ai.request.frequency_penalty",
    "presence_penalty": "gen_ai.request.presence_penalty",
    "seed": "gen_ai.request.seed",
    "reasoning_effort": "gen_ai.request.reasoning.level",
    "service_tier": "openai.request.service_tier",
}
ROLES: dict[str, Role] = {
    "tool": "tool",
    "function": "tool",
    "assistant": "assistant",
    "system": "system",
    "developer": "system",
}
MEDIA = {"image_url": "image", "input_audio": "audio", "audio": "audio", "file": "document"}
FINISH_REASONS = {"tool_calls": "tool_call", "function_call": "tool_call"}
TEXT_FIELDS = ("content", "refusal")
REASONING_FIELDS = ("reasoning_content", "reasoning")  # DeepSeek, Groq, vLLM
KNOWN_FIELDS = {*TEXT_FIELDS, *REASONING_FIELDS, "tool_calls", "function_call", "audio", "logprobs"}


class ChatCompletions:
    """`Wire` of `/chat/completions`."""

    def request(self, body: Json) -> RequestView:
        view = RequestView(model=body.get("model"), parameters=parts.parameters(body, PARAMETERS))
        stop = body.get("stop")
        if stop:
            view.parameters["gen_ai.request.stop_sequences"] = [stop] if isinstance(stop, str) else stop
        if body.get("n", 1) != 1:
            view.parameters["gen_ai.request.choice.count"] = body["n"]
        view.messages = [_message(as_dict(message)) for message in as_list(body.get("messages"))]
        view.tools = [as_dict(tool) for tool in as_list(body.get("tools"))]
        kind = as_dict(body.get("response_format")).get("type")
        if kind:
            view.output_type = "text" if kind == "text" else "json"
        return view

    def request_slots(self, body: Json) -> list[Slot]:
        slots: list[Slot] = []
        for message in each(body.get("messages")):
            _message_slots(message, ROLES.get(message.get("role") or "", "user"), slots)
        for prediction in each(body.get("prediction")):
            _content_slots(prediction, "user", slots)
        for definitions in ("tools", "functions", "response_format"):
            parts.descriptions(body, definitions, slots)
        parts.metadata(body, slots)
        return slots

    def response(self, body: Json) -> ResponseView:
        view = _head(body)
        choices = [as_dict(choice) for choice in as_list(body.get("choices"))]
        view.finish_reasons = tuple(finish_reason(choice.get("finish_reason")) for choice in choices)
        for choice, reason in zip(choices, view.finish_reasons, strict=True):
            message = as_dict(choice.get("message"))
            view.messages.append({**_message(message), "finish_reason": reason})
            view.refused = view.refused or bool(message.get("refusal"))
        return view

    def response_slots(self, body: Json) -> list[Slot]:
        slots: list[Slot] = []
        for choice in each(body.get("choices")):
            for message in each(choice.get("message")):
                _message_slots(message, "assistant", slots, beside=choice)
        return slots

    def reader(self) -> ChatReader:
        return ChatReader()


class ChatReader:
    """Reads `chat.completion.chunk` events. A field is (choice, name) or (choice, name, tool call)."""

    def __init__(self) -> None:
        self._head: Json = {}
        self._usage: Any = None
        self._text: dict[tuple[Any, ...], list[str]] = {}
        self._late = Late()
        self._calls: dict[tuple[Any, ...], Json] = {}
        self._reasons: dict[int, str] = {}
        self._done = False

    def read(self, event: WireEvent) -> EventView:
        return self._late.sort(self._view(event), self._text)

    def _view(self, event: WireEvent) -> EventView:
        data = event.data
        if data is None:
            self._done = self._done or event.raw.lstrip().startswith(b"data: [DONE]")
            return EventView((), list(self._text) if self._done else (), terminal=self._done)
        if not self._head.get("id"):  # Azure begins with an event about the prompt that has no identity
            self._head = data
        if data.get("usage"):
            self._usage = data["usage"]
        deltas: list[Delta] = []
        others: list[Slot] = []
        snapshots: list[Delta] = []
        closes: list[tuple[Any, ...]] = []
        if data.get("error"):  # a stream may fail in the middle
            parts.texts(data, "error", "assistant", others)
        for choice in each(data.get("choices")):
            index = choice.get("index") or 0
            for delta in each(choice.get("delta")):
                self._deltas(index, delta, choice, deltas)
                if len(delta) > 2:
                    _other_slots(delta, "assistant", others)
            for message in each(choice.get("message")):  # a whole message, as some services send it at the end
                slots: list[Slot] = []
                _message_slots(message, "assistant", slots)
                snapshots += [Delta(slot, (index, "")) for slot in slots]
            if choice.get("finish_reason"):
                self._reasons[index] = choice["finish_reason"]
                closes += [place for place in self._text if place[0] == index]
        snapshots += [Delta(slot, ("",)) for slot in others]
        return EventView(deltas, closes, snapshots, content=bool(deltas), terminal=bool(closes or self._reasons))

    def _deltas(self, index: Any, delta: Json, choice: Json, found: list[Delta]) -> None:
        for name in TEXT_FIELDS:
            value = delta.get(name)
            if isinstance(value, str):
                if value:
                    found.append(self._delta(delta, name, (index, name), beside=choice))
            elif value:
                self._content(delta, name, index, found)
        for name in REASONING_FIELDS:
            if isinstance(delta.get(name), str) and delta[name]:
                found.append(self._delta(delta, name, (index, name), "reasoning"))
        if len(delta) > 1 or not found:
            self._calls_of(index, delta, found)
            for audio in each(delta.get("audio")):
                if isinstance(audio.get("transcript"), str):
                    found.append(self._delta(audio, "transcript", (index, "transcript")))

    def _content(self, delta: Json, name: str, index: Any, found: list[Delta]) -> None:
        """Content in parts, as Mistral and others stream it."""
        slots: list[Slot] = []
        _parts_slots(delta, name, "assistant", slots)
        for slot in slots:
            if slot.kind != "opaque":
                place = (index, "parts" if slot.kind == "text" else "reasoning parts")
                found.append(self._delta(slot.holder, slot.key, place, slot.kind))

    def _calls_of(self, index: Any, delta: Json, found: list[Delta]) -> None:
        """Pieces of tool calls, of calls of custom tools, and of the function call that preceded them."""
        for call in each(delta.get("tool_calls")):
            for function in each(call.get("function")):
                self._call((index, "arguments", call.get("index") or 0), "arguments", function, call.get("id"), found)
            for custom in each(call.get("custom")):
                self._call((index, "input", call.get("index") or 0), "input", custom, call.get("id"), found)
        for function in each(delta.get("function_call")):
            self._call((index, "function_call"), "arguments", function, None, found)

    def _call(self, place: tuple[Any, ...], key: str, function: Json, id: Any, found: list[Delta]) -> None:
        known = self._calls.setdefault(place, {})
        known["id"] = id or known.get("id")
        known["name"] = function.get("name") or known.get("name")
        self._text.setdefault(place, [])
        slots: list[Slot] = []
        parts.arguments(function, key, "assistant", slots)
        for slot in slots:
            slot.tool = known["name"]
        found += [Delta(slot, place) for slot in slots]

    def _delta(
        self, holder: Any, key: Any, place: tuple[Any, ...], kind: SlotKind = "text", beside: Json | None = None
    ) -> Delta:
        self._text.setdefault(place, [])
        return Delta(Slot(holder, key, "assistant", kind, beside), place)

    def collect(self, event: WireEvent, view: EventView) -> None:
        collect(view, self._text)

    def tail(self, place: tuple[Any, ...], text: str) -> WireEvent:
        shapes: dict[str, Json] = {
            "arguments": {"tool_calls": [{"index": place[-1], "function": {"arguments": text}}]},
            "input": {"tool_calls": [{"index": place[-1], "custom": {"input": text}}]},
            "function_call": {"function_call": {"arguments": text}},
            "transcript": {"audio": {"transcript": text}},
            "parts": {"content": [{"type": "text", "text": text}]},
        }
        delta = shapes.get(place[1]) or {place[1]: text}
        self._text[place].append(text)
        choice = {"index": place[0], "delta": delta, "finish_reason": None}
        return WireEvent(None, {**identity(self._head), "choices": [choice]}, b"", changed=True)

    def response(self) -> ResponseView:
        view = _head({**self._head, "usage": self._usage})
        indices = sorted({place[0] for place in self._text} | self._reasons.keys(), key=str)
        view.finish_reasons = tuple(finish_reason(self._reasons.get(index)) for index in indices)
        for index, reason in zip(indices, view.finish_reasons, strict=True):
            message = {"role": "assistant", "parts": self._parts(index), "finish_reason": reason}
            view.messages.append(message)
        view.refused = any(place[1] == "refusal" for place in self._text)
        view.complete = self._done or (bool(indices) and all(index in self._reasons for index in indices))
        return view

    def _parts(self, index: int) -> list[Json]:
        found: list[Json] = []
        for place, pieces in self._text.items():
            if place[0] != index:
                continue
            joined = "".join(pieces)
            if place in self._calls:
                found.append(parts.tool_call(self._calls[place].get("id"), self._calls[place].get("name"), joined))
            elif joined:
                found.append(parts.reasoning(joined) if "reasoning" in place[1] else parts.text(joined))
        return found


def usage(raw: Any) -> Usage | None:
    """Usage of chat completions, legacy completions and embeddings."""
    if not isinstance(raw, dict):
        return None
    counts: Json = raw  # pyright: ignore[reportUnknownVariableType]
    prompt, completion = as_dict(counts.get("prompt_tokens_details")), as_dict(counts.get("completion_tokens_details"))
    return Usage(
        input=counts.get("prompt_tokens"),
        output=counts.get("completion_tokens"),
        cache_read=prompt.get("cached_tokens"),
        cache_write=prompt.get("cache_write_tokens"),
        reasoning=completion.get("reasoning_tokens"),
        input_audio=prompt.get("audio_tokens"),
        output_audio=completion.get("audio_tokens"),
        raw=counts,
    )


def finish_reason(reason: Any) -> str:
    """The convention's word for a finish reason; `error` where the provider gave none."""
    return FINISH_REASONS.get(reason, reason) if isinstance(reason, str) else "error"


def identity(chunk: Json) -> Json:
    """What is the same in all chunks of a stream."""
    names = ("id", "object", "created", "model", "service_tier", "system_fingerprint")
    return {name: chunk[name] for name in names if name in chunk}


def _head(body: Json) -> ResponseView:
    view = ResponseView(id=body.get("id"), model=body.get("model"), usage=usage(body.get("usage")))
    for key in ("service_tier", "system_fingerprint"):
        if isinstance(body.get(key), str):
            view.attributes[f"openai.response.{key}"] = body[key]
    return view


def _message(message: Json) -> Json:
    found: list[Json] = []
    role = message.get("role") or "assistant"
    content = message.get("content")
    for name in REASONING_FIELDS:
        if isinstance(message.get(name), str) and message[name]:
            found.append(parts.reasoning(message[name]))
    if role == "tool":
        found.append(parts.tool_response(message.get("tool_call_id"), content))
    elif isinstance(content, str):
        if content:
            found.append(parts.text(content))
    else:
        found += [_part(as_dict(part)) for part in as_list(content)]
    if message.get("refusal"):
        found.append(parts.text(message["refusal"]))
    if message.get("audio"):
        found.append(parts.blob("audio/wav", as_dict(message["audio"]).get("data") or ""))
    for call in map(as_dict, as_list(message.get("tool_calls"))):
        function = as_dict(call.get("function") or call.get("custom"))
        arguments = function.get("arguments", function.get("input"))
        found.append(parts.tool_call(call.get("id"), function.get("name"), arguments))
    if message.get("function_call"):
        function = as_dict(message["function_call"])
        found.append(parts.tool_call(None, function.get("name"), function.get("arguments")))
    named = {"name": message["name"]} if isinstance(message.get("name"), str) else {}
    return {"role": role, "parts": found, **named}


def _part(part: Json) -> Json:
    kind = part.get("type")
    if kind == "text":
        return parts.text(part.get("text") or "")
    if kind == "refusal":
        return parts.text(part.get("refusal") or "")
    if kind == "image_url":
        image = part.get("image_url")
        return parts.from_url(image if isinstance(image, str) else as_dict(image).get("url") or "", "image")
    if kind == "input_audio":
        audio = as_dict(part.get("input_audio"))
        return parts.blob(f"audio/{audio.get('format') or 'wav'}", audio.get("data") or "")
    if kind == "file":
        document = as_dict(part.get("file"))
        if document.get("file_data"):
            return parts.from_url(document["file_data"], "document")
        return parts.file(document.get("file_id") or "")
    return parts.generic(str(kind))


def _message_slots(message: Json, role: Role, slots: list[Slot], beside: Json | None = None) -> None:
    _content_slots(message, role, slots, beside)
    if isinstance(message.get("refusal"), str):
        slots.append(Slot(message, "refusal", role))
    for name in REASONING_FIELDS:
        if isinstance(message.get(name), str):
            slots.append(Slot(message, name, role, "reasoning"))
    for audio in each(message.get("audio")):
        if isinstance(audio.get("transcript"), str):
            slots.append(Slot(audio, "transcript", role))
    for call in (*each(message.get("tool_calls")), {"function": message.get("function_call")}):
        for function in (*each(call.get("function")), *each(call.get("custom"))):
            for key in ("arguments", "input"):
                parts.arguments(function, key, role, slots)
    _other_slots(message, role, slots)


def _other_slots(message: Json, role: Role, slots: list[Slot]) -> None:
    """What services have added to a message: annotations, details of the reasoning, …"""
    for key in message:
        if key not in KNOWN_FIELDS and parts.holds_text(key):
            parts.texts(message, key, role, slots, "reasoning" if "reasoning" in key or "thinking" in key else "text")


def _content_slots(holder: Json, role: Role, slots: list[Slot], beside: Json | None = None) -> None:
    """The texts of `holder["content"]`: one text, or parts."""
    content = holder.get("content")
    if isinstance(content, str):
        slots.append(Slot(holder, "content", role, beside=beside))
    elif content:
        _parts_slots(holder, "content", role, slots)


def _parts_slots(holder: Json, key: str, role: Role, slots: list[Slot]) -> None:
    """The parts of a content that is not one text."""
    content = [holder[key]] if isinstance(holder[key], dict) else as_list(holder[key])
    for index, item in enumerate(content):
        part = as_dict(item)
        kind = part.get("type")
        if kind in MEDIA:
            slots.append(Slot(part, MEDIA[kind], role, "opaque"))
            for document in each(part.get("file")):
                if isinstance(document.get("filename"), str):
                    slots.append(Slot(document, "filename", role))
        elif kind in ("text", "refusal") and isinstance(part.get(kind), str):
            slots.append(Slot(part, kind, role))
        else:  # a text without a part around it, or a part that we do not know
            parts.texts(content, index, role, slots, "reasoning" if kind in ("thinking", "reasoning") else "text")
