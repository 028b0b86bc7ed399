"""A stand-in plays GLiNER's part: the real one needs torch, and weights that cannot be had where this is built."""

from __future__ import annotations

import re
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import hardened
from hardened.guards import current
from hardened.guards.engine import Guards
from hardened.policy.compile import compile
from hardened.policy.load import load
from hardened_detectors.api import SlowDetector
from hardened_detectors.plugins.gliner import windows
from hardened_detectors.registry import create

LABELS = {"person": "person", "home address": "address"}
KNOWN = {"Ada": ("person", 0.9), "Elm Street": ("home address", 0.7), "Bob": ("person", 0.4)}


class StandIn:
    """Finds `KNOWN`, refuses what GLiNER would cut off, and says when two threads are in it."""

    max_len = 384
    made: list[tuple[str, dict[str, Any]]]

    def __init__(self) -> None:
        self.busy = threading.Lock()

    @classmethod
    def from_pretrained(cls, model: str, **options: Any) -> StandIn:
        cls.made.append((model, options))
        return cls()

    def predict_entities(self, text: str, labels: list[str], *, threshold: float = 0.5) -> list[dict[str, Any]]:
        assert self.busy.acquire(blocking=False), "Already borrowed"
        try:
            time.sleep(0)  # another thread's turn
            assert len(re.findall(r"\w+(?:[-_]\w+)*|\S", text)) <= self.max_len
            return [
                {"start": match.start(), "end": match.end(), "text": match[0], "label": label, "score": score}
                for name, (label, score) in KNOWN.items()
                if label in labels and score >= threshold
                for match in re.finditer(rf"\b{name}\b", text)
            ]
        finally:
            self.busy.release()


@pytest.fixture(autouse=True)
def library(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    module = ModuleType("gliner")
    module.__spec__ = ModuleSpec("gliner", None)
    module.GLiNER = StandIn  # type: ignore[attr-defined]
    StandIn.made = []
    monkeypatch.setitem(sys.modules, "gliner", module)
    yield


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "gliner_config.json").write_text("{}")
    return tmp_path


def made(folder: Path, **options: Any) -> Any:
    return create("gliner", **{"model": str(folder), "labels": LABELS, **options})


def test_entities_are_found_with_their_category(folder: Path) -> None:
    detector = made(folder)
    assert isinstance(detector, SlowDetector)
    text = "Ada and Bob live in Elm Street"
    found = {(text[f.start : f.end], f.detector, f.category, f.reason, f.score) for f in detector.detect(text)}
    assert found == {
        ("Ada", "gliner", "person", "person", 0.9),
        ("Elm Street", "gliner", "address", "home address", 0.7),
    }
    assert len(made(folder, threshold=0.3).detect(text)) == 3
    assert detector.detect("") == detector.detect(" \n") == []


def test_it_is_loaded_once_when_needed_and_read_by_one_thread_at_a_time(folder: Path) -> None:
    detector = made(folder)
    assert StandIn.made == []
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda text: len(detector.detect(text)), ["Ada", "nobody"] * 100))
    assert found == [1, 0] * 100
    assert StandIn.made == [(str(folder), {"local_files_only": True})]


@pytest.mark.parametrize("at", [0, 1, 223, 224, 255, 256, 257, 500, 998, 999])
def test_nothing_is_cut_off_and_nothing_found_twice(folder: Path, at: int) -> None:
    words = ["word"] * 1000
    words[at] = "Ada"
    text = " ".join(words)
    (finding,) = made(folder).detect(text)
    assert text[finding.start : finding.end] == "Ada"


@pytest.mark.parametrize("text", ["a" * 5000, "a-b_" * 1000, "?!" * 900, "\u4f60\u597d" * 3000, "x", "x y " * 400])
@pytest.mark.parametrize(("words", "overlap"), [(256, 32), (8, 7), (1, 0)])
def test_windows_have_every_character_that_is_not_space(text: str, words: int, overlap: int) -> None:
    reached = 0
    for start, end in windows(text, words, overlap):
        assert end - start <= words * 13
        assert not text[reached:start].strip()
        reached = max(reached, end)
    assert not text[reached:].strip()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "missing"}, "model does not exist; it must be a local path, nothing is downloaded"),
        ({"labels": {}}, "labels must say"),
        ({"threshold": 2}, "threshold must be a number between 0 and 1"),
        ({"overlap": 256}, "overlap must be less than max_words"),
    ],
)
def test_a_wrong_option_is_refused_before_anything_is_loaded(
    folder: Path, options: dict[str, Any], message: str
) -> None:
    said = {"input": "warn", "options": {"model": str(folder), "labels": LABELS, **options}}
    with pytest.raises(hardened.PolicyError, match=message):
        compile(load({"detectors": {"gliner": said}}, env={}))
    assert StandIn.made == []


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"gliner_config\.json"):
        made(tmp_path)


def test_a_policy_redacts_with_it(folder: Path) -> None:
    said = {"input": "redact", "options": {"model": str(folder), "labels": LABELS}}
    current.use(Guards(compile(load({"detectors": {"gliner": said}}, env={}))))
    assert hardened.check("Ada lives in Elm Street").text == "[PERSON] lives in [ADDRESS]"
