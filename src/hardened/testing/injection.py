"""Faults in a running application: `hardened.chaos`, for game days in a test or staging environment."""

from __future__ import annotations

import logging
import os
import random
import threading
from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Final, get_args

from hardened.errors import HardenedError
from hardened.policy.load import CHAOS_VARIABLE
from hardened.resilience import diversion
from hardened.testing.faults import FAULTS
from hardened.testing.message import Request
from hardened.testing.provider import FakeProvider, Unreachable
from hardened.testing.schedules import COMMON, known
from hardened.testing.script import Reply
from hardened_instrumentation.calls import Call, Destination

NOWHERE: Final[tuple[Unreachable, ...]] = get_args(Unreachable)

_log = logging.getLogger("hardened")
_TEXT: Final = "This answer breaks off on purpose: hardened.chaos is on. "


class Injection:
    """What `hardened.chaos` does while it is on. `injected` counts the faults by name."""

    def __init__(self, rate: float, faults: Mapping[str, float], seed: int, provider: FakeProvider) -> None:
        self.injected: Counter[str] = Counter()
        self._rate = rate
        self._faults = faults
        self._chance = random.Random(seed)  # noqa: S311 - reproducible on purpose
        self._lock = threading.Lock()
        self._provider = provider
        provider.default = self._reply

    def divert(self, call: Call) -> Destination | None:
        """An address on this machine where the request meets a fault, or `None`: it goes its way."""
        if call.operation is None:
            return None
        fitting = {
            name: share for name, share in self._faults.items() if name in NOWHERE or FAULTS[name].fits(call.stream)
        }
        with self._lock:
            if not fitting or self._chance.random() >= self._rate:
                return None
            (name,) = self._chance.choices(list(fitting), list(fitting.values()))
            self.injected[name] += 1
        root = self._provider.nowhere(name) if name in NOWHERE else self._provider.url
        return Destination(f"{root}/v1" if call.sdk == "openai" else root, name)  # the key of a request names its fault

    def _reply(self, request: Request) -> Reply:
        key = request.headers.get("x-api-key") or request.headers.get("authorization", "").removeprefix("Bearer ")
        fits = key in FAULTS and FAULTS[key].happens_to(request)
        return Reply(text=_TEXT, fault=key) if fits else Reply(status=503)  # never an answer


@contextmanager
def chaos(*, rate: float = 0.1, faults: Mapping[str, float] | None = None, seed: int = 0) -> Generator[Injection]:
    """While the block runs, a share of the requests of this process fails as those of real providers do.

        with hardened.chaos(rate=0.2, faults={"unavailable": 3, "hang": 1}) as chaos:
            ...
        print(chaos.injected)

    A request that shall fail goes to a `FakeProvider` on this machine in place of the client's own service, with a
    made-up key; all others go where they always go, and so do requests to fallbacks. It holds for all threads.

    Args:
        rate: the share of requests, from 0 to 1.
        faults: names of `hardened.testing.FAULTS` that are errors, or `dns_failure`, `connection_refused`,
            `tls_failure`, with their weights. Default: the errors of `hardened.testing.COMMON`.
        seed: the same seed draws the same sequence.

    Raises:
        HardenedError: the variable `HARDENED_CHAOS` is not `on`, or it is on already in this process.
        ValueError: a rate or weight that is none, an unknown fault, or one that is an answer all the same: what the
            application takes for an answer would have been made up.
    """
    weights = _weights(faults)
    if not 0 <= rate <= 1:
        raise ValueError("hardened.chaos: rate is a share of requests, from 0 to 1")
    if os.environ.get(CHAOS_VARIABLE, "").strip().lower() != "on":
        raise HardenedError(
            f"hardened.chaos makes calls fail on purpose: set {CHAOS_VARIABLE}=on in the environment of a test or "
            "staging process, and nowhere else"
        )
    with FakeProvider(record=False) as provider:
        injection = Injection(rate, weights, seed, provider)
        if diversion.is_on():
            raise HardenedError("hardened.chaos is on already in this process")
        diversion.divert(injection.divert)
        _log.warning("hardened: chaos is on: %.0f %% of the requests fail on purpose", 100 * rate)
        try:
            yield injection
        finally:
            diversion.divert(None)
            _log.warning("hardened: chaos is over: %d requests failed on purpose", injection.injected.total())


def _weights(faults: Mapping[str, float] | None) -> Mapping[str, float]:
    if faults is None:
        return {name: share for name, share in COMMON.items() if FAULTS[name].kind}
    for name, weight in faults.items():
        if name not in NOWHERE and FAULTS[known(name)].kind is None:
            raise ValueError(f"hardened.chaos: {name} is an answer, and answers must not be made up")
        if not 0 < weight < float("inf"):
            raise ValueError(f"hardened.chaos: the weight of {name} must be more than 0")
    return dict(faults)
