"""A circuit breaker whose state is in the store, so that all processes see the same one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

from hardened.store.api import Operation, Rows

SLOTS: Final = 10
"""The rolling window moves in so many steps."""

State = Literal["closed", "open", "half_open"]
Event = Literal["allow", "ok", "fail", "neutral"]


@dataclass(frozen=True, slots=True)
class BreakerRule:
    """When a breaker opens: at so many failures within `window` that also are at least `ratio` of the calls in it."""

    failures: int = 5
    ratio: float = 0.5
    window: float = 60.0  # seconds
    recovery: float = 30.0  # seconds until a probe may go; add the jitter here
    successes: int = 3  # probes in a row that close it
    lease: float = 60.0  # seconds after which a probe that never reported is taken for dead


@dataclass(frozen=True, slots=True)
class Gate:
    """What a breaker says. `before` is its state when the event came, so `before != state` is a transition."""

    state: State
    before: State
    allowed: bool = True
    probing: bool = False  # this call is the probe: report its outcome under the same owner
    wait: float = 0.0  # seconds until a call may be allowed


@dataclass(frozen=True, slots=True)
class Breaker(Operation["Gate"]):
    """Ask a breaker for permission (`allow`), or tell it how a call went.

    While it is half open one probe at a time is let through, over all processes; `owner` names it, and only what the
    owner reports counts then. `neutral` (the caller gave up, say) says nothing about the target, and frees the probe.
    """

    name: str
    event: Event
    rule: BreakerRule
    owner: str  # unique for each call

    def apply(self, rows: Rows) -> Gate:
        rule, now = self.rule, rows.now
        record: dict[str, Any] = dict(rows.get(f"breaker/{self.name}") or {"state": "closed", "counts": {}})
        before: State = record["state"]
        gate = self._allow(record, now) if self.event == "allow" else self._report(record, now)
        if self.event != "allow" or record["state"] != "closed":
            rows.put(f"breaker/{self.name}", record, now + 10 * max(rule.window, rule.recovery, rule.lease))
        return Gate(record["state"], before, gate.allowed, gate.probing, gate.wait)

    def _allow(self, record: dict[str, Any], now: float) -> Gate:
        state: State = record["state"]
        if state == "open":
            wait = min(record["until"] - now, self.rule.recovery)  # a clock that stepped back must not lock us out
            if wait > 0:
                return Gate(state, state, allowed=False, wait=wait)
            record.update(state="half_open", ok=0, probe=None)
        if record["state"] == "closed":
            return Gate(state, state)
        probe = record["probe"]
        if probe and now < probe[1] <= now + self.rule.lease and probe[0] != self.owner:
            return Gate(state, state, allowed=False, wait=probe[1] - now)
        record["probe"] = [self.owner, now + self.rule.lease]
        return Gate(state, state, probing=True)

    def _report(self, record: dict[str, Any], now: float) -> Gate:
        state: State = record["state"]
        if state == "closed":
            self._count(record, now)
        elif state == "half_open" and record["probe"] and record["probe"][0] == self.owner:
            record["probe"] = None
            if self.event == "fail":
                _open(record, now + self.rule.recovery)
            elif self.event == "ok":
                record["ok"] += 1
                if record["ok"] >= self.rule.successes:
                    record.clear()
                    record.update(state="closed", counts={})
        return Gate(state, state)

    def _count(self, record: dict[str, Any], now: float) -> None:
        if self.event == "neutral":
            return
        slot = int(now * SLOTS / self.rule.window)
        counts = {key: count for key, count in record["counts"].items() if slot - SLOTS < int(key) <= slot}
        ok, failed = counts.get(str(slot), (0, 0))
        counts[str(slot)] = [ok + (self.event == "ok"), failed + (self.event == "fail")]
        record["counts"] = counts
        failures = sum(failed for _, failed in counts.values())
        total = sum(ok + failed for ok, failed in counts.values())
        if self.event == "fail" and failures >= self.rule.failures and failures >= self.rule.ratio * total:
            _open(record, now + self.rule.recovery)


def _open(record: dict[str, Any], until: float) -> None:
    record.clear()
    record.update(state="open", until=until)


@dataclass(frozen=True, slots=True)
class Breakers(Operation["dict[str, State]"]):
    """The state of every breaker that has been used of late."""

    def apply(self, rows: Rows) -> dict[str, State]:
        return {key.removeprefix("breaker/"): value["state"] for key, value in rows.scan("breaker/")}
