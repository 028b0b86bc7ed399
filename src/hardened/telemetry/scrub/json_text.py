"""Changes the strings and numbers inside a JSON text and nothing else: the rest stays byte for byte."""

from __future__ import annotations

import json
import re
from typing import Final, Protocol

# In valid JSON these are exactly the strings, numbers and brackets; a colon behind a string makes it a key.
_TOKEN: Final = re.compile(
    r'"(?P<string>[^"\\]*(?:\\.[^"\\]*)*)"(?P<colon>\s*:)?|(?P<number>-?\d[\d.eE+-]*)|(?P<open>[\[{])|(?P<close>[\]}])'
)


class Visitor(Protocol):
    """Decides about the parts of a JSON text. `key` is that of the nearest object around, `None` outside of any."""

    def key(self, key: str) -> str:
        """What stands in the place of a key."""
        ...

    def hides(self, key: str | None) -> bool:
        """Whether the whole value under a key is replaced by the string `hidden`."""
        ...

    def string(self, text: str, key: str | None) -> str:
        """What stands in the place of a string."""
        ...

    def number(self, text: str, key: str | None) -> str:
        """What stands in the place of a number, given as it is written; one that is changed becomes a string."""
        ...

    @property
    def hidden(self) -> str: ...


def is_json(text: str) -> bool:
    """Whether `text` is a JSON object, array or string; cheap for what does not begin like one.

    Raises `RecursionError` for a text that is too deeply nested to tell.
    """
    if text.lstrip()[:1] not in ("{", "[", '"'):
        return False
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def rewrite(text: str, visitor: Visitor) -> str:
    """`text`, which must be valid JSON, as `visitor` wants it."""
    pieces: list[str] = []
    at = 0  # what stands before this is in `pieces`

    def put(start: int, end: int, replacement: str) -> None:
        nonlocal at
        pieces.extend((text[at:start], replacement))
        at = end

    key: str | None = None
    outer: list[str | None] = []  # the keys of the brackets that are open
    hidden_from: tuple[int, int] | None = None  # an array or object that is hidden: how deep it is, where it begins
    for token in _TOKEN.finditer(text):
        start, end = token.span()
        kind = token.lastgroup
        if kind == "open":
            outer.append(key)
            if hidden_from is None and visitor.hides(key):
                hidden_from = (len(outer), start)
        elif kind == "close":
            if hidden_from and hidden_from[0] == len(outer):
                if text[hidden_from[1] + 1 : start].strip():
                    put(hidden_from[1], end, _quoted(visitor.hidden))
                hidden_from = None
            key = outer.pop()
        elif hidden_from:
            continue
        elif kind == "colon":
            key = _decoded(token["string"])
            if (name := visitor.key(key)) != key:
                put(start, token.end("string") + 1, _quoted(name, token["string"]))
        elif kind == "string":
            value = _decoded(token["string"])
            new = visitor.hidden if value and visitor.hides(key) else visitor.string(value, key)
            if new != value:
                put(start, end, _quoted(new, token["string"]))
        else:
            new = visitor.hidden if visitor.hides(key) else visitor.number(token[0], key)
            if new != token[0]:
                put(start, end, _quoted(new))
    return "".join((*pieces, text[at:])) if pieces else text


def _decoded(raw: str) -> str:
    return json.loads(f'"{raw}"', strict=False) if "\\" in raw else raw


def _quoted(text: str, before: str = "") -> str:
    """`text` as a JSON string, with escapes for what is not ASCII if the text `before` it had them."""
    return json.dumps(text, ensure_ascii="\\u" in before)
