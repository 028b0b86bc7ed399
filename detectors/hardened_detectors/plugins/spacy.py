"""People, places and organisations, as named by a spaCy pipeline that is installed here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from hardened_detectors.api import Finding

from .loading import PATIENCE, Once, demand, library
from .pipelines import Pipeline, model_of

LABELS: Final = {
    "PERSON": "person",
    "PER": "person",
    "GPE": "location",
    "LOC": "location",
    "ORG": "organization",
}
"""Of spaCy's own pipelines: the English ones say `PERSON` and `GPE`, most others `PER` and `LOC`."""

SCORE: Final = 0.85
"""Of each finding: a pipeline does not say how sure it is. The same that Presidio gives them."""


class SpacyDetector:
    """A finding for each named entity of a chosen label; the reason is the label. A `SlowDetector`, thread-safe."""

    patience = PATIENCE

    def __init__(self, name: str, pipeline: Once[Pipeline], labels: Mapping[str, str]) -> None:
        self.name = name
        self._pipeline = pipeline
        self._labels = labels

    def prepare(self) -> None:
        """See `SlowDetector`."""
        self._pipeline()

    def detect(self, text: str) -> Sequence[Finding]:
        """All findings, in the order of the text.

        Raises `ValueError` for a text that is longer than the pipeline takes, by default a million characters.
        """
        if not text.strip():
            return []
        pipeline = self._pipeline()
        return pipeline.read(lambda: self._found(pipeline, text))

    def _found(self, pipeline: Pipeline, text: str) -> list[Finding]:
        return [
            Finding(self.name, self._labels[entity.label_], entity.start_char, entity.end_char, SCORE, entity.label_)
            for entity in pipeline.nlp(text).ents
            if entity.label_ in self._labels
        ]


def create(
    *, name: str = "spacy", stage: str = "input", model: str, labels: Mapping[str, str] | None = None
) -> SpacyDetector:
    """The detector `spacy`. Loads nothing yet.

    Args:
        name: under which it finds.
        stage: makes no difference.
        model: the name of an installed pipeline, such as `en_core_web_sm`, or a local folder.
        labels: which labels of the pipeline are a finding, and of which category; `LABELS` if it is not said.

    Raises:
        ImportError: the extra `spacy` is not installed.
        ValueError: the model is not there, or `labels` is empty.
    """
    demand("spacy", "spacy")
    found = model_of(model)
    if labels is not None and not labels:
        raise ValueError("labels must say which labels of the pipeline are a finding, and of which category")
    return SpacyDetector(name, Once(lambda: _load(found, labels or {})), labels or LABELS)


def _load(model: str | Path, wanted: Mapping[str, str]) -> Pipeline:
    nlp = library("spacy").load(model)
    known = {label for labels in nlp.pipe_labels.values() for label in labels}
    if not known.issuperset(wanted):
        raise ValueError(f"a label is none of the pipeline's, which are {', '.join(sorted(known)) or 'not named'}")
    return Pipeline(nlp)
