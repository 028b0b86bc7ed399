"""Values in running text that are private for where they stand: behind a telling name, or in a URL."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote

from hardened.telemetry.scrub.keys import Keys

HIDDEN: Final = "[REDACTED]"

# `user:password@` between the slashes and the host. Greedy, because passwords contain `@`; linear, because a new match
# needs a slash and the run has none. `:\/\/` is how JSON may write it.
_USERINFO = re.compile(r"(?<=:)((?:\\?/){2})[^\s/?#\"'<>\\]*@")
_PARAMETER = re.compile(r"(?:^|(?<=[?&;#]))([\w.~$%\[\]-]{1,64})=")
_PARAMETER_VALUE = re.compile(r"[^&\s\"'<>#\\]*")
# 'authorization': 'Bearer …' as in the repr of a dict, and (b'set-cookie', b'…') as in a list of headers. Quotes within
# quoted text have backslashes, fifteen at the fourth level.
_PAIR = re.compile(
    r"(?P<paren>\(?)b?\\{0,15}(?P<q>[\"'])(?P<key>[\w.-]{1,64})\\{0,15}(?P=q)\s{0,4}(?P<sep>[:,])\s{0,4}"
    r"b?(?P<open>\\{0,15}[\"'])"
)
_UNTIL = {quote: re.compile(rf"[^\\{quote}]*(?:\\.[^\\{quote}]*)*", re.DOTALL) for quote in "\"'"}


def hide(text: str, keys: Keys) -> str:
    """`text` without the userinfo of URLs, and with `[REDACTED]` for values under sensitive names.

    These are parameters of URLs, and values in what Python prints of dicts and of lists of headers.
    """
    if ":/" in text or ":\\/" in text:
        text = _USERINFO.sub(r"\1", text)
    if "=" in text:
        text = _without(text, _parameters(text, keys))
    if "'" in text or '"' in text:
        text = _without(text, _pairs(text, keys))
    return text


def _parameters(text: str, keys: Keys) -> Iterator[tuple[int, int]]:
    bare = text.find(" ") < 0  # only a text that is nothing but a query may begin with a parameter
    for match in _PARAMETER.finditer(text):
        if (match.start() or bare) and keys.is_sensitive_in_query(unquote(match[1])):
            value = _PARAMETER_VALUE.match(text, match.end())
            assert value  # it matches anything, also nothing
            yield value.span()


def _pairs(text: str, keys: Keys) -> Iterator[tuple[int, int]]:
    for match in _PAIR.finditer(text):
        if (match["sep"] == ":" or match["paren"]) and keys.is_sensitive(match["key"]):
            yield match.end(), _end_of_quoted(text, match.end(), match["open"])


def _end_of_quoted(text: str, start: int, opening: str) -> int:
    """Where the quoted value ends; at the end of the text if it was cut off."""
    if opening[0] == "\\":  # a quoted text within a quoted text ends as it began
        end = text.find(opening, start)
        return len(text) if end < 0 else end
    value = _UNTIL[opening].match(text, start)
    assert value  # it matches anything, also nothing
    return value.end()


def _without(text: str, spans: Iterator[tuple[int, int]]) -> str:
    pieces: list[str] = []
    at = 0
    for start, end in spans:
        if at <= start < end:
            pieces += (text[at:start], HIDDEN)
            at = end
    return "".join((*pieces, text[at:])) if pieces else text
