"""The guards for code of one's own: check a text, guard a function, add a detector."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import aclosing, closing
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from hardened.guards.current import current
from hardened.guards.engine import Guards, enforce
from hardened.guards.stream import StreamGuard
from hardened.guards.verdict import STAGES, Stage, Verdict
from hardened.guards.yielding import yielding

if TYPE_CHECKING:
    from hardened_detectors.registry import Found

T = TypeVar("T")
Function = TypeVar("Function", bound=Callable[..., Any])
Detection = TypeVar("Detection", bound="Callable[..., Found]")

LONG: Final = 32_768  # characters; detection takes some milliseconds, too long for an event loop
_OF_ARGUMENTS: Final[tuple[Stage, ...]] = ("input", "tool_call")  # the other stages judge results


def check(text: str, stage: Stage = "input") -> Verdict:
    """Judge a text as the active policy says. Changes and raises nothing: the verdict says what may go on.

    Raises:
        TypeError: `text` is not a string.
        ValueError: there is no such stage.
    """
    if not isinstance(text, str):
        raise TypeError(f"hardened.check: text must be a str, not {type(text).__name__}")
    guards = current().for_call()
    guards.expect([text])
    return guards.check(text, _known(stage))


async def acheck(text: str, stage: Stage = "input") -> Verdict:
    """`check` for asynchronous code: long texts, and detectors that have a time-out, are waited for in a thread."""
    return await _aside(functools.partial(check, text, stage), _size(text), _known(stage))


def decrypt(text: str) -> str:
    """`text` with the values that the operator `encrypt` has closed; with the key of the active policy.

    The tenant must be the one for which they were closed: `with hardened.context(tenant=...)`. What was closed with
    another key or for another tenant, or was changed since, stays as it is. In a JSON text the values are written as
    JSON.

    Raises:
        PolicyError: the active policy has no `redaction.key`.
        TypeError: `text` is not a string.
    """
    from hardened.guards.operators import decrypt_all

    if not isinstance(text, str):
        raise TypeError(f"hardened.decrypt: text must be a str, not {type(text).__name__}")
    return decrypt_all(text, current().plan.replacement)[0]


def guard(stage: Stage = "output") -> Callable[[Function], Function]:
    """A decorator that lets texts into or out of a function only as the active policy says.

    At the stages `input` and `tool_call` the arguments are judged, at the others the result: strings, and strings in
    lists and dicts (their values); everything else passes untouched. Works for functions, coroutine functions, and
    generators of both kinds, whose strings are taken as the pieces of one text (see `StreamGuard`).

    The decorated function raises `BlockedError` if the policy says so.
    """
    if callable(stage):
        raise TypeError("hardened.guard is used with parentheses: @hardened.guard(), @hardened.guard(stage=...)")
    _known(stage)
    of_arguments = stage in _OF_ARGUMENTS

    def decorate(function: Function) -> Function:
        if inspect.isasyncgenfunction(function):
            wrapper = _guard_async_generator(function, stage, of_arguments)
        elif inspect.isgeneratorfunction(function):
            wrapper = _guard_generator(function, stage, of_arguments)
        elif inspect.iscoroutinefunction(function):
            wrapper = _guard_coroutine(function, stage, of_arguments)
        else:
            wrapper = _guard_function(function, stage, of_arguments)
        return cast(Function, functools.wraps(function)(wrapper))

    return decorate


def detector(name: str) -> Callable[[Detection], Detection]:
    """A decorator that makes a function a detector, known to policies as `name`.

    The function takes a text, and the detector's options in the policy as keyword arguments. It returns spans
    `(start, end)`, spans with a category `(start, end, category)`, or just whether the text as a whole is one.
    What it finds follows the policy's rules for `name`; it sees whole texts only.

    Raises:
        TypeError: the name was forgotten.
        ValueError: a built-in detector has this name, or it is none: letters, digits, `_`, `-` and `.`.
    """
    if not isinstance(name, str):
        raise TypeError('hardened.detector is used with a name: @hardened.detector("ticket")')

    def register(function: Detection) -> Detection:
        from hardened_detectors import registry

        def create(*, stage: str, **options: Any) -> Any:
            return registry.from_function(name, functools.partial(function, **options))

        registry.register(name, create)
        return function

    return register


def _known(stage: Stage) -> Stage:
    if stage not in STAGES:
        raise ValueError(f"no such stage: {stage!r}; one of {', '.join(STAGES)}")
    return stage


def _judged(value: T, stage: Stage) -> T:
    """`value` with its texts as they may go on; the same object if nothing changed. Raises BlockedError."""
    guards = current().for_call()
    guards.expect(_texts(value))
    return cast(T, _walk(value, stage, guards))


def _walk(value: Any, stage: Stage, guards: Guards) -> Any:
    if isinstance(value, str):
        verdict = guards.check(value, stage)
        enforce(verdict)
        return value if verdict.text == value else verdict.text
    if type(value) is list:
        items = cast(list[Any], value)
        judged = [_walk(item, stage, guards) for item in items]
        return judged if any(new is not old for new, old in zip(judged, items, strict=True)) else items
    if type(value) is dict:
        entries = cast(dict[Any, Any], value)
        changed = {key: _walk(entry, stage, guards) for key, entry in entries.items()}
        return changed if any(new is not entries[key] for key, new in changed.items()) else entries
    return value


def _texts(value: Any) -> Iterator[str]:
    """The texts in `value` that are judged."""
    if isinstance(value, str):
        yield value
    elif type(value) is list:
        for item in cast(list[Any], value):
            yield from _texts(item)
    elif type(value) is dict:
        for entry in cast(dict[Any, Any], value).values():
            yield from _texts(entry)


def _size(value: Any) -> int:
    return sum(map(len, _texts(value)))


async def _judged_aside(value: T, stage: Stage) -> T:
    return await _aside(functools.partial(_judged, value, stage), _size(value), stage)


async def _aside(function: Callable[[], T], size: int, stage: Stage) -> T:
    """Call `function`, which judges `size` characters, where it cannot keep the event loop waiting."""
    if size <= LONG and not current().waits(stage, "user"):
        return function()
    try:
        from anyio.to_thread import run_sync  # works on asyncio and trio
    except ImportError:
        from asyncio import to_thread as run_sync
    return await run_sync(functools.partial(yielding, function))


def _arguments(args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
    return [list(args), kwargs]


Wrapped = Callable[..., Any]


def _guard_function(function: Wrapped, stage: Stage, of_arguments: bool) -> Wrapped:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if not of_arguments:
            return _judged(function(*args, **kwargs), stage)
        given = _judged(_arguments(args, kwargs), stage)
        return function(*given[0], **given[1])

    return wrapper


def _guard_coroutine(function: Wrapped, stage: Stage, of_arguments: bool) -> Wrapped:
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        if not of_arguments:
            return await _judged_aside(await function(*args, **kwargs), stage)
        given = await _judged_aside(_arguments(args, kwargs), stage)
        return await function(*given[0], **given[1])

    return wrapper


def _guard_generator(function: Callable[..., Generator[Any, Any, Any]], stage: Stage, of_arguments: bool) -> Wrapped:
    def wrapper(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        if of_arguments:
            given = _judged(_arguments(args, kwargs), stage)
            return (yield from function(*given[0], **given[1]))
        field = StreamGuard(current().for_call(), stage)
        with closing(function(*args, **kwargs)) as pieces:
            for piece in pieces:
                if not isinstance(piece, str):
                    yield piece
                elif out := field.feed(piece):
                    yield out
        if rest := field.finish():
            yield rest
        return None

    return wrapper


def _guard_async_generator(
    function: Callable[..., AsyncGenerator[Any, Any]], stage: Stage, of_arguments: bool
) -> Wrapped:
    async def wrapper(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        given = _arguments(args, kwargs)
        if of_arguments:
            given = await _judged_aside(given, stage)
        field = None if of_arguments else StreamGuard(current().for_call(), stage)
        async with aclosing(function(*given[0], **given[1])) as pieces:
            async for piece in pieces:
                if field is None or not isinstance(piece, str):
                    yield piece
                elif out := field.feed(piece):
                    yield out
        if field and (rest := await _aside(field.finish, field.released + field.held, stage)):
            yield rest

    return wrapper
