"""Drives a flow beside an SDK's own request method, for sync and async callers.

The SDK calls us twice within one request: in its `request` method, where the call begins, and when a response has
arrived but nothing of it is parsed. The flow waits at its `Send` between the two. So `Exchange.run` and
`Exchange.arrived` are the whole protocol, and the SDK's own code (middleware, parsing) runs unchanged.

A flow that does not deliver the response that has arrived wants to send again: the response is dropped, the SDK's
frames are unwound, and what the flow asks for next is done outside them.
"""

from __future__ import annotations

import asyncio
import math
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Generator
from contextvars import ContextVar, Token
from functools import partial
from typing import Any, Protocol, TypeVar, cast

from hardened_instrumentation.calls import (
    Call,
    Compose,
    Deliver,
    Effect,
    Flow,
    Limits,
    Peek,
    Reply,
    Send,
    Sleep,
    Until,
    Work,
)
from hardened_instrumentation.dropped import bodies

T = TypeVar("T")

_current: ContextVar[Exchange | None] = ContextVar("hardened_exchange", default=None)


def active() -> Exchange | None:
    """The exchange in progress in this context; a layer below it must not handle the call a second time.

    A task that was started meanwhile keeps the context when the exchange has long been over.
    """
    exchange = _current.get()
    return None if exchange is None or exchange.finished else exchange


class Again(BaseException):
    """Unwinds the SDK's frames when the flow does not want the response. Never leaves this module's drivers."""


class Arrived(Reply, Protocol):
    """A reply as the driver has it: it can be read ahead, and let go."""

    def peek(self, enough: Callable[[bytes], bool], timeout: float | None) -> bool:
        """Perform a `Peek`."""
        ...

    async def apeek(self, enough: Callable[[bytes], bool], timeout: float | None) -> bool:
        """`peek` for an async caller."""
        ...

    def drop(self) -> None:
        """Close the response unread."""
        ...

    async def adrop(self) -> None:
        """`drop` for an async caller."""
        ...


class Desk(Protocol):
    """What the seam does for a flow outside a request. For an async caller `deliver` returns something to await."""

    def compose(self, effect: Compose) -> Reply:
        """A reply that no provider has sent."""
        ...

    def deliver(self, reply: Reply) -> Any:
        """The SDK's own object for a composed reply."""
        ...


class Exchange:
    """One flow and the effect that it waits for."""

    __slots__ = ("_flow", "_limit", "call", "effect", "finished", "left_unread", "until")

    def __init__(self, flow: Flow, call: Call) -> None:
        self._flow = flow
        self.call = call
        self.effect: Effect[Any] | None = None
        self.finished = False
        self._limit: Any = None  # the cancel scope of the request that an async caller waits for
        self.until: float | None = None  # when the answer to a sync caller must be there, by the monotonic clock
        self.left_unread = False  # the seam has made the SDK leave the body to it

    @property
    def attempt(self) -> int:
        """How often the flow had sent the call before the request that is on its way."""
        return self.effect.attempt if isinstance(self.effect, Send) else 0

    @property
    def limits(self) -> Limits | None:
        """How long the request that is on its way may take."""
        return self.effect.limits if isinstance(self.effect, Send) else None

    def send(self, value: Any) -> None:
        """Resume the flow with the result of its effect; raises what the flow raises."""
        self._step(self._flow.send, value)

    def throw(self, error: BaseException) -> None:
        """Resume the flow with a failure of its effect; raises what the flow raises."""
        self._step(self._flow.throw, error)

    def close(self) -> None:
        self.finished, self.effect = True, None
        self._flow.close()

    def _step(self, resume: Callable[[Any], Effect[Any]], value: Any) -> None:
        try:
            self.effect = resume(value)
        except StopIteration:
            self.finished, self.effect = True, None
        except BaseException:
            self.finished, self.effect = True, None
            raise

    # Sync

    def run(self, transmit: Callable[[Send], Any], desk: Desk) -> Any:
        """Drive the flow; `transmit` lets the SDK perform the request and returns the SDK's object."""
        bodies.close_dropped()
        self.send(None)
        while True:
            self._perform()
            effect = self.effect
            if isinstance(effect, Compose):
                self.send(desk.compose(effect))
                continue
            if isinstance(effect, Deliver):
                return self._hand_over(lambda reply=effect.reply: desk.deliver(reply))
            if not isinstance(effect, Send):
                raise RuntimeError(f"a flow must send before it ends, got {effect!r}")
            seconds = effect.limits.answer if effect.limits is not None else None
            self.until, self.left_unread = None if seconds is None else time.monotonic() + seconds, False
            try:
                with effect.scope, _Current(self):
                    result = transmit(effect)
            except Again:
                continue
            except BaseException as error:
                if self.finished:
                    raise
                self.throw(error)
                continue
            if not self.finished:  # no response came through, e.g. a middleware answered from its own cache
                self.close()
            return result

    def arrived(self, reply: Arrived, deliver: Callable[[], Any]) -> Any:
        """A response is there: let the flow look at it, then let the SDK build its object with `deliver`."""
        with _Current(None):
            try:
                self.send(reply)
                self._perform((Work, Peek))
                if not self._delivers(reply):
                    raise Again
            except BaseException:
                reply.drop()
                raise
            return self._hand_over(deliver)

    def _hand_over(self, deliver: Callable[[], Any]) -> Any:
        try:
            result = deliver()
        except BaseException as error:
            if not self.finished:
                self.throw(error)
            raise
        if isinstance(self.effect, Deliver):
            self.send(result)
        return result

    def _delivers(self, reply: Reply) -> bool:
        return self.effect is None or (isinstance(self.effect, Deliver) and self.effect.reply is reply)

    def _perform(self, kinds: type[Effect[Any]] | tuple[type[Effect[Any]], ...] = (Work, Sleep, Until)) -> None:
        """Do what the flow asks for, as long as it is of these kinds."""
        while isinstance(effect := self.effect, kinds):
            try:
                value = _PERFORM[type(effect)](effect)
            except BaseException as error:  # noqa: BLE001 - the flow decides
                self.throw(error)
            else:
                self.send(value)

    # Async: the same steps, awaiting the SDK

    async def arun(self, transmit: Callable[[Send], Awaitable[Any]], desk: Desk) -> Any:
        """`run` for an async caller."""
        bodies.close_dropped()
        self.send(None)
        while True:
            await self._aperform()
            effect = self.effect
            if isinstance(effect, Compose):
                self.send(desk.compose(effect))
                continue
            if isinstance(effect, Deliver):
                return await self._ahand_over(lambda reply=effect.reply: desk.deliver(reply))
            if not isinstance(effect, Send):
                raise RuntimeError(f"a flow must send before it ends, got {effect!r}")
            try:
                with effect.scope, _Current(self):
                    result = await self._within(effect, transmit)
            except Again:
                continue
            except BaseException as error:
                if self.finished:
                    raise
                self.throw(error)
                continue
            if not self.finished:
                self.close()
            return result

    async def _within(self, effect: Send, transmit: Callable[[Send], Awaitable[Any]]) -> Any:
        """What `transmit` returns, if the answer arrives in time."""
        if effect.limits is None or effect.limits.answer is None:
            return await transmit(effect)
        import anyio

        with anyio.move_on_after(effect.limits.answer) as self._limit:
            return await transmit(effect)
        raise self.call.timeout_error()

    async def _in_time(self) -> None:
        """The answer is there: from here on its time is not limited any more, unless it had already run out."""
        limit, self._limit = self._limit, None
        if limit is None:
            return
        import anyio

        if limit.cancel_called:
            await anyio.sleep(0)  # is cancelled here
        limit.deadline = math.inf

    async def aarrived(self, reply: Arrived, deliver: Callable[[], Awaitable[Any]]) -> Any:
        """`arrived` for an async caller."""
        await self._in_time()
        with _Current(None):
            try:
                self.send(reply)
                await self._aperform((Work, Peek))
                if not self._delivers(reply):
                    raise Again
            except BaseException:
                await reply.adrop()
                raise
            return await self._ahand_over(deliver)

    async def _ahand_over(self, deliver: Callable[[], Awaitable[Any]]) -> Any:
        try:
            result = await deliver()
        except BaseException as error:
            if not self.finished:
                self.throw(error)
            raise
        if isinstance(self.effect, Deliver):
            self.send(result)
        return result

    async def _aperform(self, kinds: type[Effect[Any]] | tuple[type[Effect[Any]], ...] = (Work, Sleep, Until)) -> None:
        while isinstance(effect := self.effect, kinds):
            try:
                value = await _APERFORM[type(effect)](effect)
            except BaseException as error:  # noqa: BLE001 - the flow decides
                self.throw(error)
            else:
                self.send(value)


def complete(steps: Generator[Effect[Any], Any, T]) -> T:
    """Run a generator of effects that sends nothing, and return what it returns."""
    resume: Callable[[], Effect[Any]] = lambda: next(steps)  # noqa: E731
    while True:
        try:
            effect = resume()
        except StopIteration as end:
            return end.value
        try:
            value = _PERFORM[type(effect)](effect)
        except BaseException as error:  # noqa: BLE001 - the steps decide
            resume = partial(steps.throw, error)
        else:
            resume = partial(steps.send, value)


async def acomplete(steps: Generator[Effect[Any], Any, T]) -> T:
    """`complete` for an async caller."""
    resume: Callable[[], Effect[Any]] = lambda: next(steps)  # noqa: E731
    while True:
        try:
            effect = resume()
        except StopIteration as end:
            return end.value
        try:
            value = await _APERFORM[type(effect)](effect)
        except BaseException as error:  # noqa: BLE001 - the steps decide
            resume = partial(steps.throw, error)
        else:
            resume = partial(steps.send, value)


def _work(effect: Work[Any]) -> Any:
    return effect.function()


def _sleep(effect: Sleep) -> None:
    time.sleep(effect.seconds)


def _peek(effect: Peek) -> bool:
    return cast(Arrived, effect.reply).peek(effect.enough, effect.timeout)


async def _apeek(effect: Peek) -> bool:
    return await cast(Arrived, effect.reply).apeek(effect.enough, effect.timeout)


def _until(effect: Until) -> bool:
    called = threading.Event()
    effect.listen(called.set)
    return called.wait(effect.seconds)


async def _auntil(effect: Until) -> bool:
    import anyio

    called, wake = anyio.Event(), _waker()
    effect.listen(lambda: wake(called.set))
    with anyio.move_on_after(effect.seconds):
        await called.wait()
    return called.is_set()


def _waker() -> Callable[[Callable[[], None]], Any]:
    """What runs a function in the event loop that runs now, from any thread."""
    try:
        return asyncio.get_running_loop().call_soon_threadsafe
    except RuntimeError:
        return sys.modules["trio"].lowlevel.current_trio_token().run_sync_soon


async def _awork(effect: Work[Any]) -> Any:
    if effect.twin is not None:
        return await effect.twin()
    import anyio.to_thread

    return await anyio.to_thread.run_sync(effect.function)


async def _asleep(effect: Sleep) -> None:
    import anyio

    await anyio.sleep(effect.seconds)


_PERFORM: dict[type[Any], Callable[[Any], Any]] = {Work: _work, Sleep: _sleep, Until: _until, Peek: _peek}
_APERFORM: dict[type[Any], Callable[[Any], Awaitable[Any]]] = {
    Work: _awork,
    Sleep: _asleep,
    Until: _auntil,
    Peek: _apeek,
}
"""How an effect that does not need the SDK is performed."""


class _Current:
    """Marks `exchange` as the one in progress while a block runs."""

    __slots__ = ("_exchange", "_token")

    def __init__(self, exchange: Exchange | None) -> None:
        self._exchange = exchange

    def __enter__(self) -> None:
        self._token: Token[Exchange | None] = _current.set(self._exchange)

    def __exit__(self, *_: object) -> None:
        try:
            _current.reset(self._token)
        except ValueError:  # a dropped coroutine is closed in a foreign context: nothing to reset there
            return
