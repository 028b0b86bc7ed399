"""`hardened eval`"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., tuple[int, str, str]]
KEY = "AKIA" + "Z7QXM2KLP4RTW6VY"
ROWS: list[dict[str, Any]] = [
    {"text": f"deploy with {KEY}", "label": 1, "source": "ops", "spans": [{"start": 12, "end": 32}]},
    {"text": "the password is between you and me", "label": 1, "source": "ops", "spans": [{"start": 0, "end": 5}]},
    {"text": "where is my order?", "label": 0, "source": "shop", "spans": []},
    {"text": f"not marked: {KEY}", "label": 0, "source": "shop", "spans": []},
]


@pytest.fixture(autouse=True)
def rows() -> None:
    Path("rows.jsonl").write_text("\n".join(map(json.dumps, ROWS)))


def figures(printed: str) -> dict[str, Any]:
    (measured,) = json.loads(printed)["measured"]
    return {name: figure and round(figure["value"], 3) for name, figure in measured["figures"].items()}


def test_figures_of_one_detector(run: Run) -> None:
    code, printed, errors = run("eval", "rows.jsonl", "--detector", "secrets", "--json")
    assert (code, errors) == (0, "")
    assert figures(printed) == {
        "precision": 0.5,
        "recall": 0.5,
        "f1": 0.5,
        "specificity": 0.5,
        "accuracy": 0.5,
        "auc": 0.5,
        "recall_at_1pct_fpr": 0.0,
        "span_precision": 0.5,
        "span_recall": 0.5,
        "span_f1": 0.5,
        "coverage": 0.5,
    }
    (measured,) = json.loads(printed)["measured"]
    assert measured["groups"]["source"]["shop"]["false_positive"] == 1
    assert measured["cpu_microseconds"].keys() == {"p50", "p95", "p99"}
    assert KEY not in printed


def test_the_table_of_the_whole_policy(run: Run) -> None:
    code, printed, _ = run("eval", "rows.jsonl")
    assert code == 0
    header = next(line for line in printed.splitlines() if line.startswith("figure"))
    assert header.split() == ["figure", "policy", "secrets", "pii", "injection", "canary", "prompt_leak"]
    assert "4 rows, 2 positive" in printed
    assert KEY not in printed


def test_the_gate_for_ci(run: Run) -> None:
    command = ("eval", "rows.jsonl", "--detector", "secrets")
    assert run(*command, "--fail-under", "recall=0.5")[0] == 0
    code, _, errors = run(*command, "--fail-under", "recall=0.5", "--fail-under", "specificity=0.99")
    assert (code, errors) == (1, "hardened eval: secrets: specificity is 0.5000, and should be at least 0.99\n")
    code, _, errors = run(*command, "--where", "label=1", "--fail-under", "specificity=0.1")
    assert code == 1
    assert "specificity cannot be told from these rows" in errors


def test_two_policies(run: Run) -> None:
    code, printed, _ = run("eval", "rows.jsonl", "--policy", "observe", "--against", "strict", "--json")
    result = json.loads(printed)
    assert code == 0
    assert [one["name"] for one in result["measured"]] == ["policy: preset observe", "against: preset strict"]
    assert result["changes"] == [
        {"first": "flagged", "second": "blocked", "positive": True, "rows": 1},
        {"first": "flagged", "second": "blocked", "positive": False, "rows": 1},
    ]
    assert "2 of 4 rows differ" in run("eval", "rows.jsonl", "--policy", "observe", "--against", "strict")[1]


def test_rows_that_cannot_be_used(run: Run) -> None:
    Path("rows.jsonl").write_text('{"text": "fine", "label": 0}\nsecret text\n')
    code, _, errors = run("eval", "rows.jsonl")
    assert (code, errors) == (0, "1 rows left out: rows.jsonl:2 not JSON\n")
    Path("rows.jsonl").write_text("secret text\n")
    code, printed, errors = run("eval", "rows.jsonl")
    assert (code, printed) == (3, "")
    assert errors == "hardened: no usable row (rows.jsonl:1 not JSON)\n"


def test_a_detector_of_ones_own_and_one_that_fails(run_apart: Run) -> None:
    Path("mine.py").write_text(
        "import hardened\n"
        "@hardened.detector('order')\n"
        "def order(text):\n    return 'order' in text\n"
        "@hardened.detector('broken')\n"
        "def broken(text):\n    raise RuntimeError(text)\n"
    )
    code, printed, errors = run_apart("eval", "rows.jsonl", "--import", "mine", "--detector", "order", "--json")
    assert (code, errors) == (0, "")
    assert figures(printed)["specificity"] == 0.5
    code, _, errors = run_apart("eval", "-", "--import", "mine", "--detector", "broken", stdin=json.dumps(ROWS[0]))
    assert (code, errors) == (3, "broken failed on 1 rows: RuntimeError 1\n")


def test_what_cannot_be_done(run: Run) -> None:
    code, _, errors = run("eval", "rows.jsonl", "--detector", "secret")
    assert (code, "did you mean 'secrets'?" in errors) == (3, True)
    code, _, errors = run("eval", "rows.jsonl", "--fail-under", "recal=0.9")
    assert (code, "did you mean 'recall'?" in errors) == (3, True)
    for bad in ("recall", "recall=1.5", "recall=high"):
        assert run("eval", "rows.jsonl", "--fail-under", bad)[0] == 3
    assert run("eval", "missing.jsonl") == (3, "", "hardened: missing.jsonl: No such file or directory\n")
    assert run("eval", "rows.jsonl", "--import", "no_such_module")[0] == 3
    Path("raising.py").write_text("raise ValueError('private')")
    code, _, errors = run("eval", "rows.jsonl", "--import", "raising")
    assert (code, "ValueError" in errors, "private" in errors) == (3, True, False)
