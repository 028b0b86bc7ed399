"""openai 2 and 3, with its Azure clients."""

from __future__ import annotations

from types import ModuleType

from hardened_instrumentation import stainless
from hardened_instrumentation.patches import Patches
from hardened_instrumentation.providers.base import Provider, describer
from hardened_instrumentation.routes import Route
from hardened_instrumentation.stainless import Active
from hardened_instrumentation.wires.openai_chat import ChatCompletions
from hardened_instrumentation.wires.openai_completions import Completions
from hardened_instrumentation.wires.openai_other import Embeddings, Prompted
from hardened_instrumentation.wires.openai_responses import Listed, Responses

_CHAT = ChatCompletions()
_RESPONSES = Responses()
_LISTED = Listed()

ROUTES = {
    route.name: route
    for route in (
        Route("chat/completions", "chat", _CHAT),
        Route("responses", "chat", _RESPONSES),
        Route("responses/compact", "chat", _RESPONSES),
        Route("responses/input_tokens", None, _LISTED),
        Route("conversations", None, _LISTED),
        Route("completions", "text_completion", Completions()),
        Route("embeddings", "embeddings", Embeddings()),
        Route("images/generations", "generate_content", Prompted("prompt", "image")),
        Route("images/edits", "generate_content", Prompted("prompt", "image")),
        Route("images/variations", "generate_content", Prompted("prompt", "image")),
        Route("videos", "generate_content", Prompted("prompt", "video")),
        Route("audio/speech", "generate_content", Prompted("input", "speech"), binary=True),
        Route("audio/transcriptions", "generate_content", Prompted("prompt", "text", "text")),
        Route("audio/translations", "generate_content", Prompted("prompt", "text", "text")),
        Route("moderations", None, Prompted("input", None)),
    )
} | {
    f"{method} {path}": Route(path, "fetch_response" if fetches else None, wire)
    for method, path, wire, fetches in (
        ("get", "responses/{id}", _RESPONSES, True),
        ("post", "responses/{id}/cancel", _RESPONSES, True),
        ("get", "responses/{id}/input_items", _LISTED, True),
        ("get", "chat/completions/{id}", _CHAT, True),
        ("post", "conversations/{id}", _LISTED, False),
        ("post", "conversations/{id}/items", _LISTED, False),
        ("get", "conversations/{id}/items", _LISTED, True),
    )
}

CLIENTS = {"AzureOpenAI": "azure.ai.openai", "BedrockOpenAI": "aws.bedrock", "VertexOpenAI": "gcp.vertex_ai"}


def _install(base_client: ModuleType, current: Active, patches: Patches) -> None:
    stainless.install(base_client, describer("openai", "openai", ROUTES, CLIENTS), current, patches)


provider = Provider("openai", "openai._base_client", _install)
