"""What may stop a call, and who can answer it, as `hardened doctor` shows it: no key, of an address host and port."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from hardened.cli import output
from hardened.cli.finding import Finding
from hardened.policy.schema import Policy

if TYPE_CHECKING:
    from hardened.policy.resilience import Target
    from hardened.spend.plan import Unit
    from hardened.store.api import Store


def examine_calls(policy: Policy) -> Iterator[Finding]:
    """Store, budgets, kill switch and targets. The store is asked what it stops, and not made if it is not there."""
    stopped = yield from _store(policy)
    yield from _budgets(policy)
    yield from _kill(policy, stopped)
    yield from _targets(policy)


def _store(policy: Policy) -> Generator[Finding, None, frozenset[str]]:
    """Returns what the store says is stopped."""
    from hardened.errors import PolicyError
    from hardened.spend import kill
    from hardened.store.api import StoreError
    from hardened.store.current import open_store, place
    from hardened.store.values import Marks

    where = place(policy)
    if where == "memory":
        yield Finding("spend", "store", "off", "none: each process counts for itself")
    elif "://" not in where and not Path(where).expanduser().exists():
        yield Finding("spend", "store", "ok", f"{where}, made when it is first needed")
    else:
        try:
            store: Store = open_store(policy, mends=False)
            stopped = store.run(Marks(kill.GROUP))
        except (PolicyError, StoreError) as error:
            advice = "until it is back each process decides alone: store.budgets_when_down, store.limits_when_down"
            yield Finding("spend", "store", "problem", str(error), advice)
        else:
            yield Finding("spend", "store", "ok", f"{store.name} answers")
            return stopped
    return frozenset()


def _budgets(policy: Policy) -> Iterator[Finding]:
    from hardened.spend.plan import make_plan

    plan = make_plan(policy)
    said = {"request": [_amount(unit, cap) for unit, cap in plan.request.items()]} if plan.request else {}
    for scope, limits in plan.limits.items():
        own = sum(named == scope for named, _ in plan.named)
        said[scope] = [
            _amount(limit.unit, limit.cap) + (f" a {limit.window}" if limit.window else "") for limit in limits
        ] + ([f"other ones for {own} by name"] if own else [])
    for scope, amounts in said.items():
        yield Finding("spend", f"budgets.{scope}", "ok", ", ".join(amounts))
    if not said:
        yield Finding("spend", "budgets", "off", "none: nothing limits what calls use")


def _amount(unit: Unit, cap: int) -> str:
    from hardened.spend.plan import NANO

    return output.dollars(cap / NANO) if unit == "usd" else f"{output.number(cap)} {unit}"


def _kill(policy: Policy, of_store: frozenset[str]) -> Iterator[Finding]:
    from hardened.policy.load import KILL_VARIABLE
    from hardened.spend import kill

    places = {
        KILL_VARIABLE: kill.of_variable(os.environ.get(KILL_VARIABLE, "")),
        policy.kill.file: kill.of_file(Path(policy.kill.file)),
        "the store": of_store,
    }
    stopped = [f"{', '.join(sorted(entries))} (says {place})" for place, entries in places.items() if entries]
    if stopped:
        advice = f"`hardened kill off` lets calls go on; {KILL_VARIABLE} is unset where it was set"
        yield Finding("spend", "kill switch", "warning", f"on, stops {'; '.join(stopped)}", advice)
    else:
        yield Finding("spend", "kill switch", "ok", "off: nothing is stopped")


def _targets(policy: Policy) -> Iterator[Finding]:
    if not policy.targets:
        yield Finding("targets", "fallbacks", "off", "none: the client's own service alone can answer")
    for name, target in policy.targets.items():
        routes = sorted(feature for feature, names in policy.routes.items() if name in names)
        if not routes:
            route = "`routes: {default: [" + name + "]}`"
            advice = f"name it in routes, as in {route}, of a policy that HARDENED_POLICY names"
            yield Finding("targets", name, "warning", f"{_who(target)}; in no route, so nobody asks it", advice)
        else:
            yield Finding("targets", name, "ok", f"{_who(target)}; for {', '.join(routes)}")


def _who(target: Target) -> str:
    """Who answers there, and with whose key."""
    if target.static is not None:
        return "a text"
    address = urlsplit(target.base_url).netloc if target.base_url else ""
    parts = [target.provider or "", target.model or "", f"at {address}" if address else "", target.region or ""]
    key = (
        "a key of its own" if target.api_key else f"no api_key: calls of {target.provider} ask it with the client's own"
    )
    return ", ".join([part for part in parts if part] + [key])
