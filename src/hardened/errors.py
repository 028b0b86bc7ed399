"""Everything that `hardened` raises on purpose.

A message names what happened, where, and what to do. It never contains matched text, prompt content or a credential.
"""

from __future__ import annotations

import sys
from functools import cache
from typing import Any, ClassVar, TypeVar, cast


class HardenedError(Exception):
    """Base of every documented decision or configuration error."""


class PolicyError(HardenedError):
    """The configuration cannot be used; the message says which file, line and key, and what would be right."""


class BlockedError(HardenedError):
    """A guard refused a text, as the policy says.

    Attributes:
        stage: where the text was checked: `input`, `output`, `retrieval`, `tool_call` or `tool_result`.
        detector: the detector whose finding led to the block, or that failed closed.
        category: what was found, for example `openai_api_key`; `detector_error` when the detector failed closed.
        released_chars: for a stream, how many characters of the answer the application had already received.
    """

    def __init__(self, *, stage: str, detector: str, category: str, released_chars: int = 0) -> None:
        self.stage = stage
        self.detector = detector
        self.category = category
        self.released_chars = released_chars
        super().__init__(
            f"blocked at stage {stage!r}: detector {detector!r} found {category!r}. "
            f"To change this, set the action of detector {detector!r} at {stage!r} in hardened.yaml to warn or redact."
        )

    def __reduce__(self) -> tuple[object, ...]:
        return (_blocked, (self.stage, self.detector, self.category, self.released_chars))


def _blocked(stage: str, detector: str, category: str, released_chars: int) -> BlockedError:
    return BlockedError(stage=stage, detector=detector, category=category, released_chars=released_chars)


class CallError(HardenedError):
    """A call that ended without an answer that can be used, by a decision of ours.

    Where the SDK is known, what is raised is also an exception of that SDK (`sdk_name`), so that handlers written for
    it catch ours: `except openai.APIConnectionError` catches a `StreamInterrupted`.
    """

    sdk_name: ClassVar[str] = "APIError"

    def __init__(self, message: str, **said: Any) -> None:
        Exception.__init__(self, message)  # not the SDK's, which wants a request and a body
        self._said = said
        self.__dict__.update(said)
        self.__dict__.update(message=message, request=None, body=None, code=None, param=None, type=None)

    def __reduce__(self) -> tuple[object, ...]:
        return (_call_error, (_own_class(type(self)), self._said))


class InvalidResponse(CallError):
    """The provider answered, with something that is no answer: HTML, no choices, a stream without content.

    Attributes:
        reason: what was wrong, for example `html`, `no_choices`, `empty_stream`.
        error_class: `invalid`, or the class of the error that stood inside the answer.
    """

    reason: str
    error_class: str

    def __init__(self, *, reason: str, error_class: str = "invalid") -> None:
        super().__init__(
            f"the provider answered with something that is no answer ({reason}), also when asked again. "
            "To get it as the SDK would hand it on, set resilience.validate_answers to false in hardened.yaml.",
            reason=reason,
            error_class=error_class,
        )


class StreamInterrupted(CallError):
    """A stream broke off, and asking again did not help, or was not possible: the application had seen content of it.

    Attributes:
        reason: why, for example `cut` (no terminal event), `connection`, `timeout`, `overloaded_error`.
        error_class: its class: `transport`, `throttle`, `provider`, `invalid`, …
        partial_text: the text that the application has received; never part of the message.
        input_tokens, output_tokens: as far as the provider had told, else None.
    """

    sdk_name = "APIConnectionError"
    reason: str
    error_class: str
    partial_text: str
    input_tokens: int | None
    output_tokens: int | None

    def __init__(
        self,
        *,
        reason: str,
        error_class: str,
        partial_text: str = "",
        input_tokens: int | None = None,
        output_tokens: int | None = None,
    ) -> None:
        super().__init__(
            f"the stream broke off after {len(partial_text)} characters ({reason}). What came is in `partial_text`; "
            "with stream: buffer in hardened.yaml a broken stream is asked for again instead."
            if partial_text
            else f"the stream broke off ({reason}) before anything of it was shown, also when asked again.",
            reason=reason,
            error_class=error_class,
            partial_text=partial_text,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
        )


class Overloaded(CallError):
    """Too many are at work already, and too many wait: this one was refused without being sent.

    Attributes:
        target: what has no place left.
        retry_after: seconds after which there may be one, by estimate.
    """

    target: str
    retry_after: float

    def __init__(self, *, target: str, retry_after: float) -> None:
        super().__init__(
            f"{target}: no place is free, and no more can wait. Try again in {retry_after:.1f} s; the limit is "
            "resilience.concurrency in hardened.yaml, or that of @hardened.resilient.",
            target=target,
            retry_after=retry_after,
        )


class CircuitOpen(CallError):
    """Something has failed too often of late and is left alone for a while.

    Attributes:
        target: what it is.
        retry_after: seconds after which it is tried again.
    """

    sdk_name = "APIConnectionError"
    target: str
    retry_after: float

    def __init__(self, *, target: str, retry_after: float) -> None:
        super().__init__(
            f"{target} has failed too often and is left alone for {retry_after:.1f} s more.",
            target=target,
            retry_after=retry_after,
        )


class InputTooLong(CallError):
    """A request is larger than the policy allows, or than any model can take that may be asked; nothing was sent.

    Attributes:
        size: tokens of the request, by estimate, or characters of one message.
        limit: how many it may have.
        setting: the setting that refuses it: `max_message_chars`, `max_input_tokens` or `context_window`.
    """

    size: int
    limit: int
    setting: str

    def __init__(self, *, size: int, limit: int, setting: str) -> None:
        what = f"a message has {size} characters" if setting == "max_message_chars" else f"it has about {size} tokens"
        super().__init__(
            f"the request is too long: {what}, and {limit} are allowed. Shorten it, or change resilience.{setting} in "
            "hardened.yaml. Nothing was sent.",
            size=size,
            limit=limit,
            setting=setting,
        )


class DeadlineExceeded(CallError):
    """A call took longer than it may, with all its requests and pauses.

    Attributes:
        seconds: how long it took.
    """

    sdk_name = "APITimeoutError"
    seconds: float

    def __init__(self, *, seconds: float) -> None:
        super().__init__(
            f"the call was not over in time ({seconds:.1f} s, all its requests included). The limit is "
            "resilience.deadline in hardened.yaml, or that of hardened.context(deadline=...) around it or of "
            "@hardened.resilient.",
            seconds=seconds,
        )


E = TypeVar("E", bound=CallError)


def as_sdk_error(kind: type[E], sdk: str) -> type[E]:
    """`kind` as a class that is also the SDK's own exception of `kind.sdk_name`; `kind` itself if the SDK has none."""
    theirs = getattr(sys.modules.get(sdk), kind.sdk_name, None)
    return cast("type[E]", _both(kind, theirs)) if isinstance(theirs, type) else kind


@cache
def _both(ours: type[CallError], theirs: type) -> type[CallError]:
    return type(ours.__name__, (ours, theirs), {"__module__": ours.__module__, "__qualname__": ours.__qualname__})


def _own_class(kind: type[CallError]) -> type[CallError]:
    return next(base for base in kind.__mro__ if getattr(sys.modules[base.__module__], base.__name__, None) is base)


def _call_error(kind: type[CallError], said: dict[str, Any]) -> CallError:
    return kind(**said)


class LimitError(HardenedError):
    """A call was not sent, because it does not fit into a budget or limit of the policy.

    Attributes:
        scope: what is limited: `request`, `run`, `conversation`, `user`, `feature`, `tenant` or `global`.
        window: `minute`, `hour`, `day`, `month`, or `None` for what has none.
        unit: `usd`, `tokens` or `requests`.
        used: what is used, or reserved by calls in progress.
        needed: what this call would reserve.
        cap: what the policy allows.
        retry_after: seconds until there is room again, as far as time alone makes any; `None` if it does not.
        alone: whether the store was away, so that `used` and `cap` are those of this process alone.
    """

    what = "limit"

    def __init__(
        self,
        *,
        scope: str,
        window: str | None,
        unit: str,
        used: float,
        needed: float,
        cap: float,
        retry_after: float | None = None,
        alone: bool = False,
    ) -> None:
        self.scope = scope
        self.window = window
        self.unit = unit
        self.used = used
        self.needed = needed
        self.cap = cap
        self.retry_after = retry_after
        self.alone = alone
        setting = f"budgets.{scope}.{window}" if window else f"budgets.{scope}"
        allowed = f"{_amount(cap, unit)}{f' per {window}' if window else ''} are allowed"
        if alone:
            setting = "store.replicas, store.budgets_when_down or store.limits_when_down"
            allowed = f"while the store of the counts is away, {_amount(cap, unit)} are the share of this process"
        wait = f" There is room again in {duration(retry_after)}." if retry_after is not None else ""
        smaller = "" if unit == "requests" else ", or a lower limit of output tokens on the call"
        super().__init__(
            f"{self.what} of scope {scope!r}: {allowed}, "
            f"{_amount(used, unit)} are used or reserved, and this call may need {_amount(needed, unit)}.{wait} "
            f"To change this, set {setting} in hardened.yaml{smaller}."
        )

    def __reduce__(self) -> tuple[object, ...]:
        names = ("scope", "window", "unit", "used", "needed", "cap", "retry_after", "alone")
        return (_limit_error, (type(self), {name: getattr(self, name) for name in names}))


class BudgetExceeded(LimitError):
    """The budget of a day, month, run, conversation or request has no room for a call."""

    what = "budget"


class RateLimited(LimitError):
    """The rate of a minute or hour has no room for a call; `retry_after` says when it has."""

    what = "rate limit"


class UnknownPrice(HardenedError):
    """A call was not sent: money is limited, nobody knows what the model costs, and the policy says `deny`."""

    def __init__(self, model: str) -> None:
        self.model = model
        super().__init__(
            f"the price of model {model!r} is not known, so no budget in USD can hold. Give it under prices in "
            "hardened.yaml, or set spend.unknown_price to estimate or warn."
        )


class KilledError(HardenedError):
    """A call was not sent, because the kill switch is on.

    Attributes:
        scope: what is switched off: `all`, `feature`, `user` or `model`.
    """

    def __init__(self, scope: str) -> None:
        self.scope = scope
        super().__init__(
            f"the kill switch is on for {'all calls' if scope == 'all' else f'this {scope}'}. "
            "See `hardened kill` for what is switched off, and how to switch it on again."
        )


class IdempotencyError(HardenedError):
    """A function under `@hardened.idempotent` was not run, because of an earlier run with the same key.

    Attributes:
        action: the name of what is done.
    """

    def __init__(self, action: str, message: str) -> None:
        self.action = action
        super().__init__(f"{action}: {message}")


class AlreadyRunning(IdempotencyError):
    """Somebody else is doing it at this moment.

    Attributes:
        retry_after: seconds after which that run counts as lost; most are over much earlier.
    """

    def __init__(self, action: str, retry_after: float) -> None:
        self.retry_after = retry_after
        super().__init__(
            action,
            "it is being done already, with the same key. Ask again for its result, or let `wait=` of "
            "@hardened.idempotent do so.",
        )

    def __reduce__(self) -> tuple[object, ...]:
        return (AlreadyRunning, (self.action, self.retry_after))


class AlreadyDone(IdempotencyError):
    """It was done before, and its result was not kept or cannot be read: nothing is wrong, and nothing to be done."""

    def __init__(self, action: str) -> None:
        super().__init__(action, "it was done before, with the same key. Its result was not kept, or cannot be read.")

    def __reduce__(self) -> tuple[object, ...]:
        return (AlreadyDone, (self.action,))


class OutcomeUnknown(IdempotencyError):
    """It may have been done or not: a process died or a task was cancelled half way, or the store does not answer.

    Attributes:
        reason: which of these.
    """

    def __init__(self, action: str, reason: str) -> None:
        self.reason = reason
        super().__init__(
            action,
            f"nobody knows whether it was done ({reason}). Look where it would show, or say what to do with "
            "`on_unknown=` of @hardened.idempotent.",
        )

    def __reduce__(self) -> tuple[object, ...]:
        return (OutcomeUnknown, (self.action, self.reason))


def _limit_error(kind: type[LimitError], values: dict[str, object]) -> LimitError:
    return kind(**values)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def _amount(value: float, unit: str) -> str:
    return f"{value:.2f} USD" if unit == "usd" and value >= 1 else f"{value:.6g} {'USD' if unit == 'usd' else unit}"


def duration(seconds: float) -> str:
    """`45 s`, `12 min`, `3 h 5 min`, `4 d 2 h`."""
    minutes, hours, days = seconds / 60, seconds / 3600, seconds / 86_400
    if minutes < 2:
        return f"{seconds:.0f} s"
    if hours < 2:
        return f"{minutes:.0f} min"
    if days < 2:
        return f"{hours:.0f} h"
    return f"{days:.0f} d"
