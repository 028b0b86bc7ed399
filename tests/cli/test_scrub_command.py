"""`hardened scrub`"""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., tuple[int, str, str]]
KEY = "AKIA" + "Z7QXM2KLP4RTW6VY"
ROWS = f'{{"text": "use {KEY}"}}\n{{"text": "nothing"}}\n'
CLEAN = '{"text": "use [AWS_ACCESS_KEY_ID]"}\n{"text": "nothing"}\n'


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    file = tmp_path / "rows.jsonl"
    file.write_text(ROWS)
    return file


def test_a_copy_and_a_report(rows: Path, run: Run) -> None:
    code, printed, errors = run("scrub", "rows.jsonl", "-o", "clean.jsonl")
    copy = Path("clean.jsonl")
    assert (code, errors) == (0, "")
    assert copy.read_text() == CLEAN
    assert copy.stat().st_mode & 0o777 == 0o600
    assert printed.split() == ["1", "value", "replaced", "in", "1", "of", "2", "rows", "1", "aws_access_key_id"]
    assert rows.read_text() == ROWS


def test_the_report_as_json(rows: Path, run: Run) -> None:
    code, printed, _ = run("scrub", "rows.jsonl", "--dry-run", "--json")
    assert code == 0
    assert json.loads(printed) == {"replaced": {"aws_access_key_id": 1}, "rows": 2, "changed": 1, "not_json": 0}
    assert list(rows.parent.iterdir()) == [rows]


def test_streams(run_apart: Run) -> None:
    code, printed, errors = run_apart("scrub", "-", "-o", "-", "--format", "jsonl", stdin=ROWS)
    assert (code, printed) == (0, CLEAN)
    assert errors.startswith("1 value replaced")
    assert KEY not in errors


def test_the_operators_of_the_policy_hold(rows: Path, run: Run) -> None:
    texts = [{"a": "a.b@example.com", "b": "c.d@example.com"}, {"c": f"a.b@example.com {KEY}"}]
    rows.write_text("".join(json.dumps(row) + "\n" for row in texts))
    Path("own.yaml").write_text(
        "detectors:\n  pii: {input: redact, operator: pseudonym}\n  secrets: {operator: {mask: {keep_last: 4}}}\n"
    )
    assert run("scrub", "rows.jsonl", "-o", "clean.jsonl", "--policy", "own.yaml")[0] == 0
    first, second = Path("clean.jsonl").read_text().splitlines()
    assert json.loads(first) == {"a": "[EMAIL_1]", "b": "[EMAIL_2]"}
    assert json.loads(second) == {"c": f"[EMAIL_1] {'*' * 16}{KEY[-4:]}"}


def test_in_place_and_packed(rows: Path, run: Run) -> None:
    assert run("scrub", "rows.jsonl", "--in-place")[0] == 0
    assert rows.read_text() == CLEAN
    packed = rows.with_name("rows.jsonl.gz")
    packed.write_bytes(gzip.compress(ROWS.encode()))
    assert run("scrub", packed.name, "-o", "clean.jsonl.gz")[0] == 0
    assert gzip.decompress(Path("clean.jsonl.gz").read_bytes()).decode() == CLEAN


def test_nothing_is_replaced_unasked(rows: Path, run: Run) -> None:
    Path("there.jsonl").write_text("mine")
    code, _, errors = run("scrub", "rows.jsonl", "-o", "there.jsonl")
    assert code == 3
    assert "exists already; --force" in errors
    assert Path("there.jsonl").read_text() == "mine"
    assert run("scrub", "rows.jsonl", "-o", "there.jsonl", "--force")[0] == 0
    Path("link.jsonl").symlink_to("there.jsonl")
    Path("lost.jsonl").symlink_to("nowhere.jsonl")
    os.mkfifo("pipe.jsonl")  # as a device would be
    for name in ("link.jsonl", "lost.jsonl", "pipe.jsonl", "."):
        assert run("scrub", "rows.jsonl", "-o", name, "--force")[0] == 3
    assert Path("pipe.jsonl").is_fifo()
    assert Path("link.jsonl").is_symlink()


@pytest.mark.parametrize(
    ("name", "content", "options", "why"),
    [
        ("a.txt", "text".encode("utf-16"), (), "UTF-16"),
        ("a.csv", b"a,b\n1,2\n", ("--field", "c"), "no column is called 'c'"),
        ("a.csv", b'a,b\n"1,2\n', (), "not valid CSV"),
        ("a.jsonl.gz", b"not packed", (), ""),
    ],
)
def test_what_cannot_be_done_leaves_nothing(
    name: str, content: bytes, options: tuple[str, ...], why: str, tmp_path: Path, run: Run
) -> None:
    (tmp_path / name).write_bytes(content)
    code, _, errors = run("scrub", name, "-o", "out", *options)
    assert code == 3
    assert why in errors
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_process_that_is_ended_leaves_no_half_copy(number: signal.Signals, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hardened", "scrub", "-", "-o", "copy.txt"]
    with subprocess.Popen(command, cwd=tmp_path, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin
        for _ in range(8):
            process.stdin.write(b"The quick brown fox. " * 4096)
        process.stdin.flush()
        process.stdin.write(b"more " * (1 << 18))  # more than a pipe holds: when this is taken, much has been written
        process.stdin.flush()
        assert list(tmp_path.glob(".copy.txt.*.part"))
        process.send_signal(number)
        process.stdin.close()
        assert process.wait(timeout=60) != 0
    left = [path.name for path in tmp_path.iterdir()]
    assert "copy.txt" not in left
    assert left == [] or number == signal.SIGKILL


def test_a_full_disk(rows: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("hardened.scanning.atomic.os.fsync", full)
    code, _, errors = run("scrub", "rows.jsonl", "-o", "copy.jsonl")
    assert code == 3
    assert "No space left on device" in errors
    assert list(rows.parent.iterdir()) == [rows]
