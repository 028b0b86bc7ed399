"""What the model sees of a text: words, and hashes of words, of parts of words, and of words near each other.

Training and run time both use this module, so a weight means the same in both. Everything about a single word is
computed once and remembered by the model (see `model.Channel`); what is left to do for each text is to split it and to
combine neighbours, which runs in C.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Final
from zlib import crc32

WORD_BUCKETS: Final = 1 << 18
GRAM_BUCKETS: Final = 1 << 19

_LONGEST: Final = 40
"""Characters of a word that are looked at."""

# Written without spaces between words, so each character is one: kana, CJK, Hangul, Thai, Lao, Khmer.
_SINGLE: Final = ((0x0E00, 0x0EFF), (0x1780, 0x17FF), (0x3040, 0x30FF), (0x3400, 0x9FFF), (0xAC00, 0xD7A3))

_LOOKALIKES: Final = str.maketrans(
    "аеорсухіјѕԁһԛԝӏвмнтк" + "αβεηικνορτυχω",  # Cyrillic, then Greek
    "aeopcyxijsdhqwlbmhtk" + "abenikvoptuxw",
)
_SMALL_CAPITALS: Final = dict(zip("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ", "abcdefghijklmnoprstuvwyz", strict=True))
_LEET: Final = str.maketrans("013457", "oieast")
_FACTORS: Final = (0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D)
"""Odd numbers with well mixed bits (those of xxHash)."""


class _Letters(dict[int, str]):
    """For `str.translate`: letters and digits without case and accents, a space for anything else."""

    def __missing__(self, code: int) -> str:
        folded = self[code] = _fold(chr(code))
        return folded


def _fold(char: str) -> str:
    if any(first <= ord(char) <= last for first, last in _SINGLE):
        return f" {char} "
    if unicodedata.category(char) in ("Mn", "Mc", "Me", "Cf"):
        return ""
    char = _SMALL_CAPITALS.get(char, char)
    plain = "".join(c for c in unicodedata.normalize("NFKD", char).lower() if c.isalnum())
    return plain or " "


_LETTERS: Final = _Letters()


def words(text: str) -> list[str]:
    """The words of `text`, folded; punctuation is dropped. A character of a script without spaces is a word."""
    return text.translate(_LETTERS).split()


def letters(char: str) -> str:
    """What `words` makes of one character."""
    return _LETTERS[ord(char)]


def canonical(word: str) -> str:
    """A folded word as it was meant: Cyrillic or Greek letters inside a Latin word, and digits in place of letters.

    Ordinary words with a few digits, such as `mp3`, get a strange name by this. It is always the same one.
    """
    word = word[:_LONGEST]
    if word.isascii():
        digits = sum(map(str.isdigit, word))
        return word.translate(_LEET) if 0 < digits < len(word) else word
    latin = sum(map(str.isascii, word))
    return word.translate(_LOOKALIKES) if latin else word


def word_buckets(word: str) -> Iterator[int]:
    """Buckets of a word: itself, and the four and five characters long parts of it with its ends marked."""
    word = canonical(word)
    yield crc32(word.encode()) % WORD_BUCKETS
    marked = f"<{word}>"
    for length in (4, 5):
        for at in range(len(marked) - length + 1):
            yield crc32(marked[at : at + length].encode(), length) % WORD_BUCKETS


def word_keys(word: str) -> tuple[int, int, int]:
    """Three independent hashes `(a, b, c)` of a word, below `GRAM_BUCKETS`, that combine with those of its neighbours.

    The buckets of words 1, 2 and 3 in a row are `a1 ^ b2` for the pair, `c1 ^ b3` for the pair with a gap, and
    `a1 ^ b2 ^ c3` for all three.
    """
    code = crc32(canonical(word).encode())
    # Multiplied, because CRCs with different seeds differ by a constant and would not be independent.
    first, second, third = (code * factor >> 13 for factor in _FACTORS)
    return first % GRAM_BUCKETS, second % GRAM_BUCKETS, third % GRAM_BUCKETS


def positions(text: str) -> list[tuple[int, int]]:
    """Where each of `words(text)` stands in `text`."""
    found: list[tuple[int, int]] = []
    start = -1
    end = 0
    for at, char in enumerate(text):
        for folded in letters(char):
            if folded == " ":
                if start >= 0:
                    found.append((start, end))
                start = -1
            else:
                start, end = (at if start < 0 else start), at + 1
    return [*found, (start, end)] if start >= 0 else found
