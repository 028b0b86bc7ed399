"""The two promises of `IncrementalDetector`: what is released is decided; decisions look back a bounded distance."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardened_detectors import pii, secrets
from hardened_detectors.api import Finding, IncrementalDetector
from hardened_detectors.entry_detector import EntryDetector
from hardened_detectors.examples import expand, expected
from hardened_detectors.growing import quiet_until
from hardened_detectors.registry import create, from_function
from hardened_detectors.scanner import Scanner

DETECTORS = {"pii": pii.create(), "secrets": secrets.create()}
VALUES = [expected(example)[0] for entry in (*pii.ENTRIES, *secrets.ENTRIES) for example in entry.examples]
PROSE = (
    "The plan, in short: first read (all of) the notes; then, at 10:30 on 2024-03-01, call a meeting - not before!\n"
    "May 3 is a holiday. Version 1.2.3 costs $4,999.00, order #12345678 shipped 12 March 1990 or so. "
    "IT 12 is the US 34 code: AB 12 34.\n"
    "Überall wird geprüft, 名前は example です。"
    "See https://example.com/a/b?c=d#e, `foo(bar=1)[2]`, -----BEGIN of the end, password reset.\n"
)


def starting_in(findings: object, low: int, high: int, shift: int = 0) -> set[tuple[str, int, int]]:
    return {
        (f.category, f.start + shift, f.end + shift)
        for f in findings  # type: ignore[attr-defined]
        if isinstance(f, Finding) and low <= f.start + shift < high
    }


def check_every_cut(detector: EntryDetector, text: str, step: int = 1) -> None:
    """Promise 1, with the rest of `text` as the continuation of each of its beginnings, asked as a stream asks it."""
    whole = detector.detect(text)
    start = 0
    for cut in range(0, len(text) + 1, step):
        beginning = text[:cut]
        open_at = detector.open_from(beginning, start)
        assert start <= open_at <= cut
        assert starting_in(detector.detect(beginning), start, open_at) == starting_in(whole, start, open_at), (
            cut,
            open_at,
        )
        assert starting_in(detector.detect(beginning), 0, open_at) == starting_in(whole, 0, open_at), (cut, open_at)
        start = open_at


def check_look_behind(detector: EntryDetector, text: str, step: int = 1) -> None:
    """Promise 2."""
    whole = detector.detect(text)
    for cut in range(0, len(text) + 1, step):
        first = cut + detector.look_behind
        assert starting_in(detector.detect(text[cut:]), first, len(text), cut) == starting_in(
            whole, first, len(text)
        ), cut


@pytest.mark.parametrize("name", DETECTORS)
@pytest.mark.parametrize("value", [value for value in VALUES if len(value) < 400], ids=lambda v: None)
def test_each_example_cut_everywhere(name: str, value: str) -> None:
    for text in (
        value,
        f"Hi, {value} and 12 more",
        f"password is {value}{value}",
        f"word{value}word",
        f"3 {value}\n{value}, x",
    ):
        check_every_cut(DETECTORS[name], text)


@pytest.mark.parametrize("name", DETECTORS)
def test_all_examples_in_a_row(name: str) -> None:
    text = " ".join(VALUES)
    assert len({f.category for f in DETECTORS[name].detect(text)}) >= {"pii": 38, "secrets": 180}[name]
    check_every_cut(DETECTORS[name], text, step=37)
    check_look_behind(DETECTORS[name], text, step=53)


@pytest.mark.parametrize("name", DETECTORS)
@pytest.mark.parametrize("value", [value for value in VALUES if len(value) < 200], ids=lambda v: None)
def test_a_decision_looks_back_no_further_than_declared(name: str, value: str) -> None:
    check_look_behind(DETECTORS[name], f"{PROSE[:60]}{value} and {value}")


@pytest.mark.parametrize("name", DETECTORS)
def test_prose_cut_everywhere(name: str) -> None:
    check_every_cut(DETECTORS[name], PROSE)
    check_look_behind(DETECTORS[name], PROSE)


@pytest.mark.parametrize(
    "template",
    [
        "token eyJhbGciOiJIUzI1NiJ9.{url:3000}.{url:43} done",
        "-----BEGIN {-}RSA PRIVATE KEY-----\n"
        + "{b64:64}\n" * 30
        + "{b64:20}==\n-----END RSA PRIVATE KEY-----\nthanks",
        "-----BEGIN {-}PRIVATE KEY-----\n" + "{b64:64}\n" * 10 + "and then prose goes on",
        "-----BEGIN {-}PRIVATE KEY-----" * 20,
        "-----BEGIN {-}PRIVATE KEY-----\n" + "a b c d e f " * 800,
        "{b64:9600} end a@b.org",
    ],
    ids=["long jwt", "pem", "truncated pem", "headers only", "header and prose", "long run"],
)
def test_long_values(template: str) -> None:
    text = expand(template)
    check_every_cut(DETECTORS["secrets"], text, step=max(1, len(text) // 150))
    check_every_cut(DETECTORS["pii"], text, step=max(1, len(text) // 40))


def test_a_long_open_value_is_held_from_its_start() -> None:
    text = expand("x -----BEGIN {-}RSA PRIVATE KEY-----\n" + "{b64:64}\n" * 40)
    assert DETECTORS["secrets"].open_from(text, 0) == 2
    assert DETECTORS["secrets"].open_from("my card is 4111 1111 ", 0) == len("my card is 4111 1111 ")
    assert DETECTORS["pii"].open_from("my card is 4111 1111 ", 0) == len("my card is ")


def test_a_number_waits_for_the_words_that_may_follow_it() -> None:
    check_every_cut(
        DETECTORS["pii"], text := "so 50410132167 is what they call my PESEL, and on goes the text for a while"
    )
    pesel = pii.create(include=["pl_pesel"])
    assert {f.category for f in pesel.detect(text)} == {"pl_pesel"}
    assert pesel.open_from(text[:25], 0) == 3
    assert pesel.open_from("so 50410132167 went up and ", 0) == 27  # nothing that could name it may follow
    assert pesel.open_from("so 75070704948 is what they ", 0) == 28  # a wrong check digit is not worth waiting for
    assert pesel.open_from("PESEL 50410132167 is what they ", 0) == 31  # nor is what is decided


PIECES = st.one_of(
    st.sampled_from(VALUES),
    st.sampled_from(VALUES).flatmap(lambda value: st.integers(0, len(value)).map(lambda n: value[:n])),
    st.sampled_from(
        [
            "password",
            "token: ",
            "bearer ",
            "ssn ",
            " is my PESEL ",
            "born on ",
            "call ",
            "://",
            "12 ",
            "-",
            "+1 ",
            "@",
            ".",
            "AB ",
            "May ",
            "\n",
            "  ",
            "é",
            "12/27",
        ]
    ),
    st.text(alphabet="aB1 .-@:/+()\n=é", max_size=12),
)


@pytest.mark.parametrize("name", DETECTORS)
@settings(max_examples=150)
@given(pieces=st.lists(PIECES, max_size=6), data=st.data())
def test_promises_hold_for_any_mixture(name: str, pieces: list[str], data: st.DataObject) -> None:
    text = "".join(pieces)[:1500]
    detector = DETECTORS[name]
    cut = data.draw(st.integers(0, len(text)))
    start = data.draw(st.integers(0, cut))
    open_at = detector.open_from(text[:cut], start)
    whole = detector.detect(text)
    assert start <= open_at <= cut
    assert starting_in(detector.detect(text[:cut]), start, open_at) == starting_in(whole, start, open_at)
    first = cut + detector.look_behind
    assert starting_in(detector.detect(text[cut:]), first, len(text), cut) == starting_in(whole, first, len(text))


@pytest.mark.parametrize("name", DETECTORS)
@settings(max_examples=150)
@given(
    pieces=st.lists(st.one_of(PIECES, st.sampled_from(["the word, ", "(and) ", "re-read "])), max_size=8),
    data=st.data(),
)
def test_what_is_quiet_has_no_finding_whatever_follows(name: str, pieces: list[str], data: st.DataObject) -> None:
    text = "".join(pieces)[:1500]
    start = data.draw(st.integers(0, len(text)))
    whole = DETECTORS[name].detect(text)
    for cut in range(start, min(len(text), start + 60) + 1):
        until = quiet_until(text[:cut], start)
        if until is not None:
            assert start <= until <= cut
            assert not starting_in(whole, start, until)


def test_prose_is_quiet_and_what_may_be_a_match_is_not() -> None:
    scanner = Scanner([create("pii"), create("secrets")])
    assert scanner.quiet_until("we all agree, so far; it is", 0) == len("we all agree, so far; it ")
    assert scanner.quiet_until("call 4111 1111 ", 0) is None
    assert scanner.quiet_until("call 4111 1111 ", len("call 4111 1111 ")) == len("call 4111 1111 ")
    assert scanner.quiet_until("full width ４ ", 0) is None
    assert scanner.quiet_until("x" * 300, 0) is None
    assert scanner.quiet_until("a " + "x" * 19 + " ", 0) == 22
    assert scanner.quiet_until("a " + "x" * 20 + " ", 0) is None
    assert scanner.quiet_until("PASS=whitedove ", len("PASS=")) is None
    assert Scanner([create("pii"), from_function("f", lambda text: False)]).quiet_until("words ", 0) == 6
    assert Scanner([from_function("f", lambda text: False)]).quiet_until("words ", 0) is None


def test_the_scanner_keeps_the_promise_for_full_width_text() -> None:
    scanner = Scanner([create("pii"), create("secrets")])
    text = "Karte ４１１１ １１１１ 1111 1111, jane＠example.com und so weiter"
    whole = scanner.scan(text).findings
    assert {f.category for f in whole} == {"credit_card", "email"}
    for cut in range(len(text) + 1):
        open_at = scanner.open_from(text[:cut], 0)
        assert starting_in(scanner.scan(text[:cut]).findings, 0, open_at) == starting_in(whole, 0, open_at)


def test_prose_is_hardly_held() -> None:
    scanner = Scanner([create("pii"), create("secrets")])
    text = "The committee agreed that further analysis would be needed before it decides. " * 10
    held = [cut - scanner.open_from(text[:cut], 0) for cut in range(4, len(text), 4)]
    assert sum(held) / len(held) <= 4


def test_only_pii_and_secrets_are_incremental() -> None:
    scanner = Scanner([create(name) for name in ("pii", "secrets", "injection", "topic")])
    assert [isinstance(d, IncrementalDetector) for d in scanner.detectors] == [True, True, False, False]
    assert scanner.final == ("injection", "topic")
