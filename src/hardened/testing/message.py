"""The request that a fake provider received and the answer that it sends."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast
from urllib.parse import unquote

_PROMPT_KEYS = ("system", "instructions", "messages", "input", "prompt", "tools")
# Keys that structure a message, and embedded files: not text that a model reads as such.
_NOT_TEXT = {"role", "type", "id", "call_id", "tool_call_id", "tool_use_id", "status", "data", "signature"}
_ANTHROPIC_PATHS = re.compile(r"/messages(?:/|$)|^/model/|/publishers/anthropic/")
_FORM_FIELD = re.compile(rb'name="(\w+)"\r\n\r\n(.*?)\r\n--', re.DOTALL)


@dataclass(frozen=True)
class Request:
    """A request as the provider received it. Header names are in lower case; nothing is redacted, nothing is stored."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    body: bytes = field(default=b"", repr=False)

    @cached_property
    def json(self) -> Any:
        """The parsed JSON body, `None` if there is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @cached_property
    def fields(self) -> dict[str, Any]:
        """The fields of a JSON object or of a multipart form (its text fields); empty for any other body."""
        if self.headers.get("content-type", "").startswith("multipart/form-data"):
            return {name.decode(): value.decode() for name, value in _FORM_FIELD.findall(self.body)}
        body = self.json
        return cast("dict[str, Any]", body) if isinstance(body, dict) else {}

    @property
    def model(self) -> str:
        """The model that was asked for, in the body or in the path (Azure, Bedrock, Vertex)."""
        named = self.fields.get("model")
        if isinstance(named, str):
            return named
        in_path = re.search(r"/(?:deployments|model|models)/([^/]+?)(?::\w*[rR]awPredict)?(?:/|$)", self.path)
        return unquote(in_path[1]) if in_path else "fake-model"

    @property
    def stream(self) -> bool:
        """Whether the client asked for a stream, in the body or by the path (Bedrock; Vertex does both)."""
        return self.fields.get("stream") in (True, "true") or self.path.endswith("/invoke-with-response-stream")

    @property
    def speaks_anthropic(self) -> bool:
        """Whether the answer, and errors above all, must be in Anthropic's words."""
        return bool(_ANTHROPIC_PATHS.search(self.path)) or "anthropic-version" in self.headers

    @cached_property
    def prompt(self) -> str:
        """The text of the last message, whoever wrote it."""
        for key in ("messages", "input", "prompt"):
            value = self.fields.get(key)
            if isinstance(value, list) and value:
                value = cast("list[Any]", value)[-1]
            if value:
                return " ".join(_texts(value))
        return ""

    @cached_property
    def prompt_characters(self) -> int:
        """How much text a model would have to read."""
        return sum(len(text) for key in _PROMPT_KEYS for text in _texts(self.fields.get(key)))


def _texts(value: Any) -> Iterable[str]:
    """The texts of a message, in order; keys that only structure it and embedded files are left out."""
    if isinstance(value, str):
        if not value.startswith("data:"):
            yield value
    elif isinstance(value, list):
        for item in cast("list[Any]", value):
            yield from _texts(item)
    elif isinstance(value, dict):
        for key, item in cast("dict[str, Any]", value).items():
            if key not in _NOT_TEXT:
                yield from _texts(item)


@dataclass(slots=True)
class Answer:
    """What goes back to the client: a plain `body`, or the encoded `events` of a stream."""

    content_type: str
    body: bytes = b""
    events: list[bytes] | None = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict[str, str])


def encode(value: Any) -> bytes:
    """Compact UTF-8 JSON, as the providers send it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def json_answer(value: Any) -> Answer:
    """An answer with a JSON body."""
    return Answer("application/json", encode(value))


def event_answer(events: list[bytes]) -> Answer:
    """An answer that streams server-sent events."""
    return Answer("text/event-stream; charset=utf-8", events=events)


def sse(data: Any, name: str | None = None) -> bytes:
    """One server-sent event."""
    prefix = b"event: " + name.encode() + b"\n" if name else b""
    return prefix + b"data: " + (data if isinstance(data, bytes) else encode(data)) + b"\n\n"
