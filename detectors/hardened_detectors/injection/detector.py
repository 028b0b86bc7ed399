"""The detector: rules, model and disguises over one text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Final

from hardened_detectors import gate
from hardened_detectors.api import Finding
from hardened_detectors.gate import Hits, Signal
from hardened_detectors.pace import Pace
from hardened_detectors.seen import Seen
from hardened_detectors.views import fold, views_of

from . import model
from .category import category
from .disguises import DISGUISES
from .features import positions, words
from .rules import RULES

_SLICE: Final = 16_384
"""Characters that the model reads at once, so that no single step holds the interpreter for long."""

_OVERLAP: Final = 600
"""Characters that two slices share: more than the longest window of ordinary words."""

_RULES: Final = tuple(Signal(literals=rule.literals, pattern=rule.gate, ignore_case=True) for rule in RULES)
_DISGUISES: Final = tuple(disguise.signal for disguise in DISGUISES)


class InjectionDetector:
    """Findings of `prompt_injection`, `jailbreak` and `prompt_leak` whose score is at least `threshold`.

    A `GatedDetector` and a `ScoringDetector`. The reason of a finding is the name of a rule, or `model`, and what
    was undone to see it. Linear in the length of the text; reads all of it.
    """

    name = "injection"
    signals = (*_RULES, *_DISGUISES)

    def __init__(self, *, channel: str, threshold: float, use_re2: bool = True) -> None:
        self.channel = channel
        self.threshold = threshold
        self._gate = gate.shared(self.signals, use_re2=use_re2)

    @cached_property
    def _model(self) -> model.Channel:
        return model.load(self.channel)

    def detect(self, text: str) -> Sequence[Finding]:
        """All findings, ordered by position; they may overlap."""
        return self.examine(Seen(text), self._gate.find(text))

    def examine(self, seen: Seen, hits: Hits) -> Sequence[Finding]:
        """As `detect`, for a text that the gate has seen already."""
        found = [*self._read(seen.text, hits)]
        for index in hits:
            if index >= len(_RULES):
                found.extend(self._undisguised(seen.text, index - len(_RULES)))
        return sorted(dict.fromkeys(f for f in found if f.score >= self.threshold), key=lambda f: f.start)

    def score(self, text: str) -> float:
        """How likely `text` is an attack, 0 to 1, also where its encodings are undone; see `ScoringDetector`.

        The operating points are `calibration.POINTS`. To score a text for either channel:
        `registry.create("injection", stage="input").score(text)`, or `stage="tool_result"`.
        """
        folded = fold(text)
        return max(map(self._score, (folded, *(view.text for view in views_of(folded)))))

    def _score(self, text: str) -> float:
        hits = self._gate.find(text)
        scores = [self._model_score(text)]
        scores += (finding.score for finding in self._rule_findings(text, hits))
        for index in hits:
            if index >= len(_RULES) and (view := DISGUISES[index - len(_RULES)].undo(text)) is not None:
                scores.append(self._model_score(view.text))
                scores += (finding.score for finding in self._rule_findings(view.text, self._gate.find(view.text)))
        return max(scores)

    def _read(self, text: str, hits: Hits) -> Iterator[Finding]:
        yield from self._rule_findings(text, hits)
        yield from self._model_findings(text)

    def _undisguised(self, text: str, number: int) -> Sequence[Finding]:
        view = DISGUISES[number].undo(text)
        return [] if view is None else view.translate(self._read(view.text, self._gate.find(view.text)))

    def _rule_findings(self, text: str, hits: Hits) -> Iterator[Finding]:
        for index, stretches in hits.items():
            if index < len(_RULES):
                rule = RULES[index]
                score = rule.data_score if self.channel == "data" else rule.score
                for start, end in rule.spans(text, stretches):
                    yield Finding(self.name, rule.category, start, end, score, rule.name)

    def _model_score(self, text: str) -> float:
        count, worst = 0, self._model.worst(())
        for at in _slices(text):
            read = words(text[at : at + _SLICE])
            count += len(read)
            worst = max(worst, self._model.worst(read))
        return self._model.calibration.score(worst - self._model.calibration.allowance(count))

    def _model_findings(self, text: str) -> Iterator[Finding]:
        """One finding for each stretch of suspicious windows that touch each other."""
        slices = [(at, words(text[at : at + _SLICE])) for at in _slices(text)]
        calibration = self._model.calibration
        allowance = calibration.allowance(sum(len(read) for _, read in slices))
        least = calibration.margin(self.threshold) + allowance
        for at, read in slices:
            if self._model.worst(read) < least:
                continue
            places = positions(text[at : at + _SLICE])
            for margin, first, last in self._model.stretches(read, least):
                yield Finding(
                    self.name,
                    category(read[first:last]),
                    at + places[first][0],
                    at + places[last - 1][1],
                    calibration.score(margin - allowance),
                    "model",
                )


def _slices(text: str) -> Iterator[int]:
    """Where the slices begin; between two of them others may run."""
    pace = Pace(len(text))
    for at in range(0, max(len(text) - _OVERLAP, 1), _SLICE - _OVERLAP):
        yield at
        pace.rest()
