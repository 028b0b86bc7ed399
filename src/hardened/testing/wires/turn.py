"""One request together with the reply that was scripted for it."""

from __future__ import annotations

import hashlib
import itertools
import time
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from hardened.testing.message import Request
from hardened.testing.script import Reply, Tokens, ToolCall

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


class Ids:
    """Unique identifiers that look like the providers' and are the same in every run."""

    def __init__(self) -> None:
        self._numbers = itertools.count()

    def next(self, prefix: str, length: int = 24) -> str:
        digest = hashlib.sha512(b"%d" % next(self._numbers)).digest()
        return prefix + "".join(_ALPHABET[byte % 62] for byte in digest[:length])


@dataclass
class Turn:
    """What a wire needs to know to write an answer. `batches` remembers what was created earlier, by id."""

    request: Request
    reply: Reply
    ids: Ids
    batches: dict[str, Any] = field(default_factory=dict[str, Any])
    created: int = field(default_factory=lambda: int(time.time()))

    @cached_property
    def model(self) -> str:
        return self.reply.model or self.request.model

    @cached_property
    def text(self) -> str:
        return self.reply.answer(self.request.prompt)

    @cached_property
    def tokens(self) -> Tokens:
        return self.reply.tokens(self.request.prompt_characters, self.text)

    @cached_property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        return self.reply.calls

    @property
    def path_id(self) -> str:
        """The last part of the path: the id of what is asked for."""
        return self.request.path.rsplit("/", 1)[-1]

    @staticmethod
    def page(items: list[dict[str, Any]]) -> dict[str, Any]:
        """The only page of a list."""
        ends = (items[0]["id"], items[-1]["id"]) if items else (None, None)
        return {"data": items, "has_more": False, "first_id": ends[0], "last_id": ends[1]}
