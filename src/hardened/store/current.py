"""The store of the active policy."""

from __future__ import annotations

import atexit
import logging
import threading
import weakref
from typing import TYPE_CHECKING, Final

from pydantic import SecretStr

from hardened.errors import PolicyError
from hardened.policy.active import active
from hardened.policy.schema import reveal
from hardened.store.api import Store
from hardened.store.memory import MemoryStore
from hardened.worker import worker

if TYPE_CHECKING:
    from hardened.policy.schema import Policy
    from hardened.store.sturdy import SturdyStore

DEFAULT_FILE: Final = ".hardened/state.db"

AT_EXIT: Final = 1.0
"""Seconds for which the end of the process waits for the ends of calls to be told."""

_log = logging.getLogger("hardened.store")
_lock = threading.Lock()
_current: tuple[Policy, Store] | None = None
_durable: tuple[Policy, Store] | None = None


def current() -> Store:
    """The store that holds: that of the policy; else a file if a budget is configured, else the memory of this process.

    It does not fail while the shared one is away, see `sturdy`. Nothing is opened before the first operation.
    """
    global _current
    policy, found = active(), _current
    if found is not None and found[0] is policy:
        return found[1]
    with _lock:
        if _current is None or _made_of(_current[0]) != _made_of(policy):
            _current = policy, _make(policy)
        _current = policy, _current[1]
        return _current[1]


def durable() -> Store:
    """The store for what outlives this process: `current`, or the default file where the policy names no store."""
    global _durable
    policy, found = active(), _durable
    if is_shared(policy) or reveal(policy.store.url) is not None:
        return current()
    if found is not None and found[0].store == policy.store:
        return found[1]
    with _lock:
        if _durable is None or _durable[0].store != policy.store:
            in_file = policy.store.model_copy(update={"url": SecretStr(DEFAULT_FILE)})
            _durable = policy, _make(policy.model_copy(update={"store": in_file}))
        return _durable[1]


def _made_of(policy: Policy) -> tuple[object, ...]:
    return policy.store, place(policy)


def is_shared(policy: Policy) -> bool:
    """Whether the store outlives this process, so that other processes look at the same counts."""
    return place(policy) != "memory"


def place(policy: Policy) -> str:
    """Where the policy keeps its store: `memory`, a file, or an address, perhaps with a password."""
    return reveal(policy.store.url) or (DEFAULT_FILE if uses_budgets(policy) else "memory")


def uses_budgets(policy: Policy) -> bool:
    """Whether any budget or limit is configured, beside that of a single request, which counts nothing."""
    budgets = policy.budgets
    scopes = [budgets.user, budgets.feature, budgets.tenant, getattr(budgets, "global")]
    windows = ("minute", "hour", "day", "month", "named")
    return bool(
        budgets.run
        or budgets.conversation
        or policy.spend.track
        or any(getattr(scope, window, None) for scope in scopes for window in windows)
    )


def open_store(policy: Policy, *, mends: bool = True) -> Store:
    """The store of a policy, bare: it fails when the shared one does. Raises PolicyError for one that cannot be.

    `mends`: a file that is damaged is put aside.
    """
    where, settings = place(policy), policy.store
    if where == "memory":
        return MemoryStore()
    from hardened.policy.check_addresses import of_store

    problem = of_store(where)
    if problem is not None:
        raise PolicyError(f"store.url: {problem}")
    if "://" not in where:
        from hardened.store.sqlite import SqliteStore

        return SqliteStore(where, durability=settings.durability, mends=mends)
    from hardened.store.redis import RedisStore

    return RedisStore(where, namespace=settings.namespace, timeout=settings.timeout_ms / 1000)


def _make(policy: Policy) -> Store:
    settings = policy.store
    try:
        store = open_store(policy)
    except PolicyError as error:
        _log.error("hardened: %s. Until then each process counts for itself.", error)
        store = MemoryStore()
    if store.inline:
        return store
    from hardened.store.sturdy import DownPolicy, SturdyStore

    down = DownPolicy(settings.budgets_when_down, settings.limits_when_down, settings.replicas)
    sturdy = SturdyStore(store, down, _count_outage)
    atexit.register(_settle_up, weakref.ref(sturdy))
    return sturdy


def _settle_up(made: weakref.ref[SturdyStore]) -> None:
    """The process ends: what was spent while the store was away is not to be lost if it is back."""
    store = made()
    if store is not None:
        worker.flush(AT_EXIT)
        store.settle_up()


def _count_outage() -> None:
    from hardened.telemetry.runtime import runtime

    runtime().metrics.record_outage()
