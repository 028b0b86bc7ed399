"""What guards decided on one call: on its span in short, on a span and in metrics of their own in full."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, Tracer

from hardened.guards.verdict import GRAVITY, Decision, Outcome, Stage
from hardened.telemetry import semconv
from hardened.telemetry.metrics import Metrics

REASONS = 5
"""So many reasons of findings are recorded for each detector …"""

REASON_CHARS = 200
"""… and so many characters of each."""


@dataclass(slots=True)
class _Alike:
    """All decisions of one kind on one call; a history of twenty messages shall not become twenty spans."""

    stage: Stage
    decision: Decision
    start: int  # ns since the epoch
    end: int
    categories: set[str]
    findings: int
    score: float
    reasons: dict[str, None] = field(default_factory=dict[str, None])  # the first different ones, in order

    def compact(self) -> str:
        decision = self.decision
        said = [self.stage, decision.detector, decision.action, decision.outcome, ",".join(sorted(self.categories))]
        return ":".join(said if decision.enforced else [*said, "shadow"])

    def attributes(self) -> dict[str, Any]:
        decision = self.decision
        attributes: dict[str, Any] = {
            semconv.GUARD_STAGE: self.stage,
            semconv.GUARD_DETECTOR: decision.detector,
            semconv.GUARD_ACTION: decision.action,
            semconv.GUARD_OUTCOME: decision.outcome,
            semconv.GUARD_CATEGORIES: sorted(self.categories),
            semconv.GUARD_FINDINGS: self.findings,
            semconv.GUARD_ENFORCED: decision.enforced,
            semconv.GUARD_SCORE: self.score,
        }
        if self.reasons:
            attributes[semconv.GUARD_REASONS] = list(self.reasons)
        if decision.failure:
            attributes[semconv.ERROR_TYPE] = decision.failure
        return attributes


class Decisions:
    """Collects the decisions on one call."""

    __slots__ = ("_kinds", "_seconds")

    def __init__(self) -> None:
        self._kinds: dict[tuple[str, str, str, bool], _Alike] = {}
        self._seconds = 0.0

    def add(self, stage: Stage, decisions: Iterable[Decision], duration: float, *, repeated: bool) -> None:
        """Guards have decided, in `duration` seconds. `repeated`: on a text that was decided before."""
        self._seconds += duration
        now = time.time_ns()
        for decision in decisions:
            key = (stage, decision.detector, decision.outcome, decision.enforced)
            known = self._kinds.get(key)
            score = max((finding.score for finding in decision.findings), default=0.0)
            if known is None:
                start = now - int(duration * 1e9)
                categories, count = set(decision.categories), len(decision.findings)
                known = self._kinds[key] = _Alike(stage, decision, start, now, categories, count, score)
            elif not repeated:
                known.categories.update(decision.categories)
                known.findings += len(decision.findings)
                known.score = max(known.score, score)
            _add_reasons(known.reasons, decision)

    def attributes(self) -> dict[str, Any]:
        """What the span of the call says."""
        attributes: dict[str, Any] = {}
        if self._seconds:
            attributes[semconv.GUARD_DURATION] = self._seconds
        if self._kinds:
            attributes[semconv.GUARD_DECISIONS] = [kind.compact() for kind in self._kinds.values()]
            outcomes: list[Outcome] = [kind.decision.outcome for kind in self._kinds.values()]
            attributes[semconv.GUARD_OUTCOME] = max(outcomes, key=GRAVITY.__getitem__)
        return attributes

    def emit(self, tracer: Tracer, parent: Context) -> None:
        """A span for each kind, in `parent`."""
        for kind in self._kinds.values():
            name = semconv.guard_span_name(kind.decision.detector)
            span = tracer.start_span(
                name, context=parent, kind=SpanKind.INTERNAL, attributes=kind.attributes(), start_time=kind.start
            )
            span.end(kind.end)

    def measure(self, metrics: Metrics) -> None:
        """Count each kind in `metrics`."""
        for kind in self._kinds.values():
            metrics.record_guard(kind.stage, kind.decision, (kind.end - kind.start) / 1e9)


def _add_reasons(reasons: dict[str, None], decision: Decision) -> None:
    for finding in decision.findings:
        if len(reasons) == REASONS:
            return
        if finding.reason:
            reasons.setdefault(finding.reason[:REASON_CHARS])
