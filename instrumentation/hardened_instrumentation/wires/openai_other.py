"""The smaller OpenAI endpoints: embeddings, images, audio, moderations."""

from __future__ import annotations

from hardened_instrumentation.calls import (
    EventReader,
    EventView,
    Json,
    RequestView,
    ResponseView,
    Slot,
    Usage,
    WireEvent,
)
from hardened_instrumentation.wires import parts
from hardened_instrumentation.wires.openai_chat import usage as chat_usage
from hardened_instrumentation.wires.openai_responses import ResponseReader
from hardened_instrumentation.wires.openai_responses import usage as item_usage
from hardened_instrumentation.wires.parts import as_dict, as_list, each


class Embeddings:
    """`Wire` of `/embeddings`."""

    def request(self, body: Json) -> RequestView:
        view = RequestView(model=body.get("model"))
        if body.get("encoding_format"):
            view.parameters["gen_ai.request.encoding_formats"] = [body["encoding_format"]]
        if isinstance(body.get("dimensions"), int):
            view.parameters["gen_ai.embeddings.dimension.count"] = body["dimensions"]
        view.messages = [{"role": "user", "parts": [parts.text(slot.read())]} for slot in _text_or_list(body, "input")]
        return view

    def request_slots(self, body: Json) -> list[Slot]:
        return _text_or_list(body, "input")

    def response(self, body: Json) -> ResponseView:
        view = ResponseView(model=body.get("model"), usage=chat_usage(body.get("usage")))
        if view.usage is not None:
            view.usage.output = None  # an embedding has no output tokens
        return view

    def response_slots(self, body: Json) -> list[Slot]:
        return []

    def reader(self) -> EventReader | None:
        return None


class Prompted:
    """`Wire` of endpoints with one text in and media, text or scores out: images, audio, moderations."""

    def __init__(self, text_in: str, output_type: str | None, text_out: str | None = None) -> None:
        self._text_in = text_in
        self._output_type = output_type
        self._text_out = text_out

    def request(self, body: Json) -> RequestView:
        given = _text_or_list(body, self._text_in)
        messages = [{"role": "user", "parts": [parts.text(slot.read())]} for slot in given]
        return RequestView(model=body.get("model"), output_type=self._output_type, messages=messages)

    def request_slots(self, body: Json) -> list[Slot]:
        slots = _text_or_list(body, self._text_in)
        if isinstance(body.get("instructions"), str):  # how to speak
            slots.append(Slot(body, "instructions", "system"))
        return slots

    def response(self, body: Json) -> ResponseView:
        view = ResponseView(id=body.get("id"), model=body.get("model"), usage=_usage(body.get("usage")))
        found = [parts.text(slot.read()) for slot in self._answers(body)]
        for image in as_list(body.get("data")) if self._output_type == "image" else ():
            if as_dict(image).get("b64_json"):
                found.append(parts.blob("image/png", image["b64_json"]))
            elif as_dict(image).get("url"):
                found.append(parts.from_url(image["url"], "image"))
        if found:
            view.messages = [{"role": "assistant", "parts": found, "finish_reason": "stop"}]
        return view

    def response_slots(self, body: Json) -> list[Slot]:
        slots = self._answers(body)
        for word in each(body.get("words")):
            slots += _text_or_list(word, "word", "assistant")
        for image in each(body.get("data")):
            slots += _text_or_list(image, "revised_prompt", "assistant")
        return slots

    def _answers(self, body: Json) -> list[Slot]:
        slots = _text_or_list(body, self._text_out, "assistant") if self._text_out else []
        for segment in as_list(body.get("segments")) if self._text_out else ():
            slots += _text_or_list(as_dict(segment), "text", "assistant")
        return slots

    def reader(self) -> EventReader | None:
        return TranscriptReader() if self._text_out else None


class TranscriptReader(ResponseReader):
    """Reads the events of a streamed transcription: built like those of the Responses API, without a response."""

    def __init__(self) -> None:
        super().__init__()
        self._done: Json = {}

    def read(self, event: WireEvent) -> EventView:
        view = super().read(event)
        if event.data and event.data.get("type") == "transcript.text.done":
            self._done, view.terminal = event.data, True
        return view

    def response(self) -> ResponseView:
        found = self._done.get("text") or "".join(piece for pieces in self._text.values() for piece in pieces)
        message = {"role": "assistant", "parts": [parts.text(found)], "finish_reason": "stop"}
        return ResponseView(usage=_usage(self._done.get("usage")), messages=[message], complete=bool(self._done))


class Opaque:
    """`Wire` of endpoints that are not model calls, or not known: nothing is read and nothing is guarded."""

    def request(self, body: Json) -> RequestView:
        model = body.get("model")
        return RequestView(model=model if isinstance(model, str) else None)

    def request_slots(self, body: Json) -> list[Slot]:
        return []

    def response(self, body: Json) -> ResponseView:
        return ResponseView()

    def response_slots(self, body: Json) -> list[Slot]:
        return []

    def reader(self) -> EventReader | None:
        return None


def _text_or_list(body: Json, key: str, role: str = "user") -> list[Slot]:
    value = body.get(key)
    if isinstance(value, str):
        return [Slot(body, key, role)]  # pyright: ignore[reportArgumentType]
    found: list[Slot] = []
    for index, item in enumerate(as_list(value)):
        if isinstance(item, str):
            found.append(Slot(value, index, role))  # pyright: ignore[reportArgumentType]
        elif isinstance(as_dict(item).get("text"), str):
            found.append(Slot(item, "text", role))  # pyright: ignore[reportArgumentType]
    return found


def _usage(raw: object) -> Usage | None:
    return item_usage(raw) if isinstance(raw, dict) and "input_tokens" in raw else chat_usage(raw)
