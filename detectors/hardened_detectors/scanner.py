"""Runs several detectors over one text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from . import gate
from .api import (
    Around,
    ContextualDetector,
    Detector,
    Finding,
    GatedDetector,
    IncrementalDetector,
    QuietDetector,
)
from .gate import Hits, Signal, Span
from .seen import Seen
from .views import fold, views_of


@dataclass(frozen=True, slots=True)
class ScanResult:
    """What the detectors saw, and which of them broke (name of the detector to name of the exception's type)."""

    findings: tuple[Finding, ...] = ()
    failures: Mapping[str, str] = field(default_factory=dict[str, str])


_NOTHING = ScanResult()
_NOWHERE = Around()


class Scanner:
    """Several detectors as one. All engines use detectors through this class only.

    A detector that raises never stops the others: its name is in `ScanResult.failures`. All gated ones share one gate,
    whose signals are those of all of them.
    """

    def __init__(self, detectors: Sequence[Detector], *, use_re2: bool = True) -> None:
        self.detectors = tuple(detectors)
        self._gated = tuple(d for d in self.detectors if isinstance(d, GatedDetector))
        self._contextual = tuple(d for d in self.detectors if isinstance(d, ContextualDetector))
        self._plain = tuple(d for d in self.detectors if not isinstance(d, GatedDetector | ContextualDetector))
        self._gate = _SharedGate(self._gated, use_re2)
        self.incremental = tuple(d for d in self.detectors if isinstance(d, IncrementalDetector))
        quiet = dict.fromkeys(d.quiet_until for d in self.incremental if isinstance(d, QuietDetector))
        all_quiet = all(isinstance(d, QuietDetector) for d in self.incremental)
        self._quiet = tuple(quiet) if all_quiet else ()
        self.final = tuple(d.name for d in self.detectors if not isinstance(d, IncrementalDetector))
        """Names of the detectors that can only judge a complete text."""
        self.look_behind = max((d.look_behind for d in self.incremental), default=0)
        """How many characters before a finding can decide whether it is one; see `IncrementalDetector`."""

    def scan(self, text: str, *, views: bool = False, around: Around = _NOWHERE, start: int = 0) -> ScanResult:
        """All findings in `text`; they may overlap. Those that start before `start` may be missing.

        Full-width letters, no-break spaces and the like are always read as their ASCII twins. With `views` the text is
        also read as in `readings`: without invisible characters and look-alikes, with escapes and base64 undone, with
        values put together again. Such findings need the complete text, so streams are scanned without.
        """
        failures: dict[str, str] = {}
        folded = fold(text)
        findings = self._detect(Seen(folded, start), failures, around)
        if views:
            for view in views_of(folded):
                findings.extend(view.translate(self._detect(Seen(view.text), failures, around), findings))
            findings = list(dict.fromkeys(findings))
        return ScanResult(tuple(findings), failures) if findings or failures else _NOTHING

    @property
    def contextual(self) -> bool:
        """Whether what stands around a text makes a difference."""
        return bool(self._contextual)

    def open_from(self, text: str, start: int) -> int:
        """The leftmost position at or after `start` that some incremental detector has not decided, else `len(text)`.

        If a detector raises, nothing from `start` on is decided.
        """
        folded, open_at = fold(text), len(text)
        try:
            for detector in self.incremental:
                open_at = min(open_at, detector.open_from(folded, start))
            return open_at
        except Exception:  # noqa: BLE001 - a plug-in may raise anything; `scan` reports it
            return start

    def quiet_until(self, text: str, start: int) -> int | None:
        """A position before which no incremental detector will ever find anything that starts at `start` or after it.

        None if it takes `open_from` and `scan` to tell.
        """
        until = None
        try:
            for quiet_until in self._quiet:
                position = quiet_until(text, start)
                if position is None:
                    return None
                until = position if until is None else min(until, position)
            return until
        except Exception:  # noqa: BLE001 - a plug-in may raise anything; `scan` reports it
            return None

    def warm_up(self) -> None:
        """Does now what is otherwise done at first use: builds the gates and loads the partial matcher.

        Some 50 ms of CPU time, once in a process; meant for a background thread.
        """
        text = "A 12 3456789 "
        self.scan(text, views=True)
        self.open_from(text, 0)

    def _detect(self, seen: Seen, failures: dict[str, str], around: Around) -> list[Finding]:
        findings: list[Finding] = []
        for detector, hits in zip(self._gated, self._gate.find(seen.text), strict=True):
            try:
                findings.extend(detector.examine(seen, hits))
            except Exception as error:  # noqa: BLE001 - a plug-in may raise anything; what it raised is reported by type
                failures[detector.name] = type(error).__name__
        for detector in self._contextual:
            try:
                findings.extend(detector.detect_within(seen.text, around))
            except Exception as error:  # noqa: BLE001 - as above
                failures[detector.name] = type(error).__name__
        for detector in self._plain:
            try:
                findings.extend(detector.detect(seen.text))
            except Exception as error:  # noqa: BLE001 - as above
                failures[detector.name] = type(error).__name__
        return findings


class _SharedGate:
    """One gate for several detectors, that tells each of them about its own signals."""

    def __init__(self, detectors: Sequence[GatedDetector], use_re2: bool) -> None:
        self._detectors = range(len(detectors))
        readers: dict[Signal, list[tuple[int, int]]] = {}
        for number, detector in enumerate(detectors):
            for index, signal in enumerate(detector.signals):
                readers.setdefault(signal, []).append((number, index))
        self._readers = tuple(readers.values())  # for each signal: which detectors, and what index it has there
        self._gate = gate.shared(tuple(readers), use_re2=use_re2) if readers else None

    def find(self, text: str) -> Sequence[Hits]:
        """For each detector, in their order, what occurs of its signals."""
        hits: list[dict[int, Sequence[Span]]] = [{} for _ in self._detectors]
        if self._gate is not None:
            for shared, stretches in self._gate.find(text).items():
                for number, index in self._readers[shared]:
                    hits[number][index] = stretches
        return hits
