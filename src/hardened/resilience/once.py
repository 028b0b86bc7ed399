"""What users can see is done once: a mail, a refund, a booking, however often it is asked for.

The result of the first run answers all later ones with the same key; what failed may be tried again. Nothing can tell
whether an action was done whose process died half way, so nobody claims to: it is an error, unless the application says
what to do then.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import logging
import string
import time
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from functools import partial, wraps
from typing import Any, Final, Literal, ParamSpec, TypeVar, cast
from uuid import uuid4

from hardened.errors import AlreadyDone, AlreadyRunning, OutcomeUnknown
from hardened.guards.operators import decrypt, encrypt
from hardened.policy.active import active_plan
from hardened.store.api import Operation, Store, StoreError, ask
from hardened.store.current import durable
from hardened.store.once import Claim, Claimed, Disclaim, Finish
from hardened.worker import worker
from hardened_instrumentation.calls import Effect, Sleep, Work, perform
from hardened_instrumentation.drive import acomplete, complete

P = ParamSpec("P")
R = TypeVar("R")
Key = Callable[..., list[str]]

_log = logging.getLogger("hardened")

DAY: Final = 86_400.0
MOST: Final = 1_000_000
"""Characters of a result, as JSON, above which it is not kept."""

LOOK: Final = 0.05, 1.0
"""Seconds after which one that waits looks again: at first, and at most."""

_SEAL: Final = "ONCE"


def idempotent(
    *,
    key: str | Callable[..., str],
    name: str | None = None,
    ttl: float = DAY,
    wait: float = 0.0,
    lease: float = 600.0,
    on_unknown: Literal["raise", "run"] | Callable[..., Any] = "raise",
    unsure: tuple[type[Exception], ...] = (),
    remember: bool = True,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A function that runs to its end at most once for each key, over threads, tasks, processes and restarts.

        @hardened.idempotent(key="{order_id}")
        def refund(order_id: str, cents: int) -> dict[str, str]: ...

    Args:
        key: what makes two calls the same: a template over the arguments, or a function of them that returns a text.
        name: what is done; functions of one name share keys. Default: the function's qualified name.
        ttl: seconds for which the result is remembered.
        wait: seconds to wait for the result of a run in progress, before `AlreadyRunning` is raised.
        lease: seconds after which a run that has not ended counts as lost: longer than any run takes.
        on_unknown: when nobody knows how an earlier run ended: raise `OutcomeUnknown`, run it (then it may be done
            twice), or a function of the same arguments that finds out and returns the result.
        unsure: exceptions after which nobody knows whether it was done, such as a time-out.
        remember: whether results are kept. They are JSON, in the store of the policy, encrypted with `redaction.key` if
            there is one.

    Raises:
        TypeError: the function is a generator, or the key does not fit its arguments.
        ValueError: a number of seconds, or `on_unknown`, that makes no sense.

    The function then raises its own errors, which are not remembered, so it may be called again; or `AlreadyRunning`,
    `OutcomeUnknown`, and `AlreadyDone` where the result was not kept: `remember` is off, or it is more than JSON.
    """
    if not (ttl > 0 and lease > 0 and wait >= 0):
        raise ValueError("hardened.idempotent: ttl and lease must be more than 0 seconds, wait not less")
    if on_unknown not in ("raise", "run") and not callable(on_unknown):
        raise ValueError("hardened.idempotent: on_unknown must be 'raise', 'run', or a function that finds out")

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError("hardened.idempotent: a generator has no result that could be remembered")
        action = name or function.__qualname__
        find_out = on_unknown if callable(on_unknown) else None
        key_of = _key_of(action, key, function)
        once = _Once(action, ttl, wait, lease, on_unknown != "raise", unsure, remember)

        @wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> Any:
            do = Work(partial(function, *args, **kwargs))
            finding = None if find_out is None else Work(partial(find_out, *args, **kwargs))
            return complete(once.steps(key_of(*args, **kwargs), do, finding))

        @wraps(function)
        async def arun(*args: P.args, **kwargs: P.kwargs) -> Any:
            async def find() -> Any:
                found = cast("Callable[..., Any]", find_out)(*args, **kwargs)
                return await found if inspect.isawaitable(found) else found

            do = Work(_never, lambda: cast("Awaitable[Any]", function(*args, **kwargs)))
            finding = None if find_out is None else Work(_never, find)
            return await acomplete(once.steps(key_of(*args, **kwargs), do, finding))

        return cast("Callable[P, R]", arun if inspect.iscoroutinefunction(function) else run)

    return decorate


@dataclass(frozen=True, slots=True)
class _Once:
    """How often something is done: once. See `idempotent`."""

    action: str
    ttl: float
    wait: float
    lease: float
    takes_over: bool
    unsure: tuple[type[Exception], ...]
    remembers: bool

    def steps(self, key: str, do: Work[Any], find_out: Work[Any] | None = None) -> Generator[Effect[Any], Any, Any]:
        """The result of `do`, of now or of before."""
        store, owner = durable(), uuid4().hex
        claimed = yield from self._claim(store, key, owner)
        if claimed.state == "done":
            return self._recall(claimed.result)
        work = find_out if claimed.again and find_out is not None else do
        try:
            result = yield from perform(work)
        except Exception as error:
            unknown = work is not do or isinstance(error, self.unsure)
            yield from _tell(store, Disclaim(key, owner, self.ttl, unknown))
            raise
        except BaseException:  # cancelled or interrupted, who knows where
            _tell_later(store, Disclaim(key, owner, self.ttl, unknown=True))
            raise
        yield from _tell(store, Finish(key, owner, self._kept(result), self.ttl))
        return result

    def _claim(self, store: Store, key: str, owner: str) -> Generator[Effect[Any], Any, Claimed]:
        """A claim that is `mine`, or one that is `done`; else raises."""
        until, pause = time.monotonic() + self.wait, LOOK[0]
        while True:
            try:
                claimed = yield from ask(store, Claim(key, owner, self.lease, self.ttl, self.takes_over))
            except StoreError:
                if not self.takes_over:
                    raise OutcomeUnknown(self.action, "the store does not answer") from None
                return Claimed("mine", again=True)
            except BaseException:
                _tell_later(store, Disclaim(key, owner, self.ttl))
                raise
            if claimed.state == "unknown":
                raise OutcomeUnknown(self.action, "an earlier run has never told how it ended")
            if claimed.state != "running":
                return claimed
            left = until - time.monotonic()
            if left <= 0:
                raise AlreadyRunning(self.action, claimed.wait)
            yield from perform(Sleep(min(pause, left, claimed.wait)))
            pause = min(2 * pause, LOOK[1])

    def _kept(self, result: Any) -> str | None:
        """What is kept of a result: all or nothing, as later callers shall get what the first one got."""
        if not self.remembers and result is not None:
            return None
        text = _as_json(result)
        if text is None:
            _log.warning(
                "hardened: the result of %s is not remembered: JSON does not hold it as it is. Later calls with the "
                "same key raise AlreadyDone; return plain lists, dictionaries with text as keys, texts and numbers.",
                self.action,
            )
            return None
        secret = active_plan().replacement.key
        return text if secret is None else encrypt(text, _SEAL, secret, "")

    def _recall(self, kept: str | None) -> Any:
        if kept is not None and kept.startswith(f"[{_SEAL}_"):
            secret = active_plan().replacement.key
            kept = None if secret is None else decrypt(kept, secret, "")
        if kept is None:
            raise AlreadyDone(self.action)
        return json.loads(kept)


def _as_json(result: Any) -> str | None:
    """A result as JSON, if that says all of it."""
    try:
        text = json.dumps(result, allow_nan=False)
        return text if len(text) <= MOST and json.loads(text) == result else None
    except (TypeError, ValueError, RecursionError):
        return None


def _tell(store: Store, operation: Operation[Any]) -> Generator[Effect[Any], Any, None]:
    try:
        yield from ask(store, operation)
    except BaseException:  # cancelled while the store was at it
        _tell_later(store, operation)
        raise


def _tell_later(store: Store, operation: Operation[Any]) -> None:
    """Where nothing may be waited for."""
    run = partial(store.run, operation)
    if store.inline:
        run()
    else:
        worker.post(run)


# --- Keys ----------------------------------------------------------------------------------------------------------


def _key_of(action: str, key: str | Callable[..., str], function: Callable[..., Any]) -> Callable[..., str]:
    """A function of the arguments: the key in the store. Hashed, as keys may be addresses of people."""
    parts = _template(key, function) if isinstance(key, str) else _checked(key)
    template = key if isinstance(key, str) else ""

    def digest(*args: Any, **kwargs: Any) -> str:
        said = json.dumps([action, template, *parts(*args, **kwargs)])
        return hashlib.sha256(said.encode()).hexdigest()

    return digest


def _template(template: str, function: Callable[..., Any]) -> Key:
    """The values of a template's fields, each for itself: `{a}-{b}` of (`1-2`, `3`) is not that of (`1`, `2-3`)."""
    signature, formatter = inspect.signature(function), string.Formatter()
    fields = [field for _, field, _, _ in formatter.parse(template) if field is not None]
    if not fields:
        raise TypeError(
            "hardened.idempotent: the key names no argument, so all calls would be one. Write {argument} in it; "
            "if you mean that, give a function that returns the text"
        )
    takes_any = any(one.kind is one.VAR_KEYWORD for one in signature.parameters.values())
    for field in fields:
        name = field.partition(".")[0].partition("[")[0]
        if name not in signature.parameters and not (takes_any and name.isidentifier()):
            known = ", ".join(signature.parameters)
            raise TypeError(f"hardened.idempotent: {name!r} in the key is no argument of the function ({known})")

    def parts(*args: Any, **kwargs: Any) -> list[str]:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        named = {**bound.arguments}
        for parameter in signature.parameters.values():
            if parameter.kind is parameter.VAR_KEYWORD:
                named.update(named.pop(parameter.name))
        return [_part(field, formatter.get_field(field, (), named)[0]) for field in fields]

    return parts


def _part(field: str, value: Any) -> str:
    if value is None or value == "":
        raise ValueError(f"hardened.idempotent: {{{field}}} of the key is empty: calls would be taken for one another")
    if (value.__class__.__str__, value.__class__.__repr__) == (object.__str__, object.__repr__):
        raise TypeError(f"hardened.idempotent: {{{field}}} of the key is an object without a text of its own")
    return str(value)


def _checked(key: Callable[..., str]) -> Key:
    def parts(*args: Any, **kwargs: Any) -> list[str]:
        text: object = key(*args, **kwargs)
        if not isinstance(text, str) or not text:
            raise TypeError("hardened.idempotent: the function that makes keys must return a text that is not empty")
        return [text]

    return parts


def _never() -> Any:
    raise AssertionError("an async caller awaits the twin")
