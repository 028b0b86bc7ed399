"""What a `.gitignore` leaves out; checked against git itself where there is one."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from hardened.scanning.files import Skipped, walk
from hardened.scanning.ignore import compiled

CASES = [
    ("*.log", "a.log", True),
    ("*.log", "deep/er/a.log", True),
    ("*.log", "a.log.txt", False),
    ("/a.log", "a.log", True),
    ("/a.log", "deep/a.log", False),
    ("build/", "build/x", True),
    ("build/", "deep/build/x", True),
    ("build/", "build", False),
    ("docs/*.md", "docs/a.md", True),
    ("docs/*.md", "docs/deep/a.md", False),
    ("**/cache", "x/y/cache", True),
    ("a/**/b", "a/b", True),
    ("a/**/b", "a/x/y/b", True),
    ("a/**", "a/x/y", True),
    ("?.py", "a.py", True),
    ("?.py", "ab.py", False),
    ("[abc].py", "b.py", True),
    ("[!abc].py", "b.py", False),
    ("[^abc].py", "d.py", True),
    (r"\#a", "#a", True),
    ("# a", "# a", False),
    ("a\n!a", "a", False),
    ("", "a", False),
]


@pytest.mark.parametrize(("lines", "path", "left_out"), CASES)
def test_patterns(lines: str, path: str, left_out: bool, tmp_path: Path) -> None:
    file = tmp_path / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("x")
    (tmp_path / ".gitignore").write_text(lines)
    found = [one.relative_to(tmp_path).as_posix() for one in walk([str(tmp_path)], Skipped())]
    assert (path not in found) is left_out
    if shutil.which("git"):
        subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
        listed = subprocess.run(
            ["git", "-C", str(tmp_path), "ls-files", "-co", "--exclude-standard", "-z"], capture_output=True, check=True
        )
        assert (path not in listed.stdout.decode().split("\0")) is left_out


def test_inner_rules_win_and_outer_ones_hold_below(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / ".gitignore").write_text("*.log\n*.tmp\n")
    (inner / ".gitignore").write_text("!keep.log\n")
    for name in ("a.log", "keep.log", "a.tmp", "a.py"):
        (inner / name).write_text("x")
    names = [path.name for path in walk([str(inner)], Skipped())]
    assert names == [".gitignore", "a.py", "keep.log"]


def test_a_hostile_pattern_costs_little() -> None:
    (pattern,) = compiled(["/".join(["**", "*a*a*a*a*a*a*b"] * 12)])
    assert not pattern.matches(["a" * 200] * 200)


def test_links_pipes_and_what_is_excluded(tmp_path: Path) -> None:
    import os

    (tmp_path / "a.py").write_text("x")
    (tmp_path / "b.py").write_text("x")
    (tmp_path / "link.py").symlink_to("a.py")
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    os.mkfifo(tmp_path / "pipe")
    skipped = Skipped()
    assert [path.name for path in walk([str(tmp_path)], skipped, exclude=["b.*"])] == ["a.py"]
    assert (skipped.links, skipped.left_out, skipped.errors) == (2, 1, [])
    assert list(walk([str(tmp_path / "b.py")], Skipped(), exclude=["b.*"])) == []
