"""Validators of the real guardrails-ai."""

from __future__ import annotations

import importlib
import json
import socket
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip(
    "guardrails_ai", reason="guardrails-ai is not installed; the step `guardrails-ai` of .ci/run has it"
)

from guardrails.validator_base import (
    FailResult,
    PassResult,
    Validator,
    register_validator,
    settings,
    validators_registry,
)
from guardrails_ai.types import ErrorSpan

import hardened
from hardened.guards import current
from hardened.guards.engine import Guards
from hardened.policy.compile import compile
from hardened.policy.load import load
from hardened_detectors.api import SlowDetector
from hardened_detectors.plugins import guardrails
from hardened_detectors.registry import create


@register_validator("tests/no_word", data_type="string")
class NoWord(Validator):
    """Fails a text with a word, and says where. Keeps state, as validators do, and sees when two texts share it."""

    made = 0
    meeting = threading.Barrier(2)

    def __init__(self, word: str, spans: bool = True, on_fail: Any = None) -> None:
        super().__init__(on_fail=on_fail, word=word)
        assert self.on_fail_descriptor == "noop"
        type(self).made += 1
        self.word, self.spans, self.text = word, spans, ""

    def _validate(self, value: Any, metadata: dict[str, Any]) -> Any:
        self.text = value
        if "raise" in value:
            raise RuntimeError(value)
        if "meet" in value:
            self.meeting.wait(timeout=30)
        at = value.find(self.word)
        places = [ErrorSpan(start=at, end=at + len(self.word), reason=f"there is {self.word}")]
        assert self.text is value, "shared with another text"
        if at < 0:
            return PassResult()
        return FailResult(error_message=f"{value} has {self.word}", error_spans=places if self.spans else None)


@register_validator("tests/far_away", data_type="string")
def far_away(value: Any, metadata: dict[str, Any]) -> Any:
    """Says that it saw something where the text does not reach."""
    return FailResult(error_message=value, error_spans=[ErrorSpan(start=2, end=999, reason=value)])


@register_validator("tests/coroutine", data_type="string")
def coroutine(value: Any, metadata: dict[str, Any]) -> Any:
    """What calling a coroutine function returns is no result."""
    return object()


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(NoWord, "made", 0)
    yield


def made(validator: str = "tests/no_word", **options: Any) -> Any:
    options.setdefault("arguments", {"word": "plum"} if validator == "tests/no_word" else {})
    return create("guardrails", validator=validator, **options)


def test_spans_are_findings_and_nothing_that_the_validator_says_is_repeated() -> None:
    detector = made()
    assert isinstance(detector, SlowDetector)
    (finding,) = detector.detect("a plum tree")
    assert (finding.detector, finding.category, finding.start, finding.end) == ("guardrails", "no_word", 2, 6)
    assert finding.reason == "failed validation" and "plum" not in repr(finding)
    assert detector.detect("an apple tree") == detector.detect(" ") == []


@pytest.mark.parametrize(
    ("validator", "arguments"), [("tests/no_word", {"word": "plum", "spans": False}), ("tests/far_away", {})]
)
def test_without_places_in_the_text_it_is_the_whole_text(validator: str, arguments: dict[str, Any]) -> None:
    (finding,) = made(validator, arguments=arguments, category="fruit").detect("a plum tree")
    assert (finding.category, finding.start, finding.end) == ("fruit", 0, 11)


def test_no_two_texts_share_a_validator_and_none_is_made_anew_without_need() -> None:
    detector = made()
    detector.prepare()
    for _ in range(3):
        detector.detect("a plum")
    assert NoWord.made == 1
    with ThreadPoolExecutor(2) as pool:  # both are in their validators at once
        assert list(pool.map(lambda text: len(detector.detect(text)), ["plums meet", "we meet"])) == [1, 0]
    assert NoWord.made == 2


def test_a_validator_that_raised_is_not_used_again() -> None:
    detector = made()
    with pytest.raises(RuntimeError):
        detector.detect("raise")
    assert detector.detect("a plum") and NoWord.made == 2


def test_what_is_no_result_is_no_pass() -> None:
    with pytest.raises(TypeError, match="neither PassResult nor FailResult"):
        made("tests/coroutine").detect("a text")


def test_nothing_reports_to_the_vendor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings.rc, "enable_metrics", True)
    monkeypatch.setattr(settings.rc, "use_remote_inferencing", True)
    reached: list[Any] = []
    monkeypatch.setattr(socket.socket, "connect", lambda self, address: reached.append(address))
    before = set(threading.enumerate())
    detector = made()
    detector.detect("a plum")
    (validator,) = detector._free
    assert validator._disable_telemetry and validator.use_local
    assert not reached and set(threading.enumerate()) == before


def test_a_policy_imports_nothing_and_the_hub_is_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = {"version": 1, "validators": {"tests/later": {"import_path": "planted_validator"}}}
    (tmp_path / ".guardrails").mkdir()
    (tmp_path / ".guardrails/hub_registry.json").write_text(json.dumps(registry))
    (tmp_path / "planted_validator.py").write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    detector = made("tests/later", arguments={"word": "plum"})
    with pytest.raises(LookupError, match="no validator is registered as 'tests/later': import it"):
        detector.detect("a plum")
    assert "planted_validator" not in sys.modules
    monkeypatch.setitem(validators_registry, "tests/later", NoWord)  # registered after the policy was read
    assert detector.detect("a plum")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"validator": ""}, "validator must be the name"),
        ({"validator": "tests/no_word", "arguments": {"on_fail": "fix"}}, "must not have on_fail"),
        ({"validator": "tests/no_word", "imports": ["os"]}, "imports"),
    ],
)
def test_a_wrong_option_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(hardened.PolicyError, match=message):
        compile(load({"detectors": {"guardrails": {"input": "warn", "options": options}}}, env={}))


def test_the_package_of_the_same_name_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guardrails, "distribution", lambda name: object())
    with pytest.raises(ImportError, match="exclude each other"):
        made()


def test_a_policy_acts_on_what_it_judges() -> None:
    policy = {
        "detectors": {
            "guardrails": {
                "input": "redact",
                "on_error": "closed",
                "options": {"validator": "tests/no_word", "arguments": {"word": "plum"}, "category": "fruit"},
            }
        }
    }
    current.use(Guards(compile(load(policy, env={}))))
    assert hardened.check("a plum tree").text == "a [FRUIT] tree"
    assert hardened.check("an apple tree").outcome == "passed"
    verdict = hardened.check("a secret raise")
    assert {decision.failure for decision in verdict.decisions} == {"RuntimeError"}
    assert "secret" not in f"{verdict.text} {verdict.decisions!r}"
