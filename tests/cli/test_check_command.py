"""`hardened check`"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., tuple[int, str, str]]
EMAIL = "Write to jane.doe@example.com"
KEY = "AKIA" + "Z7QXM2KLP4RTW6VY"


@pytest.mark.parametrize(
    ("policy", "text", "code", "outcome"),
    [
        ("balanced", "Where is my order?", 0, "passed"),
        ("balanced", EMAIL, 1, "flagged"),
        ("strict", EMAIL, 1, "redacted"),
        ("strict", f"Deploy with {KEY}", 2, "blocked"),
    ],
    ids=["passed", "flagged", "redacted", "blocked"],
)
def test_exit_code_tells_the_outcome(policy: str, text: str, code: int, outcome: str, run_apart: Run) -> None:
    done, printed, errors = run_apart("check", text, "--policy", policy)
    assert (done, printed.split()[0], errors) == (code, outcome, "")
    assert "jane.doe" not in printed
    assert KEY not in printed


def test_what_was_found_and_what_may_go_on(run_apart: Run) -> None:
    _, printed, _ = run_apart("check", "--policy", "strict", stdin=EMAIL)
    assert "email at 9–29" in printed
    assert printed.endswith("what may go on:\nWrite to [EMAIL]\n")


def test_why_something_was_found(run_apart: Run) -> None:
    Path("hardened.yaml").write_text(
        "detectors:\n  topic:\n    options:\n      deny:\n        sport:\n          keywords: [football]\n"
    )
    _, printed, _ = run_apart("check", "who won the football match?")
    assert "topic:sport at 0–27 (1.00, keyword)" in printed
    _, printed, _ = run_apart("check", "who won the football match?", "--json")
    assert json.loads(printed)["decisions"][0]["findings"][0]["reason"] == "keyword"


def test_json(run_apart: Run) -> None:
    code, printed, _ = run_apart("check", "-", "--policy", "strict", "--stage", "output", "--json", stdin=EMAIL)
    verdict = json.loads(printed)
    assert code == 1
    assert (verdict["stage"], verdict["outcome"], verdict["ok"]) == ("output", "redacted", True)
    assert verdict["text"] == "Write to [EMAIL]"
    (decision,) = verdict["decisions"]
    assert (decision["detector"], decision["action"]) == ("pii", "redact")
    assert decision["findings"][0]["category"] == "email"


def test_file_and_policy_that_holds(run_apart: Run) -> None:
    Path("letter.txt").write_bytes(EMAIL.encode() + b" \xff")
    Path("hardened.yaml").write_text("detectors:\n  pii:\n    tool_result: block\n")
    assert run_apart("check", "--file", "letter.txt", "--stage", "tool_result")[0] == 2
    assert run_apart("check", "--file", "letter.txt", "--stage", "tool_result", HARDENED_MODE="off")[0] == 0


def test_what_cannot_be_done(run: Run) -> None:
    assert run("check", "--file", "missing.txt") == (3, "", "hardened: missing.txt: No such file or directory\n")
    code, _, errors = run("check", "x", "--policy", "balancd")
    assert (code, "did you mean 'balanced'?" in errors) == (3, True)
    assert run("check", "x", "--stage", "inptu")[0] == 3
