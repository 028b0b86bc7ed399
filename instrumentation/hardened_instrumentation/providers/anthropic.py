"""anthropic, with its Bedrock, Vertex and Foundry clients.

From version 2 on the SDK emits a span of its own for each call as soon as the application has a tracer provider. One
call shall be one span: while our handler traces the calls, the SDK's clients have no tracer, and we send the trace
context that they would have sent.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from hardened_instrumentation import stainless
from hardened_instrumentation.calls import Call
from hardened_instrumentation.patches import Patches
from hardened_instrumentation.providers.base import Provider, describer
from hardened_instrumentation.routes import Route
from hardened_instrumentation.stainless import Active
from hardened_instrumentation.wires.anthropic_messages import (
    Batches,
    BatchResults,
    Complete,
    CountTokens,
    Messages,
)

ROUTES = {
    route.name: route
    for route in (
        Route("messages", "chat", Messages()),
        Route("messages/count_tokens", None, CountTokens()),
        Route("messages/batches", None, Batches()),
        Route("complete", "text_completion", Complete()),
    )
} | {"get messages/batches/{id}/results": Route("messages/batches/{id}/results", "fetch_response", BatchResults())}

CLIENTS = {
    "AnthropicBedrock": "aws.bedrock",
    "AnthropicVertex": "gcp.vertex_ai",
    "AnthropicFoundry": "azure.ai.inference",
}


def _install(base_client: ModuleType, current: Active, patches: Patches) -> None:
    native = getattr(base_client, "BaseClient", object).__dict__.get("_tracer")

    def complete(client: Any, call: Call) -> None:
        if isinstance(native, property) and native.__get__(client) is not None:
            call.native_span = current.native_spans
            call.propagate = not current.native_spans and bool(client.open_telemetry.get("propagation"))

    describe = describer("anthropic", "anthropic", ROUTES, CLIENTS, complete)
    stainless.install(base_client, describe, current, patches)
    if isinstance(native, property):
        patches.replace(base_client.BaseClient, "_tracer", _tracer(native, current))


def _tracer(native: property, current: Active) -> property:
    def tracer(client: Any) -> Any:
        return native.__get__(client) if current.handler is None or current.native_spans else None

    return property(tracer, doc=native.__doc__)


provider = Provider("anthropic", "anthropic._base_client", _install)
