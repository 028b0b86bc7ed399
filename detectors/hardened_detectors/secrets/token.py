"""What all tables of tokens share: one token, described by how it begins."""

from __future__ import annotations

from collections.abc import Callable

from hardened_detectors.entry import WORD_END, WORD_START, Entry

from .randomness import looks_random

URL = "[A-Za-z0-9_-]"
B62 = "[A-Za-z0-9]"
B64 = "[A-Za-z0-9+/]"
HEX = "[0-9a-f]"
UUID = r"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}"
END = WORD_END
URL_END = "(?![A-Za-z0-9_-])"


def token(
    category: str,
    begins: str,
    rest: str,
    longest: int,
    *examples: str,
    check: Callable[[str], bool] = looks_random,
    before: str = WORD_START,
    after: str = "",
    counterexamples: tuple[str, ...] = (),
) -> Entry:
    """A token that begins with one of `begins` (separated by spaces) and goes on with `rest`."""
    beginnings = tuple(begins.split())
    # A common beginning outside the alternatives lets the search for it be quick.
    either = "|".join(beginning.replace(".", r"\.").replace("$", r"\$") for beginning in beginnings)
    return Entry(
        category=category,
        before=before,
        body=f"(?:{either}){rest}",
        after=after,
        longest=longest,
        literals=beginnings,
        check=check,
        score=0.98,
        examples=examples,
        counterexamples=counterexamples,
    )


def marked(
    category: str,
    gate: str,
    body: str,
    longest: int,
    *examples: str,
    check: Callable[[str], bool] = looks_random,
    before: str = WORD_START,
    after: str = END,
    counterexamples: tuple[str, ...] = (),
) -> Entry:
    """A token whose mark is not at its beginning; `gate` finds the mark."""
    return Entry(
        category=category,
        before=before,
        body=body,
        after=after,
        longest=longest,
        gate=gate,
        check=check,
        score=0.98,
        examples=examples,
        counterexamples=counterexamples,
    )
