"""The Anthropic Messages API, direct, on Bedrock and on Vertex."""

from __future__ import annotations

from typing import Any

from hardened_instrumentation.calls import (
    Delta,
    EventReader,
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
    "top_k": "gen_ai.request.top_k",
    "max_tokens": "gen_ai.request.max_tokens",
    "stop_sequences": "gen_ai.request.stop_sequences",
}
FINISH_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "tool_use": "tool_call",
    "refusal": "content_filter",
    "pause_turn": "stop",
    "model_context_window_exceeded": "length",
}
MEDIA = {"image": "image", "document": "document"}
FIELDS: dict[str, SlotKind] = {
    "text": "text",
    "partial_json": "arguments",
    "thinking": "reasoning",
    "content": "text",  # of a compaction
}
"""The texts that grow in a block, by their key in the delta."""
DELTA_TYPES = {"text": "text_delta", "thinking": "thinking_delta", "content": "compaction_delta"}
WITHOUT_CONTENT = {"ping", "message_start", "message_delta", "message_stop"}


class Messages:
    """`Wire` of `/v1/messages`, beta or not."""

    def request(self, body: Json) -> RequestView:
        view = RequestView(model=body.get("model"), parameters=parts.parameters(body, PARAMETERS))
        system = body.get("system")
        view.system = [parts.text(system)] if isinstance(system, str) else [_part(part) for part in as_list(system)]
        view.messages = [_message(as_dict(message)) for message in as_list(body.get("messages"))]
        view.tools = [as_dict(tool) for tool in as_list(body.get("tools"))]
        output = as_dict(body.get("output_config"))
        if output.get("effort"):
            view.parameters["gen_ai.request.reasoning.level"] = output["effort"]
        if output.get("format") or body.get("output_format"):
            view.output_type = "json"
        return view

    def request_slots(self, body: Json) -> list[Slot]:
        slots: list[Slot] = []
        if isinstance(body.get("system"), str):
            slots.append(Slot(body, "system", "system"))
        for part in each(body.get("system")):
            _part_slots(part, "system", slots)
        for message in each(body.get("messages")):
            _content_slots(message, "assistant" if message.get("role") == "assistant" else "user", slots)
        for definitions in ("tools", "output_config", "output_format"):
            parts.descriptions(body, definitions, slots)
        return slots

    def response(self, body: Json) -> ResponseView:
        view = ResponseView(id=body.get("id"), model=body.get("model"), usage=usage(body.get("usage")))
        if isinstance(body.get("completion"), str):  # the legacy /v1/complete
            body = {**body, "content": [{"type": "text", "text": body["completion"]}]}
        reason = finish_reason(body.get("stop_reason"))
        view.finish_reasons = (reason,)
        found = [_part(as_dict(part)) for part in as_list(body.get("content"))]
        view.messages = [{"role": "assistant", "parts": found, "finish_reason": reason}]
        return view

    def response_slots(self, body: Json) -> list[Slot]:
        slots: list[Slot] = []
        _content_slots(body, "assistant", slots)
        if isinstance(body.get("completion"), str):
            slots.append(Slot(body, "completion", "assistant"))
        return slots

    def reader(self) -> EventReader:
        return MessageReader()


class Complete(Messages):
    """`Wire` of the legacy `/v1/complete`."""

    def request(self, body: Json) -> RequestView:
        view = super().request(body)
        if isinstance(body.get("prompt"), str):
            view.messages = [{"role": "user", "parts": [parts.text(body["prompt"])]}]
        if isinstance(body.get("max_tokens_to_sample"), int):
            view.parameters["gen_ai.request.max_tokens"] = body["max_tokens_to_sample"]
        return view

    def request_slots(self, body: Json) -> list[Slot]:
        return [Slot(body, "prompt", "user")] if isinstance(body.get("prompt"), str) else []


class CountTokens(Messages):
    """`Wire` of `/v1/messages/count_tokens`: messages in, a number out."""

    def response(self, body: Json) -> ResponseView:
        return ResponseView()

    def response_slots(self, body: Json) -> list[Slot]:
        return []


class Batches(Messages):
    """`Wire` of `/v1/messages/batches`: requests in, a receipt out."""

    def request(self, body: Json) -> RequestView:
        return RequestView()

    def request_slots(self, body: Json) -> list[Slot]:
        asked = [params for item in each(body.get("requests")) for params in each(item.get("params"))]
        return [slot for params in asked for slot in super(Batches, self).request_slots(params)]

    def response(self, body: Json) -> ResponseView:
        return ResponseView()


class BatchResults(Messages):
    """`Wire` of the results of a batch: one message in each line."""

    def reader(self) -> EventReader:
        return ResultReader()


class ResultReader:
    """Reads the results of a batch. Every event is whole, no field grows."""

    def read(self, event: WireEvent) -> EventView:
        message = as_dict(as_dict(as_dict(event.data).get("result")).get("message"))
        return EventView(snapshots=_snapshots(message, "result"), content=bool(message))

    def collect(self, event: WireEvent, view: EventView) -> None:
        """Nothing: messages of a batch are many, and belong to calls of another time."""

    def tail(self, place: tuple[Any, ...], text: str) -> WireEvent:
        raise NotImplementedError("no field of a result grows")

    def response(self) -> ResponseView:
        return ResponseView()


class MessageReader:
    """Reads the events of one streamed message. A field is (block index, key in the delta).

    Usage in `message_delta` is cumulative: it replaces the counts of `message_start`, it is not added.
    """

    def __init__(self) -> None:
        self._message: Json = {}
        self._usage: Json = {}
        self._blocks: dict[Any, Json] = {}
        self._text: dict[tuple[Any, ...], list[str]] = {}
        self._late = Late()
        self._delta_types: dict[tuple[Any, ...], Any] = {}
        self._stopped = False
        self._counted = False

    def read(self, event: WireEvent) -> EventView:
        return self._late.sort(self._view(event), self._text)

    def _view(self, event: WireEvent) -> EventView:
        data: Json = event.data or {}
        kind = data.get("type")
        if kind == "content_block_delta":
            return self._delta(data.get("index"), as_dict(data.get("delta")))
        if kind == "content_block_start":
            return self._start(data.get("index"), each(data.get("content_block")))
        if kind == "content_block_stop":
            return EventView((), [place for place in self._text if place[0] == data.get("index")])
        if kind == "message_start":
            message = as_dict(data.get("message"))
            self._message, self._usage = dict(message), dict(as_dict(message.get("usage")))
            if message.get("content"):  # mostly it comes in blocks of its own
                return EventView(snapshots=_snapshots(message, "start"))
        elif kind == "message_delta":
            self._message.update({key: value for key, value in as_dict(data.get("delta")).items() if value is not None})
            counts = {key: value for key, value in as_dict(data.get("usage")).items() if value is not None}
            self._usage.update(counts)
            self._counted = self._counted or "output_tokens" in counts
        elif kind == "message_stop":
            self._stopped = True
        elif isinstance(data.get("completion"), str):
            return self._completion(data)
        elif kind not in WITHOUT_CONTENT:
            return EventView(snapshots=_snapshots({"content": data}, "event"))
        return EventView(closes=list(self._text) if self._stopped else (), terminal=self._stopped)

    def _start(self, index: Any, blocks: list[Json]) -> EventView:
        """A block begins, and its texts may begin in this event and go on in deltas."""
        block = blocks[0] if blocks else {}
        found: list[Delta] = []
        for key, kind in DELTA_TYPES.items():
            grows = key != "content" or block.get("type") == "compaction"
            if grows and isinstance(block.get(key), str) and block[key]:
                self._text.setdefault((index, key), [])
                self._delta_types[index, key] = kind
                found.append(Delta(Slot(block, key, "assistant", FIELDS[key]), (index, key)))
        begun = {delta.slot.key for delta in found}
        self._blocks[index] = {key: value for key, value in block.items() if key not in begun}
        whole = [snapshot for snapshot in _snapshots({"content": blocks}, index) if not _same(snapshot, block, begun)]
        return EventView(found, snapshots=whole, content=bool(found))

    def _delta(self, index: Any, delta: Json) -> EventView:
        found: list[Delta] = []
        for key in FIELDS.keys() & delta.keys():  # none in signature_delta and citations_delta
            place = (index, key)
            self._text.setdefault(place, [])
            self._delta_types[place] = delta.get("type")
            slots: list[Slot] = []
            parts.texts(delta, key, "assistant", slots, FIELDS[key])
            for slot in slots:
                slot.tool = self._blocks.get(index, {}).get("name")
            found += [Delta(slot, place) for slot in slots]
        cited: list[Slot] = []
        for citation in each(delta.get("citation")):
            parts.texts([citation], 0, "assistant", cited)
        return EventView(found, snapshots=[Delta(slot, (index, "")) for slot in cited], content=bool(found))

    def _completion(self, data: Json) -> EventView:
        place = (0, "completion")
        self._text.setdefault(place, [])
        self._message = {**data, "completion": None}
        self._stopped = data.get("stop_reason") is not None
        closes = [place] if self._stopped else ()
        return EventView(
            (Delta(Slot(data, "completion", "assistant"), place),), closes, content=True, terminal=self._stopped
        )

    def collect(self, event: WireEvent, view: EventView) -> None:
        collect(view, self._text)

    def tail(self, place: tuple[Any, ...], text: str) -> WireEvent:
        self._text[place].append(text)
        if place[1] == "completion":
            return WireEvent(
                "completion", {"type": "completion", "completion": text, "stop_reason": None}, b"", changed=True
            )
        delta = {"type": self._delta_types[place], place[1]: text}
        data = {"type": "content_block_delta", "index": place[0], "delta": delta}
        return WireEvent("content_block_delta", data, b"", changed=True)

    def response(self) -> ResponseView:
        body = {**self._message, "usage": self._counts() or None, "content": self._content()}
        view = Messages().response(body)
        view.complete = self._stopped or self._message.get("stop_reason") is not None  # only `message_stop` is missing
        if not self._stopped and body.get("stop_reason") is None:
            view.finish_reasons = ()
        return view

    def _counts(self) -> Json:
        """The usage as far as it was counted. The first event has the output of a moment, and nothing for a service
        that counts at the end."""
        if self._counted:
            return self._usage
        return {name: count for name, count in self._usage.items() if count and name != "output_tokens"}

    def _content(self) -> list[Json]:
        found: list[Json] = []
        for index, block in self._blocks.items():  # in the order in which they began
            block = dict(block)
            for key in FIELDS:
                pieces = self._text.get((index, key))
                if pieces is None:
                    continue
                joined = "".join(pieces)
                if key == "partial_json":
                    block["input"] = joined
                else:
                    block[key] = str(block.get(key) or "") + joined
            found.append(block)
        legacy = self._text.get((0, "completion"))
        return [{"type": "text", "text": "".join(legacy)}] if legacy else found


def usage(raw: Any) -> Usage | None:
    """Usage of a message. `input_tokens` of the wire excludes the cache; the conventions include it."""
    if not isinstance(raw, dict):
        return None
    counts: Json = raw  # pyright: ignore[reportUnknownVariableType]
    read, written = counts.get("cache_read_input_tokens"), counts.get("cache_creation_input_tokens")
    given = counts.get("input_tokens")
    return Usage(
        input=None if given is None else given + (read or 0) + (written or 0),
        output=counts.get("output_tokens"),
        cache_read=read,
        cache_write=written,
        raw=counts,
    )


def finish_reason(reason: Any) -> str:
    """The convention's word for a stop reason; `error` where the provider gave none."""
    return FINISH_REASONS.get(reason, reason) if isinstance(reason, str) else "error"


def _message(message: Json) -> Json:
    content = message.get("content")
    found = [parts.text(content)] if isinstance(content, str) else [_part(as_dict(part)) for part in as_list(content)]
    is_tool = any(part["type"] == "tool_call_response" for part in found)
    return {"role": "tool" if is_tool else message.get("role") or "user", "parts": found}


def _part(part: Json) -> Json:
    kind = part.get("type")
    if kind == "text":
        return parts.text(part.get("text") or "")
    if kind == "thinking":
        return parts.reasoning(part.get("thinking") or "")
    if kind in ("tool_use", "server_tool_use", "mcp_tool_use"):
        return parts.tool_call(part.get("id"), part.get("name"), part.get("input"))
    if isinstance(kind, str) and kind.endswith("tool_result"):
        return parts.tool_response(part.get("tool_use_id"), _result(part.get("content")))
    if kind in MEDIA:
        source = as_dict(part.get("source"))
        if source.get("type") == "base64":
            return parts.blob(source.get("media_type"), source.get("data") or "", MEDIA[kind])
        if source.get("type") == "text":
            return parts.text(source.get("data") or "")
        if source.get("type") == "file":
            return parts.file(source.get("file_id") or "", MEDIA[kind])
        return parts.from_url(source.get("url") or "", MEDIA[kind])
    return parts.generic(str(kind))


def _result(content: Any) -> Any:
    if not isinstance(content, list):
        return content
    found = [_part(as_dict(part)) for part in content]  # pyright: ignore[reportUnknownVariableType]
    return found[0]["content"] if len(found) == 1 and found[0]["type"] == "text" else found


def _snapshots(holder: Json, place: Any) -> list[Delta]:
    slots: list[Slot] = []
    _content_slots(holder, "assistant", slots)
    return [Delta(slot, (place, "")) for slot in slots if slot.kind != "opaque"]


def _same(snapshot: Delta, block: Json, keys: set[Any]) -> bool:
    return snapshot.slot.holder is block and snapshot.slot.key in keys


def _content_slots(holder: Json, role: Role, slots: list[Slot]) -> None:
    """The texts of `holder["content"]`: one text, or parts."""
    content = holder.get("content")
    if isinstance(content, str):
        slots.append(Slot(holder, "content", role))
    for index, part in enumerate(as_list(content)):
        if isinstance(part, str):
            slots.append(Slot(content, index, role))
    for part in each(content):
        _part_slots(part, role, slots)


def _part_slots(part: Json, role: Role, slots: list[Slot]) -> None:
    kind = part.get("type") or ""
    if kind == "text" and isinstance(part.get("text"), str):
        slots.append(Slot(part, "text", role))
        for citation in each(part.get("citations")):
            parts.texts([citation], 0, role, slots)
    elif kind == "thinking" and isinstance(part.get("thinking"), str):
        slots.append(Slot(part, "thinking", role, "reasoning"))
    elif kind.endswith("tool_use"):
        parts.arguments(part, "input", role, slots)
    elif kind.endswith("tool_result") or kind == "web_fetch_result":
        _content_slots(part, "tool", slots)
    elif kind == "search_result":
        _named_slots(part, ("title", "source"), slots)
        _content_slots(part, "document", slots)
    elif kind in MEDIA:
        _named_slots(part, ("title", "context"), slots)
        source = as_dict(part.get("source"))
        if source.get("type") == "text" and isinstance(source.get("data"), str):
            slots.append(Slot(source, "data", "document"))
        elif source.get("type") == "content":
            _content_slots(source, "document", slots)
        else:
            slots.append(Slot(part, MEDIA[kind], role, "opaque"))
    else:  # a part that we do not know
        parts.texts([part], 0, role, slots)


def _named_slots(document: Json, names: tuple[str, ...], slots: list[Slot]) -> None:
    """What is said about a document beside its content."""
    slots += (Slot(document, name, "document") for name in names if isinstance(document.get(name), str))
