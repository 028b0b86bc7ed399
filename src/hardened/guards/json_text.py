"""JSON text as detectors should see it: the strings and numbers in it, decoded, and the way back to the text itself."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from hardened.guards.escapes import ESCAPE, GROWING_ESCAPE, meaning
from hardened.guards.redaction import FAILED, Form, Render, Span, as_placeholder, redact, spans
from hardened_detectors.api import Finding

_BLANKS: Final = re.compile(r"[ \t\r\n]+")
_PLAIN_STRING: Final = re.compile(r'"([^"\\]*)"')
_PLAIN: Final = re.compile(r'[^"\\]+')
_DIGITS: Final = re.compile(r"[0-9.eE+-]+")
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_OPENING: Final = re.compile(r"[\[{][ \t\r\n]{0,256}")
_WORDS: Final = ("true", "false", "null")
_OPENING_MAX: Final = 257  # characters of `_OPENING`; what is longer is not waited for

_KEY_END: Final = ": "
_VALUE_END: Final = "\n"

Kind = Literal["key", "string", "number", "text"]
Expected = Literal["value", "item", "key", "name", "colon", "next", "end"]  # `item` and `name` may also be a close


def begins_json(text: str) -> bool:
    """Whether `text` may be a JSON object or array."""
    return text.lstrip()[:1] in ("{", "[")


def replace_in(text: str, find: Callable[[str], Iterable[Finding]], render: Render) -> str:
    """`text` with what `find` finds in it replaced; in a text that is JSON it looks at what is written, decoded."""
    if not begins_json(text):
        return redact(text, spans(find(text)), render)
    document = JsonText()
    seen = document.feed(text, final=True)
    return redact(text, document.shaped(document.locate(find(seen))), render)


@dataclass(slots=True)
class _Token:
    kind: Kind
    start: int  # of the characters within the JSON text, without quotes
    end: int
    seen: int  # where the decoded characters begin in the seen text
    length: int = 0  # of the decoded characters
    starts: list[int] | None = field(default=None, repr=False)  # where each is written, if something is escaped


class JsonText:
    """A JSON text that may still grow, read as lines of `key: value`, so that a name tells about its value as in prose.

    From the first character on that JSON does not allow there, what follows is read as it is written. How a text is
    read does not depend on the pieces in which it comes. Positions in the text and in what was seen of it count from
    the beginning of the whole.
    """

    def __init__(self) -> None:
        self.seen = 0  # characters seen so far
        self._written = ""  # what was not taken yet
        self._taken = 0  # characters taken
        self._rest = ""  # what could not be read yet: it depends on what follows
        self._at = 0  # where that begins
        self._tokens: list[_Token] = []
        self._open: _Token | None = None  # the string, number or text that may grow
        self._digits: list[str] = []  # of the open number
        self._gap = False  # there are blanks behind them
        self._nesting: list[str] = []
        self._expects: Expected = "value"

    @property
    def complete(self) -> bool:
        """Whether all that was read is one JSON value."""
        return self._expects == "end" and self._open is None

    def feed(self, chunk: str, final: bool = False) -> str:
        """Read the next piece; returns what detectors should see of it. After the `final` one nothing can come."""
        self._written += chunk
        text = self._rest + chunk if self._rest else chunk
        seen: list[str] = []
        at, base = 0, self._at
        while at < len(text):
            length = self._step(text, at, final, seen)
            if not length:
                break
            at += length
            self._at = base + at
        self._rest = text[at:]
        if final and self._open and self._open.kind == "number":
            self._end_number()
        return "".join(seen)

    # Reading. Each step returns how many characters it has read, none if it depends on what follows.

    def _step(self, text: str, at: int, final: bool, seen: list[str]) -> int:
        if self._open is None:
            return self._between(text, at, final, seen)
        if self._open.kind == "number":
            return self._in_number(text, at, seen)
        if self._open.kind == "text":
            return self._grow(text[at:], seen)
        return self._in_string(text, at, final, seen)

    def _between(self, text: str, at: int, final: bool, seen: list[str]) -> int:
        blanks = _BLANKS.match(text, at)
        if blanks:
            return blanks.end() - at
        first, expects = text[at], self._expects
        if first == '"' and expects in ("value", "item", "key", "name"):
            return self._string(text, at, seen)
        if expects in ("value", "item"):
            if first in "-0123456789":
                self._start("number")
                self._digits, self._gap = [], False
                return self._in_number(text, at, seen)
            if first in "[{":
                return self._opening(text, at, final, seen)
            word = _word(text, at, final)
            if word is not None:
                if word:
                    self._value_ends()
                return word
        if first == ":" and expects == "colon":
            self._expects = "value"
        elif first == "," and expects == "next":
            self._expects = "key" if self._nesting[-1] == "{" else "value"
        elif self._closes(first):
            self._nesting.pop()
            self._value_ends()
        else:
            self._expects = "value"
            self._start("text")
            return self._grow(text[at:], seen)
        return 1

    def _closes(self, char: str) -> bool:
        opening = {"]": "[", "}": "{"}.get(char)
        return bool(self._nesting) and opening == self._nesting[-1] and self._expects in ("item", "name", "next")

    def _opening(self, text: str, at: int, final: bool, seen: list[str]) -> int:
        """A bracket counts when what follows it can follow it: `[INST]` and `[a link](…)` are no JSON."""
        match = _OPENING.match(text, at)
        assert match
        length, follows = match.end() - at, text[match.end() : match.end() + 1]
        if length < _OPENING_MAX:
            if not follows and not final:
                return 0
            if text[at] == "{":
                allowed = follows in ('"', "}")
            else:
                word = None if not follows else _word(text, match.end(), final)
                if word == 0:
                    return 0
                allowed = bool(word) or (bool(follows) and follows in '"]{[-0123456789')
            if not allowed:
                self._start("text")
                return self._grow(text[at:], seen)
        self._nesting.append(text[at])
        self._expects = "name" if text[at] == "{" else "item"
        return 1

    def _string(self, text: str, at: int, seen: list[str]) -> int:
        token = self._start("key" if self._expects in ("key", "name") else "string", 1)
        match = _PLAIN_STRING.match(text, at)
        if match is None:
            return 1
        self._grow(match.group(1), seen)
        self._end_string(token, seen)
        return match.end() - at

    def _in_string(self, text: str, at: int, final: bool, seen: list[str]) -> int:
        token = self._open
        assert token
        plain = _PLAIN.match(text, at)
        if plain:
            return self._grow(plain.group(), seen)
        if text[at] == '"':
            self._end_string(token, seen)
            return 1
        match = (ESCAPE if final else GROWING_ESCAPE).match(text, at)
        if match is None:  # a backslash is the last character
            return self._grow("\\", seen)
        if not final and match.group(1) is not None:
            return 0
        if token.starts is None:
            token.starts = list(range(token.start, token.end))
        return self._grow(meaning(match.group()), seen, len(match.group()))

    def _end_string(self, token: _Token, seen: list[str]) -> None:
        self._open = None
        if token.kind == "key":
            self._expects = "colon"
            self._see(_KEY_END, seen)
        else:
            self._value_ends()
            self._see(_VALUE_END, seen)

    def _in_number(self, text: str, at: int, seen: list[str]) -> int:
        token = self._open
        assert token
        blanks = _BLANKS.match(text, at)
        if blanks:  # seen, in case that this is no JSON: `[4111 1111 …`
            self._gap = True
            self._see(blanks.group(), seen)
            return blanks.end() - at
        digits = None if self._gap else _DIGITS.match(text, at)
        if digits:
            self._digits.append(digits.group())
            return self._grow(digits.group(), seen)
        if text[at] in ",]}" and self._end_number():
            self._see(_VALUE_END, seen)
            return self._between(text, at, True, seen)
        token.kind, token.length, token.end = "text", self.seen - token.seen, self._at
        return self._grow(text[at:], seen)

    def _end_number(self) -> bool:
        """Whether it is one."""
        if not _NUMBER.fullmatch("".join(self._digits)):
            return False
        self._open = None
        self._value_ends()
        return True

    def _value_ends(self) -> None:
        self._expects = "next" if self._nesting else "end"

    def _start(self, kind: Kind, quote: int = 0) -> _Token:
        start = self._at + quote
        self._open = _Token(kind, start, start, self.seen)
        self._tokens.append(self._open)
        return self._open

    def _grow(self, chars: str, seen: list[str], written: int | None = None) -> int:
        """Add characters to the open token, `written` with so many if there is an escape. Returns how many."""
        token = self._open
        assert token
        if token.starts is not None:
            token.starts += range(token.end, token.end + len(chars))
        length = len(chars) if written is None else written
        token.length += len(chars)
        token.end += length
        self._see(chars, seen)
        return length

    def _see(self, chars: str, seen: list[str]) -> None:
        seen.append(chars)
        self.seen += len(chars)

    # The way back.

    def settled(self, position: int) -> int:
        """The last position in what was seen, up to `position`, that is not within a number: it counts as a whole."""
        token = self._token_at(position)
        if token and token.kind == "number" and (position < token.seen + token.length or token is self._open):
            return token.seen
        return position

    def locate(self, findings: Iterable[Finding]) -> list[Finding]:
        """The findings by position in the JSON text.

        A finding that reaches over several strings becomes one for each. What was found in a value together with its
        key is taken to be in the value. A number counts as a whole.
        """
        return [part for finding in findings for part in self._parts(finding)]

    def shaped(self, findings: Iterable[Finding]) -> list[Span]:
        """The spans of located findings, with how each is written."""
        return [span._replace(form=self._form(span.start)) for span in spans(findings)]

    def take(
        self, position: int, findings: Iterable[Finding], render: Render = as_placeholder, final: bool = False
    ) -> str:
        """The JSON text up to what was seen at `position`, with located findings replaced; it is forgotten."""
        end = self._at + len(self._rest) if final else self._end_at(position)
        base = self._taken
        found = [span._replace(start=span.start - base, end=span.end - base) for span in self.shaped(findings)]
        text = redact(self._written[: end - base], found, render)
        self._written, self._taken = self._written[end - base :], end
        gone = max(0, bisect_right(self._tokens, position, key=lambda token: token.seen) - 1)
        del self._tokens[:gone]
        return text

    @property
    def failed(self) -> str:
        """What stands in the place of the whole text if it could not be judged: an object stays an object."""
        if not self.complete:
            return FAILED
        return json.dumps({"redacted": FAILED} if self._written.lstrip().startswith("{") else FAILED)

    def _token_at(self, position: int) -> _Token | None:
        """The last token that begins at `position` or before it."""
        at = bisect_right(self._tokens, position, key=lambda token: token.seen) - 1
        return self._tokens[at] if at >= 0 else None

    def _end_at(self, position: int) -> int:
        if position == self.seen and self.settled(position) == position:
            return self._at
        token = self._token_at(position)
        if token is None:
            return self._taken
        within = position - token.seen
        if within >= token.length:
            return token.end
        return token.start + within if token.starts is None else token.starts[within]

    def _form(self, start: int) -> Form:
        """How what begins at `start` is written."""
        at = bisect_right(self._tokens, start, key=lambda token: token.start) - 1
        kind = self._tokens[at].kind if at >= 0 else "text"
        return "plain" if kind == "text" else "number" if kind == "number" else "string"

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
        return [_part(finding, token) for token in values or touched]


def _part(finding: Finding, token: _Token) -> Finding:
    if token.kind == "number":
        return replace(finding, start=token.start, end=token.end)
    start = max(0, finding.start - token.seen)
    end = min(token.length, finding.end - token.seen)
    if token.starts is None:
        return replace(finding, start=token.start + start, end=token.start + end)
    starts = token.starts
    return replace(finding, start=starts[start], end=starts[end] if end < token.length else token.end)


def _word(text: str, at: int, final: bool) -> int | None:
    """How long the `true`, `false` or `null` is that stands here; 0 if it depends on what follows; None without one."""
    for word in _WORDS:
        if text.startswith(word, at):
            follows = text[at + len(word) : at + len(word) + 1]
            if not follows:
                return len(word) if final else 0
            return len(word) if follows in " \t\r\n,]}" else None
        if not final and len(text) - at < len(word) and word.startswith(text[at:]):
            return 0
    return None
