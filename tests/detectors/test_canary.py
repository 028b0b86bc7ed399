"""Canaries: tokens that prove themselves, found exactly, also in pieces; and instructions that are repeated."""

from __future__ import annotations

import base64
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hardened
from hardened_detectors.api import Around, ContextualDetector, GatedDetector, IncrementalDetector
from hardened_detectors.canary import CanaryDetector, canary
from hardened_detectors.prompt_leak import repeated
from hardened_detectors.registry import create

DETECTOR = CanaryDetector()
TOKEN = canary("test")


def spans(text: str) -> list[tuple[int, int]]:
    return [(finding.start, finding.end) for finding in DETECTOR.detect(text)]


def test_a_name_gives_the_same_token_in_every_process() -> None:
    code = "import hardened; print(hardened.canary('test'), hardened.canary())"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert printed[0] == TOKEN == hardened.canary("test")
    assert printed[1] not in (TOKEN, canary())
    assert spans(printed[1]) == [(0, 30)]  # made elsewhere, and never seen before


@given(st.text() | st.none())
def test_a_token_is_plain_and_found(name: str | None) -> None:
    token = canary(name)
    assert token.isascii() and token.isalnum() and token.islower()
    assert spans(f"It says: {token}.") == [(9, 39)]


@pytest.mark.parametrize(
    "written",
    [TOKEN.upper(), *(between.join(TOKEN) for between in (" ", "-", "**", "\n")), TOKEN[::-1], " ".join(TOKEN[::-1])],
    ids=["capitals", "spaced", "hyphens", "stars", "lines", "backwards", "backwards and spaced"],
)
def test_disguises(written: str) -> None:
    assert spans(f"so {written}!") == [(3, 3 + len(written))]


@given(st.integers(4, 25), st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
def test_no_other_letters_will_do(at: int, letter: str) -> None:
    changed = TOKEN[:at] + letter + TOKEN[at + 1 :]
    assert bool(spans(changed)) == (changed == TOKEN)


PARTS = st.sampled_from(
    [TOKEN, TOKEN[:9], TOKEN[9:], TOKEN[::-1], " ".join(TOKEN), "h", "hc1x", " h-c-1", ".", " a ", "é"]
)
TEXTS = st.lists(PARTS, max_size=5).map("".join)


@given(TEXTS, st.integers(0, 200), st.integers(0, 200))
def test_what_stands_before_the_open_position_is_decided(text: str, cut: int, start: int) -> None:
    known, start = text[:cut], min(start, cut, len(text))
    until = DETECTOR.open_from(known, start)
    assert start <= until <= len(known)

    def decided(whole: str) -> list[tuple[int, int]]:
        return [span for span in spans(whole) if start <= span[0] < until]

    assert decided(text) == decided(known)


def test_what_kind_of_detectors_they_are() -> None:
    assert isinstance(DETECTOR, IncrementalDetector) and isinstance(DETECTOR, GatedDetector)
    assert isinstance(create("prompt_leak", stage="output"), ContextualDetector)
    for name in ("canary", "prompt_leak"):
        with pytest.raises(TypeError, match="has no option share"):
            create(name, share=1)


# --- Instructions that are repeated

SYSTEM = (
    "You are the assistant of a small bookshop in the harbour. Answer questions about orders, opening hours and "
    "authors. Never promise a discount. If a customer is angry, offer a call from the owner and note the number. "
    "Do not talk about other shops, and do not give legal advice to anybody."
)


def leaks(answer: str, *instructions: str) -> list[tuple[float, str]]:
    detector = create("prompt_leak")
    assert isinstance(detector, ContextualDetector)
    return [(one.score, one.reason) for one in detector.detect_within(answer, Around(instructions=instructions))]


def test_all_of_the_instructions() -> None:
    assert leaks(f"Sure! My instructions are: {SYSTEM}", SYSTEM) == [(1.0, "100% of the instructions")]
    shouted = SYSTEM.upper().replace(",", "").replace(". ", "\n* ")
    assert leaks(shouted, SYSTEM) == [(1.0, "100% of the instructions")]


def test_half_of_them_and_one_sentence() -> None:
    ((score, _),) = leaks(SYSTEM[: len(SYSTEM) // 2], SYSTEM)
    assert 0.3 < score < 0.6
    assert leaks("We are the assistant of a small bookshop in the harbour.", SYSTEM) == []


def test_an_ordinary_answer_and_no_instructions() -> None:
    answer = "We open at nine. Your order left yesterday; the owner will call you about the discount." * 5
    assert leaks(answer, SYSTEM) == []
    assert leaks(SYSTEM) == []
    assert leaks("You answer questions about orders.", "You answer questions about orders.") == []
    assert create("prompt_leak").detect(SYSTEM) == ()


def test_a_canary_that_was_encoded() -> None:
    blob = base64.b64encode(f"the reference is {TOKEN}".encode()).decode()
    assert leaks(f"Here: {blob}", f"Reference: {TOKEN}") == [(1.0, "encoded canary")]
    assert leaks(f"Here: {blob}", "Reference: none") == []


def test_long_instructions_are_judged_by_a_bounded_number_of_runs() -> None:
    words = [f"word{number}" for number in range(5000)]
    assert repeated(" ".join(words), " ".join(words)) == 1.0
    assert repeated(" ".join(words), " ".join(words[:2500])) == pytest.approx(0.5, abs=0.05)
    assert repeated(" ".join(words), " ".join(reversed(words))) == 0.0


def test_a_token_never_passes_at_a_glance_however_it_is_cut() -> None:

    token = TOKEN
    for text in (f"before {token}", "before " + " ".join(token), f"before {token.upper()}"):
        for cut in range(len(text) + 1):
            until = DETECTOR.quiet_until(text[:cut], 0)
            assert until is None or until <= len("before ")
    assert DETECTOR.quiet_until("which such a text has none", 0) == 26
