"""Presidio's own analyzer and recognizers, with the network out of reach."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

for needed in ("presidio_analyzer", "spacy"):
    pytest.importorskip(needed, reason=f"{needed} is not installed; the step `plug-ins` of .ci/run has it")

import spacy  # noqa: E402
import tldextract  # noqa: E402

import hardened  # noqa: E402
from hardened.guards import current  # noqa: E402
from hardened.guards.engine import Guards  # noqa: E402
from hardened.policy.compile import compile  # noqa: E402
from hardened.policy.load import load  # noqa: E402
from hardened_detectors.api import SlowDetector  # noqa: E402
from hardened_detectors.plugins import presidio  # noqa: E402
from hardened_detectors.registry import create  # noqa: E402

EMAIL = "ada@example.co.uk"
CARD = "4111 1111 1111 1111"


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No test asks for an address, although nothing was fetched before."""
    asked: list[object] = []

    def resolve(*where: object, **_: object) -> None:
        asked.append(where)
        raise OSError("there is no network here")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(tldextract.tldextract, "TLD_EXTRACTOR", tldextract.TLDExtract(cache_dir=str(tmp_path)))
    yield
    assert asked == []


def found(text: str, **options: Any) -> dict[str, str]:
    return {one.category: text[one.start : one.end] for one in create("presidio", **options).detect(text)}


def test_patterns_have_our_categories_and_presidios_names_as_the_reason() -> None:
    detector = create("presidio")
    text = f"Write to {EMAIL}, or pay with {CARD}."
    by_category = {one.category: one for one in detector.detect(text)}
    email, card = by_category["email"], by_category["credit_card"]
    assert (email.detector, text[email.start : email.end], email.reason) == ("presidio", EMAIL, "EMAIL_ADDRESS")
    assert (text[card.start : card.end], card.score, card.reason) == (CARD, 1.0, "CREDIT_CARD")
    assert isinstance(detector, SlowDetector)
    assert detector.detect("") == detector.detect(" \n") == detector.detect("Nothing to see.") == []


def test_suffixes_are_checked_without_fetching_them() -> None:
    assert found(f"mail {EMAIL}", entities=["EMAIL_ADDRESS"]) == {"email": EMAIL}
    assert found("mail ada@example.nosuchsuffix", entities=["EMAIL_ADDRESS"]) == {}


def test_words_beside_a_value_count_without_a_model() -> None:
    assert found("my phone number is 212-555-5555") == {"phone": "212-555-5555"}
    assert found("part 212-555-5555 is in stock") == {}


def test_threshold_and_entities_choose() -> None:
    text = f"part 212-555-5555 for {EMAIL}"
    assert found(text, threshold=0.4, entities=["PHONE_NUMBER"]) == {"phone": "212-555-5555"}
    assert set(found(text, threshold=1)) == {"email"}


def test_another_language_has_recognizers_of_its_own() -> None:
    assert found(f"El NIF es 12345678Z, {EMAIL}", language="es", entities=["ES_NIF", "EMAIL_ADDRESS"]) == {
        "es_nif": "12345678Z",
        "email": EMAIL,
    }


def test_names_come_from_a_pipeline(tmp_path: Path) -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "PERSON", "pattern": "Ada Lovelace"}])
    nlp.to_disk(tmp_path / "pipeline")
    text = f"Ada Lovelace has the address {EMAIL}"
    assert found(text, model=str(tmp_path / "pipeline"), threshold=0.8) == {"person": "Ada Lovelace", "email": EMAIL}


def test_no_text_is_logged_but_presidio_may_log_elsewhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    text = "iban DE89 3704 \u212a044 0532 0130 00"  # the sign for Kelvin, at which Presidio logs the whole number
    assert "iban" not in found(text)
    assert found("my phone number is 212-555-5555")
    assert not [record for record in caplog.records if record.name == "presidio-analyzer"]
    logging.getLogger("presidio-analyzer").warning("the application's own")
    assert "the application's own" in caplog.text


def test_a_text_that_is_too_long_fails_and_the_next_one_does_not() -> None:
    detector = create("presidio", entities=["EMAIL_ADDRESS"])
    with pytest.raises(ValueError, match="E088"):
        detector.detect("x" * 1_000_001)
    assert detector.detect(EMAIL)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"language": "../en"}, "language must be the code of one that spaCy knows"),
        ({"language": "qq"}, "language must be"),
        ({"entities": "EMAIL_ADDRESS"}, "entities must be a list"),
        ({"threshold": 50}, "threshold must be a number between 0 and 1"),
        ({"model": "en_core_web_absent"}, "neither an installed spaCy pipeline nor a folder with a config.cfg"),
        ({"model": "os"}, "neither an installed spaCy pipeline"),
    ],
)
def test_a_wrong_option_is_refused_before_anything_is_loaded(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        create("presidio", **options)
    with pytest.raises(hardened.PolicyError, match=message):
        compile(load({"detectors": {"presidio": {"input": "warn", "options": options}}}, env={}))


def test_an_unknown_entity_fails_with_each_text() -> None:
    detector = create("presidio", entities=["E_MAIL"])
    for _ in range(2):
        with pytest.raises(ValueError, match=r"none of Presidio's in this language, which are .*EMAIL_ADDRESS"):
            detector.detect("text")


def test_many_threads_load_one_analyzer(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[bool] = []
    original = presidio.Analyzer.__init__

    def counting(self: presidio.Analyzer, *args: Any) -> None:
        loaded.append(True)
        original(self, *args)

    monkeypatch.setattr(presidio.Analyzer, "__init__", counting)
    detector = create("presidio", entities=["EMAIL_ADDRESS"])
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda text: bool(detector.detect(text)), [EMAIL, "nothing"] * 25))
    assert results == [True, False] * 25
    assert loaded == [True]


def test_a_policy_names_it() -> None:
    policy = {"detectors": {"presidio": {"input": "block", "options": {"entities": ["EMAIL_ADDRESS"]}}}}
    current.use(Guards(compile(load(policy, env={}))))
    assert hardened.check(EMAIL).outcome == "blocked"
    assert hardened.check("nothing").outcome == "passed"
