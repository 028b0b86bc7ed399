"""Whether what came with status 200 is an answer at all.

SDKs return HTML as text, an object without choices, and a stream that broke off as if it were whole.
"""

from __future__ import annotations

from typing import Any, Final

from hardened.resilience.classify import Fault, fault, of_body, of_status
from hardened_instrumentation.calls import Call, EventView, Json, Reply, WireEvent
from hardened_instrumentation.framing import parse_json

CHECKED: Final = frozenset({"chat", "text_completion", "embeddings"})
"""Operations whose answers have a known shape."""

LISTS: Final = {
    "chat/completions": ("choices", True),
    "completions": ("choices", True),
    "embeddings": ("data", True),
    "responses": ("output", False),
    "messages": ("content", False),
}
"""The list that makes a body an answer, by route, and whether it must not be empty."""

OWN_HOSTS: Final = ("api.openai.com", "openai.azure.com", "api.anthropic.com")
"""Services that always say why an answer ended. Others that speak their language may leave that open (Ollama does)."""

PREAMBLE: Final = frozenset(
    {
        "ping",
        "message_start",
        "content_block_start",
        "response.created",
        "response.queued",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
    }
)
"""Types of events that come before anything that a user could see."""


def of_reply(call: Call, reply: Reply) -> Fault | None:
    """What is wrong with an answer that did not fail; `None` for a good one, and for those that we cannot judge."""
    if reply.kind not in ("json", "text") or call.operation == "fetch_response":
        return None
    body = reply.body
    if call.operation not in CHECKED:
        return fault("invalid", "html") if call.method == "post" and _is_page(body) else None
    if isinstance(body, str) and reply.kind == "text":  # SDKs parse what they can, whatever its header says
        text, body = body, parse_json(body)
        if body is None:
            return fault("invalid", "html" if text.lstrip()[:1] == "<" else "no_json")
    if not isinstance(body, dict):
        return fault("invalid", "no_object")
    return _of_object(call, body)  # pyright: ignore[reportUnknownArgumentType]


def _is_page(body: Any) -> bool:
    """Whether it is a page of a proxy or gateway. Nothing that these services make to order is one."""
    return isinstance(body, str) and body.lstrip()[:14].lower().startswith(("<!doctype html", "<html"))


def _of_object(call: Call, body: Json) -> Fault | None:
    if body.get("status") == "failed" or (body.get("error") and not body.get("choices")):
        return _named(call.sdk, body)
    key, filled = LISTS.get(call.route, ("", False))
    if key and not (isinstance(body.get(key), list) and (body[key] or not filled)):
        return fault("invalid", f"no_{key}")
    if call.operation == "chat" and _ends_without_reason(call, body):
        return fault("invalid", "no_finish_reason")
    return None


def _ends_without_reason(call: Call, body: Json) -> bool:
    host = call.server_address or ""
    if not host.endswith(OWN_HOSTS):
        return False
    if call.route == "messages":
        return body.get("stop_reason") is None
    return any(choice.get("finish_reason") is None for choice in body.get("choices", ()))


def of_event(sdk: str, event: WireEvent) -> Fault | None:
    """What an event of a stream says went wrong; `None` for one that says nothing of the kind."""
    data = event.data
    if data is None:
        return fault("invalid", "bad_event") if _is_broken(event.raw) else None
    if data.get("type") in ("error", "response.failed") or (data.get("error") and not data.get("choices")):
        return _named(sdk, data)
    return None


def begins(event: WireEvent, view: EventView) -> bool:
    """Whether the application can see something of the answer with this event."""
    if view.content or view.terminal:
        return True
    kind = event.data.get("type") if event.data else None
    return isinstance(kind, str) and kind not in PREAMBLE


def _named(sdk: str, body: Json) -> Fault:
    """The fault that an error inside an answer names: by a code of the tables, or by an HTTP status as its code."""
    known = of_body(sdk, body)
    if known is not None:
        return known
    error: Any = body.get("error")
    code = error.get("code") if isinstance(error, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    if isinstance(code, int) and 400 <= code < 600:
        return of_status(sdk, code, None, {})
    return fault("provider", "error_event")


def _is_broken(raw: bytes) -> bool:
    """Whether bytes that are no event with a JSON object were meant to be one. Comments and `[DONE]` are not."""
    payloads = [line[5:].strip() for line in raw.splitlines() if line.startswith(b"data:")]
    return any(payload and payload != b"[DONE]" and parse_json(payload) is None for payload in payloads)


def lacks_only_its_end(event: WireEvent) -> bool:
    """Whether it is a whole object at the end of a body that lacks the blank line after it: some servers do so."""
    return event.data is None and event.raw.startswith(b"data:") and b"[DONE]" not in event.raw
