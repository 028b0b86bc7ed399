"""The outcome of one check."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from hardened_detectors.api import Finding

Stage = Literal["input", "output", "retrieval", "tool_call", "tool_result"]
Action = Literal["allow", "warn", "redact", "block", "ask"]
Mode = Literal["enforce", "shadow", "off"]
Outcome = Literal["skipped", "passed", "flagged", "error", "timeout", "redacted", "blocked"]  # the gravest last

STAGES: Final[tuple[Stage, ...]] = get_args(Stage)
ACTIONS: Final[tuple[Action, ...]] = get_args(Action)  # the gravest last
GRAVITY: Final[dict[Outcome, int]] = {outcome: rank for rank, outcome in enumerate(get_args(Outcome))}

DETECTOR_ERROR: Final = "detector_error"  # stands in the place of a category when a detector failed


@dataclass(frozen=True, slots=True)
class Decision:
    """What one detector found in the text and what the policy makes of it; never the matched text.

    Attributes:
        detector: the detector's name.
        action: what the policy says follows.
        outcome: what was decided. A detector that failed closed has `redacted` or `blocked`, one that failed open
            `error` or `timeout`.
        findings: what was found, by position in the original text.
        enforced: false if the decision changed nothing: in shadow mode, or when it came too late on a stream.
        failure: why the detector failed (the exception's type name, or `timeout`), else None.
    """

    detector: str
    action: Action
    outcome: Outcome
    findings: tuple[Finding, ...] = ()
    enforced: bool = True
    failure: str | None = None

    @property
    def categories(self) -> tuple[str, ...]:
        """The distinct categories found, sorted; `detector_error` if the detector failed."""
        if self.failure:
            return (DETECTOR_ERROR,)
        return tuple(sorted({finding.category for finding in self.findings}))

    @property
    def blocks(self) -> bool:
        """Whether this decision stops the text."""
        return self.enforced and self.outcome == "blocked"

    @property
    def redacts(self) -> bool:
        """Whether this decision changes the text."""
        return self.enforced and self.outcome == "redacted"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The frozen outcome of checking one text at one stage.

    `text` is what may go on: the original, or the redacted text. For a blocked text it is the empty string.
    `outcome` is the gravest outcome of all decisions, `passed` without any, `skipped` if nothing had to run. There is a
    decision for each rule that was met and each detector that failed. In shadow mode the outcome is what would have
    happened, and `text` is the original.
    """

    stage: Stage
    outcome: Outcome
    text: str = field(repr=False)  # who logs a verdict does not log what was found
    decisions: tuple[Decision, ...] = ()
    duration: float = field(default=0.0, compare=False)  # seconds

    @property
    def ok(self) -> bool:
        """Whether the text may go on, as it is or redacted."""
        return not any(decision.blocks for decision in self.decisions)


def gravest(decisions: Iterable[Decision]) -> Outcome:
    """The gravest outcome of `decisions`; `passed` if there are none."""
    result: Outcome = "passed"
    for decision in decisions:
        if GRAVITY[decision.outcome] > GRAVITY[result]:
            result = decision.outcome
    return result
