"""Everything that can be wrong with an answer: one row for each fault, for every wire.

A fault is built from what a `Reply` can say already (`fields`), a change to the finished answer (`spoil`), and the way
in which its bytes travel (`travel`).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from hardened.testing.message import Answer, Request, encode, sse

if TYPE_CHECKING:
    from hardened.resilience.classify import ErrorClass

Travel = Literal[
    "hang", "hang_after_headers", "trickle", "reset", "reset_after_headers", "cut", "end", "stall", "garbage"
]
"""What the server does with the connection, see the rows of the same names."""

Spoil = Callable[[Request, Answer], None]
Fields = Callable[[Request], dict[str, Any]]

HOUR: Final = 3600


@dataclass(frozen=True, slots=True)
class Fault:
    """One way in which an answer goes wrong.

    Attributes:
        does: what the client sees on the wire.
        kind: the class of error that it is, as `hardened` names them; `None` where it is an answer all the same.
        on: the answers that it can happen to; others stay as they are.
        fields: what it puts into the `Reply`.
        spoil: what it does to the finished answer.
        travel: how the bytes travel, after two thirds of the events of a stream, or as `Reply.fault_after` says.
    """

    does: str
    kind: ErrorClass | None = None
    on: Literal["both", "plain", "stream"] = "both"
    fields: Fields | None = None
    spoil: Spoil | None = None
    travel: Travel | None = None

    def happens_to(self, request: Request) -> bool:
        """Whether the answer to `request` can go wrong in this way."""
        return self.fits(request.stream)

    def fits(self, stream: bool) -> bool:
        """Whether a stream, or a plain answer, can go wrong in this way."""
        return self.on == "both" or stream == (self.on == "stream")


def _error(
    status: int,
    message: str,
    openai: tuple[str | None, str],
    anthropic: str,
    headers: Mapping[str, Callable[[], str]] | None = None,
) -> Spoil:
    """An error with (code, type) as OpenAI says it, and with a type as Anthropic does."""

    def spoil(request: Request, answer: Answer) -> None:
        if request.speaks_anthropic:
            body: Any = {"type": "error", "error": {"type": anthropic, "message": message}}
        else:
            code, kind = openai
            body = {"error": {"message": message, "type": kind, "param": None, "code": code}}
        _replace(answer, encode(body), "application/json")
        answer.status = status
        answer.headers |= {name: value() for name, value in (headers or {}).items()}

    return spoil


def _rate_limit(header: str | None = None, value: Callable[[], str] = str) -> Spoil:
    headers = {header: value} if header else None
    code = ("rate_limit_exceeded", "requests")
    return _error(429, "Rate limit reached. Please slow down.", code, "rate_limit_error", headers)


def _server_error(status: int, message: str) -> Spoil:
    return _error(status, message, (None, "server_error"), "timeout_error" if status == 504 else "api_error")


def _bad_request(message: str, code: str | None = None) -> Spoil:
    return _error(400, message, (code, "invalid_request_error"), "invalid_request_error")


def _quota(request: Request, answer: Answer) -> None:
    """An exhausted account: a 429 of its own at OpenAI, a 400 at Anthropic."""
    code = ("insufficient_quota", "insufficient_quota")
    status = 400 if request.speaks_anthropic else 429
    message = "Your credit balance is too low." if request.speaks_anthropic else "You exceeded your current quota."
    _error(status, message, code, "invalid_request_error")(request, answer)


def _replace(answer: Answer, body: bytes, content_type: str) -> None:
    answer.body, answer.events, answer.content_type = body, None, content_type


def _body(body: bytes, content_type: str = "application/json") -> Spoil:
    return lambda _, answer: _replace(answer, body, content_type)


def _called_text(_: Request, answer: Answer) -> None:
    if answer.events is None:
        answer.content_type = "text/plain"


def _bad_gzip(_: Request, answer: Answer) -> None:
    answer.headers["content-encoding"] = "gzip"


def _event_error(request: Request) -> bytes:
    """An error event, in the words of the wire that was asked."""
    if request.speaks_anthropic:
        error: Any = {"type": "error", "error": {"type": "api_error", "message": "Internal server error"}}
        return sse(error, "error")
    message = "The server had an error while processing your request."
    if request.path.endswith("/responses"):
        return sse({"type": "error", "code": "server_error", "message": message, "param": None}, "error")
    return sse({"error": {"message": message, "type": "server_error", "param": None, "code": None}})


def _error_first(request: Request, answer: Answer) -> None:
    answer.events = [_event_error(request)]


def _error_later(request: Request, answer: Answer) -> None:
    events = answer.events or []
    answer.events = [*events[: middle(events)], _event_error(request)]


def _without_done(_: Request, answer: Answer) -> None:
    if answer.events and (b"[DONE]" in answer.events[-1] or b"message_stop" in answer.events[-1]):
        answer.events.pop()


_SAYS_NOT_WHY: Final = (b"[DONE]", b'"choices":[]', b"message_stop")
"""What only the events behind the one that says why an answer ended have in them."""


def _without_end(_: Request, answer: Answer) -> None:
    events = answer.events or []
    while events and any(mark in events[-1] for mark in _SAYS_NOT_WHY):
        events.pop()
    del events[-1:]


def _twice(_: Request, answer: Answer) -> None:
    events = answer.events or []
    at = middle(events)
    answer.events = [*events[: at + 1], *events[at:]]


def _edit(change: Callable[[dict[str, Any]], None]) -> Spoil:
    """A change to every JSON object of an answer, inner ones first."""

    def inside(value: Any) -> None:
        if isinstance(value, dict):
            for inner in cast("dict[str, Any]", value).values():
                inside(inner)
            change(cast("dict[str, Any]", value))
        elif isinstance(value, list):
            for inner in cast("list[Any]", value):
                inside(inner)

    def edited(text: bytes) -> bytes:
        try:
            value = json.loads(text)
        except ValueError:  # [DONE], or AWS's binary framing
            return text
        inside(value)
        return encode(value)

    def spoil(_: Request, answer: Answer) -> None:
        if answer.events is None:
            answer.body = edited(answer.body)
            return
        parts = (event.partition(b"data: ") for event in answer.events)
        answer.events = [
            head + mark + edited(data.rstrip(b"\n")) + b"\n\n" if mark else head for head, mark, data in parts
        ]

    return spoil


def _drop_usage(value: dict[str, Any]) -> None:
    value.pop("usage", None)


def _nothing_in_it(value: dict[str, Any]) -> None:
    """Empty `choices`; an empty `content` or `output` is an answer, so these are missing."""
    if value.get("choices"):
        value["choices"] = []
    if value.get("type") == "message" or value.get("object") == "response":
        value.pop("content", None)
        value.pop("output", None)


def _no_reason(value: dict[str, Any]) -> None:
    for name in ("finish_reason", "stop_reason"):
        if name in value:
            value[name] = None


def _cut_off(request: Request) -> dict[str, Any]:
    if request.speaks_anthropic:
        return {"finish_reason": "max_tokens"}
    return {"finish_reason": "max_output_tokens" if request.path.endswith("/responses") else "length"}


def middle(events: list[bytes]) -> int:
    """After how many events of a stream something happens: two thirds, so that a part of the answer was seen."""
    return len(events) * 2 // 3


FAULTS: Final[Mapping[str, Fault]] = {
    # Too much of it.
    "rate_limited": Fault("429 that does not say how long", "throttle", spoil=_rate_limit()),
    "retry_after": Fault(
        "429 with `Retry-After` in seconds (0.2)", "throttle", spoil=_rate_limit("retry-after", lambda: "0.2")
    ),
    "retry_after_ms": Fault(
        "429 with `retry-after-ms` (200)", "throttle", spoil=_rate_limit("retry-after-ms", lambda: "200")
    ),
    "retry_after_date": Fault(
        "429 with `Retry-After` as a date (in one second)",
        "throttle",
        spoil=_rate_limit("retry-after", lambda: formatdate(time.time() + 1, usegmt=True)),
    ),
    "retry_after_hour": Fault(
        "429 with `Retry-After: 3600`", "throttle", spoil=_rate_limit("retry-after", lambda: str(HOUR))
    ),
    "retry_after_negative": Fault(
        "429 with `Retry-After: -5`", "throttle", spoil=_rate_limit("retry-after", lambda: "-5")
    ),
    "retry_after_garbage": Fault(
        "429 with `Retry-After: soon`", "throttle", spoil=_rate_limit("retry-after", lambda: "soon")
    ),
    "insufficient_quota": Fault("the account is exhausted; waiting does not help", "throttle", spoil=_quota),
    "conflict": Fault(
        "409", "throttle", spoil=_error(409, "Conflict.", (None, "invalid_request_error"), "conflict_error")
    ),
    "overloaded": Fault(
        "529", "throttle", spoil=_error(529, "Overloaded", ("server_is_overloaded", "server_error"), "overloaded_error")
    ),
    # Its fault.
    "server_error": Fault("500", "provider", spoil=_server_error(500, "Internal server error")),
    "bad_gateway": Fault("502", "provider", spoil=_server_error(502, "Bad gateway")),
    "unavailable": Fault("503", "provider", spoil=_server_error(503, "Service unavailable")),
    "gateway_timeout": Fault("504", "provider", spoil=_server_error(504, "Gateway time-out")),
    "error_event": Fault("a stream that begins with an error event", "provider", "stream", spoil=_error_first),
    "late_error_event": Fault("an error event in the middle of a stream", "provider", "stream", spoil=_error_later),
    # Nobody answers, or not in time.
    "request_timeout": Fault(
        "408", "transport", spoil=_error(408, "Request time-out.", (None, "invalid_request_error"), "request_timeout")
    ),
    "hang": Fault("nothing comes, not even headers, until the client gives up", "transport", travel="hang"),
    "hang_after_headers": Fault(
        "the headers come, and nothing else until the client gives up", "transport", travel="hang_after_headers"
    ),
    "stall": Fault("nothing more comes in the middle, until the client gives up", "transport", travel="stall"),
    "reset": Fault("the connection is reset before the headers", "transport", travel="reset"),
    "reset_after_headers": Fault(
        "the connection is reset after the headers", "transport", travel="reset_after_headers"
    ),
    "cut": Fault("the connection closes in the middle, the body stays incomplete", "transport", travel="cut"),
    # An answer that is none.
    "html": Fault("a page with status 200", "invalid", spoil=_body(b"<html>upstream failure</html>", "text/html")),
    "malformed_json": Fault("half a JSON object with status 200", "invalid", "plain", spoil=_body(b'{"id": "x", "cho')),
    "garbage": Fault("an event, or the body, is not JSON", "invalid", travel="garbage"),
    "empty_body": Fault("status 200 and nothing else", "invalid", spoil=_body(b"")),
    "empty_choices": Fault("an answer with nothing in it", "invalid", "plain", spoil=_edit(_nothing_in_it)),
    "bad_gzip": Fault("the header says gzip, the body is not", "transport", spoil=_bad_gzip),
    "end": Fault(
        "a stream ends in good order, before the events that complete it", "invalid", "stream", travel="end"
    ),
    "no_terminator": Fault(
        "a stream without the event that says why it ended", "invalid", "stream", spoil=_without_end
    ),
    # The request is wrong.
    "bad_request": Fault("400", "client", spoil=_bad_request("Invalid request.")),
    "unauthorized": Fault(
        "401",
        "client",
        spoil=_error(401, "Incorrect API key.", ("invalid_api_key", "invalid_request_error"), "authentication_error"),
    ),
    "not_found": Fault(
        "404",
        "client",
        spoil=_error(
            404, "The model does not exist.", ("model_not_found", "invalid_request_error"), "not_found_error"
        ),
    ),
    "context_length_exceeded": Fault(
        "400: the prompt is too long for the model",
        "client",
        spoil=_bad_request("The prompt is too long for this model.", "context_length_exceeded"),
    ),
    "prefill_rejected": Fault(
        "400: the model does not continue an answer", "client", spoil=_bad_request("Prefilling is not supported.")
    ),
    # Refused on purpose.
    "forbidden": Fault(
        "403", "policy", spoil=_error(403, "Not allowed.", (None, "invalid_request_error"), "permission_error")
    ),
    "content_policy": Fault(
        "a 400 (Anthropic: 403) of the content filter",
        "policy",
        spoil=lambda request, answer: _error(
            403 if request.speaks_anthropic else 400,
            "The request was rejected by our safety system.",
            ("content_policy_violation", "invalid_request_error"),
            "permission_error",
        )(request, answer),
    ),
    # Answers all the same, and what is strange about them.
    "slow_first_token": Fault("three seconds until anything comes", fields=lambda _: {"delay": 3.0}),
    "slow_tokens": Fault("0.2 seconds before each event", on="stream", fields=lambda _: {"chunk_delay": 0.2}),
    "trickle": Fault("a byte every 0.05 seconds: always something, and no answer for long", travel="trickle"),
    "content_filter": Fault(
        "the answer ends with the content filter",
        fields=lambda request: {"finish_reason": "refusal" if request.speaks_anthropic else "content_filter"},
    ),
    "refusal": Fault("the model declines", fields=lambda _: {"refusal": "I cannot help with that.", "text": ""}),
    "length": Fault("the answer reached the most tokens that it may have", fields=_cut_off),
    "drift": Fault("another model answers", fields=lambda request: {"model": f"{request.model}-2099-01-01"}),
    "no_usage": Fault("nothing says how many tokens it took", spoil=_edit(_drop_usage)),
    "surprising_usage": Fault(
        "more tokens than `max_tokens` allows", fields=lambda _: {"usage": {"input": 10, "output": 1_000_000}}
    ),
    "no_finish_reason": Fault("nothing says why the answer ended", on="plain", spoil=_edit(_no_reason)),
    "no_done": Fault(
        "a stream without its last event (`[DONE]`, `message_stop`), which says nothing new",
        on="stream",
        spoil=_without_done,
    ),
    "wrong_content_type": Fault("an answer that calls itself text", on="plain", spoil=_called_text),
    "duplicate_event": Fault("an event of a stream comes twice", on="stream", spoil=_twice),
    "giant_event": Fault(
        "a megabyte in one event", on="stream", fields=lambda _: {"text": None, "chunks": ["word " * 200_000]}
    ),
}  # fmt: skip
"""By name: `Reply(fault=…)`, the model `fault-<name>`, the header `x-hardened-fault`, `Mix`, `Outage`, `Flapping`."""
