"""Every call and its money: what fits is reserved before it is sent, what it used is charged when it is over.

    charge = yield from admit(call, view)            # raises BudgetExceeded, RateLimited, UnknownPrice
    yield from charge.again()                        # before a further attempt, if nobody knows what became of the last
    charge.finish(error, usage, cost)                # however the call ended; never blocks, never raises

The end of a call is told in the background, so it costs the application no time; until it is, the reservation stands.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Generator
from functools import partial
from typing import Any, Final, TypeVar, cast

from hardened.errors import BudgetExceeded, LimitError, RateLimited, UnknownPrice
from hardened.policy.active import active
from hardened.policy.schema import Policy
from hardened.spend.estimate import Estimate, Learned, dear, estimate, nano
from hardened.spend.plan import NANO, Applied, Limit, Plan, Unit, make_plan, printable
from hardened.spend.prices import Cost, Pricer
from hardened.store.amounts import Bucket, Denied, Extend, Line, Release, Reserve, Settle, Settled, Tally
from hardened.store.api import Store, ask
from hardened.store.current import current as current_store
from hardened.store.ends import ends
from hardened.telemetry import context
from hardened.telemetry.record import PRICED
from hardened.telemetry.runtime import runtime
from hardened.worker import worker
from hardened_instrumentation.calls import Call, Effect, RequestView, Usage, Work, perform

T = TypeVar("T")
Step = Generator[Effect[Any], Any, T]

HOLD: Final = 600.0
"""Seconds after which the hold of a call that never ended is over; a call that is still going on is set right later."""

LONG_BODY: Final = 65_536
"""Characters of a request above which tokens are estimated in a thread for an async caller: about 2 ms."""

KEPT: Final = 400 * 86_400.0
"""Seconds for which the books of a day are kept."""

SETTLING: Final = 0.25
"""Seconds for which a call that does not fit waits for the ends of others that are just being told."""

learned = Learned()


class _Cache:
    plan: tuple[Policy, Plan] | None = None


def plan() -> Plan:
    """The plan of the active policy."""
    policy = active()
    if _Cache.plan is None or _Cache.plan[0] is not policy:
        _Cache.plan = policy, make_plan(policy)
    return _Cache.plan[1]


def admit(call: Call, view: RequestView | None) -> Step[CallCharge | None]:
    """Reserve what a call may use. `None` where nothing is counted.

    Raises BudgetExceeded, RateLimited or UnknownPrice, and then nothing is reserved.
    """
    rules = plan()
    if rules.idle or call.operation not in PRICED or call.body is None:
        return None
    view = view or call.wire.request(call.body)
    ambient = context.current()
    applied = rules.applied(ambient, ambient.run_id)
    money = "usd" in rules.request or any(one.limit.unit == "usd" for one in applied)
    price = yield from _pricer(call, view.model or "")
    guess = yield from _estimate(call, view, price, rules)
    if guess.usd is None:
        if money and rules.unknown_price == "deny" and rules.enforced:
            raise UnknownPrice(view.model or "")
        guess = Estimate(guess.input, guess.output, _unknown(rules, guess.input, guess.output))
    _check_request(rules, guess)
    charge = CallCharge(rules, current_store(), applied, guess, _Facts(view.model or "", ambient))
    yield from charge.reserve()
    return charge


class _Facts:
    """Who asked, and for what: the dimensions of the books."""

    def __init__(self, model: str, ambient: context.Ambient) -> None:
        self.model = model
        prompt = ambient.prompt_name
        if prompt and ambient.prompt_version:
            prompt = f"{prompt}@{ambient.prompt_version}"
        self.members = {
            "total": "all",
            "feature": ambient.feature,
            "user": ambient.user_id,
            "model": model,
            "prompt": prompt,
        }


class CallCharge:
    """What is reserved for one call, until it is charged or given back. Exactly one of both happens."""

    def __init__(self, rules: Plan, store: Store, applied: list[Applied], guess: Estimate, facts: _Facts) -> None:
        self._rules = rules
        self._store = store
        self._applied = applied
        self._guess = guess
        self._facts = facts
        self._hold = os.urandom(16).hex()
        self._lost = 0  # earlier attempts of which nobody knows what they cost
        self._over = False
        self._lock = threading.Lock()

    def reserve(self) -> Step[None]:
        """Hold the estimate in all budgets, or raise for the first that has no room."""
        denied = yield from self._try()
        if denied is not None and ends:  # calls that have ended may not have given back their reserves yet
            yield from perform(Work(lambda: worker.flush(SETTLING)))
            denied = yield from self._try()
        if denied is not None:
            self._over = True
            raise self._error(denied)

    def _try(self) -> Step[Denied | None]:
        try:
            answer = yield from ask(self._store, Reserve(self._hold, *self._taken(), ttl=HOLD))
        except BaseException:  # cancelled while the store was at it: whether it is reserved is unknown
            self._over = True
            ends.tell(self._store, lambda: Release(self._hold))
            raise
        return answer if isinstance(answer, Denied) else None

    def again(self) -> Step[None]:
        """A further attempt, after one that may have been billed: hold as much once more."""
        lines, _ = self._taken()
        answer = yield from ask(self._store, Extend(self._hold, lines, ttl=HOLD))
        if isinstance(answer, Denied):
            raise self._error(answer)
        self._lost += 1

    def finish(self, error: BaseException | None, usage: Usage | None, cost: Cost | None) -> None:
        """The call is over: charge what it used, what it may have used, or nothing. Later calls change nothing."""
        with self._lock:
            if self._over:
                return
            self._over = True
        ends.tell(self._store, partial(self._settlement, error, usage, cost), self._settled)

    def _settlement(self, error: BaseException | None, usage: Usage | None, cost: Cost | None) -> Settle:
        spent = self._spent(error, usage, cost)
        return Settle(self._hold, {one.key: spent[one.limit.unit] for one in self._applied}, self._tallies(spent))

    def _settled(self, answer: Settled | None) -> None:
        if answer is not None:
            from hardened.spend import alerts

            alerts.check(self._rules, self._store, self._applied, answer.used)

    def _spent(self, error: BaseException | None, usage: Usage | None, cost: Cost | None) -> dict[Unit, int]:
        """What the call cost, by unit. What is not known is taken to be as much as was reserved."""
        given, output, usd = self._guess.input, self._guess.output, self._guess.usd or 0
        if usage is not None and usage.input is not None:
            given, output = usage.input, usage.output or 0
            usd = nano(cost) if cost is not None else _unknown(self._rules, given, output)
            if usage.output is not None:
                learned.saw(self._facts.model, usage.output)
        elif error is not None and not_billed(error):
            given = output = usd = 0
        for _ in range(self._lost):
            given, output, usd = given + self._guess.input, output + self._guess.output, usd + (self._guess.usd or 0)
        return {"usd": usd, "tokens": given + output, "requests": 1}

    def _tallies(self, spent: dict[Unit, int]) -> tuple[Tally, ...]:
        if not self._rules.tracked:
            return ()
        day = self._rules.calendar.current("day")
        amounts = (spent["usd"], spent["tokens"], spent["requests"])
        return tuple(
            Tally(f"{day.name}/{dimension}", printable(member), amounts, day.end + KEPT)
            for dimension, member in self._facts.members.items()
            if member
        )

    def _taken(self) -> tuple[tuple[Line, ...], tuple[Bucket, ...]]:
        """What the estimate takes of each limit."""
        amounts, lines, buckets = _amounts(self._guess), list[Line](), list[Bucket]()
        for one in self._applied:
            taken = one.take(amounts[one.limit.unit], enforced=self._rules.enforced)
            if isinstance(taken, Line):
                lines.append(taken)
            else:
                buckets.append(taken)
        return tuple(lines), tuple(buckets)

    def _error(self, denied: Denied) -> LimitError:
        limit = next(one.limit for one in self._applied if one.key == denied.key)
        runtime().metrics.record_refusal(limit.scope, limit.unit)
        needed = _amounts(self._guess)[limit.unit]
        wait = denied.wait if limit.window and needed <= limit.cap else None
        return _refusal(limit, denied.used, needed, wait)


def not_billed(error: BaseException) -> bool:
    """Whether a provider certainly did no work: it refused the request, or never received it."""
    status = getattr(error, "status_code", None)
    if isinstance(status, int) and status >= 400:
        return True
    seen: BaseException | None = error
    while seen is not None:
        if type(seen).__name__ in _NEVER_SENT:
            return True
        seen = seen.__cause__
    return False


_NEVER_SENT: Final = frozenset({"ConnectError", "ConnectTimeout", "PoolTimeout", "UnsupportedProtocol"})
"""Of httpx and httpx2."""


def _amounts(guess: Estimate) -> dict[Unit, int]:
    return {"usd": guess.usd or 0, "tokens": guess.tokens, "requests": 1}


def _unknown(rules: Plan, given: int, output: int) -> int:
    return 0 if rules.unknown_price == "warn" else dear(given, output)


def _check_request(rules: Plan, guess: Estimate) -> None:
    amounts = _amounts(guess)
    for unit, cap in rules.request.items():
        if amounts[unit] > cap and rules.enforced:
            runtime().metrics.record_refusal("request", unit)
            raise _refusal(Limit("request", None, unit, cap), 0, amounts[unit], None)


def _refusal(limit: Limit, used: int, needed: int, wait: float | None) -> LimitError:
    scale = NANO if limit.unit == "usd" else 1
    return (RateLimited if limit.refills else BudgetExceeded)(
        scope=limit.scope,
        window=limit.window,
        unit=limit.unit,
        used=used / scale,
        needed=needed / scale,
        cap=limit.cap / scale,
        retry_after=wait,
    )


def _pricer(call: Call, model: str) -> Step[Pricer]:
    prices = runtime().prices
    known = prices.known(call.provider, model)
    return known if known is not None else (yield from perform(Work(lambda: prices.find(call.provider, model))))


def _estimate(call: Call, view: RequestView, price: Pricer, rules: Plan) -> Step[Estimate]:
    work = partial(estimate, call, view, price, learned, worst_case=rules.worst_case)
    return (yield from perform(Work(work))) if _is_long(view) else work()


def _is_long(view: RequestView) -> bool:
    size = 0
    for message in view.messages:
        for part in cast("list[dict[str, Any]]", message.get("parts", ())):
            content = part.get("content") or part.get("response")
            size += len(content) if isinstance(content, str) else 0
            if size > LONG_BODY:
                return True
    return False
