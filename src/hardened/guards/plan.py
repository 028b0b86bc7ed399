"""What the guards shall do: a policy in compiled form, read on every check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from hardened.guards.verdict import Action, Mode, Stage

OnError = Literal["open", "closed"]
StreamMode = Literal["incremental", "buffer", "observe"]


@dataclass(frozen=True, slots=True)
class Rule:
    """Which action follows a finding of one detector at one stage.

    A detector may have several rules at a stage, for example block from score 0.9 on and warn from 0.5 on: a finding
    follows the gravest rule whose `min_score` it reaches. On a stream an incremental detector runs in place, whatever
    its `timeout`.
    """

    detector: str
    action: Action
    on_error: OnError = "open"
    timeout: float | None = None  # seconds; None runs the detector in place
    min_score: float = 0.0


@dataclass(frozen=True, slots=True)
class Plan:
    """Rules by stage. `options` go to the detectors' factories, `version` changes with what changes a verdict."""

    mode: Mode = "enforce"
    rules: Mapping[Stage, tuple[Rule, ...]] = field(default_factory=dict[Stage, tuple[Rule, ...]])
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    stream: StreamMode = "incremental"
    version: str = ""
