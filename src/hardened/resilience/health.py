"""The health of a target, kept by a breaker in the store: asked before a request, told after it."""

from __future__ import annotations

import logging
import random
from collections.abc import Generator
from functools import partial
from typing import Any, Final
from uuid import uuid4

from hardened.store.api import StoreError, ask
from hardened.store.breaker import Breaker, BreakerRule, Event, Gate
from hardened.store.current import current
from hardened.telemetry.faults import report
from hardened.telemetry.runtime import runtime
from hardened.worker import worker
from hardened_instrumentation.calls import Effect

_log = logging.getLogger("hardened")

OPEN_TO_ALL: Final = Gate("closed", "closed")


class Health:
    """One target's breaker, for one call. A store that fails says nothing against a target."""

    def __init__(self, name: str, rule: BreakerRule | None) -> None:
        self.name = name
        self._rule = rule
        self._owner = uuid4().hex

    def allows(self) -> Generator[Effect[Any], Any, Gate]:
        """Whether a request may be sent."""
        return (yield from self._say("allow"))

    def tell(self, event: Event) -> Generator[Effect[Any], Any, Gate]:
        """A request went well (`ok`), failed (`fail`), or says nothing about the target (`neutral`)."""
        return (yield from self._say(event))

    def tell_later(self, event: Event) -> None:
        """`tell`, where nothing may be waited for: at the end of a stream, or when a call is cancelled."""
        if self._rule is None:
            return
        run = partial(self._run, event)
        if current().inline:
            run()
        else:
            worker.post(run)

    def _say(self, event: Event) -> Generator[Effect[Any], Any, Gate]:
        if self._rule is None:
            return OPEN_TO_ALL
        try:
            gate = yield from ask(current(), self._operation(event, self._rule))
        except StoreError as error:
            report("asking a breaker", error)
            return OPEN_TO_ALL
        self._noted(gate)
        return gate

    def _run(self, event: Event) -> None:
        assert self._rule is not None
        try:
            self._noted(current().run(self._operation(event, self._rule)))
        except StoreError as error:
            report("telling a breaker", error)

    def _operation(self, event: Event, rule: BreakerRule) -> Breaker:
        return Breaker(self.name, event, rule, self._owner, random.uniform(0.9, 1.1))  # noqa: S311

    def _noted(self, gate: Gate) -> None:
        if gate.before == gate.state:
            return
        level = logging.WARNING if gate.before == "closed" else logging.INFO  # probes that fail are no news
        _log.log(level, "hardened: the breaker of %s is %s now (it was %s)", self.name, gate.state, gate.before)
        try:
            runtime().metrics.breaker(self.name, gate.state)
        except Exception as error:  # noqa: BLE001 - telemetry must not fail a call
            report("measuring a breaker", error)
