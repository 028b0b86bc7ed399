"""`hardened scan`"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

Run = Callable[..., tuple[int, str, str]]
KEY = "AKIA" + "Z7QXM2KLP4RTW6VY"
OTHER = "AKIA" + "Q3WXM7KLP2RTW5VZ"

# What SARIF 2.1.0 (OASIS) asks of what we use of it.
TEXT = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}}
POSITIVE = {"type": "integer", "minimum": 1}
LOCATION = {
    "type": "object",
    "required": ["physicalLocation"],
    "properties": {
        "physicalLocation": {
            "type": "object",
            "required": ["artifactLocation"],
            "additionalProperties": False,
            "properties": {
                "artifactLocation": {
                    "type": "object",
                    "required": ["uri"],
                    "properties": {"uri": {"type": "string", "pattern": r"^[^\s<>\"{}|\\^`]+$"}},
                },
                "region": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": dict.fromkeys(("startLine", "startColumn", "endLine", "endColumn"), POSITIVE),
                },
            },
        }
    },
}
SARIF: dict[str, Any] = {
    "type": "object",
    "required": ["version", "runs"],
    "properties": {
        "version": {"const": "2.1.0"},
        "$schema": {"type": "string"},
        "runs": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["tool", "results"],
                "additionalProperties": False,
                "properties": {
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "tool": {
                        "type": "object",
                        "required": ["driver"],
                        "properties": {
                            "driver": {
                                "type": "object",
                                "required": ["name"],
                                "properties": {
                                    "name": {"type": "string"},
                                    "version": {"type": "string"},
                                    "rules": {
                                        "type": "array",
                                        "uniqueItems": True,
                                        "items": {
                                            "type": "object",
                                            "required": ["id"],
                                            "properties": {"id": {"type": "string"}, "shortDescription": TEXT},
                                        },
                                    },
                                },
                            }
                        },
                    },
                    "invocations": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["executionSuccessful"],
                            "properties": {
                                "executionSuccessful": {"type": "boolean"},
                                "toolExecutionNotifications": {
                                    "type": "array",
                                    "items": {
                                        "type": "object",
                                        "required": ["message"],
                                        "properties": {"message": TEXT, "locations": {"items": LOCATION}},
                                    },
                                },
                            },
                        },
                    },
                    "results": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["message", "ruleId", "ruleIndex", "level", "locations"],
                            "properties": {
                                "message": TEXT,
                                "level": {"enum": ["none", "note", "warning", "error"]},
                                "ruleIndex": {"type": "integer", "minimum": 0},
                                "locations": {"type": "array", "items": LOCATION},
                                "partialFingerprints": {"additionalProperties": {"type": "string"}},
                            },
                        },
                    },
                },
            },
        },
    },
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A directory with one key in a file, and more where nobody looks."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src/a b.py").write_text(f"x = 1\nkey = '{KEY}'\n")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git/config").write_text(KEY)
    (tmp_path / ".gitignore").write_text("*.log\n")
    (tmp_path / "a.log").write_text(KEY)
    (tmp_path / "picture").write_bytes(b"\x89\0" + KEY.encode())
    return tmp_path


def test_a_finding_has_its_place_and_no_text(tree: Path, run: Run) -> None:
    code, printed, errors = run("scan")
    assert code == 1
    assert printed.splitlines()[1].split("  ")[:3] == ["src/a b.py:2:8", "aws_access_key_id", "secrets"]
    assert errors == "1 finding in 2 files; 1 binary; 1 left out\n"
    assert KEY not in printed + errors


@pytest.mark.parametrize("form", ["--json", "--sarif"])
def test_no_form_shows_the_text(form: str, tree: Path, run: Run) -> None:
    code, printed, _ = run("scan", form)
    assert code == 1
    assert "aws_access_key_id" in printed
    assert KEY not in printed


def test_nothing_found(tmp_path: Path, run: Run) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    assert run("scan")[:2] == (0, "")
    assert json.loads(run("scan", "--json")[1])["findings"] == []


def test_standard_input(run_apart: Run) -> None:
    code, printed, _ = run_apart("scan", "-", "--json", stdin=f"a\nb {KEY}")
    assert code == 1
    (found,) = json.loads(printed)["findings"]
    assert (found["path"], found["line"], found["column"], found["end_column"]) == ("<stdin>", 2, 3, 23)


def test_sarif_is_valid(tree: Path, run: Run) -> None:
    code, printed, _ = run("scan", ".", "missing.py", "--sarif")
    document = json.loads(printed)
    jsonschema.validate(document, SARIF)
    (one_run,) = document["runs"]
    (result,) = one_run["results"]
    place = result["locations"][0]["physicalLocation"]
    assert code == 1
    assert place["artifactLocation"]["uri"] == "src/a%20b.py"
    assert place["region"] == {"startLine": 2, "startColumn": 8, "endLine": 2, "endColumn": 28}
    assert one_run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
    assert one_run["invocations"][0]["executionSuccessful"] is False


def test_what_cannot_be_read_is_told_and_the_rest_is_read(tree: Path, run: Run) -> None:
    os.mkfifo(tree / "pipe")
    code, _, errors = run("scan", "missing.py", "pipe")
    assert code == 3
    assert "missing.py: No such file or directory" in errors
    assert "pipe: is not a regular file" in errors
    assert run("scan", "missing.py", "src")[0] == 1
    assert run("scan", "--detectors", "secret")[0] == 3


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read every file")
def test_unreadable_files(tree: Path, run: Run) -> None:
    (tree / "closed").write_text("x")
    (tree / "closed").chmod(0)
    assert "closed: Permission denied" in run("scan")[2]


def test_lines_that_allow(tmp_path: Path, run: Run) -> None:
    (tmp_path / "a.py").write_text(
        f"a = '{KEY}'  # hardened: allow\n"
        f"b = '{KEY}'  # hardened: allow[email, aws_access_key_id]\n"
        f"c = '{KEY}'  # hardened: allow[email]\n"
        f"d = '{KEY}'  # hardened: allowance\n"
    )
    found = json.loads(run("scan", "--json")[1])["findings"]
    assert [one["line"] for one in found] == [3, 4]


def test_the_baseline_holds_no_text_and_survives_moves(tree: Path, run: Run) -> None:
    code, printed, _ = run("scan", "src", "--write-baseline", "known.json")
    assert (code, printed) == (0, "1 finding accepted in known.json\n")
    assert KEY not in Path("known.json").read_text()
    file = tree / "src/a b.py"
    file.write_text("# moved\n" * 5 + file.read_text())
    assert run("scan", str(tree / "src"), "--baseline", "known.json")[0] == 0
    file.write_text(file.read_text() * 2)  # one is accepted, not two
    assert run("scan", "src", "--baseline", "known.json")[0] == 1
    file.write_text(f"other = '{OTHER}'\n")
    assert run("scan", "src", "--baseline", "known.json")[0] == 1


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"version": 2, "findings": []}', '{"version": 1, "findings": [1]}']
)
def test_a_baseline_that_is_none(content: str, tree: Path, run: Run) -> None:
    Path("known.json").write_text(content)
    code, _, errors = run("scan", "--baseline", "known.json")
    assert code == 3
    assert "not a baseline" in errors


def test_fields_of_jsonl(tmp_path: Path, run: Run) -> None:
    rows = [{"text": f"see {KEY}", "meta": {"note": "a.b@example.com"}, "other": KEY}, {"text": "nothing"}]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows) + "broken\n")
    code, printed, errors = run("scan", "a.jsonl", "--field", "text", "--field", "meta.note", "--json")
    found = [(one["line"], one["field"], one["column"]) for one in json.loads(printed)["findings"]]
    assert (code, found) == (1, [(1, "text", 5), (1, "meta.note", 1)])
    assert "a.jsonl:3: not a JSON object" in errors


def test_encodings(tmp_path: Path, run: Run) -> None:
    (tmp_path / "utf16.txt").write_bytes(f"ö {KEY}".encode("utf-16"))
    (tmp_path / "mark.txt").write_bytes(f"\ufeff{KEY}".encode())
    (tmp_path / "broken.txt").write_bytes(b"\xff\xfa " + KEY.encode() + b" \xc3")
    found = json.loads(run("scan", "--json")[1])["findings"]
    assert [(one["path"], one["column"]) for one in found] == [("broken.txt", 4), ("mark.txt", 1), ("utf16.txt", 3)]


def test_a_file_name_cannot_move_the_cursor(tmp_path: Path, run: Run) -> None:
    (tmp_path / "a\x1b[2J.py").write_text(KEY)
    code, printed, _ = run("scan")
    assert code == 1
    assert "\x1b" not in printed


def test_the_options_of_the_policy_hold(tree: Path, run: Run) -> None:
    Path("quiet.yaml").write_text("detectors:\n  secrets:\n    options: {exclude: [aws_access_key_id]}\n")
    assert run("scan", "src", "--policy", "quiet.yaml")[0] == 0
    assert run("scan", "src", "--exclude", "*.py")[0] == 0
