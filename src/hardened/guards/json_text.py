"""JSON text as detectors should see it: the strings and numbers in it, decoded, and the way back to the text itself."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from hardened.guards.redaction import FAILED, Span, placeholder
from hardened_detectors.api import Finding

# In a text that is valid JSON these are exactly its strings and numbers, and the colon behind a string makes it a key.
_TOKEN: Final = re.compile(r'("[^"\\]*(?:\\.[^"\\]*)*")(\s*:)?|(-?[0-9][0-9.eE+-]*)')
# One character of a JSON string as it is written; two escaped halves of a surrogate pair are one character.
_CHARACTER: Final = re.compile(r"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\u....|\\.|.", re.DOTALL)

_KEY_END: Final = ": "
_VALUE_END: Final = "\n"


def _decoded(quoted: str) -> str:
    return json.loads(quoted) if "\\" in quoted else quoted[1:-1]


@dataclass(frozen=True, slots=True)
class _Token:
    start: int  # of the characters within the JSON text, without quotes
    end: int
    seen: int  # where the decoded characters begin in the seen text
    length: int  # of the decoded characters
    kind: str  # key, string, number


class JsonText:
    """A JSON text and its decoded strings and numbers, joined for the detectors as `seen`.

    Lines of `key: value`, so that a name tells about its value (`ssn: …`) as it does in prose.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._written: dict[int, list[int]] = {}
        pieces: list[str] = []
        for quoted, colon, number in _TOKEN.findall(text):
            pieces += (number or _decoded(quoted), _KEY_END if colon else _VALUE_END)
        self.seen = "".join(pieces)

    @staticmethod
    def parse(text: str) -> JsonText | None:
        """None if `text` is not JSON."""
        try:
            json.loads(text)
        except (ValueError, RecursionError):
            return None
        return JsonText(text)

    @cached_property
    def _tokens(self) -> list[_Token]:
        tokens: list[_Token] = []
        at = 0
        for match in _TOKEN.finditer(self.text):
            quoted, colon, number = match.groups()
            start, end = match.span(3) if number else (match.start(1) + 1, match.end(1) - 1)
            length = len(number or _decoded(quoted))
            tokens.append(_Token(start, end, at, length, "number" if number else "key" if colon else "string"))
            at += length + len(_KEY_END if colon else _VALUE_END)
        return tokens

    @cached_property
    def _numbers(self) -> set[int]:
        return {token.start for token in self._tokens if token.kind == "number"}

    def locate(self, findings: Iterable[Finding]) -> list[Finding]:
        """The findings by position in the JSON text.

        A finding that reaches over several strings becomes one for each. What was found in a value together with its
        key is taken to be in the value. A number counts as a whole.
        """
        return [part for finding in findings for part in self._parts(finding)]

    def render(self, span: Span) -> str:
        """What stands in the place of a span in the JSON text: a number becomes a string."""
        mark = placeholder(span.category)
        return f'"{mark}"' if span.start in self._numbers else mark

    @property
    def failed(self) -> str:
        """What stands in the place of the whole text if it could not be judged: an object stays an object."""
        return json.dumps({"redacted": FAILED} if self.text.lstrip().startswith("{") else FAILED)

    def _parts(self, finding: Finding) -> list[Finding]:
        tokens = self._tokens
        touched: list[_Token] = []
        at = max(0, bisect_right(tokens, finding.start, key=lambda token: token.seen) - 1)
        while at < len(tokens) and tokens[at].seen < finding.end:
            if finding.start < tokens[at].seen + tokens[at].length:
                touched.append(tokens[at])
            at += 1
        values = [token for token in touched if token.kind != "key"]
        if not touched:  # found in what lies between the strings: it is recorded, and there is nothing to take out
            return [replace(finding, start=0, end=0)]
        return [self._part(finding, token) for token in values or touched]

    def _part(self, finding: Finding, token: _Token) -> Finding:
        if token.kind == "number":
            return replace(finding, start=token.start, end=token.end)
        start = max(0, finding.start - token.seen)
        end = min(token.length, finding.end - token.seen)
        if token.length < token.end - token.start:  # something is escaped
            written = self._offsets(token)
            start, end = written[start], written[end]
        return replace(finding, start=token.start + start, end=token.start + end)

    def _offsets(self, token: _Token) -> list[int]:
        """Where in a string as it is written each of its characters begins, and the last one ends."""
        offsets = self._written.get(token.start)
        if offsets is None:
            raw = self.text[token.start : token.end]
            offsets = self._written[token.start] = [0, *(match.end() for match in _CHARACTER.finditer(raw))]
        return offsets
