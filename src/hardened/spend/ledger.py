"""Every call and its money: what fits is reserved before it is sent, what it used is charged when it is over.

    charge = yield from admit(call, view, rules)     # raises BudgetExceeded, RateLimited, UnknownPrice
    charge.failed(billed=...)                        # a request failed; the provider may charge for it all the same
    yield from charge.again(call)                    # before a further one, which may be dearer; raises as admit does
    charge.finish(error, usage, cost)                # however the call ended; never blocks, never raises

The end of a call is told in the background, so it costs the application no time; until it is, the reservation stands.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Generator, Iterator, Mapping
from functools import partial
from typing import Any, Final, TypeVar, cast

from hardened.errors import BudgetExceeded, LimitError, RateLimited, UnknownPrice
from hardened.resilience.classify import not_billed
from hardened.spend.calendar import SECONDS, Window
from hardened.spend.estimate import NOTHING, Estimate, Learned, dear, estimate, nano
from hardened.spend.plan import NANO, Applied, Limit, Plan, Unit, printable
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

NO_CAP: Final = 2**53
"""More than is ever counted."""

learned = Learned()


def admit(call: Call, view: RequestView | None, rules: Plan) -> Step[CallCharge | None]:
    """Reserve what a call may use. `None` for one that is not counted.

    Raises BudgetExceeded, RateLimited or UnknownPrice, and then nothing is reserved.
    """
    if call.operation not in PRICED or call.body is None:
        return None
    ambient = context.current()
    applied = rules.applied(ambient, ambient.run_id)
    model, guess = yield from _guess(call, view, rules, applied)
    charge = CallCharge(rules, current_store(), applied, ambient, call, model, guess)
    yield from charge.reserve()
    return charge


def _guess(call: Call, view: RequestView | None, rules: Plan, applied: list[Applied]) -> Step[tuple[str, Estimate]]:
    """The model that is asked for, and what it may use. Raises for a request that would be too dear for itself."""
    view = view or call.wire.request(call.body or {})
    model = view.model or ""
    money = "usd" in rules.request or any(one.limit.unit == "usd" for one in applied)
    price = yield from _pricer(call, model)
    guess = yield from _estimate(call, view, price, rules)
    if guess.usd is None:
        if money and rules.unknown_price == "deny" and rules.enforced:
            raise UnknownPrice(model)
        guess = guess._replace(usd=_unknown(rules, guess.input, guess.output))
    _check_request(rules, guess)
    return model, guess


class CallCharge:
    """What is reserved for one call, until it is charged or given back. Exactly one of both happens."""

    def __init__(
        self,
        rules: Plan,
        store: Store,
        applied: list[Applied],
        ambient: context.Ambient,
        call: Call,
        model: str,
        guess: Estimate,
    ) -> None:
        self._rules = rules
        self._store = store
        self._applied = applied
        self._ambient = ambient
        self._asked: tuple[str, object] = _asked(call)
        self._model = model
        self._guess = self._held = guess  # of the request that is out, and what is reserved in all
        self._lost = NOTHING  # requests that failed, of which nobody knows what they cost
        self._out = True  # whether a request may be out
        self._hold = os.urandom(16).hex()
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
            raise self._error(denied, _amounts(self._guess))

    def _try(self) -> Step[Denied | None]:
        try:
            answer = yield from ask(self._store, Reserve(self._hold, *self._taken(_amounts(self._held)), ttl=HOLD))
        except BaseException:  # cancelled while the store was at it: whether it is reserved is unknown
            self._over = True
            ends.tell(self._store, lambda: Release(self._hold))
            raise
        return answer if isinstance(answer, Denied) else None

    def failed(self, *, billed: bool) -> None:
        """The request that was out failed. `billed`: the provider may charge for it all the same."""
        if billed and self._out:
            self._lost = self._lost.plus(self._guess)
        self._out = False

    def again(self, call: Call) -> Step[None]:
        """A further request, perhaps to another model: hold what it may use beyond what is held already.

        Raises BudgetExceeded, RateLimited or UnknownPrice, and then no more is held than before.
        """
        model, guess, asked = self._model, self._guess, _asked(call)
        if asked != self._asked:
            model, guess = yield from _guess(call, None, self._rules, self._applied)
        needed = self._lost.plus(guess)
        more = needed.beyond(self._held)
        lines, buckets = self._taken({"usd": more.usd or 0, "tokens": more.tokens, "requests": 0})
        lines = tuple(line for line in lines if line.amount)
        buckets = tuple(bucket for bucket in buckets if bucket.amount)
        if lines or buckets:
            answer = yield from ask(self._store, Extend(self._hold, lines, buckets, ttl=HOLD))
            if isinstance(answer, Denied):
                raise self._error(answer, _amounts(more))
        self._asked, self._model, self._guess = asked, model, guess
        self._held, self._out = self._held.plus(more), True

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
        spent = self._guess if self._out and not (error is not None and not_billed(error)) else NOTHING
        if usage is not None and usage.input is not None:
            given, output = usage.input, usage.output or 0
            spent = Estimate(given, output, nano(cost) if cost is not None else _unknown(self._rules, given, output))
            if usage.output is not None:
                learned.saw(self._model, usage.output)
        return _amounts(spent.plus(self._lost))

    def _tallies(self, spent: dict[Unit, int]) -> tuple[Tally, ...]:
        if not self._rules.tracked:
            return ()
        day = self._rules.calendar.current("day")
        amounts = (spent["usd"], spent["tokens"], spent["requests"])
        return tuple(
            Tally(f"{day.name}/{dimension}", printable(member), amounts, day.end + KEPT)
            for dimension, member in self._members()
            if member
        )

    def _members(self) -> Iterator[tuple[str, str | None]]:
        """Who asked, and for what: the dimensions of the books."""
        ambient = self._ambient
        prompt = ambient.prompt_name
        yield "total", "all"
        yield "feature", ambient.feature
        yield "user", ambient.user_id
        yield "model", self._model
        yield "prompt", f"{prompt}@{ambient.prompt_version}" if prompt and ambient.prompt_version else prompt

    def _taken(self, amounts: Mapping[Unit, int]) -> tuple[tuple[Line, ...], tuple[Bucket, ...]]:
        """What these amounts take of each limit."""
        lines, buckets = list[Line](), list[Bucket]()
        for one in self._applied:
            taken = take(one, amounts[one.limit.unit], enforced=self._rules.enforced)
            if isinstance(taken, Line):
                lines.append(taken)
            else:
                buckets.append(taken)
        return tuple(lines), tuple(buckets)

    def _error(self, denied: Denied, amounts: Mapping[Unit, int]) -> LimitError:
        limit = next(one.limit for one in self._applied if one.key == denied.key)
        runtime().metrics.record_refusal(limit.scope, limit.unit)
        return _refusal(limit, denied, amounts[limit.unit])


def take(one: Applied, amount: int, *, enforced: bool) -> Line | Bucket:
    """What a call shall hold of a limit. Where nothing is enforced nothing is refused; it is counted all the same."""
    limit = one.limit
    cap = limit.cap if enforced else NO_CAP
    if limit.refills:
        return Bucket(one.key, amount, cap, SECONDS[cast(Window, limit.window)])
    return Line(one.key, amount, cap, one.end)


def _asked(call: Call) -> tuple[str, object]:
    """Who is asked for which model: where it is another, so is the price."""
    return call.provider, (call.body or {}).get("model")


def _amounts(guess: Estimate) -> dict[Unit, int]:
    return {"usd": guess.usd or 0, "tokens": guess.tokens, "requests": 1}


def _unknown(rules: Plan, given: int, output: int) -> int:
    return 0 if rules.unknown_price == "warn" else dear(given, output)


def _check_request(rules: Plan, guess: Estimate) -> None:
    amounts = _amounts(guess)
    for unit, cap in rules.request.items():
        if amounts[unit] > cap and rules.enforced:
            runtime().metrics.record_refusal("request", unit)
            raise _refusal(Limit("request", None, unit, cap), Denied("request", 0, cap, 0.0), amounts[unit])


def _refusal(limit: Limit, denied: Denied, needed: int) -> LimitError:
    scale = NANO if limit.unit == "usd" else 1
    comes_back = limit.refills or (limit.window is not None and not denied.alone)  # a store may be back at any time
    return (RateLimited if limit.refills else BudgetExceeded)(
        scope=limit.scope,
        window=limit.window,
        unit=limit.unit,
        used=denied.used / scale,
        needed=needed / scale,
        cap=denied.cap / scale,
        retry_after=denied.wait if comes_back and needed <= denied.cap else None,
        alone=denied.alone,
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
