"""Message parts of the OpenTelemetry GenAI conventions, built from what providers send."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from pydantic_core import to_json

from hardened_instrumentation.calls import Json, Role, Slot, SlotKind
from hardened_instrumentation.framing import parse_json

MODALITIES = {"image": "image", "audio": "audio", "video": "video", "application": "document", "text": "document"}


def text(content: str) -> Json:
    return {"type": "text", "content": content}


def reasoning(content: str) -> Json:
    return {"type": "reasoning", "content": content}


def tool_call(id: str | None, name: str | None, arguments: Any) -> Json:
    """`arguments` as parsed JSON where they are JSON, else as the text they are."""
    if isinstance(arguments, str):
        parsed = parse_json(arguments) if arguments else None
        arguments = arguments if parsed is None and arguments else parsed
    return {"type": "tool_call", "id": id, "name": name or "", "arguments": arguments}


def tool_response(id: str | None, response: Any) -> Json:
    return {"type": "tool_call_response", "id": id, "response": response}


def from_url(url: str, modality: str) -> Json:
    """A `blob` for a data URL, else a `uri`."""
    if url.startswith("data:"):
        head, _, content = url[5:].partition(",")
        return blob(head.partition(";")[0], content, modality)
    return {"type": "uri", "modality": modality, "uri": url}


def blob(mime_type: str | None, content: str, modality: str | None = None) -> Json:
    """Base64 content; telemetry replaces it by its size and digest."""
    modality = modality or MODALITIES.get((mime_type or "").partition("/")[0], "document")
    return {"type": "blob", "modality": modality, "mime_type": mime_type, "content": content}


def file(file_id: str, modality: str = "document") -> Json:
    return {"type": "file", "modality": modality, "file_id": file_id}


def generic(kind: str) -> Json:
    """A part that the conventions do not know: only its kind is kept, since its content cannot be interpreted."""
    return {"type": kind}


def as_list(value: Any) -> list[Any]:
    """A list, or the tuple that an application has put in the place of one."""
    return value if isinstance(value, (list, tuple)) else []  # pyright: ignore[reportUnknownVariableType, reportReturnType]


def as_dict(value: Any) -> Json:
    return value if isinstance(value, dict) else {}  # pyright: ignore[reportUnknownVariableType]


def each(value: Any) -> list[Json]:
    """The objects of a list; of an object that stands where a list belongs, that one."""
    if isinstance(value, dict):
        return [value]  # pyright: ignore[reportUnknownVariableType]
    return [item for item in as_list(value) if isinstance(item, dict)]


OPAQUE = {"id", "type", "name", "role", "status", "index", "model", "object", "data", "result", "b64_json", "format"}
OPAQUE_ENDS = ("_id", "_type", "_label", "url", "signature", "encrypted_content", "encrypted_index", "fingerprint")


@lru_cache(maxsize=1024)
def holds_text(key: Any) -> bool:
    """Whether what stands under `key` can be text: not an identifier, a name, an address, a signature or a file."""
    return not isinstance(key, str) or (key not in OPAQUE and not key.endswith(OPAQUE_ENDS))


def texts(holder: Any, key: Any, role: Role, slots: list[Slot], kind: SlotKind = "text") -> None:
    """The text at `holder[key]`; of an object or a list of unknown shape, every text in it except `OPAQUE` ones.

    `data` is text in an object of type `text`, as a source of plain text is, and a file in any other.
    """

    def wanted(inside: Any, at: Any) -> bool:
        return holds_text(at) or (at == "data" and inside.get("type") == "text")

    slots += (Slot(inside, at, role, kind) for inside, at in _strings(holder, key, wanted))


def leaves(value: Any, role: Role, slots: list[Slot], kind: SlotKind = "text") -> None:
    """Every text inside a JSON value, whatever its shape."""
    slots += (Slot(inside, at, role, kind) for inside, at in _strings([value], 0, lambda inside, at: True))


def descriptions(holder: Json, key: str, slots: list[Slot]) -> None:
    """What the definitions at `holder[key]` (tools, schemas) tell the model in words; names and values stay."""
    if holder.get(key):
        found = _strings(holder, key, lambda inside, at: True)
        slots += (Slot(inside, at, "system") for inside, at in found if at in ("description", "server_description"))


def metadata(body: Json, slots: list[Slot]) -> None:
    """The values that an application stores with a request, except identifiers: `user_id`, `session_id`, …"""
    found = as_dict(body.get("metadata"))
    slots += (Slot(found, key, "user") for key in found if isinstance(found[key], str) and not key.endswith("id"))


def arguments(holder: Json, key: str, role: Role, slots: list[Slot]) -> None:
    """The arguments of a tool call at `holder[key]`, as JSON text or parsed already."""
    if holder.get(key):
        slots.append(Arguments(holder, key, role, "arguments", tool=holder.get("name")))


class Arguments(Slot):
    """Arguments as one JSON text, even if they come parsed: so keys, numbers and what is deep within are seen too."""

    __slots__ = ()

    def read(self) -> str:
        value = self.holder[self.key]
        if isinstance(value, str):
            return value
        try:
            return to_json(value, inf_nan_mode="constants").decode()
        except ValueError:  # nested deeper than pydantic goes
            return json.dumps(value, ensure_ascii=False, default=str)

    def write(self, text: str) -> None:
        if isinstance(self.holder[self.key], str):
            self.holder[self.key] = text
            return
        try:
            self.holder[self.key] = json.loads(text)
        except (ValueError, RecursionError):
            self.holder[self.key] = text


def _strings(holder: Any, key: Any, wanted: Callable[[Any, Any], bool]) -> Iterator[tuple[Any, Any]]:
    """Where a text stands in `holder[key]`, in order, however deep: (object or list, key).

    What is not `wanted(object or list, key)` is not looked into; `holder[key]` itself always is.
    """
    seen: set[int] = set()  # an application's body may hold an object twice, or within itself
    waiting: list[tuple[Any, Any]] = [(holder, key)]
    while waiting:
        inside, at = waiting.pop()
        value = inside[at]
        if isinstance(value, str):
            yield inside, at
        elif isinstance(value, (dict, list, tuple)) and id(value) not in seen:  # pyright: ignore[reportUnknownArgumentType]
            seen.add(id(value))  # pyright: ignore[reportUnknownArgumentType]
            below = list(as_dict(value)) or range(len(as_list(value)))
            waiting += [(value, inner) for inner in reversed(below) if wanted(value, inner)]


def parameters(body: Json, table: dict[str, str]) -> dict[str, Any]:
    """Request parameters by attribute name: `table` maps keys of the body."""
    found: dict[str, Any] = {}
    for key, attribute in table.items():
        value = body.get(key)
        if isinstance(value, (int, float, str)) or (value and isinstance(value, list) and isinstance(value[0], str)):
            found[attribute] = value
    return found
