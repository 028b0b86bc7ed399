"""What can be measured: one detector, as the guards would use it, or all that a policy does with a text."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from hardened.guards.engine import Guards
from hardened.guards.verdict import STAGES, Outcome, Stage
from hardened.policy.compile import compile
from hardened.policy.load import Loaded
from hardened.policy.presets import Effective, effective
from hardened_detectors.api import Detector, Finding, ScoringDetector
from hardened_detectors.registry import create
from hardened_detectors.scanner import Scanner


class Judgement(NamedTuple):
    """What a subject says of one text. `score` is None where there is no meaningful one."""

    outcome: Outcome
    findings: tuple[Finding, ...]
    score: float | None
    cpu_ns: int
    failure: str | None = None

    @property
    def flagged(self) -> bool:
        """Whether something was found."""
        return self.outcome in ("flagged", "redacted", "blocked")


class Subject(Protocol):
    """Something that judges texts."""

    @property
    def name(self) -> str: ...

    def judge(self, text: str, stage: Stage) -> Judgement:
        """The judgement on one text, with the CPU time of this thread that it took. Never raises for a text."""
        ...


class OneDetector:
    """A detector with the options that a policy gives it; what it finds counts from the policy's `min_score` on.

    It reads a text as the guards let it: with encodings undone, except in answers. The score of a text is the
    detector's own where it has one (`ScoringDetector`), else that of the surest finding.
    """

    def __init__(self, name: str, policy: Effective | None, label: str = "") -> None:
        self.name = label or name
        self._detector = name
        self._options: Mapping[str, Any] = policy.options if policy else {}
        self._least = policy.min_score if policy else 0.0
        self._by_stage: dict[Stage, tuple[Scanner, Callable[[str], float] | None]] = {}

    def judge(self, text: str, stage: Stage) -> Judgement:
        """See `Subject`."""
        if stage not in self._by_stage:
            self._by_stage[stage] = self._build(stage)
        scanner, score_of = self._by_stage[stage]
        began = time.thread_time_ns()
        result = scanner.scan(text, views=stage != "output")
        took = time.thread_time_ns() - began
        failure = next(iter(result.failures.values()), None)
        score = max((finding.score for finding in result.findings), default=0.0)
        if score_of is not None:
            try:
                score = max(score, score_of(text))
            except Exception as error:  # noqa: BLE001 - a broken detector is an outcome
                failure = type(error).__name__
        if failure:
            return Judgement("error", (), None, took, failure)
        found = tuple(finding for finding in result.findings if finding.score >= self._least)
        return Judgement("flagged" if found else "passed", found, score, took)

    def _build(self, stage: Stage) -> tuple[Scanner, Callable[[str], float] | None]:
        detector: Detector = create(self._detector, stage=stage, **self._options)
        scanner = Scanner([detector])
        scanner.scan("0")  # what is built at the first use is not part of what a text costs
        return scanner, detector.score if isinstance(detector, ScoringDetector) else None


class WholePolicy:
    """All that a policy does with a text, as `hardened.check` does it."""

    def __init__(self, loaded: Loaded, label: str = "policy") -> None:
        self.name = label
        self._guards = Guards(compile(*loaded))
        self._begun: set[Stage] = set()

    def judge(self, text: str, stage: Stage) -> Judgement:
        """See `Subject`."""
        if stage not in self._begun:  # what is built at the first use is not part of what a text costs
            self._begun.add(stage)
            self._guards.check("0", stage)
        began = time.thread_time_ns()
        verdict = self._guards.check(text, stage)
        took = time.thread_time_ns() - began
        findings = tuple(dict.fromkeys(finding for decision in verdict.decisions for finding in decision.findings))
        failure = next((decision.failure for decision in verdict.decisions if decision.failure), None)
        return Judgement(verdict.outcome, findings, None, took, failure)


def detectors_of(loaded: Loaded) -> dict[str, Effective]:
    """The detectors that run at some stage under a policy."""
    return {
        name: one
        for name, one in effective(loaded.policy).items()
        if any(one.actions[stage] != "allow" for stage in STAGES)
    }
