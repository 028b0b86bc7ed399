"""A circuit breaker whose state is in the store, so that all processes see the same one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

from hardened.store.api import Operation, Rows

SLOTS: Final = 10
"""The rolling window moves in so many steps."""

LATEST: Final = 100
"""Of the window no more than the last so many requests count: where there are many, an outage shows within a second,
however long all was well before (resilience4j counts as many by default)."""

PATIENCE: Final = 0.1
"""A breaker waits for this share of the time that the outage lasts: it ends late by no more than that. So a short one
is over soon, and a long one is seldom tried."""

CREDIT: Final = 10
"""What closes begins its window with so many good answers, as the first few would else open it again by mere chance."""

State = Literal["closed", "open", "half_open"]
Event = Literal["allow", "ok", "fail", "neutral"]


@dataclass(frozen=True, slots=True)
class BreakerRule:
    """When a breaker opens: at so many failures within `window` that also are at least `ratio` of the calls in it."""

    failures: int = 5
    ratio: float = 0.5
    window: float = 60.0  # seconds
    probe: float = 0.5  # seconds until the first probe; within so many, all that decide may have begun
    recovery: float = 30.0  # seconds until probes at most
    successes: int = 3  # good probes that close it; as many bad ones open it again
    lease: float = 60.0  # seconds after which a probe that never reported is taken for dead

    @property
    def slot(self) -> int:
        """Requests in one of the slots of the window: together they never are too few to open."""
        return -(-max(LATEST, int(2 * self.failures / self.ratio)) // SLOTS)


class Gate(NamedTuple):
    """What a breaker says. `before` is its state when the event came, so `before != state` is a transition."""

    state: State
    before: State
    allowed: bool = True
    probing: bool = False  # this call is a probe: report its outcome under the same owner
    wait: float = 0.0  # seconds until a call may be allowed


@dataclass(frozen=True, slots=True)
class Breaker(Operation["Gate"]):
    """Ask a breaker for permission (`allow`), or tell it how a call went.

    While it is half open, one probe is let through at a time, over all processes, and another one only while the last
    is silent for long, `rule.successes` at most: a probe may hang, and an answer may take a minute. `owner` names it,
    and only what owners of probes report counts then. The first `successes` that agree decide: a provider that is back
    may fail now and then. `neutral` (the caller gave up, say) says nothing about the target, and frees the place.

    From open to half open it waits for a tenth of the time since it opened, at least `rule.probe`, at most
    `rule.recovery`, times `spread`. An outage that begins again within `window` after it seemed over is still the same.
    """

    name: str
    event: Event
    rule: BreakerRule
    owner: str  # unique for each call
    spread: float = 1.0  # so that not all who share no store probe at the same moment

    def apply(self, rows: Rows) -> Gate:
        rule, now = self.rule, rows.now
        record: dict[str, Any] = dict(rows.get(f"breaker/{self.name}") or {"state": "closed", "slots": []})
        before: State = record["state"]
        gate = self._allow(record, now) if self.event == "allow" else self._report(record, now)
        if self.event != "allow" or gate.probing:
            rows.put(f"breaker/{self.name}", record, now + 10 * max(rule.window, rule.recovery, rule.lease))
        return Gate(record["state"], before, gate.allowed, gate.probing, gate.wait)

    def _allow(self, record: dict[str, Any], now: float) -> Gate:
        state: State = record["state"]
        if state == "open":
            wait = min(record["until"] - now, self.rule.recovery)  # a clock that stepped back must not lock us out
            if wait > 0:
                return Gate(state, state, allowed=False, wait=wait)
            _become(record, state="half_open", since=record["since"], ok=0, failed=0, probes={})
        return self._probe(record, now) if record["state"] == "half_open" else Gate(state, state)

    def _probe(self, record: dict[str, Any], now: float) -> Gate:
        rule, state = self.rule, record["state"]
        probes = {owner: begun for owner, begun in record["probes"].items() if 0 <= now - begun < rule.lease}
        record["probes"] = probes
        if self.owner not in probes and probes:
            full = len(probes) >= rule.successes
            free = min(probes.values()) + rule.lease if full else max(probes.values()) + rule.probe / rule.successes
            if now < free:
                return Gate(state, state, allowed=False, wait=free - now)
        probes[self.owner] = now
        return Gate(state, state, probing=True)

    def _report(self, record: dict[str, Any], now: float) -> Gate:
        state: State = record["state"]
        if state == "closed":
            self._count(record, now)
        elif state == "half_open" and self.owner in record["probes"]:
            record["probes"] = {owner: begun for owner, begun in record["probes"].items() if owner != self.owner}
            record["ok"] += self.event == "ok"
            record["failed"] += self.event == "fail"
            if record["ok"] >= self.rule.successes:
                _become(record, state="closed", slots=[[now, CREDIT, 0]], since=record["since"], ended=now)
            elif record["failed"] >= self.rule.successes:
                self._open(record, now)
        return Gate(state, state)

    def _count(self, record: dict[str, Any], now: float) -> None:
        if self.event == "neutral":
            return
        rule = self.rule
        slots = [list(slot) for slot in record["slots"] if 0 <= now - slot[0] < rule.window]
        if not slots or now - slots[-1][0] >= rule.window / SLOTS or slots[-1][1] + slots[-1][2] >= rule.slot:
            slots = [*slots[1 - SLOTS :], [now, 0, 0]]
        slots[-1][1 if self.event == "ok" else 2] += 1
        record["slots"] = slots
        failures = sum(failed for _, _, failed in slots)
        total = sum(ok + failed for _, ok, failed in slots)
        if self.event == "fail" and failures >= rule.failures and failures >= rule.ratio * total:
            self._open(record, now)

    def _open(self, record: dict[str, Any], now: float) -> None:
        rule, since = self.rule, record.get("since", now)
        if "ended" in record and not 0 <= now - record["ended"] < rule.window:
            since = now
        wait = min(rule.recovery, max(rule.probe, PATIENCE * (now - since)))
        _become(record, state="open", since=since, until=now + wait * self.spread)


def _become(record: dict[str, Any], **fields: Any) -> None:
    record.clear()
    record.update(fields)


@dataclass(frozen=True, slots=True)
class Breakers(Operation["dict[str, State]"]):
    """The state of every breaker that has been used of late."""

    def apply(self, rows: Rows) -> dict[str, State]:
        return {key.removeprefix("breaker/"): value["state"] for key, value in rows.scan("breaker/")}
