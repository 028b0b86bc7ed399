"""Commands in this process, in an empty working directory; and in a process of their own where they change state."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hardened.cli import main

Outcome = tuple[int, str, str]


@pytest.fixture(autouse=True)
def plain_surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the machine that runs the tests decides what a command does."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    for name in list(os.environ):
        if name.startswith(("HARDENED_", "OTEL_", "LANGFUSE_")):
            monkeypatch.delenv(name)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Runs a command in this process: its exit code, output and errors."""

    def command(*arguments: str) -> Outcome:
        try:
            code = main(arguments)
        except SystemExit as ended:
            code = int(ended.code or 0)
        output = capsys.readouterr()
        return code, output.out, output.err

    return command


@pytest.fixture
def run_apart() -> Callable[..., Outcome]:
    """Runs a command in a process of its own."""

    def command(*arguments: str, stdin: str = "", **variables: str) -> Outcome:
        done = subprocess.run(
            [sys.executable, "-m", "hardened", *arguments],
            input=stdin,
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            timeout=60,
        )
        return done.returncode, done.stdout, done.stderr

    return command
