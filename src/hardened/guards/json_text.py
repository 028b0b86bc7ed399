"""JSON text as detectors should see it: the strings and numbers in it, decoded, and the way back to the text itself."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final

from hardened.guards.redaction import FAILED, Span, placeholder
from hardened_detectors.api import Finding

# In a text that is valid JSON these are exactly its strings and numbers, and the colon behind a string makes it a key.
_TOKEN: Final = re.compile(r'("[^"\\]*(?:\\.[^"\\]*)*")(\s*:)?|-?[0-9][0-9.eE+-]*')
# One character of a JSON string as it is written; two escaped halves of a surrogate pair are one character.
_CHARACTER: Final = re.compile(r"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\u....|\\.|.", re.DOTALL)


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
        self._tokens: list[_Token] = []
        pieces: list[str] = []
        at = 0
        for match in _TOKEN.finditer(text):
            quoted, colon = match.group(1, 2)
            raw = match.group() if quoted is None else quoted[1:-1]
            start = match.start() + (quoted is not None)
            decoded = json.loads(quoted) if quoted and "\\" in raw else raw
            kind = "number" if quoted is None else "key" if colon else "string"
            self._tokens.append(_Token(start, start + len(raw), at, len(decoded), kind))
            pieces += (decoded, ": " if colon else "\n")
            at += len(decoded) + len(pieces[-1])
        self.seen = "".join(pieces)
        self._starts = [token.seen for token in self._tokens]
        self._numbers = {token.start for token in self._tokens if token.kind == "number"}

    @staticmethod
    def parse(text: str) -> JsonText | None:
        """None if `text` is not JSON."""
        try:
            json.loads(text)
        except (ValueError, RecursionError):
            return None
        return JsonText(text)

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
        first = max(0, bisect_right(self._starts, finding.start) - 1)
        touched: list[_Token] = []
        for token in self._tokens[first:]:
            if token.seen >= finding.end:
                break
            if finding.start < token.seen + token.length:
                touched.append(token)
        values = [token for token in touched if token.kind != "key"]
        return [self._part(finding, token) for token in values or touched]

    def _part(self, finding: Finding, token: _Token) -> Finding:
        if token.kind == "number":
            return replace(finding, start=token.start, end=token.end)
        raw_offset = self._offsets(token)
        start = raw_offset(max(0, finding.start - token.seen))
        end = raw_offset(min(token.length, finding.end - token.seen))
        return replace(finding, start=token.start + start, end=token.start + end)

    def _offsets(self, token: _Token) -> Callable[[int], int]:
        """From characters as decoded to characters as written, within one string."""
        if token.length == token.end - token.start:
            return int  # nothing is escaped
        ends = [0, *(match.end() for match in _CHARACTER.finditer(self.text[token.start : token.end]))]
        return ends.__getitem__
