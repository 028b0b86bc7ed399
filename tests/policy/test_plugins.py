"""Detectors behind extras, where the extra is not installed."""

from __future__ import annotations

from typing import Any

import pytest

from hardened.errors import PolicyError
from hardened.policy.compile import compile
from hardened.policy.load import load
from hardened_detectors.plugins import loading


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "find_spec", lambda module: None)


OPTIONS: dict[str, dict[str, Any]] = {
    "classifier": {"model": ".", "labels": {"1": "x"}},
    "gliner": {"model": ".", "labels": {"person": "person"}},
    "guardrails": {"validator": "guardrails/regex_match"},
    "presidio": {"model": "."},
    "spacy": {"model": "."},
}


@pytest.mark.parametrize(
    ("name", "extra"),
    [
        ("classifier", "onnx"),
        ("classifier.toxicity", "onnx"),
        ("gliner", "gliner"),
        ("guardrails", "guardrails"),
        ("guardrails.length", "guardrails"),
        ("presidio", "presidio"),
        ("spacy", "spacy"),
    ],
)
def test_the_policy_is_refused_and_says_what_to_install(name: str, extra: str) -> None:
    options = OPTIONS[name.partition(".")[0]]
    with pytest.raises(PolicyError, match=rf"is not installed: pip install 'hardened\[{extra}\]'$"):
        compile(load({"detectors": {name: {"input": "warn", "options": options}}}, env={}))


def test_missing_options_are_told() -> None:
    with pytest.raises(PolicyError, match=r"detectors\.classifier\.options: .*'model' and 'labels'"):
        compile(load({"detectors": {"classifier": {"input": "warn"}}}, env={}))


def test_only_plugins_may_carry_a_suffix() -> None:
    with pytest.raises(PolicyError, match=r"no detector is called 'pii\.mine'"):
        compile(load({"detectors": {"pii.mine": {"input": "warn"}}}, env={}))
