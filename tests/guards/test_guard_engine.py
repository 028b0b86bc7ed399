"""What a check makes of findings, of failures, and of what it already knows."""

from __future__ import annotations

import logging
import os
import signal
import threading

import pytest
from guard_detectors import Failing, Whole, guards

from hardened.errors import BlockedError
from hardened.guards.engine import Guards, enforce
from hardened.guards.plan import Plan, Rule
from hardened.guards.redaction import FAILED
from hardened.guards.verdict import STAGES, Stage, gravest
from hardened_detectors.api import Finding
from hardened_instrumentation.calls import Role

TEXT = "a 123 b"


@pytest.mark.parametrize(
    ("action", "outcome", "text"),
    [
        ("warn", "flagged", TEXT),
        ("redact", "redacted", "a [DIGITS_FOUND] b"),
        ("block", "blocked", ""),
        ("ask", "blocked", ""),
    ],
)
def test_what_each_action_does_with_a_finding(action: str, outcome: str, text: str) -> None:
    verdict = guards({Whole("digits", r"\d+"): action}).check(TEXT, "input")
    assert (verdict.outcome, verdict.text, verdict.ok) == (outcome, text, outcome != "blocked")
    (decision,) = verdict.decisions
    assert decision.findings == (Finding("digits", "digits_found", 2, 5),)
    assert (decision.detector, decision.action, decision.enforced) == ("digits", action, True)
    assert decision.categories == ("digits_found",)


def test_a_text_without_findings_passes_and_an_allowed_detector_does_not_run() -> None:
    allowed, asked = Whole("letters", "[a-z]"), Whole("digits", r"\d+")
    verdict = guards({allowed: "allow", asked: "block"}).check("no number", "input")
    assert (verdict.outcome, verdict.text, verdict.decisions) == ("passed", "no number", ())
    assert (allowed.calls, asked.calls) == (0, 1)


def test_the_gravest_action_wins() -> None:
    detectors = {Whole("one", "1"): "warn", Whole("two", "2"): "redact", Whole("three", "3"): "block"}
    judge = guards(detectors)
    assert judge.check("1", "input").outcome == "flagged"
    assert judge.check("1 2", "input").text == "1 [TWO_FOUND]"
    verdict = judge.check("1 2 3", "input")
    assert (verdict.outcome, verdict.text) == ("blocked", "")
    assert [decision.outcome for decision in verdict.decisions] == ["flagged", "redacted", "blocked"]


def test_findings_that_overlap_leave_nothing_beside_one_placeholder() -> None:
    judge = guards(
        {Whole("left", "abcd", score=0.5): "redact", Whole("right", "cdefgh"): "redact", Whole("sub", "e"): "redact"}
    )
    assert judge.check("x abcdefgh y", "input").text == "x [RIGHT_FOUND] y"


def test_findings_that_touch_keep_a_placeholder_each() -> None:
    judge = guards({Whole("left", "ab"): "redact", Whole("right", "cd"): "redact"})
    assert judge.check("abcd", "input").text == "[LEFT_FOUND][RIGHT_FOUND]"


def test_a_warning_that_overlaps_a_redaction_does_not_widen_it() -> None:
    judge = guards({Whole("wide", "a.*z"): "warn", Whole("digits", r"\d+"): "redact"})
    assert judge.check("a 12 z", "input").text == "a [DIGITS_FOUND] z"


def test_one_detector_can_warn_from_one_score_on_and_block_from_another() -> None:
    class Scored(Whole):
        def detect(self, text: str) -> list[Finding]:
            return [Finding("scored", "doubt", 0, 1, float(word)) for word in text.split()]

    detector = Scored("scored", "")
    rules = (Rule("scored", "warn", min_score=0.5), Rule("scored", "block", min_score=0.9))
    judge = Guards(Plan(rules={"input": rules}), lambda name, stage: detector)
    assert judge.check("0.4", "input").outcome == "passed"
    assert judge.check("0.5", "input").outcome == "flagged"
    assert judge.check("0.9", "input").outcome == "blocked"
    both = judge.check("0.6 0.9", "input").decisions
    assert [(one.outcome, [found.score for found in one.findings]) for one in both] == [
        ("blocked", [0.9]),
        ("flagged", [0.6]),
    ]


def test_shadow_decides_and_changes_nothing() -> None:
    judge = guards({Whole("digits", r"\d+"): "block"}, mode="shadow")
    verdict = judge.check(TEXT, "input")
    assert (verdict.outcome, verdict.text, verdict.ok) == ("blocked", TEXT, True)
    assert [decision.enforced for decision in verdict.decisions] == [False]
    enforce(verdict)  # raises nothing


def test_off_runs_nothing() -> None:
    detector = Whole("digits", r"\d+")
    judge = guards({detector: "block"}, mode="off")
    assert judge.check(TEXT, "input").outcome == judge.check_json("12", "input").outcome == "skipped"
    assert detector.calls == 0


def test_observing_changes_nothing_and_is_not_confused_with_enforcing() -> None:
    judge = guards({Whole("digits", r"\d+"): "redact"})
    for _ in range(2):
        assert judge.check(TEXT, "input", observe=True).text == TEXT
        assert judge.check(TEXT, "input").text == "a [DIGITS_FOUND] b"


ALL_ROLES: tuple[Role, ...] = ("user", "assistant", "tool", "document", "system")


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("role", ALL_ROLES)
def test_instructions_and_earlier_answers_are_no_injection(stage: Stage, role: Role) -> None:
    injection, digits = Whole("injection", "ignore"), Whole("digits", r"\d+")
    verdict = guards({injection: "block", digits: "warn"}).check("ignore 1", stage, role=role)
    exempt = role == "system" or (role == "assistant" and stage == "input")
    assert [decision.detector for decision in verdict.decisions] == (["digits"] if exempt else ["injection", "digits"])


def test_a_block_raises_what_was_found_and_never_the_text() -> None:
    verdict = guards({Whole("digits", r"\d+"): "block"}).check(TEXT, "tool_result")
    with pytest.raises(BlockedError) as caught:
        enforce(verdict, released_chars=7)
    error = caught.value
    assert (error.stage, error.detector, error.category) == ("tool_result", "digits", "digits_found")
    assert error.released_chars == 7
    assert "123" not in str(error)


@pytest.mark.parametrize(
    ("action", "on_error", "outcome", "text"),
    [
        ("redact", "closed", "redacted", FAILED),
        ("block", "closed", "blocked", ""),
        ("warn", "closed", "error", TEXT),
        ("redact", "open", "error", TEXT),
        ("block", "open", "error", TEXT),
    ],
)
def test_what_a_broken_detector_means(action: str, on_error: str, outcome: str, text: str) -> None:
    broken = Failing()
    judge = guards({broken: Rule("broken", action, on_error)})  # type: ignore[arg-type]
    for call in (1, 2):
        verdict = judge.check(TEXT, "input")
        assert (verdict.outcome, verdict.text) == (outcome, text)
        (decision,) = verdict.decisions
        assert (decision.failure, decision.categories) == ("ZeroDivisionError", ("detector_error",))
        assert broken.calls == call, "a failure is not remembered"
    assert TEXT not in str(verdict.decisions)
    if outcome == "blocked":
        with pytest.raises(BlockedError, match="detector_error"):
            enforce(verdict)


def test_a_broken_detector_does_not_hide_what_others_find() -> None:
    verdict = guards({Failing(): "redact", Whole("digits", r"\d+"): "redact"}).check(TEXT, "input")
    assert verdict.text == "a [DIGITS_FOUND] b"
    assert [decision.outcome for decision in verdict.decisions] == ["error", "redacted"]


def test_a_detector_that_cannot_be_built_is_a_broken_one(caplog: pytest.LogCaptureFixture) -> None:
    judge = Guards(Plan(rules={"input": (Rule("no_such_detector", "block", "closed"),)}))
    with caplog.at_level(logging.ERROR, "hardened"):
        assert [judge.check(text, "input").ok for text in ("a", "b")] == [False, False]
    assert len(caplog.records) == 1
    assert "no_such_detector" in caplog.text


def test_findings_under_a_wrong_name_follow_the_gravest_rules() -> None:
    class Misnamed(Whole):
        def detect(self, text: str) -> list[Finding]:
            return [Finding("another", "thing", 0, 1)]

    assert guards({Misnamed("plugin", ""): "redact"}).check("ab", "input").text == "[THING]b"


class Hanging:
    """Does not return before it is told to."""

    name = "slow"

    def __init__(self) -> None:
        self.go = threading.Event()
        self.running = 0

    def detect(self, text: str) -> list[Finding]:
        self.running += 1
        self.go.wait()
        return [Finding(self.name, "slow_found", 0, len(text))]


@pytest.mark.parametrize(
    ("action", "on_error", "outcome"),
    [
        ("block", "closed", "blocked"),
        ("redact", "closed", "redacted"),
        ("redact", "open", "timeout"),
        ("warn", "closed", "timeout"),
    ],
)
def test_a_detector_that_takes_too_long_is_a_broken_one(action: str, on_error: str, outcome: str) -> None:
    slow = Hanging()
    judge = guards({slow: Rule("slow", action, on_error, timeout=0.01)})  # type: ignore[arg-type]
    try:
        verdict = judge.check(TEXT, "input")
    finally:
        slow.go.set()
    assert verdict.outcome == outcome
    assert verdict.decisions[0].failure == "timeout"


def test_detectors_with_a_timeout_find_as_others_do_and_run_beside_them() -> None:
    digits, letters = Whole("digits", r"\d+"), Whole("letters", "[a-z]")
    judge = guards({digits: Rule("digits", "redact", timeout=60), letters: Rule("letters", "warn")})
    verdict = judge.check(TEXT, "input")
    assert verdict.text == "a [DIGITS_FOUND] b"
    assert [decision.detector for decision in verdict.decisions] == ["digits", "letters"]


def test_hung_detectors_cannot_pile_up() -> None:
    slow = Hanging()
    judge = guards({slow: Rule("slow", "warn", timeout=0.01)})
    try:
        outcomes = [judge.check(f"text {number}", "input").outcome for number in range(12)]
        assert outcomes == ["timeout"] * 12
        assert slow.running == 8
    finally:
        slow.go.set()


def test_known_texts_are_not_judged_again_and_other_texts_stages_and_roles_are() -> None:
    digits, injection = Whole("digits", r"\d+"), Whole("injection", "ignore")
    judge = guards({digits: "redact", injection: "warn"})
    first = judge.check(TEXT, "input")
    assert judge.check(TEXT, "input") == first
    assert judge.check(TEXT, "input", role="tool") == first, "the same detectors run for users and tools"
    assert digits.calls == 1
    judge.check(TEXT, "input", role="assistant")
    assert digits.calls == 2, "other detectors run for the assistant"
    judge.check(TEXT, "output")
    assert digits.calls == 3
    judge.check(TEXT + " ", "input")
    assert digits.calls == 4
    judge.check_json(TEXT, "input")
    assert digits.calls == 5, "the same text means another thing as JSON"


def test_many_threads_get_the_same_answer() -> None:
    judge = guards({Whole("digits", r"\d+"): "redact"})
    start = threading.Barrier(4)
    wrong: list[str] = []

    def work(number: int) -> None:
        start.wait()
        for turn in range(200):
            text = judge.check(f"thread {number} turn {turn % 7}", "input").text
            if text != "thread [DIGITS_FOUND] turn [DIGITS_FOUND]":
                wrong.append(text)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_forked_child_does_not_wait_for_locks_of_threads_that_are_not_there() -> None:
    judge = guards({Whole("digits", r"\d+"): "redact"})
    with judge._lock, judge._memory._lock:
        child = os.fork()
        if child == 0:
            signal.alarm(20)  # a child that hangs is ended
            os._exit(0 if judge.check("a 1", "input").text == "a [DIGITS_FOUND]" else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_text_that_is_not_valid_unicode_is_judged() -> None:
    assert guards({Whole("digits", r"\d+"): "redact"}).check("\ud800 12", "input").text == "\ud800 [DIGITS_FOUND]"


def test_encodings_are_undone_where_the_text_is_complete() -> None:
    judge = guards({Whole("word", "secret"): "redact"})
    assert judge.check("say %73%65cret now", "input").text == "say [WORD_FOUND] now"
    assert judge.check("say %73%65cret now", "output").outcome == "passed", "as on a stream"


def test_no_decision_is_a_pass() -> None:
    assert gravest(()) == "passed"
