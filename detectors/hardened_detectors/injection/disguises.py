"""Simple disguises of words, undone: letters replaced or pulled apart, hyphens, rot13, reversal.

Each has a signal for the gate, so a text without the disguise costs nothing. Encodings that other detectors need
undone as well (base64, escapes, invisible characters) are read by `views`; digits in place of letters inside one word,
foreign look-alike letters and accents are part of how words are read, see `features`.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Callable
from typing import Final, NamedTuple

from hardened_detectors.gate import Signal
from hardened_detectors.lazy import lazy
from hardened_detectors.view import View

# What a text must say in disguise: where letters came without gaps between words, and where words are cut.
_WORDS: Final = """
above access act admin all anarchy and answer any anything are asked assistant before bypass character code
confidential configuration constraints content context conversation data developer directives disregard do email
enabled ethical everything execute filters follow following for forget forward free from give given granted guidelines
hack hidden ignore immediately important in initial injection instead instruction instructions is it jailbreak key
maintenance me message messages mode must my never new no not nothing now of only original output override password
persona personality please policy preamble pretend previous print prior prompt prompts refuse repeat reply respond
restrictions reveal role rules safety say secret secretly secrets send setup show stop summary system task tell text
that the then these this to training transfer unfiltered unlock unrestricted user verbatim what will with without word
words write you your
"""
_LEXICON: Final = lazy("|".join(sorted(_WORDS.split(), key=len, reverse=True)))
_KNOWN: Final = frozenset(_WORDS.split())
_LEAST_KNOWN: Final = 0.6
"""The share of letters without gaps that known words must make up."""


class Disguise(NamedTuple):
    """A way to hide words. `undo` gives the text as it was meant, or None if nothing is hidden this way."""

    signal: Signal
    undo: Callable[[str], View | None]


def _as_it_is(text: str) -> View:
    return View(text, range(len(text)), range(1, len(text) + 1))


_SYMBOLS: Final = str.maketrans("013457@$!|", "oieastasil")
_SYMBOL_WORD: Final = lazy(r"[A-Za-z0-9@$!|]{2,}")
_LEAST_WORDS: Final = 2


def _symbols(text: str) -> View | None:
    """`!gn0re @ll`: symbols in place of letters."""
    hidden = 0

    def plain(word: str) -> str:
        nonlocal hidden
        inner = word.rstrip("!|")
        if not re.search("[A-Za-z]", inner):
            return word
        hidden += re.search("[@$!|]", inner) is not None
        return inner.translate(_SYMBOLS) + word[len(inner) :]

    view = _as_it_is(text).rewritten(_SYMBOL_WORD, plain, "symbols")
    return view if hidden >= _LEAST_WORDS else None


_GAPS: Final = r"[ .\-_*|,/~+]"
_SPACED: Final = lazy(rf"(?<![^\W_])[^\W\d_](?:{_GAPS}{{1,3}}[^\W\d_](?![^\W_])){{3,}}")
_GAP_RUN: Final = lazy(rf"{_GAPS}+")


def _spaced(text: str) -> View | None:
    """`i g n o r e`: letters pulled apart."""
    view = _as_it_is(text).rewritten(_SPACED, _closed_up, "spaced letters")
    return view if view.reason else None


def _closed_up(letters: str) -> str:
    gaps = Counter(_GAP_RUN.findall(letters))
    usual = gaps.most_common(1)[0][0]
    parts = _GAP_RUN.sub(lambda gap: "" if gap.group() == usual else " ", letters)
    return " ".join(map(_with_gaps, parts.split(" ")))


def _with_gaps(letters: str) -> str:
    known = _LEXICON.findall(letters.lower())
    return " ".join(known) if sum(map(len, known)) >= _LEAST_KNOWN * len(letters) else letters


_CUT: Final = lazy(r"(?<=[^\W\d_])-\s{0,2}(?=[^\W\d_])")
_HYPHEN: Final = lazy("-")
_CUT_WORD: Final = lazy(r"(?:[^\W\d_]++-\s{0,2})+[^\W\d_]++")
_LONGEST_CUT: Final = 24


def _hyphens(text: str) -> View | None:
    """`ig-nore pre-vious`: words cut by hyphens. Ordinary compounds are left alone: a known word must come out."""
    around = (
        text[max(0, hyphen.start() - _LONGEST_CUT) : hyphen.end() + _LONGEST_CUT] for hyphen in _HYPHEN.finditer(text)
    )
    known = any(_CUT.sub("", word).lower() in _KNOWN for part in around for word in _CUT_WORD.findall(part))
    return _as_it_is(text).rewritten(_CUT, lambda _: "", "hyphens") if known else None


def _rot13(text: str) -> View:
    return View(codecs.encode(text, "rot13"), range(len(text)), range(1, len(text) + 1), "rot13")


def _reversed(text: str) -> View:
    # A finding in it runs backwards, so every character stands for the whole text.
    return View(text[::-1], [0] * len(text), [len(text)] * len(text), "reversed text")


# With a gap on either side where the turned word occurs inside of ordinary ones.
_TELLING: Final = (
    *("ignore", "tion", "previous", "system", "prompt", "password", "disregard", "forget", "reveal", "secret"),
    *("ing ", " the ", " you ", " your ", " all ", " with ", " what ", " from ", " this ", " of ", " never ", " mode "),
)

_LETTER_GAP: Final = "[a-zA-Z][ ._*|,/~+-]+"

DISGUISES: Final = (
    Disguise(Signal(pattern="[a-zA-Z0-9 ][@$!|][a-zA-Z0-9]"), _symbols),
    Disguise(Signal(pattern=f"(?:^|[^a-zA-Z0-9]){_LETTER_GAP * 3}[a-zA-Z](?:$|[^a-zA-Z0-9])"), _spaced),
    Disguise(Signal(pattern=r"[a-zA-Z]-\s*[a-zA-Z]"), _hyphens),
    Disguise(Signal(literals=tuple(codecs.encode(word, "rot13") for word in _TELLING), ignore_case=True), _rot13),
    Disguise(Signal(literals=tuple(word[::-1] for word in _TELLING), ignore_case=True), _reversed),
)  # fmt: skip
