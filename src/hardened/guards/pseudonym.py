"""How a pseudonym is written, and how models write it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache
from typing import Any, Final, NamedTuple, cast

MAX_DIGITS: Final = 6
MAX_NUMBER: Final = 10**MAX_DIGITS - 1


class Known(NamedTuple):
    """What a pseudonym stands for."""

    value: str
    secret: bool

    def __repr__(self) -> str:
        return "Known()"  # never the value


class Mention(NamedTuple):
    """A pseudonym in a text."""

    start: int
    end: int
    name: str
    number: int


class Grammar:
    """Finds the pseudonyms of some labels in texts, also in texts that still grow.

    `[EMAIL_1]` is found in any case, with blanks inside the brackets, with a blank or a hyphen for `_`, and with the
    backslashes of Markdown: `\\[Email\\_1\\]`. Without brackets, `EMAIL_1` and `Email_1` are found as words of
    their own; `email_1` is not, because it may be the name of a variable.
    """

    def __init__(self, names: Collection[str]) -> None:
        import regex  # for partial matches

        longest_first = sorted(names, key=len, reverse=True)
        loose = "|".join(name.replace("_", r"(?:\\?[_-]|[ ])") for name in longest_first)
        exact = "|".join(name.replace("_", r"\\?_") for name in (*longest_first, *map(str.capitalize, longest_first)))
        number = rf"(?P<number>[1-9][0-9]{{0,{MAX_DIGITS - 1}}})"
        inside = rf"[ ]?(?P<name>(?i:{loose}))(?:\\?[_-]|[ ])?{number}[ ]?"
        self._pattern: Any = regex.compile(
            rf"\[{inside}\]|\\\[{inside}\\\]"
            rf"|(?<![A-Za-z0-9_])(?P<name>{exact})\\?_{number}(?![A-Za-z0-9_])"
        )
        self._starts = {"[", "\\", *(name[0] for name in names)}
        self._longest = max(map(len, names)) * 2 + MAX_DIGITS + 10

    def mentions(self, text: str) -> Iterator[Mention]:
        """All pseudonyms in `text`, whether given or not."""
        for match in self._pattern.finditer(text):
            name = cast(str, match["name"]).replace("\\", "").replace(" ", "_").replace("-", "_").upper()
            yield Mention(match.start(), match.end(), name, int(match["number"]))

    def open_from(self, text: str) -> int:
        """The leftmost position from which on more text could still make, or change, a pseudonym."""
        for at in range(max(0, len(text) - self._longest), len(text)):
            match = self._pattern.match(text, at, partial=True) if text[at] in self._starts else None
            if match and (match.partial or (match.end() == len(text) and not text.endswith("]"))):
                return at
        return len(text)


@lru_cache(maxsize=256)
def grammar(names: frozenset[str]) -> Grammar:
    """The grammar of some labels; at least one."""
    return Grammar(names)


def literal_numbers(name: str, texts: Iterable[str]) -> set[int]:
    """The numbers of what looks like a pseudonym of this label in `texts`."""
    words = grammar(frozenset([name]))
    return {mention.number for text in texts for mention in words.mentions(text)}
