"""Classifiers in ONNX form, with the real onnxruntime and tokenizers and a model made here."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

for needed in ("onnxruntime", "onnx", "tokenizers"):
    pytest.importorskip(needed, reason=f"{needed} is not installed; the step `plug-ins` of .ci/run has it")

from tiny_model import ATTACK, INSULT, write_model  # noqa: E402

import hardened  # noqa: E402
from hardened.guards import current  # noqa: E402
from hardened.guards.engine import Guards  # noqa: E402
from hardened.policy.compile import compile  # noqa: E402
from hardened.policy.load import load  # noqa: E402
from hardened_detectors.api import Finding, ScoringDetector, SlowDetector  # noqa: E402
from hardened_detectors.plugins import classifier, loading  # noqa: E402
from hardened_detectors.registry import create  # noqa: E402

WORTH = {"evil": (-4.0, 4.0), "nice": (2.0, -2.0), "word": (0.05, -0.05)}
LABELS = {ATTACK: "prompt_injection"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model", WORTH)


def made(folder: Path, **options: Any) -> Any:
    return create("classifier", **{"model": str(folder), "labels": LABELS, **options})


def test_what_the_model_says_is_found_with_its_label_as_the_reason(folder: Path) -> None:
    detector = made(folder)
    (finding,) = detector.detect("An EVIL text")
    assert (finding.detector, finding.category, finding.reason) == ("classifier", "prompt_injection", ATTACK)
    assert (finding.start, finding.end) == (0, 12)
    assert finding.score == pytest.approx(0.99966, abs=1e-5)  # softmax of -4 and 4
    assert detector.detect("A nice text") == []
    assert detector.detect("") == detector.detect(" \n") == []
    assert detector.score("A nice text") == pytest.approx(0.018, abs=1e-3)
    assert isinstance(detector, ScoringDetector) and isinstance(detector, SlowDetector)


@pytest.mark.parametrize("at", [0, 1, 29, 30, 31, 500, 998, 999])
def test_nothing_is_cut_off_wherever_it_stands(folder: Path, at: int) -> None:
    words = ["word"] * 1000
    words[at] = "evil"
    text = " ".join(words)
    found = made(folder, max_tokens=32, overlap=8).detect(text)
    assert found
    assert all("evil" in text[finding.start : finding.end] for finding in found)
    assert all(finding.end - finding.start <= 30 * 5 for finding in found)


def test_windows_cover_every_word_and_overlap(folder: Path) -> None:
    model = classifier.Model(folder / "model.onnx", folder / "tokenizer.json", LABELS, 32, 8, 1)
    text = " ".join(["word"] * 1000)
    windows = list(model.read(text))
    assert windows[0].start == 0 and windows[-1].end == len(text)
    assert all(after.start < before.end for before, after in pairwise(windows))


def test_neighbours_in_a_batch_do_not_matter(folder: Path) -> None:
    text = " ".join(["word"] * 40 + ["evil"])
    last = made(folder, max_tokens=32, overlap=8).detect(text)[-1]
    (alone,) = made(folder).detect(text[last.start : last.end])
    assert len(text[last.start : last.end].split()) < 30  # the window is shorter than its neighbour, and padded
    assert last.score == pytest.approx(alone.score)


def test_offsets_are_those_of_the_original_where_the_tokenizer_folds(folder: Path) -> None:
    text = "① ﬁne \U0001f600 ｅｖｉｌ!"
    (finding,) = made(folder).detect(text)
    assert (finding.start, finding.end) == (0, len(text))


def test_labels_that_do_not_exclude_each_other(tmp_path: Path) -> None:
    worth = {"evil": (-9.0, 4.0, 3.0), "nice": (9.0, -9.0, -9.0)}
    folder = write_model(tmp_path, worth, labels=("benign", ATTACK, INSULT), problem_type="multi_label_classification")
    found = made(folder, labels={ATTACK: "threat", INSULT: "insult"}).detect("evil")
    assert {finding.category: round(finding.score, 3) for finding in found} == {"threat": 0.982, "insult": 0.953}


def test_a_model_with_segments_and_in_the_folder_of_an_export(tmp_path: Path) -> None:
    write_model(tmp_path, WORTH, inputs=("input_ids", "attention_mask", "token_type_ids"))
    (tmp_path / "onnx").mkdir()
    (tmp_path / "model.onnx").rename(tmp_path / "onnx/model.onnx")
    assert made(tmp_path).detect("evil")


def test_labels_by_number_need_no_names(folder: Path) -> None:
    (folder / "config.json").unlink()
    (finding,) = made(folder, labels={1: "toxic"}).detect("evil")
    assert (finding.category, finding.reason) == ("toxic", "1")


class Sure:
    """Stands in for the embedded detector."""

    name = "injection"

    def __init__(self, score: float) -> None:
        self.said = score

    def score(self, text: str) -> float:
        return self.said

    def detect(self, text: str) -> list[Finding]:
        return []


@pytest.mark.parametrize(("embedded", "found"), [(0.01, []), (0.95, []), (0.2, [0.6]), (0.5, [0.75])])
def test_blended_it_is_only_asked_where_the_embedded_one_is_not_sure(
    folder: Path, monkeypatch: pytest.MonkeyPatch, embedded: float, found: list[float]
) -> None:
    blend = classifier.Blend(Sure(embedded), 0.5, 0.05, 0.9)
    loaded: list[bool] = []

    def make() -> classifier.Model:
        loaded.append(True)
        return classifier.Model(folder / "model.onnx", folder / "tokenizer.json", LABELS, 512, 64, 1)

    detector = classifier.ClassifierDetector("classifier", loading.Once(make), 0.5, blend)
    assert [round(finding.score, 3) for finding in detector.detect("evil evil")] == found
    assert loaded == ([True] if found else [])
    assert detector.score("evil evil") == pytest.approx(found[0] if found else embedded, abs=1e-3)


def test_blended_with_the_real_embedded_detector(folder: Path) -> None:
    detector = made(folder, blend="injection", weight=0.4, grey=[0.0, 1.0])
    embedded = create("injection").score("a word that is evil")  # type: ignore[attr-defined]
    assert detector.score("a word that is evil") == pytest.approx(0.4 * 0.99966 + 0.6 * embedded, abs=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "missing"}, "model does not exist; it must be a local path, nothing is downloaded"),
        ({"tokenizer": "missing.json"}, "tokenizer does not exist"),
        ({"labels": {}}, "labels must say"),
        ({"threshold": 2}, "threshold must be a number between 0 and 1"),
        ({"weight": True, "blend": "injection"}, "weight must be"),
        ({"grey": [0.9, 0.1], "blend": "injection"}, "smaller number"),
        ({"grey": [0.1], "blend": "injection"}, "two numbers"),
        ({"blend": "pii"}, "pii has no score"),
        ({"overlap": 510}, "overlap must be less"),
        ({"threads": 0}, "threads must be"),
    ],
)
def test_a_wrong_option_is_refused_before_anything_is_loaded(
    folder: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        made(folder, **options)
    said = {"input": "warn", "options": {"model": str(folder), "labels": LABELS, **options}}
    with pytest.raises(hardened.PolicyError, match=message):
        compile(load({"detectors": {"classifier": said}}, env={}))


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"without a model\.onnx"):
        made(tmp_path)


def test_a_label_that_the_model_does_not_have_fails_with_each_text(folder: Path) -> None:
    detector = made(folder, labels={"ATTACK": "prompt_injection"})
    for _ in range(2):
        with pytest.raises(ValueError, match="none of the model's, which are benign, attack"):
            detector.detect("evil")


def test_many_threads_load_one_session(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made_models: list[int] = []
    original = classifier.Model.__init__

    def counting(self: classifier.Model, *args: Any) -> None:
        made_models.append(threading.get_ident())
        original(self, *args)

    monkeypatch.setattr(classifier.Model, "__init__", counting)
    detector = made(folder)
    texts = ["evil", "nice"] * 50
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda text: bool(detector.detect(text)), texts))
    assert found == [True, False] * 50
    assert len(made_models) == 1


def guarded(folder: Path, **said: Any) -> None:
    policy = {
        "detectors": {
            "classifier": {"input": "block", "options": {"model": str(folder), "labels": LABELS}, **said},
            "classifier.insults": {
                "input": "warn",
                "options": {"model": str(folder), "labels": {ATTACK: "insult"}},
            },
        }
    }
    current.use(Guards(compile(load(policy, env={}))))


def test_a_policy_names_it_twice(folder: Path) -> None:
    guarded(folder)
    verdict = hardened.check("evil")
    assert {(decision.detector, decision.outcome, decision.categories) for decision in verdict.decisions} == {
        ("classifier", "blocked", ("prompt_injection",)),
        ("classifier.insults", "flagged", ("insult",)),
    }
    assert hardened.check("nice").outcome == "passed"
    assert asyncio.run(hardened.acheck("nice evil word")).outcome == "blocked"


def test_it_runs_beside_the_event_loop_and_loading_does_not_count(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []
    original = classifier.Model.read

    def reading(self: classifier.Model, text: str) -> Any:
        threads.append(threading.current_thread().name)
        return original(self, text)

    monkeypatch.setattr(classifier.Model, "read", reading)
    guarded(folder)
    gate = current.current().gate("input", "user")
    assert gate is not None and gate.waits
    asyncio.run(hardened.acheck("evil"))
    assert threads == ["hardened-detector"] * 2


def test_a_model_that_cannot_be_loaded_is_a_failure_and_says_what_the_policy_says(folder: Path) -> None:
    (folder / "model.onnx").write_bytes(b"not a model")
    guarded(folder, on_error="closed")
    verdict = hardened.check("nice")
    assert verdict.outcome == "blocked"
    assert {decision.failure for decision in verdict.decisions} == {"InvalidProtobuf"}


def test_instructions_of_the_application_are_not_judged(folder: Path) -> None:
    guarded(folder)
    assert not current.current().check("evil", "input", role="system").decisions
