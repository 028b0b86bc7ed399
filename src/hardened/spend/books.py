"""What was spent, by day and by feature, user, model and prompt: read from the store's sums."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal

from hardened.spend.calendar import Calendar
from hardened.spend.plan import NANO
from hardened.store.amounts import Tallies
from hardened.store.api import Store

Dimension = Literal["total", "feature", "user", "model", "prompt"]
DIMENSIONS: Final[tuple[Dimension, ...]] = ("feature", "user", "model", "prompt")


@dataclass(frozen=True, slots=True)
class Sum:
    """US dollars, tokens and calls."""

    usd: float = 0.0
    tokens: int = 0
    calls: int = 0

    def plus(self, amounts: tuple[int, ...]) -> Sum:
        usd, tokens, calls = amounts
        return Sum(self.usd + usd / NANO, self.tokens + tokens, self.calls + calls)


@dataclass(frozen=True, slots=True)
class Account:
    """The spend of one member of a dimension. `forecast` is that of the month at the pace of it so far, in USD."""

    member: str
    today: Sum
    month: Sum
    forecast: float


def accounts(store: Store, calendar: Calendar, dimension: Dimension) -> list[Account]:
    """Every member of a dimension that spent something this month, the dearest first. Raises StoreError."""
    today = calendar.current("day").name
    by_member: dict[str, Sum] = {}
    of_today: dict[str, Sum] = {}
    for day in _days(today):
        for member, amounts in store.run(Tallies(f"{day}/{dimension}")).items():
            by_member[member] = by_member.get(member, Sum()).plus(amounts)
            if day == today:
                of_today[member] = Sum().plus(amounts)
    month = calendar.current("month")
    passed = (calendar.now() - month.begin) / (month.end - month.begin)
    found = [
        Account(member, of_today.get(member, Sum()), spent, spent.usd / passed if passed else spent.usd)
        for member, spent in by_member.items()
    ]
    return sorted(found, key=lambda account: (-account.month.usd, account.member))


def _days(today: str) -> Iterator[str]:
    """The days of this month up to today."""
    last = date.fromisoformat(today)
    for back in range(last.day):
        yield (last - timedelta(days=back)).isoformat()
