"""What the policy says about the size of a request and of its answer, before anything is sent or paid for."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from hardened.errors import InputTooLong, as_sdk_error
from hardened.resilience.limit_names import LIMIT_NAMES, limit_name
from hardened.resilience.plan import current
from hardened.resilience.targets import PRIMARY, Target
from hardened.resilience.window import Size, measure
from hardened.spend.maxima import max_output
from hardened.spend.tokens import estimate_request
from hardened.telemetry.record import CallRecord
from hardened_instrumentation.calls import Call, Effect, Json, RequestView


def limit_output(call: Call, record: CallRecord) -> None:
    """Say how long the answer may be, as the policy has it, where the application has not said so itself."""
    names = LIMIT_NAMES.get(call.route)
    limit = current().max_tokens_of(record.feature)
    if limit is None or names is None or call.body is None or call.method != "post" or call.operation is None:
        return
    if any(isinstance(call.body.get(name), int) for name in names):
        return
    model = call.body.get("model")
    limit = min(limit, max_output(model)) if isinstance(model, str) else limit
    body: Json = {**call.body, limit_name(call.route, call.provider): limit}
    call.replace(body)
    record.output_limited(limit)


def check_input(call: Call, record: CallRecord) -> Generator[Effect[Any], Any, Size | None]:
    """The size of a request that may be too large for a model.

    Raises `InputTooLong` if a message of the user has more characters than the policy allows, or the request more
    tokens than it allows, or than any model that may be asked can take, by estimate.
    """
    plan, view = current(), record.request
    if view is None:
        return None
    if plan.max_message_chars is not None:
        _check("max_message_chars", _longest_message(view), plan.max_message_chars, call)
    if plan.max_input_tokens is not None:
        _check("max_input_tokens", estimate_request(view), plan.max_input_tokens, call)
    targets = (Target(PRIMARY, call.sdk), *plan.fallbacks(record.feature))
    if not plan.checks_window and len(targets) == 1:
        return None  # nobody else could take it, and the provider says so for nothing
    return (yield from measure(call, view, targets, by_estimate=plan.checks_window))


def _check(setting: str, size: int, limit: int, call: Call) -> None:
    if size > limit:
        raise as_sdk_error(InputTooLong, call.sdk)(size=size, limit=limit, setting=setting)


def _longest_message(view: RequestView) -> int:
    """Characters of the longest message of the user, in all its texts together."""
    said = (message["parts"] for message in view.messages if message["role"] == "user")
    return max((sum(len(part["content"]) for part in parts if part.get("type") == "text") for parts in said), default=0)
