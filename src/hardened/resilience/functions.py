"""The same care for anything that an application depends on: a vector database, a search, a tool."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Generator
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar, cast

from hardened.errors import CallError, CircuitOpen
from hardened.resilience import backoff
from hardened.resilience.health import Health
from hardened.resilience.permits import NORMAL, permits
from hardened.resilience.plan import Crowd
from hardened.store.breaker import BreakerRule
from hardened.telemetry import context
from hardened_instrumentation.calls import Effect, Sleep, Work, perform
from hardened_instrumentation.drive import acomplete, complete

P = ParamSpec("P")
R = TypeVar("R")

_MISSING: Final = object()


def resilient(
    name: str,
    *,
    fallback: Any = _MISSING,
    retries: int = 0,
    timeout: float | None = None,
    limit: int | None = None,
    queue: int = 50,
    wait: float = 9.0,
    failures: tuple[type[Exception], ...] = (Exception,),
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A function with a breaker, retries, a limit of concurrency and a fallback; sync or async.

        @hardened.resilient("vector-db", fallback=[], retries=1, limit=20)
        def search(question: str) -> list[str]: ...

    Args:
        name: what it depends on; functions of the same name share breaker and limit.
        fallback: what is returned when it fails: a value, or a function of the same arguments.
        retries: how often it is tried again, after a pause.
        timeout: seconds for one try; only for coroutine functions, since nothing can interrupt another.
        limit, queue, wait: how many may be at work at once, how many may wait for that, and how many seconds.
        failures: exceptions that count as failures of what it depends on. Others are raised as they are.

    Raises:
        TypeError: `timeout` for a function that is no coroutine function.

    Without a fallback the function raises its own last error, `CircuitOpen` while the breaker is open, or `Overloaded`.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        asynchronous = inspect.iscoroutinefunction(function)
        if timeout is not None and not asynchronous:
            raise TypeError(
                "hardened.resilient: timeout is only for coroutine functions: nothing can interrupt another"
            )
        crowd = None if limit is None else Crowd(limit, queue, wait)
        counted = (*failures, TimeoutError) if timeout is not None else failures

        def steps(work: Work[Any], instead: Work[Any] | None) -> Generator[Effect[Any], Any, Any]:
            try:
                return (yield from _guarded(name, work, crowd, retries, counted))
            except (CallError, *counted):
                if instead is None:
                    raise
            return (yield from perform(instead))

        @wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> Any:
            instead = None if fallback is _MISSING else Work(lambda: _value(fallback, args, kwargs))
            return complete(steps(Work(lambda: function(*args, **kwargs)), instead))

        @wraps(function)
        async def arun(*args: P.args, **kwargs: P.kwargs) -> Any:
            async def attempt() -> Any:
                import anyio

                with anyio.fail_after(timeout):
                    return await cast("Awaitable[Any]", function(*args, **kwargs))

            async def substitute() -> Any:
                value = _value(fallback, args, kwargs)
                return await value if inspect.isawaitable(value) else value

            instead = None if fallback is _MISSING else Work(_never, substitute)
            return await acomplete(steps(Work(_never, attempt), instead))

        return cast("Callable[P, R]", arun if asynchronous else run)

    return decorate


def _guarded(
    name: str, work: Work[Any], crowd: Crowd | None, retries: int, failures: tuple[type[Exception], ...]
) -> Generator[Effect[Any], Any, Any]:
    """The result of `work`, tried as often as allowed. Raises its last error, `CircuitOpen` or `Overloaded`."""
    health = Health(f"function/{name}", BreakerRule())
    attempt = 0
    while True:
        gate = yield from health.allows()
        if not gate.allowed:
            raise CircuitOpen(target=name, retry_after=gate.wait)
        leave: Callable[[], None] | None = None
        try:
            if crowd is not None:
                priority = context.current().priority or NORMAL
                leave = yield from permits(f"function/{name}").enter(name, crowd, priority)
            result = yield from perform(work)
        except failures as error:
            counts = not isinstance(error, CallError)
            gate = yield from health.tell("fail" if counts else "neutral")
            if attempt >= retries or not counts or gate.state == "open":
                raise
        except BaseException:
            health.tell_later("neutral")
            raise
        else:
            yield from health.tell("ok")
            return result
        finally:
            if leave is not None:
                leave()
        yield from perform(Sleep(backoff.pause(attempt)))
        attempt += 1


def _value(fallback: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return fallback(*args, **kwargs) if callable(fallback) else fallback


def _never() -> Any:
    raise AssertionError("an async caller awaits the twin")
