"""The command line. `hardened --help` lists the commands, docs/cli.md explains them.

Exit codes: 0 done; 1 and 2 are answers of a command (see its help); 3 it could not be done: wrong arguments, a file
that cannot be read, a broken policy; 130 interrupted.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from hardened.cli import breakers, chaos, check, decrypt, demo, doctor, eval, kill, policy, scan, scrub, spend, traces
from hardened.cli.output import clean
from hardened.errors import HardenedError
from hardened.version import __version__

CANNOT = 3
"""Exit code of a command that could not be carried out."""


class _Parser(argparse.ArgumentParser):
    """Exits with our code for what cannot be done: 1 and 2 are answers of commands."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(CANNOT, f"{self.prog}: {message}\n")


def parser() -> argparse.ArgumentParser:
    """All commands with their options."""
    top = _Parser(
        prog="hardened",
        description="Look at traces, check texts and policies, measure detectors, see what is in force.",
        epilog="Exit codes: 0 done, 1 or 2 see each command, 3 could not be done.",
    )
    top.add_argument("--version", action="version", version=f"hardened {__version__}")
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    for command in (demo, traces, spend, check, decrypt, scan, scrub, eval, policy, breakers, kill, chaos, doctor):
        command.add_to(commands)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    options = parser().parse_args(arguments)
    try:
        code: int = options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    except HardenedError as error:
        return _cannot(str(error))
    except OSError as error:
        return _cannot(f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error))
    return code


def _cannot(why: str) -> int:
    print("\n".join(f"hardened: {clean(line)}" for line in why.splitlines()), file=sys.stderr)
    return CANNOT
