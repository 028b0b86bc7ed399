"""The OpenAI Responses API: items in, items out, and a stream of typed events that repeats every text several times."""

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
from hardened_instrumentation.wires.openai_chat import ROLES
from hardened_instrumentation.wires.parts import as_dict, as_list, each

PARAMETERS = {
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
    "max_output_tokens": "gen_ai.request.max_tokens",
    "previous_response_id": "gen_ai.request.previous_response.id",
    "service_tier": "openai.request.service_tier",
}
PARTS = {"input_text", "input_image", "input_audio", "input_file"}
MEDIA = {"input_image": "image", "input_audio": "audio", "input_file": "document", "image_generation_call": "image"}
FINISH_REASONS = {"max_output_tokens": "length", "max_tokens": "length", "content_filter": "content_filter"}
TERMINAL = {"response.completed", "response.incomplete", "response.failed", "response.cancelled"}
TEXT_KEYS: dict[str, SlotKind] = {
    "text": "text",
    "refusal": "text",
    "transcript": "text",
    "arguments": "arguments",
    "input": "arguments",
    "code": "text",
}
CALLS = {"function_call", "mcp_call", "custom_tool_call"}
CALL_OUTPUTS = {"function_call_output", "custom_tool_call_output", "mcp_call_output"}


class Responses:
    """`Wire` of `/responses`, of its retrieval and of its cancellation."""

    def request(self, body: Json) -> RequestView:
        view = RequestView(model=body.get("model"), parameters=parts.parameters(body, PARAMETERS))
        effort = as_dict(body.get("reasoning")).get("effort")
        if effort:
            view.parameters["gen_ai.request.reasoning.level"] = effort
        if isinstance(body.get("instructions"), str):
            view.system = [parts.text(body["instructions"])]
        given = body.get("input")
        if isinstance(given, str):
            view.messages = [{"role": "user", "parts": [parts.text(given)]}]
        else:
            view.messages = [_message(as_dict(item), "user") for item in as_list(given)]
        view.tools = [as_dict(tool) for tool in as_list(body.get("tools"))]
        conversation = body.get("conversation")
        view.conversation_id = conversation if isinstance(conversation, str) else as_dict(conversation).get("id")
        kind = as_dict(as_dict(body.get("text")).get("format")).get("type")
        if kind:
            view.output_type = "text" if kind == "text" else "json"
        return view

    def request_slots(self, body: Json) -> list[Slot]:
        slots: list[Slot] = []
        if isinstance(body.get("instructions"), str):
            slots.append(Slot(body, "instructions", "system"))
        for key in ("input", "items"):  # of a response, of a conversation
            _items_slots(body, key, "user", slots)
        for prompt in each(body.get("prompt")):
            for variables in each(prompt.get("variables")):
                for name in variables:  # a text, or a part of a message
                    _value_slots(variables, name, "user", slots)
        for definitions in ("tools", "text"):
            parts.descriptions(body, definitions, slots)
        parts.metadata(body, slots)
        return slots

    def response(self, body: Json) -> ResponseView:
        view = ResponseView(id=body.get("id"), model=body.get("model"), usage=usage(body.get("usage")))
        if isinstance(body.get("service_tier"), str):
            view.attributes["openai.response.service_tier"] = body["service_tier"]
        items = [as_dict(item) for item in as_list(body.get("output"))]
        reason = finish_reason(body, items)
        found = [part for item in items for part in _message(item, "assistant")["parts"]]
        if found:
            view.messages = [{"role": "assistant", "parts": found, "finish_reason": reason}]
        view.finish_reasons = (reason,)
        view.refused = any(part.get("type") == "refusal" for item in items for part in each(item.get("content")))
        view.complete = body.get("status") not in ("queued", "in_progress")
        return view

    def response_slots(self, body: Json) -> list[Slot]:
        slots: list[Slot] = []
        for item in each(body.get("output")):
            _item_slots(item, "assistant", slots)
        _beside_slots(body, slots)
        return slots

    def reader(self) -> ResponseReader:
        return ResponseReader()


class Listed(Responses):
    """`Wire` of lists of items (of a conversation, of a response's input) and of what only counts them."""

    def response(self, body: Json) -> ResponseView:
        return ResponseView(id=body.get("id"))

    def response_slots(self, body: Json) -> list[Slot]:
        slots: list[Slot] = []
        _items_slots(body, "data", "assistant", slots)
        return slots


class ResponseReader:
    """Reads the events of one streamed response.

    A growing field is (event name less `.delta`, output index, content or summary index). Texts come again in `.done`
    events, finished parts and items, and the final response: all of them are snapshots.
    """

    def __init__(self) -> None:
        self._last: Json = {}
        self._text: dict[tuple[Any, ...], list[str]] = {}
        self._late = Late()
        self._delta_event: dict[tuple[Any, ...], Json] = {}
        self._items: dict[int, Json] = {}
        self._names: dict[int, Any] = {}  # of tools that are called

    def read(self, event: WireEvent) -> EventView:
        return self._late.sort(self._view(event), self._text)

    def _view(self, event: WireEvent) -> EventView:
        data = event.data
        if data is None:
            return EventView()
        kind = data.get("type") or event.name or ""
        if isinstance(data.get("response"), dict):
            self._last = data["response"]
        if kind.endswith(".delta") and isinstance(data.get("delta"), str):
            return self._delta(kind, data)
        if isinstance(data.get("response"), dict):
            closes = list(self._text) if kind in TERMINAL else ()
            return EventView((), closes, self._snapshots(data["response"]), terminal=kind in TERMINAL)
        if kind.endswith((".done", ".added")):
            return self._whole(kind, data)
        return self._unknown(data)

    def _unknown(self, data: Json) -> EventView:
        slots: list[Slot] = []
        parts.texts([data], 0, "assistant", slots)
        return EventView(snapshots=[Delta(slot, ("",)) for slot in slots])

    def _delta(self, kind: str, data: Json) -> EventView:
        place = (kind[: -len(".delta")], data.get("output_index"), data.get("content_index", data.get("summary_index")))
        self._text.setdefault(place, [])
        self._delta_event[place] = data
        if "audio.delta" in kind or "partial_image" in kind:
            return EventView(content=True)  # base64, not text
        return EventView((Delta(self._slot(data, "delta", kind), place),), content=True)

    def _whole(self, kind: str, data: Json) -> EventView:
        """A text, a part or an item: complete if the event says `done`, and perhaps with a beginning if `added`."""
        done = kind.endswith(".done")
        if isinstance(data.get("item"), dict):
            index = data.get("output_index", 0)
            self._names[index] = data["item"].get("name")
            if done:
                self._items[index] = data["item"]
            closes = [place for place in self._text if done and place[1] == index]
            return EventView((), closes, self._item_snapshots(data["item"], index))
        if isinstance(data.get("part"), dict):
            slots: list[Slot] = []
            _part_slots(data["part"], "assistant", slots, reasoning="summary" in kind or "reasoning" in kind)
            place = self._place(slots, data.get("output_index"), data.get("content_index", data.get("summary_index")))
            closes = [place] if done and place in self._text else ()
            return EventView((), closes, [Delta(slot, place) for slot in slots])
        place = (kind[: -len(".done")], data.get("output_index"), data.get("content_index", data.get("summary_index")))
        keys = [key for key in TEXT_KEYS if isinstance(data.get(key), str)]
        if not keys:
            return self._unknown(data)
        snapshots = [Delta(self._slot(data, key, kind), place) for key in keys]
        return EventView((), [place] if place in self._text else (), snapshots)

    def _slot(self, data: Json, key: str, kind: str) -> Slot:
        return Slot(data, key, "assistant", _kind(kind), tool=self._names.get(data.get("output_index", 0)))

    def _place(self, slots: list[Slot], output: Any, content: Any) -> tuple[Any, ...]:
        known = [place for place in self._text if place[1:] == (output, content)]
        names = {"text": "output_text", "refusal": "refusal"}
        wanted = [place for place in known if slots and names.get(slots[0].key, "") in place[0]]
        return (wanted or known or [("", output, content)])[0]

    def _item_snapshots(self, item: Json, index: int) -> list[Delta]:
        slots: list[Slot] = []
        _item_slots(item, "assistant", slots)
        return [Delta(slot, ("", index, None)) for slot in slots]

    def _snapshots(self, response: Json) -> list[Delta]:
        items = each(response.get("output"))
        beside: list[Slot] = []
        _beside_slots(response, beside)
        found = [found for index, item in enumerate(items) for found in self._item_snapshots(item, index)]
        return found + [Delta(slot, ("",)) for slot in beside]

    def collect(self, event: WireEvent, view: EventView) -> None:
        collect(view, self._text)

    def tail(self, place: tuple[Any, ...], text: str) -> WireEvent:
        self._text[place].append(text)
        data = {**self._delta_event[place], "delta": text}
        if "logprobs" in data:
            data["logprobs"] = []
        return WireEvent(data.get("type"), data, b"", changed=True)

    def response(self) -> ResponseView:
        body = self._last
        complete = body.get("status") not in (None, "queued", "in_progress")
        if not complete:
            body = {**body, "output": self._output()}
        view = Responses().response(body)
        view.complete = complete
        if not complete:
            view.finish_reasons = ()
        return view

    def _output(self) -> list[Json]:
        """The items as far as they came, of a stream that was left early."""
        finished = [self._items[index] for index in sorted(self._items)]
        open_texts = [
            {"type": "message", "content": [{"type": "output_text", "text": "".join(pieces)}]}
            for place, pieces in self._text.items()
            if place[1] not in self._items and place[0] == "response.output_text"
        ]
        return finished + open_texts


def usage(raw: Any) -> Usage | None:
    """Usage of the Responses API."""
    if not isinstance(raw, dict):
        return None
    counts: Json = raw  # pyright: ignore[reportUnknownVariableType]
    given, made = as_dict(counts.get("input_tokens_details")), as_dict(counts.get("output_tokens_details"))
    return Usage(
        input=counts.get("input_tokens"),
        output=counts.get("output_tokens"),
        cache_read=given.get("cached_tokens"),
        cache_write=given.get("cache_write_tokens"),
        reasoning=made.get("reasoning_tokens"),
        raw=counts,
    )


def finish_reason(body: Json, items: list[Json]) -> str:
    """The Responses API has no finish reason; it follows from the status and from what the output holds."""
    if body.get("status") == "incomplete":
        reason = as_dict(body.get("incomplete_details")).get("reason")
        return FINISH_REASONS.get(reason or "", reason or "length")
    if body.get("status") in ("failed", "cancelled"):
        return "error"
    return "tool_call" if any(item.get("type") in CALLS for item in items) else "stop"


def _kind(event: str) -> SlotKind:
    if "reasoning" in event:
        return "reasoning"
    return "arguments" if "arguments" in event or "tool_call_input" in event else "text"


def _message(item: Json, default_role: Role) -> Json:
    kind = item.get("type") or "message"
    if kind == "message":
        content = item.get("content")
        found = (
            [parts.text(content)] if isinstance(content, str) else [_part(as_dict(part)) for part in as_list(content)]
        )
        return {"role": item.get("role") or default_role, "parts": found}
    if kind in CALLS:
        arguments = item.get("arguments", item.get("input"))
        call = parts.tool_call(item.get("call_id") or item.get("id"), item.get("name"), arguments)
        return {"role": "assistant", "parts": [call]}
    if kind in CALL_OUTPUTS:
        return {"role": "tool", "parts": [parts.tool_response(item.get("call_id"), item.get("output"))]}
    if kind == "reasoning":
        texts = [as_dict(part).get("text") for part in (*as_list(item.get("summary")), *as_list(item.get("content")))]
        return {"role": "assistant", "parts": [parts.reasoning(text) for text in texts if isinstance(text, str)]}
    if kind == "image_generation_call":
        return {"role": "assistant", "parts": [parts.blob("image/png", item.get("result") or "")]}
    return {"role": "assistant", "parts": [parts.generic(kind)]}


def _part(part: Json) -> Json:
    kind = part.get("type")
    if kind in ("input_text", "output_text", "text", "summary_text", "reasoning_text"):
        return parts.text(part.get("text") or "")
    if kind == "refusal":
        return parts.text(part.get("refusal") or "")
    if kind == "input_image":
        url = part.get("image_url")
        return parts.from_url(url, "image") if isinstance(url, str) else parts.file(part.get("file_id") or "", "image")
    if kind == "input_audio":
        audio = as_dict(part.get("input_audio"))
        return parts.blob(f"audio/{audio.get('format') or 'wav'}", audio.get("data") or "")
    if kind == "input_file":
        data = part.get("file_data") or part.get("file_url")
        return parts.from_url(data, "document") if data else parts.file(part.get("file_id") or "")
    return parts.generic(str(kind))


def _items_slots(holder: Json, key: str, role: Role, slots: list[Slot]) -> None:
    """The texts of `holder[key]`: one text, or items, or texts in the place of items."""
    items = holder.get(key)
    if isinstance(items, (str, dict)):
        _value_slots(holder, key, role, slots)
    for index in range(len(as_list(items))):
        _value_slots(items, index, role, slots)


def _value_slots(holder: Any, key: Any, role: Role, slots: list[Slot]) -> None:
    """The texts of an item or of a part, or what stands as a text in its place."""
    value = holder[key]
    if isinstance(value, str):
        slots.append(Slot(holder, key, role))
    elif as_dict(value).get("type") in PARTS:
        _part_slots(value, role, slots)
    elif isinstance(value, dict):
        _item_slots(value, role, slots)  # pyright: ignore[reportUnknownArgumentType]


def _item_slots(item: Json, role: Role, slots: list[Slot]) -> None:
    kind = item.get("type") or "message"
    if kind == "message":
        _content_slots(item, "content", ROLES.get(item.get("role") or "", role), slots)
    elif kind.endswith("_output"):  # of a tool
        _content_slots(item, "output", "tool", slots)
    elif kind == "reasoning":
        for part in (*each(item.get("summary")), *each(item.get("content"))):
            _part_slots(part, "assistant", slots, reasoning=True)
    elif kind in MEDIA:
        slots.append(Slot(item, MEDIA[kind], "assistant", "opaque"))
        if isinstance(item.get("revised_prompt"), str):
            slots.append(Slot(item, "revised_prompt", "assistant"))
    else:  # a call of a tool, ours or one that the provider runs itself
        for key in filter(parts.holds_text, item):
            text_role: Role = "tool" if key in ("output", "outputs", "results") else "assistant"
            if TEXT_KEYS.get(key) == "arguments":
                parts.arguments(item, key, text_role, slots)
            else:
                parts.texts(item, key, text_role, slots)


def _beside_slots(response: Json, slots: list[Slot]) -> None:
    """What a response says beside its output: why it failed, and the instructions of the application again."""
    for error in each(response.get("error")):
        if isinstance(error.get("message"), str):
            slots.append(Slot(error, "message", "assistant"))
    _items_slots(response, "instructions", "system", slots)


def _content_slots(holder: Json, key: str, role: Role, slots: list[Slot]) -> None:
    """The texts of `holder[key]`: one text, or parts."""
    content = holder.get(key)
    if isinstance(content, str):
        slots.append(Slot(holder, key, role))
    for index, part in enumerate(as_list(content)):
        if isinstance(part, str):
            slots.append(Slot(content, index, role))
    for part in each(content):
        _part_slots(part, role, slots)


def _part_slots(part: Json, role: Role, slots: list[Slot], *, reasoning: bool = False) -> None:
    kind = part.get("type") or ""
    if kind in MEDIA:
        slots.append(Slot(part, MEDIA[kind], role, "opaque"))
        if isinstance(part.get("filename"), str):
            slots.append(Slot(part, "filename", role))
        return
    for key in filter(parts.holds_text, part):
        if key != "logprobs":  # written with the text that they belong to
            parts.texts(part, key, role, slots, "reasoning" if reasoning else "text")
