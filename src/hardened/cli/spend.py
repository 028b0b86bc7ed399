"""`hardened spend` and `hardened limits`: what was spent, and how much room there is."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, cast

from hardened.cli import output
from hardened.cli.output import Cell, Colour, Column
from hardened.policy.schema import Policy
from hardened.spend.plan import Limit, Plan
from hardened.store.api import Store


def add_to(commands: Any) -> None:
    """Add the commands."""
    spend = commands.add_parser(
        "spend",
        help="what was spent today and this month, by feature, user, model or prompt",
        description="Show what was spent today and in this month, and what the month will cost at this pace.",
        epilog="Exit codes: 0 shown, 1 nothing was counted yet, 3 the store cannot be read.",
    )
    spend.add_argument(
        "--by", choices=("feature", "user", "model", "prompt"), default="feature", help="default: feature"
    )
    spend.add_argument("--json", action="store_true", help="print JSON")
    spend.set_defaults(run=run_spend)
    limits = commands.add_parser(
        "limits",
        help="every budget and limit, and how full it is",
        description="Show every budget and limit: what is used, what is held by calls, the cap, and when it is reset.",
        epilog="Exit codes: 0 shown, 1 there are none, or the counts are not shared, 3 the store cannot be read.",
    )
    limits.add_argument("--json", action="store_true", help="print JSON")
    limits.set_defaults(run=run_limits)


def run_spend(options: argparse.Namespace) -> int:
    """`hardened spend`"""
    from hardened.spend.books import accounts
    from hardened.spend.plan import make_plan

    policy, store = opened()
    plan = make_plan(policy)
    found = accounts(store, plan.calendar, options.by) if store else []
    total = accounts(store, plan.calendar, "total") if store else []
    if options.json:
        output.print_json(
            {
                "by": options.by,
                "timezone": policy.spend.timezone,
                "total": _account(total[0]) if total else None,
                "accounts": [{options.by: one.member, **_account(one)} for one in found],
            }
        )
        return 0 if total else 1
    if not total:
        return nothing(policy, plan.tracked)
    columns = [
        Column(options.by, least=12),
        Column("today", right=True),
        Column("calls", right=True, optional=True),
        Column("month", right=True),
        Column("calls", right=True),
        Column("tokens", right=True, optional=True),
        Column("forecast", right=True),
    ]
    rows = [_row(one.member, one) for one in found]
    output.print_table(columns, [*rows, [Cell(text, ("bold",)) for text in _row("total", total[0])]])
    if not found:
        print(f"No call named its {options.by}: hardened.context() says how.", file=sys.stderr)
    return 0


def run_limits(options: argparse.Namespace) -> int:
    """`hardened limits`"""
    from hardened.spend.plan import make_plan
    from hardened.store.current import is_shared

    policy, store = opened()
    plan = make_plan(policy)
    rows = _limits(plan, store) if is_shared(policy) else []
    if options.json:
        output.print_json(rows)
        return 0 if rows else 1
    if not rows:
        return nothing(policy, bool(plan.limits))
    columns = [
        Column("scope"),
        Column("who", least=8),
        Column("window"),
        Column("used", right=True),
        Column("held", right=True, optional=True),
        Column("cap", right=True),
        Column("%", right=True),
        Column("resets in", right=True, optional=True),
    ]
    output.print_table(columns, [_limit_row(row) for row in rows])
    return 0


def opened() -> tuple[Policy, Store | None]:
    """The policy that holds and its store; `None` if there is none yet. Raises PolicyError."""
    from hardened.policy.load import load
    from hardened.store.current import open_store, place

    policy = load()
    where = place(policy)
    if where == "memory" or ("://" not in where and not Path(where).expanduser().exists()):
        return policy, None
    return policy, open_store(policy, mends=False)


def nothing(policy: Policy, configured: bool) -> int:
    """Say why there is nothing to show."""
    from hardened.store.current import place

    if not configured:
        print("Nothing is counted: no budget is configured. See budgets and spend.track in hardened.yaml.")
    elif place(policy) == "memory":
        print("The counts are in the memory of each process: set store.url to share them.")
    else:
        print("Nothing was counted yet.")
    return 1


def _account(one: Any) -> dict[str, Any]:
    def said(total: Any) -> dict[str, Any]:
        return {"usd": total.usd, "tokens": total.tokens, "calls": total.calls}

    return {"today": said(one.today), "month": said(one.month), "forecast_usd": one.forecast}


def _row(name: str, one: Any) -> list[str]:
    return [
        name,
        output.dollars(one.today.usd),
        output.number(one.today.calls),
        output.dollars(one.month.usd),
        output.number(one.month.calls),
        output.number(one.month.tokens),
        output.dollars(one.forecast),
    ]


EACH: Final = "each"
"""Who a limit is for that nobody has used yet, and that each user, feature, … has for itself."""


def _limits(plan: Plan, store: Store | None) -> list[dict[str, Any]]:
    """Every budget and rate of now, in units of the user: first those that were used, then the others."""
    from hardened.store.amounts import Counts, Levels

    rows: list[dict[str, Any]] = []
    used: set[tuple[Limit, str]] = set()
    counts = {key: (count.used, count.held) for key, count in store.run(Counts()).items()} if store else {}
    levels = {key: (level, 0) for key, level in store.run(Levels()).items()} if store else {}
    for key, amounts in sorted((counts | levels).items()):
        scope, window, unit, period, identity = key.split("/", 4)
        limit = _find(plan, scope, window, unit, identity)
        if limit is not None and _is_now(plan, limit, period):
            rows.append(_said(plan, limit, identity, *amounts))
            used |= {(limit, identity), (limit, EACH)}
    unused = ((limit, who) for limit, who in _configured(plan) if (limit, who) not in used)
    return rows + [_said(plan, limit, who, 0, 0) for limit, who in unused]


def _configured(plan: Plan) -> Iterator[tuple[Limit, str]]:
    """The limits of the policy, and whom they are for."""
    from hardened.spend.plan import EVERYBODY

    for scope, limits in plan.limits.items():
        yield from ((limit, EVERYBODY if scope == "global" else EACH) for limit in limits)
    for (_, name), limits in plan.named.items():
        yield from ((limit, name) for limit in limits)


def _is_now(plan: Plan, limit: Limit, period: str) -> bool:
    """Whether a count is that of the current window."""
    return limit.window is None or limit.refills or plan.calendar.current(limit.window).name == period


def _said(plan: Plan, limit: Limit, identity: str, used: int, held: int) -> dict[str, Any]:
    from hardened.spend.plan import NANO

    scale = NANO if limit.unit == "usd" else 1
    current = plan.calendar.current(limit.window) if limit.window and not limit.refills else None
    return {
        "scope": limit.scope,
        "identity": identity,
        "window": limit.window,
        "unit": limit.unit,
        "used": used / scale,
        "held": held / scale,
        "cap": limit.cap / scale,
        "resets_in_seconds": round(current.end - plan.calendar.now()) if current else None,
    }


def _find(plan: Plan, scope: Any, window: str, unit: str, identity: str) -> Limit | None:
    limits = plan.named.get((scope, identity), plan.limits.get(scope, ()))
    return next((one for one in limits if (one.window or "all") == window and one.unit == unit), None)


def _limit_row(row: dict[str, Any]) -> list[str | Cell]:
    from hardened.errors import duration

    share = 100 * (row["used"] + row["held"]) / row["cap"] if row["cap"] else 100.0
    colour: tuple[Colour, ...] = ("red",) if share >= 100 else ("yellow",) if share >= 80 else ()
    money = row["unit"] == "usd"

    def said(value: float) -> str:
        return output.dollars(value) if money else output.number(round(value))

    resets = cast("float | None", row["resets_in_seconds"])
    return [
        row["scope"],
        row["identity"],
        f"{row['window'] or ''} {'' if money else row['unit']}".strip(),
        said(row["used"]),
        said(row["held"]) if row["held"] else "",
        said(row["cap"]),
        Cell(f"{share:.0f}", colour),
        duration(resets) if resets is not None else "",
    ]
