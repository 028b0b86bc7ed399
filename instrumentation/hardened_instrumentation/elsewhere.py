"""The same call through another client of the same SDK: with another key, or to another service, even one that speaks
the wire of another SDK, which need not be installed.

A credential of the application goes nowhere but where the application sends it: a client for another address is made
anew, with nothing but the key of that address, and headers that may hold a secret are left out.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
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


class Service(NamedTuple):
    """How a provider is asked for the next turn of a conversation: below which path, with which headers."""

    path: str
    headers: Mapping[str, str]  # `{key}` stands for the key


SERVICES: Final[Mapping[str, Service]] = {
    "openai": Service("/chat/completions", {"Authorization": "Bearer {key}"}),
    "groq": Service("/openai/v1/chat/completions", {"Authorization": "Bearer {key}"}),
    "anthropic": Service("/v1/messages", {"X-Api-Key": "{key}", "anthropic-version": "2023-06-01"}),
}
"""By SDK, what it would do itself."""

_SECRET: Final = re.compile(
    r"(?i)^(?!idempotency-key$).*(?:auth|bearer|cookie|credential|jwt|key|pass|pwd|secret|session|signature|token"
    r"|openai-(?:organization|project))"
)
_OF_A_WIRE: Final = re.compile(r"(?i)(?:openai|anthropic)-")

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
    made._custom_headers = {}  # nor what the environment says is sent with every request, often the key of a gateway
    return made


def in_other_wire(sdk: str, to: Destination, given: Mapping[str, Any]) -> dict[str, Any]:
    """What to change in the options of an SDK's request so that one who speaks another wire understands it.

    Args:
        sdk: whose options they are.
        to: with the SDK that speaks that wire.
        given: the headers that the request has.
    """
    service = SERVICES[to.speaks or sdk]
    kept = {name: value for name, value in harmless(given).items() if not _OF_A_WIRE.match(name)}
    unsaid = dict.fromkeys(SERVICES[sdk].headers, sys.modules[sdk]._types.Omit())
    said = {name: value.format(key=to.api_key) for name, value in service.headers.items()}
    return {"url": service.path, "params": {}, "headers": {**kept, **unsaid, **said}}


def harmless(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The headers of a request, or the fields of its query, that may go to another address."""
    return {name: value for name, value in fields.items() if not _SECRET.search(name)}
