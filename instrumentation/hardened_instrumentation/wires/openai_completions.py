"""OpenAI legacy completions."""

from __future__ import annotations

from typing import Any

from hardened_instrumentation.calls import Delta, EventView, Json, RequestView, ResponseView, Slot, WireEvent
from hardened_instrumentation.wires import parts
from hardened_instrumentation.wires.growing import Late, collect
from hardened_instrumentation.wires.openai_chat import PARAMETERS, finish_reason, identity, usage
from hardened_instrumentation.wires.parts import as_dict, as_list, each


class Completions:
    """`Wire` of `/completions`: a prompt (text, or a list of texts) and choices with `text`."""

    def request(self, body: Json) -> RequestView:
        view = RequestView(model=body.get("model"), parameters=parts.parameters(body, PARAMETERS))
        prompt = body.get("prompt")
        texts = [prompt] if isinstance(prompt, str) else [item for item in as_list(prompt) if isinstance(item, str)]
        view.messages = [{"role": "user", "parts": [parts.text(item)]} for item in texts]
        return view

    def request_slots(self, body: Json) -> list[Slot]:
        prompt = body.get("prompt")
        slots = [Slot(body, key, "user") for key in ("prompt", "suffix") if isinstance(body.get(key), str)]
        slots += (Slot(prompt, index, "user") for index, item in enumerate(as_list(prompt)) if isinstance(item, str))
        return slots

    def response(self, body: Json) -> ResponseView:
        view = ResponseView(id=body.get("id"), model=body.get("model"), usage=usage(body.get("usage")))
        for choice in as_list(body.get("choices")):
            reason = finish_reason(as_dict(choice).get("finish_reason"))
            view.finish_reasons += (reason,)
            view.messages.append(_message(as_dict(choice).get("text") or "", reason))
        return view

    def response_slots(self, body: Json) -> list[Slot]:
        slots: list[Slot] = []
        for choice in each(body.get("choices")):
            if choice.get("text"):
                parts.texts(choice, "text", "assistant", slots)
        return slots

    def reader(self) -> CompletionReader:
        return CompletionReader()


class CompletionReader:
    """Reads the chunks of a streamed completion; a field is (choice,)."""

    def __init__(self) -> None:
        self._head: Json = {}
        self._usage: Any = None
        self._text: dict[tuple[Any, ...], list[str]] = {}
        self._late = Late()
        self._reasons: dict[int, str] = {}
        self._done = False

    def read(self, event: WireEvent) -> EventView:
        return self._late.sort(self._view(event), self._text)

    def _view(self, event: WireEvent) -> EventView:
        data = event.data
        if data is None:
            self._done = self._done or event.raw.lstrip().startswith(b"data: [DONE]")
            return EventView((), list(self._text) if self._done else (), terminal=self._done)
        self._head = self._head if self._head.get("id") else data
        self._usage = data.get("usage") or self._usage
        deltas: list[Delta] = []
        closes: list[tuple[Any, ...]] = []
        for choice in each(data.get("choices")):
            place = (choice.get("index") or 0,)
            self._text.setdefault(place, [])
            if choice.get("text"):
                slots: list[Slot] = []
                parts.texts(choice, "text", "assistant", slots)
                deltas += [Delta(slot, place) for slot in slots]
            if choice.get("finish_reason"):
                self._reasons[place[0]] = choice["finish_reason"]
                closes.append(place)
        return EventView(deltas, closes, content=bool(deltas), terminal=bool(self._reasons))

    def collect(self, event: WireEvent, view: EventView) -> None:
        collect(view, self._text)

    def tail(self, place: tuple[Any, ...], text: str) -> WireEvent:
        self._text[place].append(text)
        choice = {"index": place[0], "text": text, "logprobs": None, "finish_reason": None}
        return WireEvent(None, {**identity(self._head), "choices": [choice]}, b"", changed=True)

    def response(self) -> ResponseView:
        head = self._head
        view = ResponseView(id=head.get("id"), model=head.get("model"), usage=usage(self._usage))
        for place, pieces in sorted(self._text.items()):
            reason = finish_reason(self._reasons.get(place[0]))
            view.finish_reasons += (reason,)
            view.messages.append(_message("".join(pieces), reason))
        view.complete = self._done or (bool(self._text) and len(self._reasons) == len(self._text))
        return view


def _message(text: str, reason: str) -> Json:
    return {"role": "assistant", "parts": [parts.text(text)] if text else [], "finish_reason": reason}
