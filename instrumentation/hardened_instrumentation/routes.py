"""From a path of an HTTP API to what it means."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from hardened_instrumentation.calls import Call, Wire

Describe = Callable[[Any, Any, bool], Call]
"""(client, options, stream) -> Call"""


class Route(NamedTuple):
    """One endpoint: its low-cardinality name, the operation of the GenAI conventions, and its wire format."""

    name: str
    operation: str | None
    wire: Wire
    binary: bool = False  # the answer is a file, not JSON


_IDENTIFIER = re.compile(r"[0-9@]|^.{25,}$")


def route_name(path: str) -> str:
    """A path without its identifiers, so that it can name spans: `batches/b_12/cancel` → `batches/{id}/cancel`."""
    segments = path.strip("/").split("/")[:6]
    return "/".join("{id}" if _IDENTIFIER.search(segment) and segment != "v1" else segment for segment in segments)


HOSTS: tuple[tuple[str, str], ...] = (
    ("openai.azure.com", "azure.ai.openai"),
    ("services.ai.azure.com", "azure.ai.inference"),
    ("groq.com", "groq"),
    ("deepseek.com", "deepseek"),
    ("x.ai", "x_ai"),
    ("perplexity.ai", "perplexity"),
    ("mistral.ai", "mistral_ai"),
    ("cohere.com", "cohere"),
    ("moonshot.ai", "moonshot_ai"),
    ("generativelanguage.googleapis.com", "gcp.gemini"),
    ("aiplatform.googleapis.com", "gcp.vertex_ai"),
    ("amazonaws.com", "aws.bedrock"),
)
"""Host suffix → `gen_ai.provider.name`, for services that are called through another provider's SDK."""


def provider_of_host(host: str, default: str) -> str:
    """`gen_ai.provider.name` of a host, or `default` for a host that is not in the table."""
    for suffix, provider in HOSTS:
        if host == suffix or host.endswith("." + suffix):
            return provider
    return default
