"""What each API calls the most tokens of an answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

LIMIT_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "chat/completions": ("max_completion_tokens", "max_tokens"),
    "completions": ("max_tokens",),
    "responses": ("max_output_tokens",),
    "messages": ("max_tokens",),
}
"""By route; the first is what it is called today."""

NEW_NAME: Final = frozenset({"openai", "azure.ai.openai", "groq"})
"""Services that know `max_completion_tokens`; others that copy the API may only know the older name."""


def limit_name(route: str, provider: str) -> str:
    """The name to use at a provider. Only for routes that are in `LIMIT_NAMES`."""
    return LIMIT_NAMES[route][0 if provider in NEW_NAME else -1]
