"""Pseudonyms and the values that they stand for: in memory only; never in a trace, a log, a pickle or a repr."""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Container
from contextvars import Token
from itertools import count
from typing import Final, NamedTuple, NoReturn

from opentelemetry import context as otel_context
from opentelemetry.context import Context

from hardened.guards.plan import MAX_VALUES, Replacement
from hardened.guards.pseudonym import Known

MAX_SESSIONS: Final = 1_000

_KEY: Final = otel_context.create_key("hardened.vault")


_lock = threading.Lock()


def _after_fork() -> None:
    """In a forked child: the lock may have been held by a thread that is not there any more."""
    global _lock
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_after_fork)


class Vault:
    """Gives `[EMAIL_1]` for a value, the same for an equal value, and the value for `[EMAIL_1]`.

    Thread-safe. Holds `max_values` at most; what comes then gets no pseudonym.
    """

    __slots__ = ("__weakref__", "_first", "_last", "_max_values", "_numbers", "_values")

    def __init__(self, max_values: int = MAX_VALUES) -> None:
        self._max_values = max_values
        self._first = 1
        self._last: dict[str, int] = {}  # number, by label
        self._numbers: dict[tuple[str, str], int] = {}  # by label and value
        self._values: dict[tuple[str, int], Known] = {}

    def give(self, name: str, value: str, taken: Container[int] = (), *, secret: bool = False) -> str | None:
        """The pseudonym of a value, a new one if it has none, with a number that is not `taken`; None if all are used.

        A `secret` is never restored into the arguments of a tool.
        """
        with _lock:
            number = self._numbers.get((name, value))
            if number is None:
                if len(self._values) >= self._max_values:
                    return None
                number = next(
                    number for number in count(self._last.get(name, self._first - 1) + 1) if number not in taken
                )
                self._last[name] = self._numbers[name, value] = number
                self._values[name, number] = Known(value, secret)
            return f"[{name}_{number}]"

    def begin_at(self, first: int) -> None:
        """Let the numbers begin there, unless some were given already."""
        if not self._values:
            self._first = first

    def given(self, name: str, value: str) -> str | None:
        """The pseudonym that a value has already."""
        number = self._numbers.get((name, value))
        return None if number is None else f"[{name}_{number}]"

    def known(self, name: str, number: int) -> Known | None:
        """What a pseudonym stands for."""
        return self._values.get((name, number))

    @property
    def names(self) -> frozenset[str]:
        """The labels of all pseudonyms given so far."""
        return frozenset(self._last)

    def restore(self, text: str) -> str:
        """`text` with values in the place of their pseudonyms, also of those that a model has written differently.

        What was never given stays as it is. In a text that is JSON, values are written as JSON.

        Raises:
            TypeError: `text` is not a string.
        """
        from hardened.guards.restoration import restore

        if not isinstance(text, str):
            raise TypeError(f"Vault.restore: text must be a str, not {type(text).__name__}")
        return restore(text, self)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"<Vault of {len(self)} values>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Vault stays in the memory of its process: it cannot be pickled or copied")


class pseudonyms:
    """Everything inside shares one `Vault`: calls of provider SDKs, `hardened.check`, guarded functions.

        with hardened.pseudonyms() as vault:
            safe = hardened.check("Write to jane.doe@example.com").text     # Write to [EMAIL_1]
            shown = vault.restore(answer)

    Which findings get pseudonyms is said by the policy (`operator: pseudonym`). A block within another one shares its
    vault. The values are forgotten with the vault.

    Args:
        max_values: what comes after so many values gets no pseudonym, only `[EMAIL]`.
    """

    __slots__ = ("_max_values", "_tokens")

    def __init__(self, *, max_values: int = MAX_VALUES) -> None:
        self._max_values = max_values
        self._tokens: list[Token[Context]] = []

    def __enter__(self) -> Vault:
        vault = _inside()
        if vault is None:
            vault = Vault(self._max_values)
        self._tokens.append(otel_context.attach(otel_context.set_value(_KEY, vault)))
        return vault

    def __exit__(self, *_: object) -> None:
        from hardened.telemetry.context import detach

        detach(self._tokens.pop())


def _inside() -> Vault | None:
    found = otel_context.get_value(_KEY)
    return found if isinstance(found, Vault) else None


class _Session(NamedTuple):
    vault: Vault
    expires: float


class Sessions:
    """The vaults of sessions, each forgotten some time after its last use, also if nothing else happens then."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, max_sessions: int = MAX_SESSIONS) -> None:
        self._clock = clock
        self._max_sessions = max_sessions
        self._sessions: OrderedDict[tuple[str, ...], _Session] = OrderedDict()
        self._start_anew()
        os.register_at_fork(after_in_child=self._start_anew)

    def _start_anew(self) -> None:
        """Also in a forked child, which has none of its parent's threads."""
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def vault(self, session: tuple[str, ...], ttl: float, max_values: int) -> Vault:
        """The vault of a session, from now on for `ttl` seconds."""
        with self._lock:
            self._forget()
            known = self._sessions.pop(session, None)
            vault = known.vault if known else Vault(max_values)
            self._sessions[session] = _Session(vault, self._clock() + ttl)
            if len(self._sessions) > self._max_sessions:
                self._sessions.popitem(last=False)
            self._wake_up_later(ttl)
            return vault

    def __len__(self) -> int:
        return len(self._sessions)

    def sweep(self) -> None:
        """Forget what has expired."""
        with self._lock:
            self._timer = None
            self._forget()
            if self._sessions:
                next_one = min(session.expires for session in self._sessions.values())
                self._wake_up_later(max(0.0, next_one - self._clock()))

    def _forget(self) -> None:
        now = self._clock()
        for key in [key for key, session in self._sessions.items() if session.expires <= now]:
            del self._sessions[key]

    def _wake_up_later(self, seconds: float) -> None:
        if self._timer is None:
            timer = self._timer = threading.Timer(seconds, self.sweep)
            timer.daemon, timer.name = True, "hardened-vaults"
            try:
                timer.start()
            except RuntimeError:  # no more threads: then the next use forgets
                self._timer = None


sessions: Final = Sessions()


def vault_of_call(plan: Replacement) -> Vault:
    """The vault for a call that begins here: that of `pseudonyms`, of the session if the plan says so, or a new one."""
    found = _inside()
    if found is None and plan.scope == "session":
        from hardened.telemetry import context

        here = context.current()
        if here.session_id:
            session = (here.tenant or "", here.user_id or "", here.session_id)
            return sessions.vault(session, plan.ttl, plan.max_values)
    return Vault(plan.max_values) if found is None else found
