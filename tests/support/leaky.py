"""A provider whose every answer holds a secret, and what of it reaches the application."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from traces import KEY

from hardened.testing import FakeProvider, Reply
from hardened.testing.provider import Script

ANSWER = f"Paris, and the key is {KEY}, keep it well."
"""Has no digits but those of the key: no digit may reach the application."""

CLEAN = "Paris, and the key is [OPENAI_API_KEY], keep it well."

TEXT_KEYS = ("content", "text", "delta", "arguments", "partial_json", "refusal", "completion", "input")


class LeakyProvider(FakeProvider):
    """Puts `answer`, by default the secret, into every answer that a test scripts; cuts streams into `chunk_size`."""

    def __init__(self, chunk_size: int = 4, answer: str = ANSWER, key: str = KEY) -> None:
        super().__init__()
        self.chunk_size = chunk_size
        self.answer, self.key = answer, key
        self.leak()

    def leak(self) -> None:
        self.default = Reply(text=self.answer, chunk_size=self.chunk_size)

    def reply(self, reply: Script | None = None, /, **fields: Any) -> None:
        if fields.get("text"):
            if fields["text"].startswith("{"):
                fields["text"] = fields["text"].replace("Paris", self.answer)
            else:
                fields["text"] = self.answer
        for call in fields.get("tool_calls", ()):
            call["arguments"] = {"at": self.answer, "nested": [{"key": self.key}]}
        super().reply(reply, **{"chunk_size": self.chunk_size, **fields})


def texts(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Every text in plain data, in order, with the key under which it stands."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from texts(item, name)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from texts(item, key)


def joined(value: Any, index: int | None = None) -> dict[str, str]:
    """The texts of streamed pieces, joined by the key under which they stand; of one choice if `index` is given."""
    found: dict[str, list[str]] = defaultdict(list)
    for event in value if isinstance(value, list) else [value]:
        choices = event.get("choices") if isinstance(event, dict) else None
        if index is not None and choices is not None:
            event = [choice for choice in choices if choice["index"] == index]
        for key, text in texts(event):
            if key in TEXT_KEYS:
                found[key].append(text)
    return {key: "".join(pieces) for key, pieces in found.items()}


def assert_clean(value: Any) -> None:
    """No character of the secret's digits is in any text of the answer, and the secret is nowhere at all."""
    assert KEY not in json.dumps(value, ensure_ascii=False, default=str)
    for key, text in joined(value).items():
        assert not any(character.isdigit() for character in text), f"part of the secret came out under {key!r}"
        assert KEY[:6] not in text
