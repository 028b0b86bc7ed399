"""The detector `names`: what cues and the model find, and what must stay quiet."""

from __future__ import annotations

import time
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardened_detectors import names
from hardened_detectors.registry import create

PEOPLE = [
    ("My name is «Maria Keller», hello", "introduction"),
    ("Please ask Mrs. «Keller» about it", "title"),
    ('{"first_name": "«Maria»", "age": 3}', "key"),
    ("From: «Maria Keller» <info@shop.example>\nSubject: x", "header"),
    ("Write to maria.keller@shop.example, «Maria Keller» will answer", "mail address"),
    ("All done.\nBest regards,\n«Maria Keller»", "signature"),
]
QUIET = [
    "Use Docker, Kubernetes or Redis. See Release Notes.",
    "def make(self, value: String) -> HttpClient: raise ValueError('no Type Hints')",
    "name: Run Tests\non: push",
    "Dear Customer,\nThank you,\nThe Support Team",
    "first_name = CharField(max_length=3)",
    "@Maria #Maria $Maria Maria_Keller Maria()",
    "",
]


def found(text: str, **options: list[str]) -> list[tuple[str, str, str]]:
    return [(f.category, text[f.start : f.end], f.reason) for f in create("names", **options).detect(text)]


@pytest.mark.parametrize(("text", "reason"), PEOPLE)
def test_people_beside_cues(text: str, reason: str) -> None:
    expected = text[text.index("«") + 1 : text.index("»")]
    assert ("person", expected, reason) in found(text.replace("«", "").replace("»", ""), include=["person"])


@pytest.mark.parametrize("text", QUIET)
def test_what_only_looks_like_a_name(text: str) -> None:
    assert found(text) == []


def test_categories_are_chosen_and_misspelt_ones_refused() -> None:
    assert found("My name is Maria Keller", exclude=["person"]) == []
    with pytest.raises(ValueError, match="known: location, person"):
        names.create(include=["people"])
    with pytest.raises(TypeError, match="include, exclude"):
        names.create(size=3)


@given(st.text(st.sampled_from("AbcÉ .,\n@:'\"-1MrDearß "), max_size=200) | st.text(max_size=80))
def test_findings_lie_in_any_text(text: str) -> None:
    spans = [(f.start, f.end) for f in create("names").detect(text)]
    assert all(0 <= start < end <= len(text) for start, end in spans)


def test_the_model_is_small_and_has_its_card() -> None:
    folder = files(names)
    assert len((folder / "model.bin").read_bytes()) <= 1 << 20
    assert "CC-BY-4.0" in (folder / "MODEL_CARD.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "seed", ["Maria ", "Mr. ", "Dear Maria\n", "name: Maria ", "a.b@ A B ", "M. ", "of the Maria of ", "é'"]
)
def test_eight_times_the_text_is_not_64_times_the_work(seed: str) -> None:
    """A ratio of CPU times with a wide margin, as in test_work: quadratic work would make it 8 times the bound's 8."""
    detector = create("names")

    def cost(length: int) -> float:
        text = (seed * length)[:length]
        began = time.thread_time()
        detector.detect(text)
        return time.thread_time() - began

    cost(2048)
    assert any(cost(16384) <= 8 * 5 * max(cost(2048), 0.0005) for _ in range(3))
