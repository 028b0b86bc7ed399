"""What is measured is what the guards would do."""

from __future__ import annotations

from collections.abc import Sequence

from hardened.evaluation.rows import Row
from hardened.evaluation.run import evaluate
from hardened.evaluation.subjects import OneDetector, WholePolicy
from hardened.policy.load import load_with_source
from hardened.policy.presets import effective
from hardened_detectors import registry
from hardened_detectors.api import Finding


class Scored:
    """Finds what it is at least half sure of: the share of capitals."""

    name = "capitals"

    def score(self, text: str) -> float:
        return sum(map(str.isupper, text)) / len(text)

    def detect(self, text: str) -> Sequence[Finding]:
        return [Finding(self.name, "shouting", 0, len(text), self.score(text))] if self.score(text) >= 0.5 else []


def test_a_scoring_detector_is_ranked_by_its_score_below_its_threshold_too() -> None:
    registry.register("capitals", lambda *, stage: Scored())
    try:
        rows = [
            Row(text, positive, None, "input", ())
            for text, positive in (("AbcD", True), ("AAAb", True), ("ab", False), ("Abcd", False))
        ]
        (measured,) = evaluate(rows, [OneDetector("capitals", None)]).measured
    finally:
        registry.unregister("capitals")
    auc = measured.figures()["auc"]
    assert auc is not None
    assert auc.value == 1.0
    assert (measured.counts.true_positive, measured.counts.false_negative) == (2, 0)


def test_findings_below_the_score_of_the_policy_do_not_count() -> None:
    loaded = load_with_source({"detectors": {"pii": {"min_score": 1.0}}}, env={})
    text = "write to jane.doe@example.com"
    assert not OneDetector("pii", effective(loaded.policy)["pii"]).judge(text, "input").flagged
    assert OneDetector("pii", None).judge(text, "input").flagged


def test_a_policy_is_judged_as_the_guards_do() -> None:
    loaded = load_with_source("strict", env={})
    judged = WholePolicy(loaded).judge("write to jane.doe@example.com", "output")
    assert (judged.outcome, judged.score, [finding.category for finding in judged.findings]) == (
        "redacted",
        None,
        ["email"],
    )
