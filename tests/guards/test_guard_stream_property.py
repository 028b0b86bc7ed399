"""However a text is cut into chunks, the stream says what the check of the whole text says."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import pytest
from guard_detectors import fenced, growing, guards, key_match, number_match, tail_match
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hardened.errors import BlockedError
from hardened.guards.engine import Guards
from hardened.guards.stream import StreamGuard

PIECES = [
    "k-",
    "k-abc",
    "k-abcdefghijkz",
    "z",
    "12",
    "12 34 56",
    "1234",
    "123456",
    "<<",
    ">>",
    "<",
    " ",
    "a",
    "-",
    "7",
    "word ",
    "🙂",
]
texts = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)


@st.composite
def cut_texts(draw: st.DrawFn) -> list[str]:
    text = draw(texts)
    cuts = draw(st.lists(st.integers(0, len(text)), max_size=12))
    return [text[start:end] for start, end in pairwise([0, *sorted(cuts), len(text)])]


MATCHES = {"key": key_match, "number": number_match, "block": fenced(40), "tail": tail_match}


def acting(**actions: str) -> Guards:
    """Guards that redact what the four detectors find, unless `actions` says otherwise for one."""
    return guards({growing(name, match): actions.get(name, "redact") for name, match in MATCHES.items()})


def check_against_whole(judge: Guards, chunks: Iterable[str], whole: str) -> None:
    verdict = judge.check(whole, "output")
    stream = StreamGuard(judge, "output")
    out = ""
    for chunk in chunks:
        out += stream.feed(chunk)
        assert verdict.text.startswith(out)
        assert stream.released == len(out)
    out += stream.finish()
    assert out == verdict.text
    assert stream.decisions == verdict.decisions
    assert stream.held == 0


REDACTING = acting()
MIXED = acting(number="warn")
BLOCKING = acting(number="block")


@settings(max_examples=400)
@given(cut_texts())
@example(["<<k-ab", "c>>"])
@example(["k-abcdefghijkz", "12"])
@example(["k-abcdefghijkz", "1 "])
@example(["12 34 56", " 78"])
def test_a_stream_is_the_redaction_of_the_whole_text(chunks: list[str]) -> None:
    check_against_whole(REDACTING, chunks, "".join(chunks))


@settings(max_examples=200)
@given(cut_texts())
def test_warnings_beside_redactions_change_nothing_and_are_the_same(chunks: list[str]) -> None:
    verdict = MIXED.check(whole := "".join(chunks), "output")
    stream = StreamGuard(MIXED, "output")
    assert "".join([*map(stream.feed, chunks), stream.finish()]) == verdict.text
    assert sorted(stream.decisions, key=str) == sorted(verdict.decisions, key=str), whole


SPOKEN = "Hi k-abcdefg, 1234 and 12 34 56 or <<k-secret 1234>> <<1 k-a>> k-abcdefghijkz12 1234567 <<open k-abcd"


@pytest.mark.parametrize("cut", range(len(SPOKEN) + 1))
def test_every_cut_in_two(cut: int) -> None:
    check_against_whole(REDACTING, [SPOKEN[:cut], SPOKEN[cut:]], SPOKEN)


def test_one_character_at_a_time() -> None:
    check_against_whole(REDACTING, SPOKEN, SPOKEN)
    assert "k-abc" not in REDACTING.check(SPOKEN, "output").text


@settings(max_examples=300)
@given(cut_texts())
@example(["k-abc 12", "34 "])
def test_a_block_comes_exactly_when_the_whole_text_is_blocked_and_before_any_of_it_is_out(chunks: list[str]) -> None:
    whole = "".join(chunks)
    blocked = not BLOCKING.check(whole, "output").ok
    redacted = REDACTING.check(whole, "output").text
    stream = StreamGuard(BLOCKING, "output")
    out = ""
    try:
        for chunk in chunks:
            out += stream.feed(chunk)
        out += stream.finish()
    except BlockedError as error:
        assert blocked
        assert error.released_chars == len(out)
        assert (error.stage, error.detector, error.category) == ("output", "number", "number_found")
        assert stream.feed("more") == stream.finish() == ""
        assert "blocked" in {decision.outcome for decision in stream.decisions}
        first = next(found for one in stream.decisions for found in one.findings if one.outcome == "blocked")
        assert len(out) <= first.start or redacted.startswith(out)
    else:
        assert not blocked
        assert out == redacted
    assert redacted.startswith(out)
