"""A word as a bag of weighted pieces: itself, and its runs of three and four letters, each by how rare it is.

Pieces let `refund` and `refunds` meet. How rare a piece is comes from a table of hashed counts over ordinary texts
(`idf.bin`, see CARD.md), so that `the` weighs nothing and `invoice` much.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Final
from zlib import crc32

from hardened_detectors.lazy import lazy

BUCKETS: Final = 1 << 16
STEPS: Final = 16
"""The table holds natural logarithms in steps of 1/16."""

LONGEST_WORD: Final = 32
"""Letters of a word that count: longer ones are addresses and encodings."""

_LEAST: Final = 1.5
"""Words less rare than this (in about a fifth of all texts) say nothing about a topic."""

_PIECE_WEIGHT: Final = 0.5
"""What a part of a word weighs, against the whole word."""

_EDGES: Final = lazy(r"^\W+|\W+$")
# Scripts that put no space between words: there every two neighbours are taken for a word.
_UNSPACED: Final = lazy("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+")


def tokens(text: str) -> Sequence[str]:
    """The words of a text, in lower case, with what stands around them (see `word`)."""
    lower = text.lower()
    if lower.isascii() or not _UNSPACED.search(lower):
        return lower.split()
    return [token for part in lower.split() for token in _apart(part)]


def _apart(part: str) -> Iterator[str]:
    at = 0
    for run in _UNSPACED.finditer(part):
        if run.start() > at:
            yield part[at : run.start()]
        letters = run.group()
        yield from (letters[index : index + 2] for index in range(max(1, len(letters) - 1)))
        at = run.end()
    if at < len(part):
        yield part[at:]


def word(token: str) -> str:
    """The token without punctuation around it."""
    return _EDGES.sub("", token)[:LONGEST_WORD]


def pieces(letters: str) -> list[str]:
    """The pieces of a word, the whole (between its edges) first, each once."""
    whole = f"<{letters}>"
    length = len(whole)
    parts = [whole[at : at + size] for size in (3, 4) for at in range(length - size + 1)]
    return list(dict.fromkeys((whole, *parts)))


def bucket(piece: str) -> int:
    """The number of a piece in the table."""
    return crc32(piece.encode("utf-8", "replace")) & (BUCKETS - 1)


def weighted(token: str) -> dict[int, float]:
    """The weights of a token's pieces by their numbers; empty if it says nothing."""
    letters = word(token)
    if not letters:
        return {}
    table = _table()
    whole, *parts = map(bucket, pieces(letters))
    if table[whole] < _LEAST * STEPS:
        return {}
    weights = {whole: table[whole] / STEPS}
    for number in parts:
        weights[number] = weights.get(number, 0.0) + _PIECE_WEIGHT * table[number] / STEPS
    return weights


@cache
def _table() -> bytes:
    from pathlib import Path

    return Path(__file__).with_name("idf.bin").read_bytes()
