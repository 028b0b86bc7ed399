"""How many tokens a model can answer with, and read, at most.

Output limits stand here, as no table that we depend on has them. Sources, read in November 2026:
developers.openai.com/api/docs/models/compare and the page of each model; platform.claude.com/docs/en/models and, for
models that are gone from it, their announcements; ai.google.dev/gemini-api/docs/models. Checked against the table of
LiteLLM 1.110. Context windows are those of genai-prices, but for the few that it rounds down or has for one of several
ways to call a model.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Final

from hardened.spend.prices import MAX_MODELS, listed_model

UNKNOWN: Final = 128_000
"""Output tokens of a model that nobody knows: as much as the largest of OpenAI and Anthropic, but for one."""

_Table = tuple[tuple[str, int], ...]

_OUTPUTS: Final[_Table] = (
    # the first row that matches counts; names may have a prefix, as that of a gateway, and a date behind
    ("*gpt-3.5*", 4_096),
    ("*gpt-4o*", 16_384),
    ("*gpt-4.1*", 32_768),
    ("*gpt-4-turbo*", 4_096),
    ("*gpt-4-*", 8_192),
    ("*gpt-4", 8_192),
    ("*gpt-5-pro*", 272_000),
    ("*gpt-[56]*", 128_000),
    ("*o1-preview*", 32_768),
    ("*o1-mini*", 65_536),
    ("*o[134]", 100_000),
    ("*o[134]-*", 100_000),
    ("*claude-3-5-*", 8_192),
    ("*claude-3-7-*", 128_000),  # with the beta of long output
    ("*claude-3-*", 4_096),
    ("*claude-opus-4-[01]*", 32_000),
    ("*claude-opus-4-2025*", 32_000),
    ("*claude-sonnet-4-[05]*", 64_000),
    ("*claude-sonnet-4-2025*", 64_000),
    ("*claude-*-4-5*", 64_000),
    ("*claude*", 128_000),
    ("*gemini-1.5*", 8_192),
    ("*gemini-2.0*", 8_192),
    ("*gemini-[23]*", 65_536),
    ("*deepseek-v4*", 393_216),
    ("*stral*-latest", 262_144),  # mistral, codestral, …: names that move, and no limit is documented but the window
)
"""Where a model has several limits it is the largest: a hold must not be less."""

_WINDOWS: Final[_Table] = (
    ("*gpt-4.1*", 1_047_576),
    ("*gpt-5.5*", 1_050_000),
    ("*gemini-[23]*", 1_048_576),
    ("*claude-sonnet-4-[05]*", 1_000_000),  # with the beta of long context
    ("*claude-sonnet-4-2025*", 1_000_000),
    ("*deepseek-chat*", 1_000_000),  # names that move from model to model
    ("*deepseek-reasoner*", 1_000_000),
)
"""Where genai-prices has less than the most that is possible: a call that works must not be refused."""


def max_output(model: str, provider: str = "") -> int:
    """The most tokens, reasoning included, that one answer of a model can have.

    Where no limit is documented it is the context window, if a provider is named whose model has a known one.
    """
    documented = _row(_OUTPUTS, model)
    if documented is None and provider:
        documented = context_window(model, provider)
    return documented or UNKNOWN


@lru_cache(MAX_MODELS)
def context_window(model: str, provider: str) -> int | None:
    """The most tokens, of request and answer together, that a model can have before it; `None` if that is not known.

    `provider` is a `gen_ai.provider.name`. The first call of a process may take 0.3 s, to read the table of prices;
    what was asked once takes a microsecond.
    """
    own = _row(_WINDOWS, model)
    if own is not None:
        return own
    found = listed_model(provider, model)
    return found.context_window if found is not None else None


def _row(table: _Table, model: str) -> int | None:
    name = model.lower()
    return next((most for pattern, most in table if fnmatchcase(name, pattern)), None)
