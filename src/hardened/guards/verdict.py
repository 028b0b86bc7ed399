"""The outcome of one check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from hardened_detectors.api import Finding

Stage = Literal["input", "output", "retrieval", "tool_call", "tool_result"]
Action = Literal["allow", "warn", "redact", "block", "ask"]
Mode = Literal["enforce", "shadow", "off"]
Outcome = Literal["passed", "flagged", "redacted", "blocked", "error", "timeout", "skipped"]

STAGES: tuple[Stage, ...] = get_args(Stage)
ACTIONS: tuple[Action, ...] = get_args(Action)


@dataclass(frozen=True, slots=True)
class Decision:
    """What one detector found in the text and what the policy makes of it; never the matched text.

    `enforced` is false in shadow mode: the action was decided and recorded, and changed nothing.
    """

    detector: str
    action: Action
    outcome: Outcome
    findings: tuple[Finding, ...] = ()
    enforced: bool = True

    @property
    def categories(self) -> tuple[str, ...]:
        """The distinct categories found, sorted."""
        return tuple(sorted({finding.category for finding in self.findings}))


@dataclass(frozen=True, slots=True)
class Verdict:
    """The frozen outcome of checking one text at one stage.

    `text` is what may go on: the original, or the redacted text. For a blocked text it is the empty string.
    `outcome` is the gravest outcome of all decisions; `decisions` has one entry for each detector that did not pass.
    """

    stage: Stage
    outcome: Outcome
    text: str
    decisions: tuple[Decision, ...] = ()
    duration: float = 0.0  # seconds

    @property
    def ok(self) -> bool:
        """Whether the text may go on, as it is or redacted."""
        return self.outcome != "blocked"
