"""Checking whole texts as a plan says."""

from __future__ import annotations

import copy
import logging
import os
import threading
import time
import weakref
from collections.abc import Callable, Hashable, Iterable
from typing import TYPE_CHECKING, Final

from hardened.errors import BlockedError
from hardened.guards.escapes import Unescaped
from hardened.guards.gate import NOWHERE, Broken, Gate, Guarded, guarded
from hardened.guards.json_text import JsonText, begins_json
from hardened.guards.judge import asking
from hardened.guards.memory import Known, VerdictMemory
from hardened.guards.operators import Redaction
from hardened.guards.plan import Plan, Rule
from hardened.guards.redaction import FAILED, Render, as_placeholder, redact, spans
from hardened.guards.vault import Vault
from hardened.guards.verdict import STAGES, Decision, Stage, Verdict, gravest
from hardened.guards.workers import Workers
from hardened.worker import worker
from hardened_detectors.api import Around, Detector

if TYPE_CHECKING:
    from hardened_instrumentation.calls import Role

Create = Callable[[str, Stage], Detector]

JUDGE: Final = "a judge"  # no detector can have this name

_OF_INTENT: Final = ("injection", "topic", "classifier", JUDGE)

# Who may say what: instructions of the application are no injection, set the topic, and may hold themselves (providers
# repeat them beside an answer); what the model said earlier is no injection either, and not the user's topic.
EXEMPT: Final[frozenset[tuple[Stage, Role, str]]] = frozenset(
    [
        *((stage, "system", name) for stage in STAGES for name in ("canary", "prompt_leak")),
        *((stage, "system", name) for stage in STAGES for name in _OF_INTENT),
        *(("input", "assistant", name) for name in _OF_INTENT),
    ]
)

_log = logging.getLogger("hardened")


class Guards:
    """A plan at work. Thread-safe; detectors are built when a text of their stage comes for the first time.

    `create(name, stage)` builds a detector; by default from the registry of detectors, with the options of the plan.
    """

    def __init__(self, plan: Plan, create: Create | None = None) -> None:
        self.plan = plan
        self._redaction: Redaction | None = None  # of the call that these guards are for
        self._create = create or self._from_registry
        self._workers = Workers()
        self._memory = VerdictMemory()
        self._around = NOWHERE
        self._gates: dict[tuple[Stage, Role, bool], Gate | None] = {}  # whether for a judge's own calls
        self._detectors: dict[tuple[str, Stage], Detector] = {}
        self._stream_expected = False
        self._lock = threading.RLock()  # a detector may itself need the guards when it is built
        forked = weakref.WeakMethod(self._after_fork)
        os.register_at_fork(after_in_child=lambda: (method := forked()) and method())

    def check(
        self,
        text: str,
        stage: Stage,
        *,
        role: Role = "user",
        observe: bool = False,
        before: tuple[str, ...] = (),
    ) -> Verdict:
        """Judge `text`. With `observe` the decisions are recorded and change nothing, as in shadow mode.

        `before` is what the same speaker said last, for detectors to which a short text means nothing without it.

        A JSON object or array is judged as `check_json` does.

        Never raises what a detector raised: that is an outcome.
        """
        gate = self.gate(stage, role)
        if gate is None:
            return Verdict(stage, "skipped", text)
        return self.judge(text, stage, gate, self._enforces(observe), before=before)

    def check_json(self, text: str, stage: Stage, *, role: Role = "assistant", observe: bool = False) -> Verdict:
        """Judge the strings and numbers in a JSON text, decoded; a redacted text is valid JSON again.

        From where it is not JSON, the text is judged as it is written.
        """
        gate = self.gate(stage, role)
        if gate is None:
            return Verdict(stage, "skipped", text)
        return self.judge(text, stage, gate, self._enforces(observe), as_json=True)

    def answering(self, instructions: tuple[str, ...]) -> Guards:
        """The same guards for the answers to a call with these instructions of the application to the model."""
        if not instructions:
            return self
        bound = copy.copy(self)
        bound._around = Around(instructions=instructions)
        return bound

    def for_call(self) -> Guards:
        """The same guards for the texts of one call, in which equal values are replaced by the same pseudonym."""
        if not self.plan.replacement.operators:
            return self
        bound = copy.copy(self)
        bound._redaction = Redaction(self.plan.replacement)
        return bound

    def expect(self, texts: Iterable[str], continues: bool = False) -> None:
        """All texts of the call that go to the model, before they are checked: see `Redaction.expect`."""
        if self._redaction is not None:
            self._redaction.expect(texts, continues)

    @property
    def vault(self) -> Vault | None:
        """The pseudonyms of the call that these guards are for."""
        return self._redaction.vault if self._redaction else None

    def render(self, stage: Stage) -> Render:
        """What replaces the values that are found at a stage."""
        if not self.plan.replacement.operators:
            return as_placeholder
        return (self._redaction or Redaction(self.plan.replacement)).render(stage)

    @property
    def active(self) -> bool:
        """Whether anything runs at all: not in mode `off`."""
        return self.plan.mode != "off"

    def expect_stream(self) -> None:
        """A streamed answer will come: load what guarding it needs in the background, while the provider thinks.

        Some 50 ms of CPU time, once in a process, which would otherwise delay the first piece of the first answer.
        """
        if not self._stream_expected:
            self._stream_expected = True
            worker.post(self._warm_up)

    def _warm_up(self) -> None:
        gate = self.gate("output", "assistant")
        if gate is not None and gate.changes and self.plan.stream == "incremental" and gate.halves[0] is not None:
            gate.halves[0].warm_up()

    def gate(self, stage: Stage, role: Role) -> Gate | None:
        """What runs for texts of this stage and role; None if nothing does. No judge for a judge's own calls."""
        key = (stage, role, asking())
        try:
            return self._gates[key]
        except KeyError:
            return self._build(*key)

    def waits(self, stage: Stage, role: Role) -> bool:
        """Whether a check may have to wait for another thread."""
        gate = self.gate(stage, role)
        return gate is not None and gate.waits

    def _enforces(self, observe: bool) -> bool:
        return self.plan.mode == "enforce" and not observe

    def judge(
        self,
        text: str,
        stage: Stage,
        gate: Gate,
        enforced: bool,
        as_json: bool = False,
        before: tuple[str, ...] = (),
    ) -> Verdict:
        """The verdict of one gate, as it is known already or found now."""
        began = time.perf_counter()
        around = self._around._replace(before=before) if gate.contextual else NOWHERE
        beside = tuple(map(self._memory.digest, (*around.before, *around.instructions)))
        key: Hashable = (gate, enforced, as_json, self._memory.digest(text), beside)
        known = self._memory.get(key)
        if known is None:
            document = JsonText() if as_json or begins_json(text) else None
            known = _look(text, gate, enforced, document, around)
            if any(decision.failure for decision in known.decisions):
                went_on = _without_judgement(text, known, document, self.render(stage))
                return Verdict(stage, known.outcome, went_on, known.decisions, time.perf_counter() - began)
            self._memory.put(key, known)
        went_on = _changed(text, known, self.render(stage)) if known.decisions else text
        return Verdict(stage, known.outcome, went_on, known.decisions, time.perf_counter() - began)

    def _build(self, stage: Stage, role: Role, of_judge: bool) -> Gate | None:
        """Roles with the same detectors share the stage's gate, and with it what is known about texts."""
        with self._lock:
            if (stage, role, of_judge) not in self._gates:
                members = self._members(stage, role, of_judge)
                shared = (gate for (other, *_), gate in self._gates.items() if other == stage and gate)
                gate = next((gate for gate in shared if gate.members == tuple(members)), None)
                if members and gate is None:
                    # The output is judged as it is written, decoded nowhere, so that a streamed answer and a whole one
                    # are treated alike.
                    gate = Gate(members, self._workers, decode=stage != "output")
                self._gates[stage, role, of_judge] = gate
            return self._gates[stage, role, of_judge]

    def _members(self, stage: Stage, role: Role, of_judge: bool) -> list[Guarded]:
        if self.plan.mode == "off":
            return []
        rules: dict[str, list[Rule]] = {}
        for rule in self.plan.rules.get(stage, ()):
            kind = rule.detector.partition(".")[0]  # `classifier.toxicity` is a classifier
            if rule.action != "allow" and (stage, role, kind) not in EXEMPT:
                rules.setdefault(rule.detector, []).append(rule)
        members = [guarded(self._detector(name, stage), found) for name, found in rules.items()]
        unasked = of_judge or (stage, role, JUDGE) in EXEMPT
        return [member for member in members if not (unasked and member.judges)]

    def _detector(self, name: str, stage: Stage) -> Detector:
        if (name, stage) not in self._detectors:
            try:
                self._detectors[name, stage] = self._create(name, stage)
            except Exception as error:  # noqa: BLE001 its rules say what a detector that does not work means
                _log.error("hardened: detector %r cannot be used at stage %r: %s", name, stage, type(error).__name__)
                self._detectors[name, stage] = Broken(name, error)
        return self._detectors[name, stage]

    def _after_fork(self) -> None:
        """In a forked child: what other threads of the parent held is free."""
        self._lock = threading.RLock()
        self._memory.after_fork()
        self._workers.after_fork()

    def _from_registry(self, name: str, stage: Stage) -> Detector:
        from hardened_detectors.registry import create

        return create(name, stage=stage, **self.plan.options.get(name, {}))


def enforce(verdict: Verdict, *, released_chars: int = 0) -> None:
    """Raise `BlockedError` if `verdict` stops the text."""
    for decision in verdict.decisions:
        if decision.blocks:
            raise blocked(verdict.stage, decision, released_chars)


def blocked(stage: Stage, decision: Decision, released_chars: int = 0) -> BlockedError:
    """The error for a decision that stops a text."""
    return BlockedError(
        stage=stage, detector=decision.detector, category=decision.categories[0], released_chars=released_chars
    )


def _look(text: str, gate: Gate, enforced: bool, document: JsonText | None, around: Around) -> Known:
    """Detect and decide. `document` reads the text if it is JSON."""
    seen = document.feed(text, final=True) if document else text
    findings, failures = gate.detect(seen, Unescaped(seen, final=True) if "\\" in seen else None, around)
    if not findings and not failures:
        return _PASSED
    if document:
        findings = document.locate(findings)
    decisions = gate.decide(findings, failures, enforced)
    redacted = [finding for decision in decisions if decision.redacts for finding in decision.findings]
    replaced = document.shaped(redacted) if document else spans(redacted)
    return Known(gravest(decisions), decisions, tuple(replaced))


def _changed(text: str, known: Known, render: Render) -> str:
    """What goes on in place of a text."""
    return "" if any(decision.blocks for decision in known.decisions) else redact(text, known.spans, render)


def _without_judgement(text: str, known: Known, document: JsonText | None, render: Render) -> str:
    """What goes on in place of a text about which a detector could not decide."""
    changed = _changed(text, known, render)
    if changed and any(decision.redacts and decision.failure for decision in known.decisions):
        return document.failed if document else FAILED
    return changed


_PASSED: Final = Known("passed", ())
