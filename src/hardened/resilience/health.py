"""The health of a target, kept by a breaker in the store: asked before a request, told after it."""

from __future__ import annotations

import logging
import os
import random
import time
from collections.abc import Generator
from typing import Any, Final
from weakref import WeakKeyDictionary

from hardened.store.api import Store, StoreError, ask
from hardened.store.breaker import Breaker, BreakerRule, Event, Gate
from hardened.store.current import current
from hardened.store.ends import ends
from hardened.telemetry.faults import report
from hardened.telemetry.runtime import runtime
from hardened_instrumentation.calls import Effect

_log = logging.getLogger("hardened")

OPEN_TO_ALL: Final = Gate("closed", "closed")

FRESH: Final = 0.25
"""Seconds for which a process takes a breaker of a shared store for closed that was so; of its own failures it knows.

So a healthy target costs no wait for the store before each request.
"""

NAMES: Final = 1024
"""So many breakers of a store are remembered, about."""

_closed: WeakKeyDictionary[Store, dict[str, float]] = WeakKeyDictionary()  # by store and name: until when


class Health:
    """One target's breaker, for one call. A store that fails says nothing against a target."""

    def __init__(self, name: str, rule: BreakerRule | None) -> None:
        self.name = name
        self._rule = rule
        self._owner = os.urandom(16).hex()
        self._probing = False

    def allows(self) -> Generator[Effect[Any], Any, Gate]:
        """Whether a request may be sent."""
        store = current()
        if not store.inline and time.monotonic() < _closed.get(store, {}).get(self.name, 0.0):
            return OPEN_TO_ALL
        gate = yield from self._say("allow")
        self._probing = gate.probing
        return gate

    def tell(self, event: Event) -> Generator[Effect[Any], Any, Gate]:
        """A request went well (`ok`), failed (`fail`), or says nothing about the target (`neutral`)."""
        if event == "ok" and not self._probing:  # nothing follows from one more success: nobody waits for it
            self.tell_later(event)
            return OPEN_TO_ALL
        return (yield from self._say(event))

    def tell_later(self, event: Event) -> None:
        """`tell`, where nothing may be waited for: at the end of a stream, or when a call is cancelled."""
        if self._rule is None:
            return
        store, rule = current(), self._rule
        if store.inline:
            self._noted(store.run(self._operation(event, rule)), store)
        else:
            ends.tell(store, lambda: self._operation(event, rule), lambda gate: self._noted(gate, store))

    def _say(self, event: Event) -> Generator[Effect[Any], Any, Gate]:
        if self._rule is None:
            return OPEN_TO_ALL
        store = current()
        try:
            gate = yield from ask(store, self._operation(event, self._rule))
        except StoreError as error:
            report("asking a breaker", error)
            return OPEN_TO_ALL
        self._noted(gate, store)
        return gate

    def _operation(self, event: Event, rule: BreakerRule) -> Breaker:
        return Breaker(self.name, event, rule, self._owner, random.uniform(0.9, 1.1))  # noqa: S311

    def _noted(self, gate: Gate, store: Store) -> None:
        if not store.inline:
            _remember(store, self.name, gate)
        if gate.before == gate.state:
            return
        level = logging.WARNING if gate.before == "closed" else logging.INFO  # probes that fail are no news
        _log.log(level, "hardened: the breaker of %s is %s now (it was %s)", self.name, gate.state, gate.before)
        try:
            runtime().metrics.breaker(self.name, gate.state)
        except Exception as error:  # noqa: BLE001 - telemetry must not fail a call
            report("measuring a breaker", error)


def _remember(store: Store, name: str, gate: Gate) -> None:
    closed = _closed.setdefault(store, {})
    if gate.state != "closed":
        closed.pop(name, None)
        return
    if len(closed) > NAMES:
        closed.clear()
    closed[name] = time.monotonic() + FRESH
