"""What waits on a stream, what does not, and what happens when it cannot be decided."""

from __future__ import annotations

import json

import pytest
from guard_detectors import (
    Failing,
    FailingWhileGrowing,
    Whole,
    fenced,
    growing,
    guards,
)

from hardened.errors import BlockedError
from hardened.guards.engine import Guards
from hardened.guards.plan import Plan, Rule
from hardened.guards.redaction import FAILED, UNDECIDED
from hardened.guards.stream import StreamGuard, repeat
from hardened_detectors.api import Finding
from hardened_instrumentation.calls import SlotKind

TEXT = "say k-abcdef now"


def stream_of(judge: Guards, kind: SlotKind = "text", max_hold: int = 16_384) -> StreamGuard:
    return StreamGuard(judge, "output", kind=kind, max_hold=max_hold)


def pieces(text: str, size: int = 4) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


def fed(stream: StreamGuard, text: str, size: int = 4) -> list[str]:
    return [stream.feed(piece) for piece in pieces(text, size)]


def test_only_what_is_undecided_waits() -> None:
    stream = stream_of(guards({growing(): "redact"}))
    assert [stream.feed(piece) for piece in ("so a k", "-", "abc", "def no", "w")] == [
        "so a ",
        "",
        "",
        "[KEY_FOUND] no",
        "w",
    ]
    assert stream.finish() == ""
    assert (stream.released, stream.held, stream.max_held) == (20, 0, 5)


def test_what_does_not_become_a_finding_is_released() -> None:
    stream = stream_of(guards({growing(): "redact"}))
    assert [stream.feed(piece) for piece in ("a k-", "1", "k-a")] == ["a ", "k-1", ""]
    assert stream.held == 3
    assert stream.finish() == "k-a"
    assert stream.decisions == ()


def test_without_rules_and_in_mode_off_everything_passes_at_once() -> None:
    for judge in (guards({}), guards({growing(): "redact"}, mode="off")):
        stream = stream_of(judge)
        assert "".join(fed(stream, TEXT)) == TEXT
        assert stream.finish() == ""
        assert stream.decisions == ()


def test_warnings_hold_nothing_and_are_complete_at_the_end() -> None:
    judge = guards({growing(): "warn", Whole("word", "now"): "warn"})
    stream = stream_of(judge)
    assert fed(stream, TEXT) == pieces(TEXT)
    assert stream.decisions == ()
    assert stream.finish() == ""
    assert stream.decisions == judge.check(TEXT, "output").decisions
    assert [decision.outcome for decision in stream.decisions] == ["flagged", "flagged"]
    assert stream.max_held == 0


@pytest.mark.parametrize("action", ["redact", "block"])
def test_a_detector_that_needs_the_whole_text_can_only_report(action: str) -> None:
    stream = stream_of(guards({growing(): "redact", Whole("word", "now"): action}))
    assert "".join([*fed(stream, TEXT), stream.finish()]) == "say [KEY_FOUND] now"
    enforced, late = stream.decisions
    assert (enforced.outcome, enforced.enforced) == ("redacted", True)
    assert (late.action, late.outcome, late.enforced) == (action, "flagged", False)
    assert late.findings == (Finding("word", "word_found", 13, 16),)


def test_a_broken_detector_that_needs_the_whole_text_can_only_be_reported() -> None:
    stream = stream_of(guards({Failing(): Rule("broken", "block", "closed")}))
    assert "".join([*fed(stream, TEXT), stream.finish()]) == TEXT
    (decision,) = stream.decisions
    assert (decision.outcome, decision.enforced, decision.failure) == ("error", False, "ZeroDivisionError")


def test_a_buffered_stream_is_exactly_the_check() -> None:
    judge = guards({growing(): "redact", Whole("word", "now"): "redact"}, stream="buffer")
    stream = stream_of(judge)
    assert set(fed(stream, TEXT)) == {""}
    assert stream.held == stream.max_held == len(TEXT)
    assert stream.finish() == judge.check(TEXT, "output").text == "say [KEY_FOUND] [WORD_FOUND]"
    assert stream.finish() == ""
    assert stream.decisions == judge.check(TEXT, "output").decisions
    assert stream.released == 28


def test_a_buffered_stream_can_be_blocked_by_what_needs_the_whole_text() -> None:
    stream = stream_of(guards({Whole("word", "now"): "block"}, stream="buffer"))
    fed(stream, TEXT)
    with pytest.raises(BlockedError) as caught:
        stream.finish()
    assert caught.value.released_chars == stream.released == 0
    assert [decision.outcome for decision in stream.decisions] == ["blocked"]


def test_a_buffered_stream_waits_for_nothing_that_could_not_change_it() -> None:
    stream = stream_of(guards({growing(): "warn"}, stream="buffer"))
    assert fed(stream, TEXT) == pieces(TEXT)


@pytest.mark.parametrize(
    ("plan", "kind", "outcome"),
    [
        ({"stream": "observe"}, "text", "redacted"),
        ({"mode": "shadow"}, "text", "redacted"),
        ({}, "reasoning", "redacted"),
    ],
)
def test_who_only_observes_changes_nothing_and_records_everything(
    plan: dict[str, str], kind: SlotKind, outcome: str
) -> None:
    stream = stream_of(guards({growing(): "redact", Whole("word", "now"): "block"}, **plan), kind)
    assert fed(stream, TEXT) == pieces(TEXT)
    assert stream.finish() == ""
    assert [(one.detector, one.outcome, one.enforced) for one in stream.decisions] == [
        ("key", outcome, False),
        ("word", "blocked", False),
    ]


def test_arguments_of_tool_calls_are_judged_as_json_when_they_are_complete() -> None:
    text = json.dumps({"key": "é k-abcdef", "n": 1}).replace("-", "\\u002d")
    stream = stream_of(guards({growing(): "redact"}), "arguments")
    assert set(fed(stream, text)) == {""}
    assert json.loads(stream.finish()) == {"key": "é [KEY_FOUND]", "n": 1}


def test_a_block_stops_before_anything_of_it_is_out() -> None:
    stream = stream_of(guards({growing(): "block"}))
    assert stream.feed("so k-ab") == "so "
    assert stream.feed("cd") == ""
    with pytest.raises(BlockedError) as caught:
        stream.feed(" and more")
    assert (caught.value.released_chars, caught.value.category) == (3, "key_found")
    assert (stream.feed("more"), stream.finish(), stream.released) == ("", "", 3)
    (decision,) = stream.decisions
    assert (decision.outcome, decision.findings) == ("blocked", (Finding("key", "key_found", 3, 9),))


def test_a_block_at_the_very_end_comes_from_finish() -> None:
    stream = stream_of(guards({growing(): "block"}))
    assert "".join(fed(stream, "so k-abcd")) == "so "
    with pytest.raises(BlockedError):
        stream.finish()


def test_a_finding_below_the_score_changes_nothing() -> None:
    judge = guards({(doubtful := growing(score=0.4)): Rule(doubtful.name, "redact", min_score=0.5)})
    stream = stream_of(judge)
    assert "".join([*fed(stream, TEXT), stream.finish()]) == TEXT
    assert stream.decisions == ()


@pytest.mark.parametrize(
    ("action", "on_error", "out"),
    [("redact", "closed", FAILED), ("redact", "open", "[KEY_FOUND] and more")],
)
def test_a_detector_that_breaks_on_the_way(action: str, on_error: str, out: str) -> None:
    broken = FailingWhileGrowing()
    stream = stream_of(guards({broken: Rule("broken", action, on_error), growing(): "redact"}))  # type: ignore[arg-type]
    assert "".join([*fed(stream, "k-abc and more"), stream.finish(), stream.feed("after the end")]) == out
    assert stream.decisions[0].failure == "ZeroDivisionError"
    assert stream.decisions[0].outcome == ("redacted" if on_error == "closed" else "error")


def test_a_detector_that_breaks_and_must_not_stops_the_stream() -> None:
    stream = stream_of(guards({FailingWhileGrowing(): Rule("broken", "block", "closed")}))
    assert "".join(fed(stream, TEXT)) == "", "a detector that cannot say what is decided holds everything"
    with pytest.raises(BlockedError, match="detector_error") as caught:
        stream.finish()
    assert caught.value.released_chars == 0
    assert [decision.outcome for decision in stream.decisions] == ["blocked"]


def test_a_long_hold_costs_work_in_proportion_to_the_text() -> None:
    detector = growing("block", fenced(1 << 30))
    stream = stream_of(guards({detector: "redact"}), max_hold=1 << 30)
    text = "<<" + "x" * 20_000 + ">> end"
    assert "".join([*fed(stream, text), stream.finish()]) == "[BLOCK_FOUND] end"
    assert stream.max_held > 20_000
    assert detector.work < 20 * len(text)


def test_what_was_held_is_scanned_again_only_with_its_context() -> None:
    detector = growing()
    stream = stream_of(guards({detector: "redact"}))
    text = "prose without a match " * 200
    assert "".join([*fed(stream, text), stream.finish()]) == text
    assert detector.work < 5 * len(text)


def test_a_hold_that_grows_too_long_becomes_a_placeholder_until_the_match_ends() -> None:
    stream = stream_of(guards({growing("block", fenced(1 << 30)): "redact"}), max_hold=1000)
    assert "".join(fed(stream, "a <<" + "x" * 2000)) == "a " + UNDECIDED
    assert "".join([*fed(stream, ">> b"), *fed(stream, "c" * 1000), stream.finish()]) == " b" + "c" * 1000
    (decision,) = stream.decisions
    assert decision.findings == (Finding("block", "block_found", 2, 2006),)


def test_a_hold_that_grew_too_long_stays_redacted_if_no_match_comes_of_it() -> None:
    stream = stream_of(guards({growing("block", fenced(1 << 30)): "redact"}), max_hold=1000)
    assert "".join([*fed(stream, "a <<" + "x" * 2000), stream.finish()]) == "a " + UNDECIDED
    (decision,) = stream.decisions
    assert (decision.detector, decision.outcome, decision.categories) == ("stream", "redacted", ("undecided",))
    assert decision.findings == (Finding("stream", "undecided", 2, 2004),)


def test_after_a_hold_that_came_to_nothing_the_stream_goes_on() -> None:
    judge = guards({growing("block", fenced(1500)): "redact"})
    stream = stream_of(judge, max_hold=1000)
    text = "a <<" + "x" * 2000 + " <<b>> c"
    out = "".join([*fed(stream, text), stream.finish()])
    undecided, found = stream.decisions
    assert undecided.categories == ("undecided",)
    end = undecided.findings[0].end
    assert out == "a " + UNDECIDED + judge.check(text[end:], "output").text
    assert end < 2000
    assert found.findings == (Finding("block", "block_found", 2005, 2010),)


def test_a_hold_without_end_is_dropped() -> None:
    stream = stream_of(guards({growing("block", fenced(1 << 30)): "redact"}), max_hold=100)
    assert (
        "".join([*fed(stream, "a <<" + "x" * 10_000, 100), *fed(stream, ">> b" * 10), stream.finish()])
        == "a " + UNDECIDED
    )
    assert stream.held == 0
    assert [decision.categories for decision in stream.decisions] == [("undecided",)]


def test_two_rules_for_one_growing_detector() -> None:
    detector = growing(score=0.7)
    rules = (Rule("key", "block", min_score=0.9), Rule("key", "warn", min_score=0.5))
    stream = stream_of(Guards(Plan(rules={"output": rules}), lambda name, stage: detector))
    assert "".join([*fed(stream, TEXT), stream.finish()]) == TEXT
    (decision,) = stream.decisions
    assert (decision.action, decision.outcome, len(decision.findings)) == ("warn", "flagged", 1)


@pytest.mark.parametrize("plan", [{}, {"stream": "buffer"}, {"stream": "observe"}, {"mode": "shadow"}, {"mode": "off"}])
@pytest.mark.parametrize("kind", ["text", "arguments", "reasoning"])
def test_a_text_that_comes_again_as_a_whole_is_what_was_streamed(plan: dict[str, str], kind: SlotKind) -> None:
    late = Whole("word", "now")
    judge = guards({growing(): "redact", late: "redact"}, **plan)
    text = json.dumps({"said": TEXT})
    stream = stream_of(judge, kind)
    streamed = "".join([*fed(stream, text), stream.finish()])
    calls = late.calls
    assert repeat(judge, "output", text, kind=kind) == (streamed, stream.decisions)
    assert late.calls == calls, "what is known is not judged again"


def test_a_text_that_comes_again_is_blocked_again() -> None:
    with pytest.raises(BlockedError):
        repeat(guards({growing(): "block"}), "output", TEXT)
