"""Which wire format answers which path."""

from __future__ import annotations

import re
from collections.abc import Callable

from hardened.testing.message import Answer, Request, json_answer
from hardened.testing.wires import anthropic, openai_chat, openai_other, openai_responses
from hardened.testing.wires.turn import Turn

Wire = Callable[[Turn], Answer]

# Bases under which services offer the same endpoints: OpenAI, Azure OpenAI (deployments, v1), Groq, none at all.
_BASE = r"^(?:/openai/deployments/[^/]+|(?:/openai)?/v1|/openai)?"

_ROUTES: tuple[tuple[re.Pattern[str], Wire], ...] = tuple(
    (re.compile(pattern), wire)
    for pattern, wire in (
        (_BASE + r"/chat/completions$", openai_chat.chat),
        (_BASE + r"/completions$", openai_chat.completions),
        (_BASE + r"/responses(?:/[^/]+)?$", openai_responses.responses),
        (_BASE + r"/embeddings$", openai_other.embeddings),
        (_BASE + r"/images/(?:generations|edits|variations)$", openai_other.images),
        (_BASE + r"/audio/speech$", openai_other.speech),
        (_BASE + r"/audio/(?:transcriptions|translations)$", openai_other.transcription),
        (_BASE + r"/moderations$", openai_other.moderations),
        (_BASE + r"/batches(?:/|$)", openai_other.batch),
        (_BASE + r"/files(?:/|$)", openai_other.files),
        (_BASE + r"/models(?:/[^/]+)?$", openai_other.models),
        (r"^(?:/v1)?/messages$", anthropic.messages),
        (r"^(?:/v1)?/messages/count_tokens$", anthropic.count_tokens),
        (r"^(?:/v1)?/messages/batches(?:/|$)", anthropic.batches),
        (r"^/model/[^/]+/invoke(?:-with-response-stream)?$", anthropic.bedrock),
        (r"/publishers/anthropic/models/count-tokens:rawPredict$", anthropic.count_tokens),
        (r"/publishers/anthropic/models/[^/]+:(?:rawPredict|streamRawPredict)$", anthropic.messages),
    )
)

_ANTHROPIC_ERRORS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_OPENAI_ERRORS = {429: ("rate_limit_exceeded", "requests"), 401: ("invalid_api_key", "invalid_request_error")}


def wire_for(path: str) -> Wire | None:
    """The wire format that answers `path`, or `None` if it is not known."""
    return next((wire for pattern, wire in _ROUTES if pattern.search(path)), None)


def error_answer(request: Request, status: int, message: str, request_id: str) -> Answer:
    """An error in the shape of the provider whose path was asked for."""
    if request.speaks_anthropic:
        kind = _ANTHROPIC_ERRORS.get(status, "api_error" if status >= 500 else "invalid_request_error")
        error = {"type": "error", "error": {"type": kind, "message": message}, "request_id": request_id}
    else:
        code, kind = _OPENAI_ERRORS.get(status, (None, "server_error" if status >= 500 else "invalid_request_error"))
        error = {"error": {"message": message, "type": kind, "param": None, "code": code}}
    answer = json_answer(error)
    answer.status = status
    return answer
