"""Any sequence classifier in ONNX form, with the tokenizer that it was trained with. Local files only.

A text that is longer than the model's window is read in windows that overlap, so nothing of it is cut off. Blended with
an embedded detector, the model is only asked where that one is not sure.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

from hardened_detectors.api import Finding, ScoringDetector

from .loading import PATIENCE, Once, demand, library, local, share

BATCH: Final = 8
"""Windows that the model reads at once."""

GREY: Final = (0.05, 0.9)
"""Embedded scores between which the model is asked: below, one in twenty ordinary texts; above, it is sure enough to
block (see `injection.calibration`)."""


class Window(NamedTuple):
    """What the model makes of one window, by index of its labels."""

    start: int
    end: int
    probabilities: Sequence[float]


@dataclass(frozen=True, slots=True)
class Blend:
    """An embedded detector whose score is blended in; the model is asked from `low` to `high` of it."""

    detector: ScoringDetector
    weight: float  # of the model
    low: float
    high: float


class ClassifierDetector:
    """A finding for each window and category with a score of at least `threshold`.

    A `ScoringDetector` and a `SlowDetector`. The score is the probability of the label, blended if so configured;
    the reason is the label. Thread-safe: the session is made once and shared.
    """

    patience = PATIENCE

    def __init__(self, name: str, model: Once[Model], threshold: float, blend: Blend | None) -> None:
        self.name = name
        self._model = model
        self._threshold = threshold
        self._blend = blend

    def prepare(self) -> None:
        """See `SlowDetector`."""
        self._model()

    def detect(self, text: str) -> Sequence[Finding]:
        """All findings, in the order of the windows."""
        return [finding for finding in self._judged(text, self._embedded(text)) if finding.score >= self._threshold]

    def score(self, text: str) -> float:
        """The score of the worst window; that of the embedded detector where it is sure. See `ScoringDetector`."""
        embedded = self._embedded(text)
        return max((finding.score for finding in self._judged(text, embedded)), default=embedded)

    def _embedded(self, text: str) -> float:
        return self._blend.detector.score(text) if self._blend else 0.0

    def _judged(self, text: str, embedded: float) -> Iterator[Finding]:
        """Every window's scores, whatever the threshold; nothing where the embedded detector is sure by itself."""
        blend = self._blend
        if not text.strip() or (blend and not blend.low <= embedded <= blend.high):
            return
        model = self._model()
        for window in model.read(text):
            for index, (label, category) in model.labels.items():
                score = float(window.probabilities[index])
                if blend:
                    score = blend.weight * score + (1 - blend.weight) * embedded
                yield Finding(self.name, category, window.start, window.end, min(score, 1.0), label)


class Model:
    """An ONNX session with its tokenizer.

    Raises:
        ValueError: a file is missing, or a label is none of the model's.
    """

    def __init__(
        self,
        onnx: Path,
        tokenizer: Path,
        labels: Mapping[str, str],
        max_tokens: int,
        overlap: int,
        threads: int,
    ) -> None:
        said = _config(onnx)
        self.labels = _labels(said, labels)
        self._independent = said.get("problem_type") == "multi_label_classification"
        runtime = library("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = runtime.InferenceSession(str(onnx), options, providers=["CPUExecutionProvider"])
        self._inputs = {given.name for given in self._session.get_inputs()}
        self._tokenizer = library("tokenizers").Tokenizer.from_file(str(tokenizer))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_length=max_tokens, stride=overlap)
        self._padding = int(said.get("pad_token_id") or 0)

    def read(self, text: str) -> Iterator[Window]:
        """The windows of a text, in order; together they have all of its tokens."""
        first = self._tokenizer.encode(text)
        encodings = [first, *first.overflowing]
        for at in range(0, len(encodings), BATCH):
            batch = encodings[at : at + BATCH]
            for encoding, probabilities in zip(batch, self._probabilities(batch), strict=True):
                places = [
                    place
                    for place, special in zip(encoding.offsets, encoding.special_tokens_mask, strict=True)
                    if not special and place[1] > place[0]
                ]
                start, end = (places[0][0], places[-1][1]) if places else (0, len(text))
                yield Window(start, end, probabilities)

    def _probabilities(self, batch: Sequence[Any]) -> Any:
        numpy = library("numpy")
        longest = max(len(encoding.ids) for encoding in batch)

        def padded(kind: str, filler: int) -> Any:
            rows = (getattr(encoding, kind) for encoding in batch)
            return numpy.array([[*row, *[filler] * (longest - len(row))] for row in rows], dtype=numpy.int64)

        given = {
            "input_ids": padded("ids", self._padding),
            "attention_mask": padded("attention_mask", 0),
            "token_type_ids": padded("type_ids", 0),
        }
        (logits, *_) = self._session.run(None, {name: rows for name, rows in given.items() if name in self._inputs})
        logits = logits.astype(numpy.float64)
        if self._independent:
            return 1 / (1 + numpy.exp(-logits))
        powers = numpy.exp(logits - logits.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)


def create(
    *,
    name: str = "classifier",
    stage: str = "input",
    model: str,
    labels: Mapping[str | int, str],
    tokenizer: str | None = None,
    max_tokens: int = 512,
    overlap: int = 64,
    threshold: float = 0.5,
    threads: int = 1,
    blend: str | None = None,
    weight: float = 0.5,
    grey: Sequence[float] = GREY,
) -> ClassifierDetector:
    """The detector `classifier`. Loads nothing yet.

    Args:
        name: under which it finds.
        stage: for the detector that is blended in.
        model: the folder of an exported model, or its `.onnx` file.
        labels: which labels of the model are a finding, and of which category: `{INJECTION: prompt_injection}`. Names
            are those of the model's `config.json`; numbers do without it.
        tokenizer: the `tokenizer.json`; the one beside the model if it is not said.
        max_tokens: how many tokens the model can read at once.
        overlap: tokens that neighbouring windows share.
        threshold: the least score of a finding.
        threads: of the processor, for one text.
        blend: the built-in detector whose score is blended in, `injection`.
        weight: of the model in the blend.
        grey: least and greatest embedded score with which the model is asked.

    Raises:
        ImportError: the extra `onnx` is not installed.
        LookupError, ValueError: an option is wrong.
    """
    for module in ("onnxruntime", "tokenizers"):
        demand(module, "onnx")
    onnx = _onnx(local(model, "model"))
    beside = [folder / "tokenizer.json" for folder in (onnx.parent, onnx.parent.parent)]
    vocabulary = local(tokenizer or next(filter(Path.is_file, beside), beside[0]), "tokenizer")
    if not labels:
        raise ValueError("labels must say which labels of the model are a finding, and of which category")
    if not 0 <= overlap < max_tokens - 8:
        raise ValueError("overlap must be less than max_tokens by more than 8")
    if threads < 1:
        raise ValueError("threads must be 1 or more")
    chosen = {str(label): str(category) for label, category in labels.items()}
    return ClassifierDetector(
        name,
        Once(lambda: Model(onnx, vocabulary, chosen, max_tokens, overlap, threads)),
        share(threshold, "threshold"),
        _blend(blend, stage, weight, grey) if blend else None,
    )


def _blend(name: str, stage: str, weight: float, grey: Sequence[float]) -> Blend:
    from hardened_detectors.registry import create as by_name

    detector = by_name(name, stage=stage)
    if not isinstance(detector, ScoringDetector):
        raise ValueError(f"{name} has no score that could be blended in")
    if len(grey) != 2:
        raise ValueError("grey must be two numbers")
    low, high = (share(bound, "grey") for bound in grey)
    if low > high:
        raise ValueError("grey must begin with the smaller number")
    return Blend(detector, share(weight, "weight"), low, high)


def _onnx(path: Path) -> Path:
    """The model's file: `path`, or what export tools write into a folder."""
    if path.is_file():
        return path
    for name in ("model.onnx", "onnx/model.onnx", "model_quantized.onnx", "onnx/model_quantized.onnx"):
        if (path / name).is_file():
            return path / name
    raise ValueError("model is a folder without a model.onnx")


def _config(onnx: Path) -> dict[str, Any]:
    """The `config.json` beside the model or above it; empty if there is none."""
    for folder in (onnx.parent, onnx.parent.parent):
        file = folder / "config.json"
        if file.is_file():
            said = json.loads(file.read_text(encoding="utf-8"))
            return cast(dict[str, Any], said) if isinstance(said, dict) else {}
    return {}


def _labels(said: Mapping[str, Any], chosen: Mapping[str, str]) -> dict[int, tuple[str, str]]:
    """By index in the output: name and category of each chosen label."""
    named = cast(Mapping[str, object], said.get("id2label") or {})
    names = {int(index): str(name) for index, name in named.items()}
    numbers = {name: index for index, name in names.items()}
    found: dict[int, tuple[str, str]] = {}
    for label, category in chosen.items():
        index = numbers.get(label, int(label) if label.isdecimal() else None)
        if index is None:
            raise ValueError(f"a label is none of the model's, which are {', '.join(names.values()) or 'not named'}")
        found[index] = (names.get(index, label), category)
    return found
