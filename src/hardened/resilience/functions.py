"""The same care for anything that an application depends on: a vector database, a search, a tool."""

from __future__ import annotations

import inspect
import os
import time
from collections.abc import Awaitable, Callable, Generator, Mapping
from dataclasses import dataclass, replace
from functools import partial, wraps
from itertools import count
from typing import Any, Final, ParamSpec, TypeVar, cast

from hardened.errors import CallError, CircuitOpen, DeadlineExceeded, HardenedError
from hardened.guards.workers import Workers
from hardened.resilience import backoff
from hardened.resilience.health import Health
from hardened.resilience.permits import NORMAL, permits
from hardened.resilience.plan import Crowd, current
from hardened.store.breaker import BreakerRule
from hardened.telemetry import context
from hardened_instrumentation.calls import Effect, Sleep, Work, perform
from hardened_instrumentation.drive import acomplete, complete

P = ParamSpec("P")
R = TypeVar("R")
Attempt = Callable[[float | None], Work[Any]]
"""One try, which may take so many seconds."""

_MISSING: Final = object()

THREADS: Final = 64
"""So many functions with a time-out may be at work at once, those included that nobody waits for any more."""

_workers: Final = Workers(THREADS, "hardened-function")
os.register_at_fork(after_in_child=_workers.after_fork)


def resilient(
    name: str,
    *,
    fallback: Any = _MISSING,
    retries: int = 0,
    timeout: float | None = None,
    deadline: float | None = None,
    limit: int | None = None,
    queue: int = 50,
    wait: float = 9.0,
    failures: tuple[type[Exception], ...] = (Exception,),
    breaker: bool | Mapping[str, float] = True,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A function with a breaker, retries, time limits, a limit of concurrency and a fallback; sync or async.

        @hardened.resilient("vector-db", fallback=[], retries=1, limit=20)
        def search(question: str) -> list[str]: ...

    Args:
        name: what it depends on; functions of the same name share breaker and limit.
        fallback: what is returned when it fails: a value, or a function of the same arguments.
        retries: how often it is tried again, after a pause.
        timeout: seconds for one try. A coroutine is cancelled then. Any other function runs in a thread of its own,
            with the caller's context; nothing can interrupt it, so it goes on there, unheard, as one of 64 at most.
        deadline: seconds for all tries and pauses. That of `hardened.context` holds too, as far as it is earlier; it
            ends tries of coroutines, and of functions that have a `timeout` or `deadline`.
        limit, queue, wait: how many may be at work at once, how many may wait for that, and how many seconds.
        failures: exceptions that count as failures of what it depends on. Others are raised as they are, and so are
            decisions of ours (a block, a budget), unless they are named here.
        breaker: `True`: as `resilience.breaker` of the policy says; a mapping with what is to be different, such as
            `{"recovery": 5}`; `False`: none.

    Raises:
        PolicyError: a setting of the breaker that there is not.
        TypeError: the name is no text; the function itself was given in its place.
        ValueError: a number that makes no sense.

    Without a fallback the function raises its own last error, `TimeoutError`, `DeadlineExceeded`, `CircuitOpen` while
    the breaker is open, or `Overloaded`.
    """
    _check(name, retries=retries, queue=queue, wait=wait)
    _check(name, least=1e-9, timeout=timeout, deadline=deadline, limit=limit)
    crowd = None if limit is None else Crowd(limit, queue, wait)
    own = None if breaker is False else {} if breaker is True else _settings(breaker)
    if timeout is not None or deadline is not None:
        failures = (*failures, TimeoutError)
    care = _Care(name, retries, timeout, deadline, crowd, failures, own)

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> Any:
            call = partial(function, *args, **kwargs)
            instead = None if fallback is _MISSING else Work(lambda: _value(fallback, args, kwargs))
            return complete(care.steps(lambda seconds: Work(partial(care.in_time, call, seconds)), instead))

        @wraps(function)
        async def arun(*args: P.args, **kwargs: P.kwargs) -> Any:
            def attempt(seconds: float | None) -> Work[Any]:
                return Work(_never, partial(_within, seconds, partial(function, *args, **kwargs)))

            async def substitute() -> Any:
                value = _value(fallback, args, kwargs)
                return await value if inspect.isawaitable(value) else value

            return await acomplete(care.steps(attempt, None if fallback is _MISSING else Work(_never, substitute)))

        return cast("Callable[P, R]", arun if inspect.iscoroutinefunction(function) else run)

    return decorate


@dataclass(frozen=True, slots=True)
class _Care:
    """How functions of a name are looked after. See `resilient`."""

    name: str
    retries: int
    timeout: float | None
    deadline: float | None
    crowd: Crowd | None
    failures: tuple[type[Exception], ...]
    breaker: Mapping[str, Any] | None  # what is different from the policy's; None: there is none

    def steps(self, attempt: Attempt, instead: Work[Any] | None) -> Generator[Effect[Any], Any, Any]:
        """The result of an attempt, else that of `instead`."""
        try:
            return (yield from self._tries(attempt))
        except Exception as error:
            if instead is None or not (isinstance(error, CallError) or self._is_failure(error)):
                raise
        return (yield from perform(instead))

    def in_time(self, call: Callable[[], Any], seconds: float | None) -> Any:
        """Run a function, in a thread where its own settings limit its time."""
        if seconds is None or (self.timeout is None and self.deadline is None):
            return call()
        return _workers.start(call, seconds).result()

    def _tries(self, attempt: Attempt) -> Generator[Effect[Any], Any, Any]:
        """The result, tried for as often as allowed. Raises the last error, or a `CallError` of ours."""
        health = Health(f"function/{self.name}", self._rule())
        clock = _Clock(self.deadline, context.current().deadline)
        for number in count():
            gate = yield from health.allows()
            if not gate.allowed:
                raise CircuitOpen(target=self.name, retry_after=gate.wait)
            leave: Callable[[], None] | None = None
            try:
                leave = yield from self._enter(clock)
                result = yield from perform(attempt(clock.least(self.timeout)))
            except Exception as error:
                counts = self._is_failure(error)
                gate = yield from health.tell("fail" if counts else "neutral")
                pause = backoff.pause(number)
                if not counts or number >= self.retries or gate.state != "closed" or clock.is_over(pause):
                    if isinstance(error, TimeoutError) and clock.is_over():
                        raise clock.late() from None
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
            yield from perform(Sleep(pause))

    def _enter(self, clock: _Clock) -> Generator[Effect[Any], Any, Callable[[], None] | None]:
        """Wait for a place; returns what gives it back. Raises `Overloaded`, and `DeadlineExceeded` if time is up."""
        if clock.is_over():
            raise clock.late()
        left = clock.left()
        if self.crowd is None:
            return None
        crowd = self.crowd if left is None else self.crowd._replace(wait=min(self.crowd.wait, left))
        return (yield from permits(f"function/{self.name}").enter(self.name, crowd, _priority()))

    def _rule(self) -> BreakerRule | None:
        """The breaker of the policy with our own settings, which also hold where the policy has none."""
        general = current().breaker
        if not self.breaker:
            return None if self.breaker is None else general
        return replace(general or BreakerRule(), **self.breaker)

    def _is_failure(self, error: Exception) -> bool:
        """Whether it is one of what the function depends on. Decisions of ours are none, unless they are named."""
        if isinstance(error, HardenedError):
            return isinstance(error, tuple(one for one in self.failures if issubclass(one, HardenedError)))
        return isinstance(error, self.failures)


class _Clock:
    """How much time is left for one call."""

    def __init__(self, seconds: float | None, end: float | None) -> None:
        self._began = time.monotonic()
        own = None if seconds is None else self._began + seconds
        self._end = min((one for one in (own, end) if one is not None), default=None)

    def left(self) -> float | None:
        return None if self._end is None else self._end - time.monotonic()

    def least(self, seconds: float | None) -> float | None:
        """So many seconds, or what is left."""
        return min((one for one in (seconds, self.left()) if one is not None), default=None)

    def is_over(self, after: float = 0.0) -> bool:
        """Whether time is up now, or so many seconds from now."""
        left = self.left()
        return left is not None and left <= after

    def late(self) -> DeadlineExceeded:
        return DeadlineExceeded(seconds=time.monotonic() - self._began)


async def _within(seconds: float | None, function: Callable[[], Any]) -> Any:
    import anyio

    with anyio.fail_after(seconds):
        return await cast("Awaitable[Any]", function())


def _check(name: object, least: float = 0, **numbers: float | None) -> None:
    if not isinstance(name, str):
        raise TypeError('hardened.resilient: say what it depends on: @hardened.resilient("vector-db")')
    for word, number in numbers.items():
        if number is not None and not number >= least:
            raise ValueError(f"hardened.resilient: {word} must be {'more than 0' if least else '0 or more'}")


def _settings(said: Mapping[str, float]) -> dict[str, Any]:
    """Settings of a breaker, checked as those of the policy are. Raises PolicyError."""
    from pydantic import ValidationError

    from hardened.policy.problems import explain
    from hardened.policy.resilience import BreakerPolicy

    try:
        return BreakerPolicy.model_validate(dict(said)).model_dump(exclude_unset=True, exclude={"enabled"})
    except ValidationError as error:
        raise explain(error, BreakerPolicy, {}, "@hardened.resilient(breaker=…)") from None


def _priority() -> int:
    return context.current().priority or NORMAL


def _value(fallback: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return fallback(*args, **kwargs) if callable(fallback) else fallback


def _never() -> Any:
    raise AssertionError("an async caller awaits the twin")
