"""What the model sees of a word: itself, its parts, its shape, and what stands around it.

Training and run time both use this module, so a weight means the same in both. Only capitalised words can be part of a
name; all others are looked at as neighbours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import groupby
from typing import Final, NamedTuple
from zlib import crc32

BUCKETS: Final = 1 << 17

_LONGEST: Final = 40
"""Characters of a word that are looked at."""

# A word may have digits, and dots or hyphens inside it, so that code stays in one piece; `'s` is no part of it.
_TOKEN: Final = re.compile(r"[^\W_](?:[^\W_]|[-._/](?=[^\W_])|['\u2019](?=[^\W_])(?![sS]\b))*|\n|[^\w\s]|_")
_NO_NAME: Final = re.compile(r"[\d_/]|\.\w{2}|\w{2}\.\w")
_GLUE: Final = frozenset("@#_$\\{%=&+~")
"""A word directly behind one of these is a handle, a tag, an identifier or an escape, and no name."""


class Token(NamedTuple):
    """A word, a line break or a sign, and where it starts in the text."""

    text: str
    start: int

    @property
    def end(self) -> int:
        """Where it ends, exclusive."""
        return self.start + len(self.text)


def tokens(text: str) -> list[Token]:
    """All words and signs of `text`, in order."""
    return [Token(match.group(), match.start()) for match in _TOKEN.finditer(text)]


def is_candidate(text: str, token: Token) -> bool:
    """Whether a token could be part of a name: a capitalised word that is no code, handle or tag."""
    word, start = token
    if not word[0].isupper() or (start and text[start - 1] in _GLUE) or _NO_NAME.search(word):
        return False
    return text[token.end : token.end + 1] not in ("_", "(", "=")


def own_buckets(word: str) -> Iterator[int]:
    """Buckets of a candidate itself: the word, with and without case, its beginning, end and shape."""
    word = word[:_LONGEST]
    lower = word.lower()
    yield _bucket("w", word)
    yield _bucket("l", lower)
    for length in (2, 3, 4):
        yield _bucket("p", lower[:length])
        yield _bucket("s", lower[-length:])
    yield _bucket("h", shape(word))
    yield _bucket("n", str(min(len(word), 9)))


def neighbour_buckets(word: str, place: int) -> Iterator[int]:
    """Buckets of a token that stands `place` tokens behind (before, if negative) a candidate; "" beyond the text."""
    lower = word[:_LONGEST].lower()
    yield _bucket(f"{place}l", lower)
    if abs(place) == 1:
        yield _bucket(f"{place}s", lower[-3:])
        yield _bucket(f"{place}h", shape(word[:_LONGEST]))


def joint_buckets(text: str, read: Sequence[Token], index: int) -> Iterator[int]:
    """Buckets of what only the place of a candidate tells: the shapes and words beside it, and where it stands."""
    word, start = read[index]
    before, after = _word(read, index - 1), _word(read, index + 1)
    own = shape(word)
    yield _bucket("j", f"{shape(before)} {own} {shape(after)}")
    yield _bucket("b", f"{before[:_LONGEST].lower()} {word.lower()}")
    yield _bucket("a", f"{word.lower()} {after[:_LONGEST].lower()}")
    yield _bucket("g", text[start - 1 : start] + text[read[index].end : read[index].end + 1])
    yield _bucket("o", f"{before if not before.isalnum() else ''} {own}")
    around = read[max(0, index - 4) : index + 5]
    yield _bucket("c", str(sum(token.text[0].isupper() for token in around)))
    yield _bucket("u", str(sum(len(token.text) > 1 and token.text.isupper() for token in around)))
    yield _bucket("k", str(sum(token.text in '{}[]()<>=:;/\\`*|_"#' for token in around)))


@lru_cache(1 << 14)
def shape(word: str) -> str:
    """The kinds of characters of a word, each run as one: `X`, `x`, `9`, and signs as they are; `I` is an initial."""
    if len(word) == 1 and word.isupper():
        return "I"
    kinds = ("X" if c.isupper() else "x" if c.isalpha() else "9" if c.isdigit() else c for c in word)
    return "".join(kind for kind, _ in groupby(kinds))[:6]


def _word(read: Sequence[Token], index: int) -> str:
    return read[index].text if 0 <= index < len(read) else ""


def _bucket(kind: str, value: str) -> int:
    return crc32(f"{kind}={value}".encode()) % BUCKETS
