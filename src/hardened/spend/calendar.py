"""When a minute, an hour, a day and a month begin and end in a time zone."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final, Literal, NamedTuple

Window = Literal["minute", "hour", "day", "month"]

SECONDS: Final[dict[Window, float]] = {"minute": 60.0, "hour": 3600.0}
"""Of the windows that are always as long."""


class Period(NamedTuple):
    """One window in time: its name, and its begin and end in seconds since the epoch."""

    name: str  # sorts as time does: 2026-10-25
    begin: float
    end: float


def zone(name: str) -> tzinfo:
    """The time zone of that name. Raises KeyError, OSError or ValueError for what is none."""
    if name == "UTC":
        return UTC  # known everywhere, also without a data base of time zones
    from zoneinfo import ZoneInfo

    return ZoneInfo(name)


class Calendar:
    """The current windows of a time zone.

    A day lasts from midnight to midnight, so 23 or 25 hours when the clocks are changed.

    Args:
        timezone: its name.
        clock: seconds since the epoch.
    """

    def __init__(self, timezone: str = "UTC", clock: Callable[[], float] = time.time) -> None:
        self._zone = zone(timezone)
        self._clock = clock
        self._known: dict[Window, Period] = {}

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._clock()

    def current(self, window: Window) -> Period:
        """The window of now."""
        now = self._clock()
        known = self._known.get(window)
        if known is None or not known.begin <= now < known.end:
            known = self._known[window] = self.at(window, now)
        return known

    def at(self, window: Window, moment: float) -> Period:
        """The window that a moment lies in."""
        if window in SECONDS:
            length = SECONDS[window]
            offset = self._local(moment).utcoffset() or timedelta()  # hours need not begin at full hours of UTC
            shift = offset.total_seconds() % length
            begin = (moment + shift) // length * length - shift
            return Period(datetime.fromtimestamp(begin, UTC).strftime("%Y-%m-%dT%H:%M"), begin, begin + length)
        local = self._local(moment)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
        if window == "day":
            following = midnight + timedelta(days=1)  # in wall time: the time zone says how long that is
            return Period(midnight.strftime("%Y-%m-%d"), midnight.timestamp(), following.timestamp())
        first = midnight.replace(day=1)
        following = (first + timedelta(days=32)).replace(day=1)
        return Period(first.strftime("%Y-%m"), first.timestamp(), following.timestamp())

    def days_before(self, moment: float, count: int) -> list[str]:
        """The names of so many days before that of a moment, the latest first."""
        day = self._local(moment).date()
        return [(day - timedelta(days=back)).isoformat() for back in range(1, count + 1)]

    def _local(self, moment: float) -> datetime:
        return datetime.fromtimestamp(moment, self._zone)
