"""What the guards shall do: a policy in compiled form, read on every check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from hardened.guards.verdict import Action, Mode, Stage

OnError = Literal["open", "closed"]
StreamMode = Literal["incremental", "segment", "buffer", "observe"]


@dataclass(frozen=True, slots=True)
class Rule:
    """Which action follows a finding of one detector at one stage."""

    detector: str
    action: Action
    on_error: OnError = "open"
    timeout: float | None = None  # seconds; None runs the detector in place
    min_score: float = 0.0


@dataclass(frozen=True, slots=True)
class Plan:
    """Rules by stage; `options` go to the detectors' factories; `version` changes with anything that changes a verdict."""

    mode: Mode = "enforce"
    rules: Mapping[Stage, tuple[Rule, ...]] = field(default_factory=dict[Stage, tuple[Rule, ...]])
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    stream: StreamMode = "incremental"
    version: str = ""
