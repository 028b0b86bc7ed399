"""The same call through another client of the same SDK: with another key, or to another service that speaks its wire.

A credential of the application goes nowhere but where the application sends it: a client for another address is made
anew, with nothing but the key of that address, and headers that may hold a secret are left out.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from typing import Any, Final
from weakref import WeakKeyDictionary

from hardened_instrumentation.calls import Destination

CLASSES: Final[Mapping[str, tuple[str, str]]] = {
    "openai": ("OpenAI", "AsyncOpenAI"),
    "anthropic": ("Anthropic", "AsyncAnthropic"),
    "groq": ("Groq", "AsyncGroq"),
}
"""The plain clients of an SDK, sync and async."""

CREDENTIALS: Final = ("admin_api_key", "auth_token", "organization", "project")
"""What a new client may have found in the environment, and belongs to the account that it knows from there."""

_SECRET: Final = re.compile(
    r"(?i)^(?!idempotency-key$).*(?:auth|key|token|secret|cookie|password|openai-(?:organization|project))"
)

_clients: WeakKeyDictionary[Any, dict[Destination, Any]] = WeakKeyDictionary()


def client_for(client: Any, sdk: str, to: Destination) -> Any:
    """A client for `to`, kept as long as the application's own lives."""
    known = _clients.setdefault(client, {})
    if to not in known:
        known[to] = client.copy(api_key=to.api_key) if to.base_url is None else _new(client, sdk, to)
    return known[to]


def _new(client: Any, sdk: str, to: Destination) -> Any:
    plain, asynchronous = CLASSES[sdk]
    is_async = any(base.__name__ == "AsyncAPIClient" for base in type(client).__mro__)
    kind = getattr(sys.modules[sdk], asynchronous if is_async else plain)
    made = kind(api_key=to.api_key or "none", base_url=to.base_url, timeout=client.timeout, max_retries=0)
    for name in CREDENTIALS:
        if getattr(made, name, None) is not None:
            setattr(made, name, None)
    return made


def harmless(headers: Mapping[str, Any]) -> dict[str, Any]:
    """The headers of a request that may go to another address."""
    return {name: value for name, value in headers.items() if not _SECRET.search(name)}
