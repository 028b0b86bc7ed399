"""What the guards shall do: a policy in compiled form, read on every check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

from hardened.guards.verdict import Action, Mode, Stage

OnError = Literal["open", "closed"]
StreamMode = Literal["incremental", "buffer", "observe"]
OperatorName = Literal["replace", "redact", "mask", "hash", "encrypt", "pseudonym"]

MAX_VALUES: Final = 10_000


class Rule(NamedTuple):
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


class Operator(NamedTuple):
    """What takes the place of a value. `mask` keeps some characters and puts `char` over the others."""

    name: OperatorName = "replace"
    keep_first: int = 0
    keep_last: int = 0
    char: str = "*"


REPLACE: Final = Operator()


@dataclass(frozen=True, slots=True)
class Replacement:
    """How redacted values are replaced.

    Attributes:
        operators: by detector and category; the category `""` stands for all that are not named.
        key: what hashes and ciphertexts are keyed with.
        scope: what shares pseudonyms: the texts of a call, or the calls of a session.
        ttl: seconds after its last use in which a session's pseudonyms are known.
        max_values: how many values can have a pseudonym at once.
        tools: the tools whose arguments get values back.
    """

    operators: Mapping[str, Mapping[str, Operator]] = field(default_factory=dict[str, Mapping[str, Operator]])
    key: bytes | None = field(default=None, repr=False)
    scope: Literal["call", "session"] = "call"
    ttl: float = 3600.0
    max_values: int = MAX_VALUES
    tools: frozenset[str] = frozenset()

    def operator(self, detector: str, category: str) -> Operator:
        """What the findings of a detector in a category are replaced by."""
        own = self.operators.get(detector)
        if own is None:
            return REPLACE
        return own.get(category) or own.get("", REPLACE)

    @property
    def pseudonymises(self) -> bool:
        """Whether any value gets a pseudonym."""
        return self._has("pseudonym")

    @property
    def keyed(self) -> bool:
        """Whether any value is replaced by something that depends on the tenant."""
        return self._has("hash", "encrypt")

    def _has(self, *names: OperatorName) -> bool:
        return any(operator.name in names for own in self.operators.values() for operator in own.values())


@dataclass(frozen=True, slots=True)
class Plan:
    """Rules by stage. `options` go to the detectors' factories, `version` changes with what changes a verdict."""

    mode: Mode = "enforce"
    rules: Mapping[Stage, tuple[Rule, ...]] = field(default_factory=dict[Stage, tuple[Rule, ...]])
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    stream: StreamMode = "incremental"
    replacement: Replacement = Replacement()
    version: str = ""
