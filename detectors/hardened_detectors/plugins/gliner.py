"""Names of things in a text, found by a GLiNER model, which takes the kinds that it looks for as words. Local only."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any, Final

from hardened_detectors.api import Finding

from .loading import PATIENCE, Once, demand, library, local, share

WORD: Final = re.compile(r"\w{1,12}|\S")
"""GLiNER counts `\\w+(?:[-_]\\w+)*|\\S`. Never fewer here; a long word is several, as it is to the model."""


class GlinerDetector:
    """A finding for each entity with a score of at least `threshold`; the reason is the label.

    A `SlowDetector`. Thread-safe: the model is loaded once and reads one window at a time, for the tokenizers of
    `transformers` cannot be shared by threads.
    """

    patience = PATIENCE

    def __init__(
        self, name: str, model: Once[Any], labels: Mapping[str, str], threshold: float, words: int, overlap: int
    ) -> None:
        self.name = name
        self._model = model
        self._labels = labels
        self._threshold = threshold
        self._words = words
        self._overlap = overlap
        self._lock = Lock()

    def prepare(self) -> None:
        """See `SlowDetector`."""
        self._model()

    def detect(self, text: str) -> Sequence[Finding]:
        """All entities; one that two windows show is found once, with the better score."""
        best: dict[tuple[int, int, str], Finding] = {}
        for start, end in windows(text, self._words, self._overlap):
            for entity in self._read(text[start:end]):
                label = entity["label"]
                place = start + int(entity["start"]), start + int(entity["end"])
                score = min(float(entity["score"]), 1.0)
                finding = Finding(self.name, self._labels[label], *place, score, label)
                known = best.setdefault((*place, label), finding)
                if score > known.score:
                    best[*place, label] = finding
        return list(best.values())

    def _read(self, window: str) -> Sequence[Mapping[str, Any]]:
        model = self._model()
        with self._lock:
            return model.predict_entities(window, list(self._labels), threshold=self._threshold)


def windows(text: str, words: int, overlap: int) -> Iterator[tuple[int, int]]:
    """Start and end of stretches of at most `words`, which share `overlap`; together they have every word."""
    places = [match.span() for match in WORD.finditer(text)]
    if not places:
        return
    for at in range(0, max(len(places) - overlap, 1), words - overlap):
        part = places[at : at + words]
        yield part[0][0], part[-1][1]


def create(
    *,
    name: str = "gliner",
    stage: str = "input",
    model: str,
    labels: Mapping[str, str],
    threshold: float = 0.5,
    max_words: int = 256,
    overlap: int = 32,
) -> GlinerDetector:
    """The detector `gliner`. Loads nothing yet.

    Args:
        name: under which it finds.
        stage: makes no difference.
        model: the folder of a model, with its `gliner_config.json`.
        labels: what to look for, in words, and of which category it is: `{person: person, home address: address}`.
        threshold: the least score of a finding.
        max_words: how many words the model reads at once; its `max_len` at most, which mostly is 384.
        overlap: words that neighbouring windows share.

    Raises:
        ImportError: the extra `gliner` is not installed.
        ValueError: an option is wrong.
    """
    demand("gliner", "gliner")
    folder = local(model, "model")
    if not (folder / "gliner_config.json").is_file():
        raise ValueError("model must be a folder with a gliner_config.json")
    if not labels:
        raise ValueError("labels must say what to look for, and of which category it is")
    if not 0 <= overlap < max_words:
        raise ValueError("overlap must be less than max_words")
    chosen = {str(label): str(category) for label, category in labels.items()}
    return GlinerDetector(name, Once(lambda: _load(folder)), chosen, share(threshold, "threshold"), max_words, overlap)


def _load(folder: Path) -> Any:
    return library("gliner").GLiNER.from_pretrained(str(folder), local_files_only=True)
