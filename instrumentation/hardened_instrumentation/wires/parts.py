"""Message parts of the OpenTelemetry GenAI conventions, built from what providers send."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

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
    return value if isinstance(value, list) else []  # pyright: ignore[reportUnknownVariableType]


def as_dict(value: Any) -> Json:
    return value if isinstance(value, dict) else {}  # pyright: ignore[reportUnknownVariableType]


def each(value: Any) -> list[Json]:
    """The objects of a list; of an object that stands where a list belongs, that one."""
    if isinstance(value, list):
        return [item for item in value if isinstance(item, dict)]  # pyright: ignore[reportUnknownVariableType]
    return [value] if isinstance(value, dict) else []  # pyright: ignore[reportUnknownVariableType]


OPAQUE = {"id", "type", "name", "role", "status", "index", "model", "object", "data", "result", "b64_json", "format"}
OPAQUE_ENDS = ("_id", "_type", "_label", "url", "signature", "encrypted_content", "encrypted_index", "fingerprint")


@lru_cache(maxsize=1024)
def holds_text(key: Any) -> bool:
    """Whether what stands under `key` can be text: not an identifier, a name, an address, a signature or a file."""
    return not isinstance(key, str) or (key not in OPAQUE and not key.endswith(OPAQUE_ENDS))


def texts(holder: Any, key: Any, role: Role, slots: list[Slot], kind: SlotKind = "text", depth: int = 0) -> None:
    """The text at `holder[key]`; of an object or a list of unknown shape, every text in it except `OPAQUE` ones."""
    value = holder[key]
    if isinstance(value, str):
        slots.append(Slot(holder, key, role, kind))
    elif depth < 32:
        for inner in [*as_dict(value), *range(len(as_list(value)))]:
            if holds_text(inner):
                texts(value, inner, role, slots, kind, depth + 1)


def leaves(value: Any, role: Role, slots: list[Slot], kind: SlotKind = "text", depth: int = 0) -> None:
    """Every text inside a JSON value, whatever its shape."""
    if depth > 32:
        return
    items: Iterable[tuple[Any, Any]] = as_dict(value).items() or enumerate(as_list(value))
    for key, item in items:
        if isinstance(item, str):
            slots.append(Slot(value, key, role, kind))
        else:
            leaves(item, role, slots, kind, depth + 1)


def parameters(body: Json, table: dict[str, str]) -> dict[str, Any]:
    """Request parameters by attribute name: `table` maps keys of the body."""
    found: dict[str, Any] = {}
    for key, attribute in table.items():
        value = body.get(key)
        if isinstance(value, (int, float, str)) or (value and isinstance(value, list) and isinstance(value[0], str)):
            found[attribute] = value
    return found
