"""Who asks, and for what: user, session, feature, tenant, prompt, tags and metadata, stamped on every span inside.

The values travel in the OpenTelemetry context, so they follow whatever carries the trace itself: nested calls, asyncio
tasks, `propagate`. They are never put into baggage, which would leave the process in HTTP headers.
"""

from __future__ import annotations

import hashlib
import inspect
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import contextmanager
from contextvars import Token
from dataclasses import dataclass, field, replace
from functools import wraps
from types import MappingProxyType
from typing import Any, Final, ParamSpec, Self, TypeVar, cast, overload

from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.sdk.trace import Span, SpanProcessor
from opentelemetry.util.types import AttributeValue

from hardened.telemetry import semconv
from hardened.telemetry.faults import report

P = ParamSpec("P")
R = TypeVar("R")

Prompt = str | tuple[str, int | str]
"""A prompt's name, or its name and version."""

MAX_CHARS: Final = 200
"""Longer values are cut. Langfuse takes identifiers and tags of this length."""
MAX_TAGS: Final = 32
MAX_METADATA: Final = 32
"""Of more, the last are kept: a span stays below the 128 attributes at which the SDK begins to drop the oldest."""

_KEY: Final = otel_context.create_key("hardened.ambient")
_NONE: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Ambient:
    """What `context` has set at some point of the program. An empty string is the same as no value."""

    user_id: str | None = None
    session_id: str | None = None
    feature: str | None = None
    tenant: str | None = None
    prompt_name: str | None = None
    prompt_version: str | None = None
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, AttributeValue] = field(default_factory=lambda: _NONE, hash=False)
    deadline: float | None = None  # by `time.monotonic`
    priority: int | None = None
    run_id: str | None = None
    attributes: Mapping[str, AttributeValue] = field(init=False, compare=False, repr=False)
    """The same as attributes of a span."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "attributes", _attributes(self))

    def over(self, outer: Ambient) -> Ambient:
        """These values where there are any, else those of `outer`; the tags and metadata of both."""
        prompt = self if self.prompt_name is not None else outer  # a name never gets the version of another prompt
        return Ambient(
            user_id=outer.user_id if self.user_id is None else self.user_id,
            session_id=outer.session_id if self.session_id is None else self.session_id,
            feature=outer.feature if self.feature is None else self.feature,
            tenant=outer.tenant if self.tenant is None else self.tenant,
            prompt_name=prompt.prompt_name,
            prompt_version=prompt.prompt_version,
            tags=tuple(dict.fromkeys((*outer.tags, *self.tags)))[-MAX_TAGS:],
            metadata=_latest({**outer.metadata, **self.metadata}),
            priority=outer.priority if self.priority is None else self.priority,
            deadline=min((end for end in (self.deadline, outer.deadline) if end is not None), default=None),
            run_id=outer.run_id if self.run_id is None else self.run_id,
        )


def _attributes(ambient: Ambient) -> Mapping[str, AttributeValue]:
    named: dict[str, AttributeValue | None] = {
        semconv.USER_ID: ambient.user_id,
        semconv.SESSION_ID: ambient.session_id,
        semconv.FEATURE: ambient.feature,
        semconv.TENANT: ambient.tenant,
        semconv.RUN_ID: ambient.run_id,
        semconv.PROMPT_NAME: ambient.prompt_name,
        semconv.PROMPT_VERSION: ambient.prompt_version,
        semconv.TAGS: ambient.tags,
    }
    present = {name: value for name, value in named.items() if value}
    return MappingProxyType(present | {semconv.METADATA_PREFIX + key: value for key, value in ambient.metadata.items()})


_NOTHING: Final = Ambient()


def current(context: Context | None = None) -> Ambient:
    """What holds in `context`, by default here and now."""
    found = otel_context.get_value(_KEY, context)
    return found if isinstance(found, Ambient) else _NOTHING


def with_ambient(ambient: Ambient, context: Context | None = None) -> Context:
    """`context`, by default the current one, with `ambient` in it."""
    return otel_context.set_value(_KEY, ambient, context)


class context:
    """Every span that begins inside carries these values: ours, and those of other libraries.

        with hardened.context(user_id="u-17", feature="support", prompt=("support", 3)):
            ...

    Contexts nest: the inner value wins (an empty string takes the outer one away), tags and metadata add up. Values are
    cut after 200 characters; of more than 32 tags or metadata, the last are kept.

    Args:
        user_id: who asks.
        session_id: the conversation or visit that this belongs to.
        feature: the part of the application; a label of the metric of cost, so use few distinct values.
        tenant: the customer or organisation.
        prompt: name of the prompt, or its name and version. Without a version, none is claimed.
        tags: free words.
        metadata: further values by key: str, int, float or bool.
        deadline: seconds from entering, after which calls to models inside must be over; of nested ones, the earliest.
        run_id: names a run of an agent or job, whose calls share the budget of a run.
        priority: 1, 2 or 3: who goes first where calls wait for a place; 2 if nothing is said.

    Raises:
        TypeError: an argument has a wrong type. The message names the argument, never its value.
    """

    __slots__ = ("_given", "_seconds", "_tokens")

    def __init__(
        self,
        *,
        user_id: str | None = None,
        session_id: str | None = None,
        feature: str | None = None,
        tenant: str | None = None,
        prompt: Prompt | None = None,
        tags: Iterable[str] | None = None,
        metadata: Mapping[str, str | int | float | bool] | None = None,
        deadline: float | None = None,
        priority: int | None = None,
        run_id: str | None = None,
    ) -> None:
        name, version = _prompt(prompt)
        self._given = Ambient(
            user_id=_text("user_id", user_id),
            session_id=_text("session_id", session_id),
            feature=_text("feature", feature),
            tenant=_text("tenant", tenant),
            prompt_name=name,
            prompt_version=version,
            tags=_tags(tags),
            metadata=_metadata(metadata),
            run_id=_text("run_id", run_id),
        )
        if priority is not None:
            self._given = replace(self._given, priority=_priority(priority))
        self._seconds = _seconds(deadline)
        self._tokens: list[Token[Context]] = []  # one context object may be entered by several threads at once

    def __enter__(self) -> Self:
        given = self._given
        if self._seconds is not None:
            given = replace(given, deadline=time.monotonic() + self._seconds)
        self._tokens.append(otel_context.attach(with_ambient(given.over(current()))))
        return self

    def __exit__(self, *_: object) -> None:
        for token in reversed(self._tokens):
            if detach(token):
                self._tokens.remove(token)
                return
        self._tokens.pop()  # left elsewhere than entered, as in a generator that the collector finalises


def detach(token: Token[Context]) -> bool:
    """Take back an `attach`, if it was made in the `contextvars.Context` that runs now. Returns whether it was.

    OpenTelemetry's own `detach` logs an error with a traceback if not. That is no error: where a generator or coroutine
    is finalised by the garbage collector or the event loop, there is nothing to take back.
    """
    try:
        token.var.reset(token)
    except ValueError:
        return False
    return True


@overload
def propagate(function: Callable[P, R]) -> Callable[P, R]: ...
@overload
def propagate(function: None = None) -> Callable[[Callable[P, R]], Callable[P, R]]: ...
def propagate(function: Callable[..., Any] | None = None) -> Any:
    """`function`, which will run in the trace and with the values of `context` that hold now, in whatever thread.

        pool.submit(hardened.propagate(work), argument)

    The result may be called often and by many threads at once. Without an argument, returns a decorator.
    """
    if function is None:
        return cast("Callable[..., Any]", propagate)
    if not callable(function):
        kind = type(function).__name__
        raise TypeError(f"hardened.propagate: expected a function, not {kind}: wrap the function, not its result")
    here = otel_context.get_current()
    if inspect.iscoroutinefunction(function):

        @wraps(function)
        async def run_async(*args: Any, **kwargs: Any) -> Any:
            with _attached(here):
                return await function(*args, **kwargs)

        return run_async

    @wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        with _attached(here):
            return function(*args, **kwargs)

    return run


@contextmanager
def _attached(context: Context) -> Any:
    token = otel_context.attach(context)
    try:
        yield
    finally:
        detach(token)


class StampProcessor(SpanProcessor):
    """Puts the values of `context` on every span as it starts; what the span has already is left as it is."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        try:
            attributes = (current(parent_context) if parent_context is not None else _NOTHING).attributes
            attributes = attributes or current().attributes  # a parent restored from elsewhere has lost them
            if attributes:
                present = span.attributes or {}
                span.set_attributes({name: value for name, value in attributes.items() if name not in present})
        except Exception as error:  # noqa: BLE001 - telemetry never raises into the application
            report("stamping a span", error)


def prompt_hash(text: str) -> str:
    """A name for a system prompt that changes with its text: 12 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def _text(argument: str, value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise TypeError(f"hardened.context: {argument} must be a str, not {type(value).__name__}")
    return value[:MAX_CHARS]


def _priority(priority: object) -> int:
    if priority not in (1, 2, 3) or isinstance(priority, bool):
        raise TypeError("hardened.context: priority must be 1 (first), 2 or 3 (last)")
    return cast(int, priority)


def _seconds(deadline: object) -> float | None:
    if deadline is None:
        return None
    if isinstance(deadline, bool) or not isinstance(deadline, int | float) or not deadline >= 0:
        raise TypeError("hardened.context: deadline must be a number of seconds")
    return float(deadline)


def _prompt(prompt: object) -> tuple[str | None, str | None]:
    if not isinstance(prompt, tuple):
        return _text("prompt", prompt), None
    pair = cast("tuple[object, ...]", prompt)
    if len(pair) != 2 or isinstance(pair[1], bool) or not isinstance(pair[1], int | str):
        raise TypeError("hardened.context: prompt must be a name, or a tuple of name and version (int or str)")
    return _text("the prompt's name", pair[0]), str(pair[1])[:MAX_CHARS]


def _tags(tags: object) -> tuple[str, ...]:
    if tags is None:
        return ()
    if isinstance(tags, str) or not isinstance(tags, Iterable):
        raise TypeError(f"hardened.context: tags must be a list of str, not {type(tags).__name__}")
    texts = [_text("each of the tags", tag) for tag in cast("Iterable[object]", tags)]
    return tuple(dict.fromkeys(tag for tag in texts if tag))[-MAX_TAGS:]


def _metadata(metadata: object) -> Mapping[str, AttributeValue]:
    if metadata is None:
        return _NONE
    if not isinstance(metadata, Mapping):
        raise TypeError(f"hardened.context: metadata must be a mapping, not {type(metadata).__name__}")
    checked: dict[str, AttributeValue] = {}
    for key, value in cast("Mapping[object, object]", metadata).items():
        if not isinstance(key, str) or not isinstance(value, str | int | float | bool):
            raise TypeError("hardened.context: metadata must map str to str, int, float or bool")
        checked[key[:MAX_CHARS]] = value[:MAX_CHARS] if isinstance(value, str) else value
    return _latest(checked)


def _latest(metadata: dict[str, AttributeValue]) -> Mapping[str, AttributeValue]:
    return MappingProxyType(dict(list(metadata.items())[-MAX_METADATA:])) if metadata else _NONE
