"""What went wrong with a request, and what may be done about it: tables, and the few lines that read them.

Six classes. What follows from a class stands in `REMEDIES`; which class an error is in `ERRORS`, by the codes that a
provider writes into its bodies and error events, and in `STATUSES` for what has no code that we know.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple

from hardened.resilience.backoff import retry_after

ErrorClass = Literal["throttle", "provider", "client", "policy", "transport", "invalid"]


class Remedy(NamedTuple):
    """What may follow: the same request again, another target, a mark against the target's health."""

    again: bool
    elsewhere: bool
    counts: bool


REMEDIES: Final[Mapping[ErrorClass, Remedy]] = {
    "throttle": Remedy(again=True, elsewhere=True, counts=False),  # too much of it: wait, or ask somebody else
    "provider": Remedy(again=True, elsewhere=True, counts=True),  # its fault
    "transport": Remedy(again=True, elsewhere=True, counts=True),  # nobody answered, or not in time
    "invalid": Remedy(again=True, elsewhere=True, counts=True),  # an answer that is none
    "client": Remedy(again=False, elsewhere=False, counts=False),  # the request is wrong: it stays wrong
    "policy": Remedy(again=False, elsewhere=False, counts=False),  # refused on purpose: not to be routed around
}


class Row(NamedTuple):
    """An error that a provider names. `again` and `elsewhere`, where given, stand above the remedy of the class."""

    codes: tuple[str, ...]  # of `code` or `type` in the body
    kind: ErrorClass
    again: bool | None = None
    elsewhere: bool | None = None
    says: str = ""  # the code alone is too wide: the message must contain this
    event: bool = False  # the code is too wide beside an HTTP status: it only counts in an error event, which has none


_OPENAI: Final = (
    # The account is exhausted: waiting does not help, another account does.
    Row(("insufficient_quota", "billing_hard_limit_reached", "billing_not_active"), "throttle", again=False),
    # More tokens than the account may use in a minute: this one never fits.
    Row(("rate_limit_exceeded",), "client", elsewhere=True, says="request too large"),
    Row(("rate_limit_exceeded", "slow_down", "server_is_overloaded", "engine_overloaded"), "throttle"),
    Row(
        ("context_length_exceeded", "string_above_max_length"), "client", elsewhere=True
    ),  # another model may be larger
    Row(
        ("content_filter", "content_policy_violation", "ResponsibleAIPolicyViolation", "moderation_blocked"),
        "policy",
    ),
    Row(("model_not_found", "DeploymentNotFound"), "client", elsewhere=True),
    Row(("invalid_api_key", "invalid_authentication"), "client", elsewhere=True),
    Row(("server_error", "internal_server_error"), "provider"),
)
_ANTHROPIC: Final = (
    Row(("invalid_request_error",), "throttle", again=False, says="credit balance is too low"),
    Row(("billing_error",), "throttle", again=False),
    Row(("overloaded_error", "rate_limit_error"), "throttle"),
    Row(("invalid_request_error",), "client", elsewhere=True, says="prompt is too long"),
    Row(("authentication_error",), "client", elsewhere=True),
    Row(("permission_error",), "policy"),
    Row(("invalid_request_error", "not_found_error", "request_too_large"), "client", event=True),
    Row(("api_error", "timeout_error"), "provider"),
)
ERRORS: Final[Mapping[str, tuple[Row, ...]]] = {"openai": _OPENAI, "groq": _OPENAI, "anthropic": _ANTHROPIC}
"""By SDK, in the order in which the rows are tried."""


class Status(NamedTuple):
    """An HTTP status, where the body says nothing that we know."""

    kind: ErrorClass
    again: bool | None = None
    elsewhere: bool | None = None


STATUSES: Final[Mapping[int, Status]] = {
    401: Status("client", elsewhere=True),  # another key may be right
    402: Status("throttle", again=False),
    403: Status("policy"),
    408: Status("transport"),
    409: Status("throttle"),  # a lock is taken
    425: Status("throttle"),
    429: Status("throttle"),
    498: Status("throttle"),  # Groq: no capacity in the flex tier
    529: Status("throttle"),  # Anthropic: overloaded
}
"""Other statuses from 400 on are `client`, from 500 on `provider`."""

TRANSPORT: Final[Mapping[str, str]] = {
    "APITimeoutError": "timeout",
    "APIConnectionError": "connection",
    "RetryableError": "connection",  # anthropic: what a middleware raises to have the request sent again
    "TimeoutException": "timeout",
    "TransportError": "connection",
    "DecodingError": "decoding",  # compressed, as its header says, but not so
}
"""Classes of exceptions, of the SDKs and of httpx, that say that nobody answered. The first in the MRO counts."""

NEVER_SENT: Final = frozenset({"ConnectError", "ConnectTimeout", "PoolTimeout", "UnsupportedProtocol"})
"""Those of httpx that say that the request never left."""


class Fault(NamedTuple):
    """What went wrong with one request.

    Attributes:
        kind: its class.
        code: a word for it with few values: an HTTP status, `timeout`, a provider's own code from the tables.
        again: whether the same target may be asked again.
        elsewhere: whether another target may be asked.
        counts: whether it speaks against the health of the target.
        retry_after: seconds after which the provider wants to be asked again, if it said so.
    """

    kind: ErrorClass
    code: str
    again: bool
    elsewhere: bool
    counts: bool
    retry_after: float | None = None


def fault(
    kind: ErrorClass,
    code: str,
    *,
    again: bool | None = None,
    elsewhere: bool | None = None,
    retry_after: float | None = None,
) -> Fault:
    """A fault with the remedy of its class, except where said otherwise."""
    remedy = REMEDIES[kind]
    return Fault(
        kind,
        code,
        remedy.again if again is None else again,
        remedy.elsewhere if elsewhere is None else elsewhere,
        remedy.counts,
        retry_after,
    )


def of_error(sdk: str, error: BaseException) -> Fault | None:
    """The fault behind an exception of an SDK; `None` for one that says nothing about the provider."""
    status: Any = getattr(error, "status_code", None)
    if isinstance(status, int) and status >= 400:
        response: Any = getattr(error, "response", None)
        return of_status(sdk, status, getattr(error, "body", None), getattr(response, "headers", None) or {})
    for base in type(error).__mro__:
        if base.__name__ in TRANSPORT:
            return fault("transport", TRANSPORT[base.__name__])
    return None


def not_billed(error: BaseException) -> bool:
    """Whether a provider certainly did no work: it refused the request, or never received it."""
    status = getattr(error, "status_code", None)
    if isinstance(status, int) and status >= 400:
        return True
    seen: BaseException | None = error
    while seen is not None:
        if type(seen).__name__ in NEVER_SENT:
            return True
        seen = seen.__cause__
    return False


def of_status(sdk: str, status: int, body: Any, headers: Mapping[str, str]) -> Fault:
    """The fault behind an answer with an error status."""
    wait = retry_after(headers)
    row = of_body(sdk, body, event=False)
    if row is None:
        known = STATUSES.get(status) or Status("provider" if status >= 500 else "client")
        row = fault(known.kind, str(status), again=known.again, elsewhere=known.elsewhere)
    again = {"true": True, "false": False}.get(headers.get("x-should-retry", ""), row.again)  # the provider knows best
    return Fault(row.kind, row.code, again, row.elsewhere, row.counts, wait)


def of_body(sdk: str, body: Any, *, event: bool = True) -> Fault | None:
    """The fault that an error event, or else the body of an error, names; `None` for one that no table knows."""
    named = dict(_named(body))
    for row in ERRORS.get(sdk, ()):
        code = next((code for code in row.codes if code in named), None)
        if code is not None and row.says in named[code] and event >= row.event:
            return fault(row.kind, code, again=row.again, elsewhere=row.elsewhere)
    return None


def _named(body: Any, depth: int = 3) -> Iterator[tuple[str, str]]:
    """The codes and types in an error's body, with the message beside them in lower case."""
    if not isinstance(body, Mapping) or depth == 0:
        return
    said: Mapping[str, Any] = body  # pyright: ignore[reportUnknownVariableType]
    message = said.get("message")
    for key in ("code", "type"):
        value = said.get(key)
        if isinstance(value, str):
            yield value, message.lower() if isinstance(message, str) else ""
    for key in ("error", "response", "innererror", "inner_error"):
        yield from _named(said.get(key), depth - 1)
