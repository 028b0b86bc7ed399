"""The store of many machines: Redis 5 or newer. Each operation is one Lua script, run by the server as a whole.

The clock is the server's, so machines whose clocks differ agree. All keys of a store share a hash tag, so a cluster
keeps them in one slot. A server that is away, or hangs, costs one time-out and nothing is tried twice: what to do then
is decided above, see `sturdy`.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar, cast
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from hardened.errors import PolicyError
from hardened.store.amounts import (
    Bucket,
    Charge,
    Count,
    Counts,
    Denied,
    Extend,
    Levels,
    Line,
    Release,
    Reserve,
    Reserved,
    Settle,
    Settled,
    Tallies,
    level_now,
)
from hardened.store.api import Operation, StoreError, Together
from hardened.store.breaker import Breaker, Breakers, Gate
from hardened.store.once import Claim, Claimed, Disclaim, Finish
from hardened.store.values import Mark, Marks, Put

if TYPE_CHECKING:
    from redis import Redis
    from redis.asyncio import Redis as AsyncRedis

T = TypeVar("T")

TIMEOUT: Final = 0.05
"""Seconds for connecting, and for an answer; nothing is tried again."""

_FAULTS: Final = (OSError, TimeoutError)


class RedisStore:
    """Runs operations as Lua scripts. Connects with the first operation.

    Args:
        url: `redis://`, `rediss://` (TLS) or `unix://`, with user, password and database where needed.
        namespace: what all keys begin with; applications that share a server but no budgets use different ones.
        timeout: seconds.
        shift: seconds to add to the server's clock, for tests.
    """

    inline = False
    has_twin = True

    def __init__(
        self,
        url: str,
        *,
        namespace: str = "hardened",
        timeout: float = TIMEOUT,
        shift: Callable[[], float] = lambda: 0.0,
    ) -> None:
        if find_spec("redis") is None:
            raise PolicyError("the store is Redis, whose client is not installed: pip install 'hardened[redis]'")
        parts = urlsplit(url)
        self.name = f"{parts.scheme}://{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}{parts.path}"
        self._url = url
        self._prefix = f"{{{namespace}}}:"
        self._timeout = timeout
        self._shift = shift
        self._client: Redis | None = None
        self._async_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncRedis] = WeakKeyDictionary()
        self._pid = os.getpid()

    def run(self, operation: Operation[T]) -> T:
        """Run an operation; blocks for two time-outs at most. Raises StoreError."""
        client = self._sync()
        try:
            if isinstance(operation, Together):
                return cast(T, self._together(client, operation))
            command = _COMMANDS.get(type(operation))
            if command is None:
                return _SCANS[type(operation)](client, self._prefix, operation)
            return command.read(self._answer(client, command, operation), operation)
        except _faults() as error:
            raise self._failed(error) from None

    async def arun(self, operation: Operation[T]) -> T:
        """`run` with the asyncio client; from another kind of event loop, in a thread."""
        command = _COMMANDS.get(type(operation))
        loop = _running_loop()
        if command is None or loop is None:
            import anyio.to_thread

            return await anyio.to_thread.run_sync(self.run, operation)
        try:
            client, script, arguments = self._async(loop), _script(command.script), self._arguments(operation)
            try:
                answer = await client.evalsha(script.sha, *arguments)
            except _no_script():
                answer = await client.eval(script.text, *arguments)
            return command.read(answer, operation)
        except _faults() as error:
            raise self._failed(error) from None

    def close(self) -> None:
        """Close the connections of sync callers; those of event loops end with their loop."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _answer(self, client: Redis, command: _Command, operation: Operation[Any]) -> Any:
        script, arguments = _script(command.script), self._arguments(operation)
        try:
            return client.evalsha(script.sha, *arguments)
        except _no_script():  # the server was started anew, or has never seen it: it will remember
            return client.eval(script.text, *arguments)

    def _together(self, client: Redis, operation: Together) -> tuple[Any, ...]:
        pipeline = client.pipeline(transaction=False)  # pyright: ignore[reportUnknownMemberType]
        commands = [_COMMANDS[type(one)] for one in operation.operations]
        for command, one in zip(commands, operation.operations, strict=True):
            pipeline.evalsha(_script(command.script).sha, *self._arguments(one))
        answers: list[Any] = []
        for answer, command, one in zip(pipeline.execute(False), commands, operation.operations, strict=True):
            if isinstance(answer, _no_script()):
                answer = self._answer(client, command, one)
            elif isinstance(answer, Exception):
                raise answer
            answers.append(command.read(answer, one))
        return tuple(answers)

    def _arguments(self, operation: Operation[Any]) -> tuple[int, str, str, str]:
        """How many keys, the key, and what follows it."""
        return 1, self._prefix, repr(self._shift()), json.dumps(operation, default=_by_name)

    def _sync(self) -> Redis:
        if self._client is None:
            from redis import Redis
            from redis.backoff import NoBackoff
            from redis.retry import Retry

            self._client = Redis.from_url(self._url, retry=Retry(NoBackoff(), 0), **self._settings())  # pyright: ignore[reportUnknownMemberType]
        return self._client

    def _async(self, loop: asyncio.AbstractEventLoop) -> AsyncRedis:
        if self._pid != os.getpid():
            self._async_clients, self._pid = WeakKeyDictionary(), os.getpid()
        client = self._async_clients.get(loop)
        if client is None:
            from redis.asyncio import Redis
            from redis.asyncio.retry import Retry
            from redis.backoff import NoBackoff

            client = Redis.from_url(self._url, retry=Retry(NoBackoff(), 0), **self._settings())  # pyright: ignore[reportUnknownMemberType]
            self._async_clients[loop] = client
        return client

    def _settings(self) -> dict[str, Any]:
        return {"socket_timeout": self._timeout, "socket_connect_timeout": self._timeout, "decode_responses": True}

    def _failed(self, error: BaseException) -> StoreError:
        """The kind of error only: a message of the client could repeat what was sent."""
        return StoreError(f"{self.name}: {type(error).__name__}")


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


@cache
def _faults() -> tuple[type[BaseException], ...]:
    from redis.exceptions import RedisError

    return (RedisError, *_FAULTS)


@cache
def _no_script() -> type[Exception]:
    from redis.exceptions import NoScriptError

    return NoScriptError


class _Script(NamedTuple):
    text: str
    sha: str  # the name by which the server remembers it


@cache
def _script(name: str) -> _Script:
    lua = files("hardened.store") / "lua"
    text = (lua / "common.lua").read_text() + "\n" + (lua / f"{name}.lua").read_text()
    return _Script(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


def _by_name(value: Any) -> dict[str, Any]:
    """What JSON does not know: the fields of an operation or a rule, by name. Lines, buckets, tallies become lists."""
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    return dict(value)


# --- What the answers of the scripts mean --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Command:
    script: str
    read: Callable[[Any, Any], Any]  # the answer and the operation -> what the operation promises


def _denied(answer: Sequence[Any], asked: Sequence[Line | Bucket]) -> Denied:
    _, key, used, wait = answer
    return Denied(key, int(used), next(one.cap for one in asked if one.key == key), float(wait))


def _reserved(answer: Any, operation: Reserve | Extend) -> Reserved | Denied | None:
    if answer is None:
        return None
    if answer[0] == "denied":
        return _denied(answer, (*operation.buckets, *operation.lines))
    return Reserved(operation.hold, tuple(int(total) for total in answer[1:]))


def _settled(answer: Any, _operation: Settle) -> Settled | None:
    return None if answer is None else Settled({key: int(used) for key, used in _pairs(answer[1:])})


def _tallied(answer: Any, _operation: Tallies) -> dict[str, tuple[int, ...]]:
    sums: dict[str, dict[int, int]] = {}
    for field, total in _pairs(answer):
        position, member = field.split(" ", 1)
        sums.setdefault(member, {})[int(position)] = int(total)
    return {member: tuple(by_position[i] for i in sorted(by_position)) for member, by_position in sums.items()}


def _gate(answer: Any, _operation: Breaker) -> Gate:
    state, before, allowed, probing, wait = answer
    return Gate(state, before, bool(allowed), bool(probing), float(wait))


def _claimed(answer: Any, _operation: Claim) -> Claimed:
    state, result, wait, again = answer
    return Claimed(state, result, float(wait), bool(again))


def _pairs(flat: Sequence[str]) -> zip[tuple[str, str]]:
    return zip(flat[::2], flat[1::2], strict=True)


_COMMANDS: Final[dict[type[Operation[Any]], _Command]] = {
    Reserve: _Command("reserve", _reserved),
    Extend: _Command("extend", _reserved),
    Settle: _Command("settle", _settled),
    Release: _Command("release", lambda answer, _: bool(answer)),
    Charge: _Command("charge", lambda answer, _: None),
    Tallies: _Command("tallies", _tallied),
    Breaker: _Command("breaker", _gate),
    Claim: _Command("claim", _claimed),
    Finish: _Command("finish", lambda answer, _: bool(answer)),
    Disclaim: _Command("disclaim", lambda answer, _: bool(answer)),
    Put: _Command("put", lambda answer, _: bool(answer)),
    Mark: _Command("mark", lambda answer, _: None),
    Marks: _Command("marks", lambda answer, _: frozenset(answer)),
}


# --- What the command line asks: no scripts, as going through all keys at once would block the server ----------------


def _keys(client: Redis, start: str) -> list[str]:
    pattern = "".join(
        f"[{letter}]" if letter in "*?[" else "\\" + letter if letter in "\\]^" else letter for letter in start
    )
    return sorted(cast("list[str]", list(client.scan_iter(match=pattern + "*", count=1000))))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]


def _hashes(client: Redis, keys: list[str], *names: str) -> list[list[str | None]]:
    pipeline = client.pipeline(transaction=False)  # pyright: ignore[reportUnknownMemberType]
    for key in keys:
        pipeline.hmget(key, list(names))
    return cast("list[list[str | None]]", pipeline.execute())


def _counts(client: Redis, prefix: str, operation: Counts) -> dict[str, Count]:
    start = prefix + "count:"
    keys = _keys(client, start + operation.prefix)
    found = _hashes(client, keys, "used", "held")
    return {
        key.removeprefix(start): Count(int(used or 0), int(held or 0))
        for key, (used, held) in zip(keys, found, strict=True)
    }


def _levels(client: Redis, prefix: str, operation: Levels) -> dict[str, int]:
    start = prefix + "rate:"
    keys = _keys(client, start + operation.prefix)
    seconds, microseconds = client.time()  # pyright: ignore[reportUnknownMemberType]
    now = seconds + microseconds / 1e6
    levels: dict[str, int] = {}
    for key, found in zip(keys, _hashes(client, keys, "level", "at", "cap", "period"), strict=True):
        level, at, cap, period = (float(one or 0) for one in found)
        levels[key.removeprefix(start)] = round(level_now(level, at, cap, period or 1.0, now))
    return levels


def _breakers(client: Redis, prefix: str, _operation: Breakers) -> dict[str, str]:
    start = prefix + "breaker:"
    keys = _keys(client, start)
    records = cast("list[str | None]", client.mget(keys)) if keys else []
    return {
        key.removeprefix(start): json.loads(record)["state"]
        for key, record in zip(keys, records, strict=True)
        if record
    }


_SCANS: Final[dict[type[Operation[Any]], Callable[[Redis, str, Any], Any]]] = {
    Counts: _counts,
    Levels: _levels,
    Breakers: _breakers,
}
