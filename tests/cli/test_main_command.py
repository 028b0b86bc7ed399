"""What all commands have in common."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from hardened.cli import parser
from hardened.version import __version__

Run = Callable[..., tuple[int, str, str]]


def commands(of: argparse.ArgumentParser, *names: str) -> Iterator[tuple[str, ...]]:
    """Every command that there is, with the commands below it."""
    for action in of._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, below in action.choices.items():
                yield (*names, name)
                yield from commands(below, *names, name)


COMMANDS = list(commands(parser()))


def test_there_are_these_commands() -> None:
    names = "demo traces check eval policy doctor scan scrub decrypt spend limits breakers kill chaos"
    assert {path[0] for path in COMMANDS} == set(names.split())


@pytest.mark.parametrize("names", COMMANDS, ids=" ".join)
def test_help_is_enough(names: tuple[str, ...], run: Run) -> None:
    code, printed, _ = run(*names, "--help")
    assert code == 0
    assert printed.startswith(f"usage: hardened {names[0]}")
    if names not in (("policy",), ("policy", "schema")):
        assert "Exit codes: 0 " in printed
        assert "--json" in printed


def test_version(run: Run) -> None:
    assert run("--version")[:2] == (0, f"hardened {__version__}\n")


def test_without_a_command_or_with_a_wrong_one(run: Run) -> None:
    for arguments in ([], ["trace"]):
        code, printed, errors = run(*arguments)
        assert (code, printed) == (3, "")
        assert errors.startswith("usage: hardened")


@pytest.mark.parametrize("module", ["hardened", "hardened.cli"])
def test_as_a_module(module: str) -> None:
    done = subprocess.run([sys.executable, "-m", module, "--version"], capture_output=True, text=True)
    assert done.stdout == f"hardened {__version__}\n"


def test_a_reader_that_has_seen_enough() -> None:
    script = "from hardened.cli import main; import sys; sys.exit(main(['policy', 'schema']))"
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout and process.stderr
    process.stdout.close()
    assert (process.stderr.read(), process.wait()) == (b"", 0)
