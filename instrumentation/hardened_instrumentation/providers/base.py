"""What a provider module offers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from types import ModuleType
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from hardened_instrumentation.calls import Call
from hardened_instrumentation.patches import Patches
from hardened_instrumentation.routes import Describe, Route, provider_of_host, route_name
from hardened_instrumentation.stainless import Active, read_timeout, retries, timeout_error, wire_body
from hardened_instrumentation.wires.openai_other import Opaque

Install = Callable[[ModuleType, Active, Patches], None]


class Provider(NamedTuple):
    """An SDK that can be instrumented.

    Attributes:
        sdk: the name of the SDK's package, and the provider's name in `HARDENED_DISABLE`.
        module: the module whose import puts the seam in place; never imported by us.
        install: puts the seam into that module; raises `SeamMissing` if this version has none.
    """

    sdk: str
    module: str
    install: Install


def describer(
    sdk: str,
    default: str,
    routes: Mapping[str, Route],
    clients: Mapping[str, str],
    complete: Callable[[Any, Call], None] | None = None,
) -> Describe:
    """A function that describes the calls of a Stainless client.

    Args:
        sdk: the SDK's package.
        default: `gen_ai.provider.name` for hosts that are not in the table of hosts.
        routes: endpoint by path, without version prefix and query.
        clients: prefix of a client class's name → `gen_ai.provider.name`.
        complete: adds to the call of a client what only this SDK knows.
    """
    opaque = Opaque()

    @lru_cache(maxsize=512)
    def route(method: str, url: str) -> Route:
        path = urlsplit(url if "://" in url else "/" + url.lstrip("/")).path.strip("/")
        path = path.removeprefix("v1/")
        known = routes.get(path) if method == "post" else None
        return known or routes.get(f"{method} {route_name(path)}") or Route(route_name(path), None, opaque)

    @lru_cache(maxsize=64)
    def place(client: type, host: str) -> str:
        for base in client.__mro__:
            for prefix, provider in clients.items():
                if base.__name__.removeprefix("Async").startswith(prefix):
                    return provider
        return provider_of_host(host, default)

    def describe(client: Any, options: Any, stream: bool) -> Call:
        method = options.method.lower()
        endpoint = route(method, options.url)
        base_url = client.base_url
        host = base_url.host
        call = Call(
            sdk=sdk,
            provider=place(client.__class__, host),
            operation=endpoint.operation,
            route=endpoint.name,
            method=method,
            wire=endpoint.wire,
            body=wire_body(options),
            stream=stream,
            binary=endpoint.binary,
            server_address=host,
            server_port=base_url.port or (443 if base_url.scheme == "https" else 80),
            retries=retries(client, options),
            read_timeout=read_timeout(client, options),
            timeout_error=timeout_error(sdk, client, options),
        )
        if complete is not None:
            complete(client, call)
        return call

    return describe
