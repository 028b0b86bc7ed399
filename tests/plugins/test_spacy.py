"""Named entities of real spaCy pipelines, made here from rules and saved as folders or packages."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("spacy", reason="spacy is not installed; the step `plug-ins` of .ci/run has it")

import spacy

import hardened
from hardened.guards import current
from hardened.guards.engine import Guards
from hardened.policy.compile import compile
from hardened.policy.load import load
from hardened_detectors.api import SlowDetector
from hardened_detectors.plugins import pipelines
from hardened_detectors.plugins.spacy import SCORE
from hardened_detectors.registry import create

NAMES = {"Ada Lovelace": "PERSON", "Müller": "PER", "Paris": "GPE", "Alps": "LOC", "Acme": "ORG", "Monday": "DATE"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    nlp = spacy.blank("en")
    ruler = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": label, "pattern": name} for name, label in NAMES.items()])
    nlp.to_disk(tmp_path / "pipeline")
    return tmp_path / "pipeline"


def found(text: str, folder: Path, **options: Any) -> dict[str, str]:
    detector = create("spacy", model=str(folder), **options)
    return {text[one.start : one.end]: one.category for one in detector.detect(text)}


def test_people_places_and_organisations(folder: Path) -> None:
    text = "\U0001f600 Ada Lovelace met Müller of Acme on Monday in Paris, not in the Alps."
    assert found(text, folder) == {
        "Ada Lovelace": "person",
        "Müller": "person",
        "Acme": "organization",
        "Paris": "location",
        "Alps": "location",
    }


def test_a_finding_says_the_label(folder: Path) -> None:
    detector = create("spacy.names", model=str(folder))
    (finding,) = detector.detect("in Paris")
    assert (finding.detector, finding.reason, finding.score) == ("spacy.names", "GPE", SCORE)
    assert isinstance(detector, SlowDetector)
    assert detector.detect("") == detector.detect(" \n") == []


def test_labels_choose(folder: Path) -> None:
    assert found("Acme on Monday in Paris", folder, labels={"DATE": "date"}) == {"Monday": "date"}


def test_an_installed_pipeline_is_found_by_its_name(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site/xx_tiny_names"
    facts = tmp_path / "site/xx_tiny_names-1.0.dist-info"
    package.mkdir(parents=True)
    facts.mkdir()
    loads = f"import spacy\n\ndef load(**options):\n    return spacy.load({str(folder)!r}, **options)\n"
    (package / "__init__.py").write_text(loads)
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: xx-tiny-names\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text("[spacy_models]\nxx_tiny_names = xx_tiny_names\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    detector = create("spacy", model="xx_tiny_names")
    assert "xx_tiny_names" not in sys.modules
    assert [one.category for one in detector.detect("in Paris")] == ["location"]
    monkeypatch.delitem(sys.modules, "xx_tiny_names")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "en_core_web_absent"}, "neither an installed spaCy pipeline nor a folder with a config.cfg"),
        ({"model": "os"}, "neither an installed spaCy pipeline"),
        ({"labels": {}}, "labels must say"),
    ],
)
def test_a_wrong_option_is_refused_before_anything_is_loaded(
    folder: Path, options: dict[str, Any], message: str
) -> None:
    options = {"model": str(folder), **options}
    with pytest.raises(ValueError, match=message):
        create("spacy", **options)
    with pytest.raises(hardened.PolicyError, match=message):
        compile(load({"detectors": {"spacy": {"input": "warn", "options": options}}}, env={}))


def test_the_model_must_be_said() -> None:
    with pytest.raises(hardened.PolicyError, match="'model'"):
        compile(load({"detectors": {"spacy": {"input": "warn"}}}, env={}))


def test_a_label_that_the_pipeline_does_not_have_fails_with_each_text(folder: Path) -> None:
    detector = create("spacy", model=str(folder), labels={"PERSONS": "person"})
    for _ in range(2):
        with pytest.raises(ValueError, match=r"none of the pipeline's, which are .*PERSON"):
            detector.detect("Ada Lovelace")


def test_a_pipeline_keeps_no_words_also_when_a_text_fails(folder: Path) -> None:
    pipeline = pipelines.Pipeline(spacy.load(folder))
    before = len(pipeline.nlp.vocab.strings)

    def read(text: str) -> int:
        return pipeline.read(lambda: len(pipeline.nlp(text)))

    for number in range(20):
        assert read(f"word{number} again{number}") >= 2
        with pytest.raises(ValueError, match="E088"):
            read("x" * 1_000_001)
    assert len(pipeline.nlp.vocab.strings) == before
    assert not pipeline.nlp.vocab.in_memory_zone


def test_many_threads_share_one_pipeline(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[bool] = []
    original = pipelines.Pipeline.__init__

    def counting(self: pipelines.Pipeline, nlp: Any) -> None:
        loaded.append(True)
        original(self, nlp)

    monkeypatch.setattr(pipelines.Pipeline, "__init__", counting)
    detector = create("spacy", model=str(folder))
    texts = [f"Ada Lovelace {number}" if number % 2 else f"nobody {number}" for number in range(100)]
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda text: len(detector.detect(text)), texts))
    assert results == [number % 2 for number in range(100)]
    assert loaded == [True]


def test_a_policy_names_it(folder: Path) -> None:
    policy = {"detectors": {"spacy": {"input": "block", "options": {"model": str(folder)}}}}
    current.use(Guards(compile(load(policy, env={}))))
    assert hardened.check("Ada Lovelace wrote").outcome == "blocked"
    assert hardened.check("somebody wrote").outcome == "passed"
