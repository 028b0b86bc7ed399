"""The budgets and limits of a policy, ready to be applied to a call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple, cast

from hardened.policy.active import active
from hardened.policy.schema import Policy
from hardened.policy.spend import Amount, Windows
from hardened.spend.calendar import SECONDS, Calendar, Window
from hardened.store.current import is_shared
from hardened.telemetry.context import Ambient

Unit = Literal["usd", "tokens", "requests"]
Scope = Literal["request", "run", "conversation", "user", "feature", "tenant", "global"]

UNITS: Final[tuple[Unit, ...]] = ("usd", "tokens", "requests")
WINDOWS: Final[tuple[Window, ...]] = ("minute", "hour", "day", "month")
NANO: Final = 1_000_000_000
"""Nano-dollars in a dollar: money is counted in whole ones."""

KEPT: Final = 30 * 86_400.0
"""Seconds for which a run or a conversation is remembered after its last call."""

EVERYBODY: Final = "*"

FRESH: Final = 60.0
"""Seconds for which the limits of one user, feature, … are not looked up anew, unless a window ends before."""

REMEMBERED: Final = 4096
"""So many of them are remembered, about."""


class Limit(NamedTuple):
    """One cap: so much of a unit, in a window of a scope."""

    scope: Scope
    window: Window | None  # None: as long as the run or conversation lasts
    unit: Unit
    cap: int  # nano-dollars, tokens, calls

    @property
    def refills(self) -> bool:
        """Whether it is a rate: calls and tokens of a minute or hour come back little by little.

        Money never does, and days and months are those of the calendar.
        """
        return self.window in SECONDS and self.unit != "usd"

    @property
    def setting(self) -> str:
        """Where the policy says it: `budgets.user.day`."""
        return f"budgets.{self.scope}.{self.window}" if self.window else f"budgets.{self.scope}"


class Applied(NamedTuple):
    """A limit for one user, feature, … and one window in time: what a store counts under `key`."""

    limit: Limit
    identity: str
    key: str
    end: float  # seconds since the epoch


class _Known(NamedTuple):
    """The limits of one user, feature, …, as they are in a time."""

    since: float
    until: float
    applied: tuple[Applied, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a policy says about money. `enforced`: a call that does not fit is refused, not only counted."""

    limits: Mapping[Scope, tuple[Limit, ...]]
    named: Mapping[tuple[Scope, str], tuple[Limit, ...]]
    request: Mapping[Unit, int]
    enforced: bool
    tracked: bool
    unknown_price: Literal["warn", "estimate", "deny"]
    worst_case: bool
    calendar: Calendar = field(compare=False)
    _known: dict[tuple[Scope, str], _Known] = field(default_factory=dict, init=False, compare=False, repr=False)  # pyright: ignore[reportUnknownVariableType]

    @property
    def idle(self) -> bool:
        """Whether there is nothing to count and nothing to refuse."""
        return not (self.limits or self.request or self.tracked)

    def applied(self, ambient: Ambient, run_id: str | None = None) -> list[Applied]:
        """The limits of a call. A call without a user, a feature, … counts for none."""
        identities: tuple[tuple[Scope, str | None], ...] = (
            ("run", run_id),
            ("conversation", ambient.session_id),
            ("user", ambient.user_id),
            ("feature", ambient.feature),
            ("tenant", ambient.tenant),
            ("global", EVERYBODY),
        )
        found: list[Applied] = []
        for scope, identity in identities:
            if identity and scope in self.limits:
                found += self._of(scope, identity)
        return found

    def _of(self, scope: Scope, identity: str) -> tuple[Applied, ...]:
        now = self.calendar.now()
        known = self._known.get((scope, identity))
        if known is None or not known.since <= now < known.until:
            applied = tuple(
                self._applied(limit, identity) for limit in self.named.get((scope, identity), self.limits[scope])
            )
            until = min([now + FRESH, *(one.end for one in applied if one.end)])
            if len(self._known) > REMEMBERED:
                self._known.clear()
            known = self._known[scope, identity] = _Known(now, until, applied)
        return known.applied

    def _applied(self, limit: Limit, identity: str) -> Applied:
        if limit.window is None:
            period, end = "all", self.calendar.now() + KEPT
        elif limit.refills:
            period, end = "rate", 0.0
        else:
            period, _, end = self.calendar.current(limit.window)
        key = f"{limit.scope}/{limit.window or 'all'}/{limit.unit}/{period}/{printable(identity)}"
        return Applied(limit, identity, key, end)


class _Cache:
    plan: tuple[Policy, Plan] | None = None


def current() -> Plan:
    """The plan of the active policy."""
    policy = active()
    if _Cache.plan is None or _Cache.plan[0] is not policy:
        _Cache.plan = policy, make_plan(policy)
    return _Cache.plan[1]


def printable(text: str) -> str:
    """`text` without lone surrogates, which no store takes."""
    return text.encode("utf-8", "replace").decode()


def make_plan(policy: Policy) -> Plan:
    """The plan of a policy."""
    budgets, spend = policy.budgets, policy.spend
    strict = policy.preset == "strict"
    limits: dict[Scope, tuple[Limit, ...]] = {}
    named: dict[tuple[Scope, str], tuple[Limit, ...]] = {}
    for scope in ("run", "conversation"):
        limits[scope] = tuple(_limits(scope, None, getattr(budgets, scope)))
    for scope in ("user", "feature", "tenant", "global"):
        general: Windows = getattr(budgets, scope)
        limits[scope] = tuple(_of_windows(scope, general))
        for name, own in cast("Mapping[str, Windows]", getattr(general, "named", {})).items():
            merged = {window: getattr(own, window) or getattr(general, window) for window in WINDOWS}
            named[scope, name] = tuple(_of_windows(scope, Windows.model_construct(**cast(Any, merged))))
    used = {scope for scope, found in limits.items() if found} | {scope for scope, _ in named}
    return Plan(
        limits={scope: found for scope, found in limits.items() if scope in used},
        named=named,
        request={limit.unit: limit.cap for limit in _limits("request", None, budgets.request)},
        enforced=policy.mode == "enforce",
        tracked=is_shared(policy) if spend.track is None else spend.track,
        unknown_price=spend.unknown_price or ("deny" if strict else "warn"),
        worst_case=strict if spend.worst_case is None else spend.worst_case,
        calendar=Calendar(spend.timezone),
    )


def _of_windows(scope: Scope, windows: Windows) -> Iterator[Limit]:
    for window in WINDOWS:
        yield from _limits(scope, window, getattr(windows, window))


def _limits(scope: Scope, window: Window | None, amount: Amount | None) -> Iterator[Limit]:
    for unit in UNITS:
        value = getattr(amount, unit, None)
        if value is not None:
            yield Limit(scope, window, unit, round(value * NANO) if unit == "usd" else value)
