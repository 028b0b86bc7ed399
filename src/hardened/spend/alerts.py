"""Who spends fast is told about: once for each budget and window, over all processes that share a store.

An alert goes to the log, the metric `hardened.spend.alerts`, an event of OpenTelemetry, every callback, and a webhook
if there is one. Runs in the background, after a call was charged.
"""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlsplit

from hardened.policy.active import active
from hardened.policy.schema import reveal
from hardened.spend.plan import EVERYBODY, NANO, Applied, Plan
from hardened.store.amounts import Tallies
from hardened.store.api import Store
from hardened.store.values import Put
from hardened.telemetry import semconv
from hardened.telemetry.faults import report

if TYPE_CHECKING:
    from hardened.policy.spend import Alerts

_log = logging.getLogger("hardened.spend")

Kind = Literal["used", "projected", "forecast"]

EARLY: Final = 0.05
"""Before so much of a window is over, a projection to its end says nothing."""

WEEK: Final = 7
LEAST_DAYS: Final = 3
"""A forecast needs so many of the last seven days."""

PAUSE: Final = 60.0
"""Seconds between two looks at the forecast."""

TIMEOUT: Final = 5.0
"""Seconds for a webhook."""

_PRIVATE: Final = ("user", "conversation", "run")
"""Scopes whose members are named to callbacks only."""


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that somebody should know about spend.

    Attributes:
        kind: `used` (a percentage of a budget is reached), `projected` (at this pace the budget is passed before its
            window ends), or `forecast` (today is so many times the mean of the last days).
        scope: what is counted: `global`, `user`, …
        identity: which user, feature, …; `*` for all.
        window: `day`, `month`, …; `None` for a run or conversation.
        unit: `usd`, `tokens` or `requests`.
        used: what is used; for `projected` and `forecast` too.
        cap: the budget; for `forecast` the mean.
        value: the percentage reached, the projected amount, or how many times the mean.
    """

    kind: Kind
    scope: str
    identity: str
    window: str | None
    unit: str
    used: float
    cap: float
    value: float

    def __str__(self) -> str:
        named = self.identity != EVERYBODY and self.scope not in _PRIVATE
        of = f"{self.scope} {self.identity}" if named else self.scope
        window = f" of this {self.window}" if self.window else ""
        unit = "USD" if self.unit == "usd" else self.unit
        used, cap = f"{self.used:.6g}", f"{self.cap:.6g} {unit}"
        if self.kind == "used":
            return f"{self.value:.0f} % of the budget of {of}{window} are used: {used} of {cap}"
        if self.kind == "projected":
            return f"the budget of {of}{window} will not last: {used} so far, {self.value:.6g} projected, {cap} allowed"
        return f"spend today is {self.value:.1f} times that of the last days: {used} against {cap}"


_callbacks: list[Callable[[Alert], object]] = []


def on_alert(callback: Callable[[Alert], object]) -> Callable[[], None]:
    """Call `callback` with each alert, in a background thread. Returns a function that ends this."""
    _callbacks.append(callback)

    def stop() -> None:
        if callback in _callbacks:
            _callbacks.remove(callback)

    return stop


class _Seen:
    """What this process knows to be told, so that it does not ask the store again and again."""

    told: Final[set[str]] = set()
    looked: float = float("-inf")


def check(rules: Plan, store: Store, applied: Sequence[Applied], used: Mapping[str, int]) -> None:
    """Look at the budgets that a call was charged to; `used` is what they have used by key."""
    settings = active().spend.alerts
    quiet = min(EARLY * 100.0, *settings.at)  # per cent: less says nothing
    for one in applied:
        spent, cap = used.get(one.key, 0), one.limit.cap
        if cap > 0 and spent * 100 >= cap * quiet:
            for name, alert in _of_budget(rules, one, spent, settings):
                _once(store, f"{one.key}/{name}", max(one.end - rules.calendar.now(), 60.0), alert)
    if settings.forecast is not None and rules.tracked and time.monotonic() - _Seen.looked > PAUSE:
        _Seen.looked = time.monotonic()
        _check_forecast(rules, store, settings.forecast)


def _of_budget(rules: Plan, one: Applied, used: int, settings: Alerts) -> list[tuple[str, Alert]]:
    limit, found = one.limit, list[tuple[str, Alert]]()
    reached = [percent for percent in settings.at if used * 100 >= limit.cap * percent]
    if reached:  # the highest says it all; a lower one that was not told is not told any more
        found.append((str(max(reached)), _alert("used", one, used, used * 100 / limit.cap)))
    if (
        settings.projected
        and limit.unit == "usd"
        and limit.window in ("day", "month")
        and limit.cap * EARLY < used < limit.cap  # less cannot be too fast
    ):
        period = rules.calendar.current(limit.window)
        passed = (rules.calendar.now() - period.begin) / (period.end - period.begin)
        if passed >= EARLY and used / passed > limit.cap:
            found.append(("projected", _alert("projected", one, used, used / passed / NANO)))
    return found


def _alert(kind: Kind, one: Applied, used: int, value: float) -> Alert:
    limit = one.limit
    scale = NANO if limit.unit == "usd" else 1
    return Alert(kind, limit.scope, one.identity, limit.window, limit.unit, used / scale, limit.cap / scale, value)


def _check_forecast(rules: Plan, store: Store, times: float) -> None:
    calendar = rules.calendar
    day = calendar.current("day")
    before = [_total(store, name) for name in calendar.days_before(day.begin + 1, WEEK)]
    spent = [amount for amount in before if amount]
    today = _total(store, day.name)
    if len(spent) < LEAST_DAYS:
        return
    mean = sum(spent) / len(spent)
    if today >= times * mean:
        alert = Alert("forecast", "global", EVERYBODY, "day", "usd", today / NANO, mean / NANO, today / mean)
        _once(store, f"forecast/{day.name}", day.end - calendar.now(), alert)


def _total(store: Store, day: str) -> int:
    return store.run(Tallies(f"{day}/total")).get("all", (0,))[0]


def _once(store: Store, name: str, ttl: float, alert: Alert) -> None:
    if name in _Seen.told:
        return
    if len(_Seen.told) > 10_000:
        _Seen.told.clear()
    _Seen.told.add(name)
    if store.run(Put(f"alert/{name}", "1", ttl, new=True)):
        tell(alert)


def tell(alert: Alert) -> None:
    """Let everybody know who wants to."""
    from hardened.telemetry.events import emit_warning
    from hardened.telemetry.runtime import runtime

    _log.warning("hardened: %s", alert)
    try:
        runtime().metrics.record_alert(alert.kind, alert.scope)
        emit_warning(semconv.SPEND_ALERT, str(alert), _attributes(alert))
    except Exception as error:  # noqa: BLE001 - as for callbacks
        report("recording an alert", error)
    for callback in tuple(_callbacks):
        try:
            callback(alert)
        except Exception as error:  # noqa: BLE001 - one callback's fault must not keep the others uninformed
            report("calling back about an alert", error)
    address = reveal(active().spend.alerts.webhook)
    if address:  # a thread of its own: the background worker must not wait for a stranger
        threading.Thread(target=_post, args=(address, alert), name="hardened-alert").start()


def _attributes(alert: Alert) -> dict[str, str | float]:
    """What an event says beside its text: nothing of who it is about."""
    said: dict[str, str | float] = {
        semconv.SPEND_ALERT: alert.kind,
        semconv.SPEND_SCOPE: alert.scope,
        semconv.SPEND_UNIT: alert.unit,
        semconv.SPEND_USED: alert.used,
        semconv.SPEND_CAP: alert.cap,
        semconv.SPEND_VALUE: alert.value,
    }
    return said if alert.window is None else {**said, semconv.SPEND_WINDOW: alert.window}


def _post(address: str, alert: Alert) -> None:
    from hardened.telemetry.http_post import Poster, UnsafeAddressError

    body = json.dumps({"text": f":rotating_light: {alert}"}).encode()
    try:
        parts = urlsplit(address)
        _refuse_link_local(parts.hostname or "")
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        status = Poster(f"{parts.scheme}://{parts.netloc}", {}, TIMEOUT).post(path, body, "application/json")
        if status >= 300:
            _log.warning("hardened: the webhook of alerts answered %d; redirects are not followed", status)
    except UnsafeAddressError as error:
        _log.error("hardened: spend.alerts.webhook is not used: %s", error)
    except (OSError, UnicodeError) as error:  # the latter of a name that no server can have
        _log.warning("hardened: the webhook of alerts could not be reached: %s", type(error).__name__)


def _refuse_link_local(host: str) -> None:
    """Raises UnsafeAddressError for addresses such as that of a cloud's metadata service."""
    from hardened.telemetry.http_post import UnsafeAddressError

    for *_, address in socket.getaddrinfo(host, None):
        if ip_address(str(address[0]).partition("%")[0]).is_link_local:
            raise UnsafeAddressError("the address is link-local")
