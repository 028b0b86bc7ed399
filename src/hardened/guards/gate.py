"""What runs at one stage: detectors ready to use, and the rules that their findings follow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple

from hardened.guards.escapes import Unescaped
from hardened.guards.judge import Judge
from hardened.guards.plan import Rule
from hardened.guards.redaction import is_mark
from hardened.guards.verdict import ACTIONS, Action, Decision, Outcome
from hardened.guards.workers import Run, Workers
from hardened_detectors.api import Around, ContextualDetector, Detector, Finding, IncrementalDetector, SlowDetector

if TYPE_CHECKING:
    from hardened_detectors.scanner import Scanner, ScanResult

NOWHERE: Final = Around()  # nothing is known of what stands around a text
TIMEOUT: Final = "timeout"  # stands in the place of an exception's name

_OUTCOMES: Final[Mapping[Action, Outcome]] = {
    "warn": "flagged",
    "redact": "redacted",
    "block": "blocked",
    "ask": "blocked",  # there is nobody to ask at the level of a text
}
_CHANGES: Final = frozenset[Action]({"redact", "block", "ask"})


class Guarded(NamedTuple):
    """A detector and its rules at a stage, the gravest first."""

    detector: Detector
    rules: tuple[Rule, ...]

    @property
    def changes(self) -> bool:
        """Whether a finding can change or stop the text."""
        return any(rule.action in _CHANGES for rule in self.rules)

    @property
    def holds(self) -> bool:
        """Whether this detector can decide about a text that still grows, and the decision matters there."""
        return self.changes and isinstance(self.detector, IncrementalDetector)

    @property
    def judges(self) -> bool:
        """Whether a language model is asked."""
        return isinstance(self.detector, Judge)

    @property
    def timeout(self) -> float | None:
        """Seconds; the shortest of all rules', else what the detector itself says."""
        own = self.detector.patience if isinstance(self.detector, SlowDetector) else None
        return min((rule.timeout for rule in self.rules if rule.timeout is not None), default=own)


class Broken:
    """Stands in for a detector that could not be built: fails whenever it is asked, so that its rules decide."""

    def __init__(self, name: str, error: Exception) -> None:
        self.name = name
        self._error = type(error)

    def detect(self, text: str) -> Sequence[Finding]:
        raise self._error


class Gate:
    """The detectors of one stage for one role.

    Detectors without a time-out share one scan in the caller's thread; the others run beside it, slow ones after they
    have loaded what they need. With `decode` the text is also read with encodings undone, but by no judge: each reading
    would be a call of its own, and it can decode by itself.
    """

    def __init__(self, members: Sequence[Guarded], workers: Workers | None, decode: bool) -> None:
        from hardened_detectors.scanner import Scanner

        self._decode = decode

        self.members = tuple(members)
        self._workers = workers
        timed = [(member, member.timeout) for member in members if workers and member.timeout is not None]
        placed = [member.detector for member in members if not workers or member.timeout is None]
        self._scanner: Scanner | None = Scanner(placed) if placed else None
        growing = [member.detector for member in members if isinstance(member.detector, IncrementalDetector)]
        self._patterns: Scanner | None = Scanner(growing) if growing else None
        self._timed = [(member, timeout, Scanner([member.detector])) for member, timeout in timed]
        self._rules = {member.detector.name: member.rules for member in members}
        self._gravest = max(self._rules.values(), key=lambda rules: ACTIONS.index(rules[0].action))  # for a wrong name
        self.waits = bool(timed)  # a check may have to wait for another thread
        self.changes = any(member.changes for member in members)
        self.contextual = any(isinstance(member.detector, ContextualDetector) for member in members)

    @cached_property
    def halves(self) -> tuple[Gate | None, Gate | None]:
        """Two gates for a text that grows: what judges it on the way (in place), and what must see the whole."""
        # What is encoded is seen only in a complete text, so a text that grows is read as it stands.
        now = [member for member in self.members if member.holds]
        late = [member for member in self.members if not member.holds]
        return (
            Gate(now, None, decode=False) if now else None,
            Gate(late, self._workers, self._decode) if late else None,
        )

    def detect(
        self, text: str, reading: Unescaped | None = None, around: Around = NOWHERE, start: int = 0
    ) -> tuple[Sequence[Finding], Mapping[str, str]]:
        """All findings, and the detectors that failed with the exception's type name or `timeout`.

        With `reading`, incremental detectors also see the text with its backslash escapes undone, in place. Findings
        that start before `start` may be missing.
        """
        found, failed = self._detect(text, around, start)
        if reading is not None and self._patterns is not None:
            again = self._patterns.scan(reading.text, views=self._decode, start=reading.index(start))
            found = list(dict.fromkeys([*reading.widen(found), *reading.translate(again.findings)]))
            failed = {**again.failures, **failed}
        return [finding for finding in found if not is_mark(text, finding.start, finding.end)] if found else (), failed

    def _detect(self, text: str, around: Around, start: int) -> tuple[Sequence[Finding], Mapping[str, str]]:
        if not self._timed:
            assert self._scanner is not None, "a gate has members"
            result = self._scanner.scan(text, views=self._decode, around=around, start=start)
            return result.findings, result.failures
        findings: list[Finding] = []
        failures: dict[str, str] = {}
        runs = [
            (member.detector.name, self._start(member, scanner, text, timeout, around))
            for member, timeout, scanner in self._timed
            if _ready(member.detector, failures)
        ]
        if self._scanner:
            _collect(self._scanner.scan(text, views=self._decode, around=around), findings, failures)
        for name, run in runs:
            try:
                _collect(run.result(), findings, failures)
            except TimeoutError:
                failures[name] = TIMEOUT
            except Exception as error:  # noqa: BLE001 a broken detector is an outcome
                failures[name] = type(error).__name__
        return findings, failures

    def _start(self, member: Guarded, scanner: Scanner, text: str, timeout: float, around: Around) -> Run[ScanResult]:
        assert self._workers is not None
        decode = self._decode and not member.judges
        return self._workers.start(lambda: scanner.scan(text, views=decode, around=around), timeout)

    def warm_up(self) -> None:
        """Load now what is otherwise loaded at first use."""
        if self._scanner is not None:
            self._scanner.warm_up()

    @property
    def look_behind(self) -> int:
        """How many characters before a position matter for what is found there."""
        return self._scanner.look_behind if self._scanner else 0

    def quiet_until(self, text: str, start: int) -> int | None:
        """A position that would do for `open_from`, if it is obvious that nothing begins between `start` and there."""
        return self._scanner.quiet_until(text, start) if self._scanner else None

    def open_from(self, text: str, start: int, reading: Unescaped | None = None) -> int:
        """The leftmost position from `start` on that is not decided yet; `start` if a detector cannot tell.

        With `reading`, neither in the text nor with its backslash escapes undone, and not within an escape.
        """
        position = self._open_from(text, start)
        if reading is None:
            return position
        again = self._open_from(reading.text, reading.index(start))
        return reading.before(min(position, reading.position(again)))

    def _open_from(self, text: str, start: int) -> int:
        if self._scanner is None:
            return len(text)
        try:
            return self._scanner.open_from(text, start)
        except Exception:  # noqa: BLE001 a detector that cannot tell holds everything until the end of the text
            return start

    def rule(self, finding: Finding) -> Rule | None:
        """The gravest rule that `finding` meets."""
        for rule in self._rules.get(finding.detector, self._gravest):
            if finding.score >= rule.min_score:
                return rule
        return None

    def decide(self, findings: Iterable[Finding], failures: Mapping[str, str], enforced: bool) -> tuple[Decision, ...]:
        """What the rules make of it: one decision for each rule that is met and each detector that failed."""
        met: dict[Rule, list[Finding]] = {}
        for finding in sorted(findings, key=lambda f: (f.start, f.end)):
            rule = self.rule(finding)
            if rule is not None:
                met.setdefault(rule, []).append(finding)
        decisions: list[Decision] = []
        for name, rules in self._rules.items():
            if name in failures:
                decisions.append(_failed(name, rules[0], failures[name], enforced))
            decisions += (
                Decision(name, rule.action, _OUTCOMES[rule.action], tuple(met[rule]), enforced)
                for rule in rules
                if rule in met
            )
        return tuple(decisions)


def guarded(detector: Detector, rules: Iterable[Rule]) -> Guarded:
    """`detector` with its rules in the order in which they are tried."""
    return Guarded(detector, tuple(sorted(rules, key=lambda rule: (-ACTIONS.index(rule.action), -rule.min_score))))


def _ready(detector: Detector, failures: dict[str, str]) -> bool:
    """Whether what the detector needs is loaded, now if it was not before."""
    if isinstance(detector, SlowDetector):
        try:
            detector.prepare()
        except Exception as error:  # noqa: BLE001 a broken detector is an outcome
            failures[detector.name] = type(error).__name__
            return False
    return True


def _collect(result: ScanResult, findings: list[Finding], failures: dict[str, str]) -> None:
    findings.extend(result.findings)
    failures.update(result.failures)


def _failed(name: str, rule: Rule, failure: str, enforced: bool) -> Decision:
    """A warning never changes a text, whatever `on_error` says."""
    if rule.on_error == "closed" and rule.action != "warn":
        outcome = _OUTCOMES[rule.action]
    else:
        outcome = "timeout" if failure == TIMEOUT else "error"
    return Decision(name, rule.action, outcome, (), enforced, failure)
