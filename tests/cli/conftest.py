"""Commands in this process, in an empty working directory; and in a process of their own where they change state."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from demo_run import Demo

from hardened.analysis import read_spans
from hardened.cli import main

Outcome = tuple[int, str, str]


def surroundings(**variables: str) -> dict[str, str]:
    """The environment without anything that decides what a command does."""
    decides = ("HARDENED_", "OTEL_", "LANGFUSE_", "OPENAI_", "ANTHROPIC_")
    return {name: value for name, value in os.environ.items() if not name.startswith(decides)} | variables


@pytest.fixture(autouse=True)
def plain_surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the machine that runs the tests decides what a command does."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    for name in os.environ.keys() - surroundings().keys():
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


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    directory = tmp_path_factory.mktemp("demo")
    command = [sys.executable, "-m", "hardened", "demo"]
    environment = surroundings(COLUMNS="120")
    done = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    spans = sorted(read_spans(directory / ".hardened/traces"), key=lambda span: span.start)
    return Demo(directory, done.stdout, [span for span in spans if span.operation])
