"""How many tokens a model can answer with at most, where its provider documents it."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Final

UNKNOWN: Final = 128_000
"""Of a model that no row names: as much as the largest."""

_MAXIMA: Final = (
    # the first row that matches counts; names may have a prefix, as that of a gateway, and a date behind
    ("*gpt-3.5*", 4_096),
    ("*gpt-4o*", 16_384),
    ("*chatgpt-4o*", 16_384),
    ("*gpt-4.1*", 32_768),
    ("*gpt-4-turbo*", 4_096),
    ("*gpt-4-*", 8_192),
    ("*gpt-4", 8_192),
    ("*gpt-5*", 128_000),
    ("*o1-preview*", 32_768),
    ("*o1-mini*", 65_536),
    ("*o[134]", 100_000),
    ("*o[134]-*", 100_000),
    ("*claude-3-5-*", 8_192),
    ("*claude-3-7-*", 128_000),  # with the beta of long output
    ("*claude-3-*", 4_096),
    ("*claude-opus-4-[01]*", 32_000),
    ("*claude-*-4*", 128_000),
    ("*gemini-1.5*", 8_192),
    ("*gemini-2.0*", 8_192),
    ("*gemini-2.5*", 65_536),
    ("*gemini-3*", 65_536),
    ("*llama-3*", 32_768),
    ("*mistral*", 131_072),
)
"""From the providers' pages of models. Where a model has several limits it is the largest: a hold must not be less."""


def max_output(model: str) -> int:
    """The most tokens, reasoning included, that one answer of a model can have."""
    name = model.lower()
    return next((most for pattern, most in _MAXIMA if fnmatchcase(name, pattern)), UNKNOWN)
