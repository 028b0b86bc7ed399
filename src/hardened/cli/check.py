"""`hardened check`: a text against the policy that holds."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hardened.cli import output
from hardened.cli.output import Cell, Column
from hardened.guards.verdict import STAGES, Decision, Verdict

_CODES = {"passed": 0, "skipped": 0, "flagged": 1, "redacted": 1, "blocked": 2, "error": 3, "timeout": 3}
_COLUMNS = (Column("detector"), Column("action"), Column("outcome"), Column("found", least=24))


def add_to(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "check",
        help="check a text against the policy",
        description="Check a text against the policy that holds. What was found is named, never shown.",
        epilog="Exit codes: 0 passed, 1 flagged or redacted, 2 blocked, 3 could not be checked.",
    )
    add_text(parser)
    parser.add_argument("--stage", choices=STAGES, default="input", help="where the text would stand (default input)")
    parser.add_argument("--policy", help="a preset or a policy file in place of the one that holds")
    parser.add_argument("--json", action="store_true", help="print the verdict as JSON, with the text that may go on")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """`hardened check`"""
    import hardened

    if options.policy:
        _choose(options.policy)
    verdict = hardened.check(read_text(options), stage=options.stage)
    if options.json:
        output.print_json(_plain(verdict))
    else:
        _print(verdict)
    return _CODES[verdict.outcome]


def _choose(policy: str) -> None:
    """Let a policy hold in this process, which sends nothing: so it needs no budget. Raises PolicyError."""
    from hardened.policy.active import set_active
    from hardened.policy.compile import compile
    from hardened.policy.load import load_with_source

    loaded = load_with_source(policy)
    compile(*loaded)
    set_active(loaded.policy, loaded.source)


def add_text(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which text is meant."""
    parser.add_argument("text", nargs="?", help="the text; without it or with `-` standard input is read")
    parser.add_argument("--file", type=Path, help="read the text from a file (UTF-8)")


def read_text(options: argparse.Namespace) -> str:
    """The text that a command is given: as an argument, in a file, or on standard input."""
    if options.file is not None:
        return options.file.read_bytes().decode("utf-8", "replace")
    if options.text is not None and options.text != "-":
        return options.text
    if sys.stdin.isatty():
        print("Type the text and end it with Ctrl-D.", file=sys.stderr)
    return sys.stdin.buffer.read().decode("utf-8", "replace")


def _plain(verdict: Verdict) -> dict[str, Any]:
    return {
        "stage": verdict.stage,
        "outcome": verdict.outcome,
        "ok": verdict.ok,
        "text": verdict.text,
        "duration_s": verdict.duration,
        "decisions": [asdict(decision) for decision in verdict.decisions],
    }


def _print(verdict: Verdict) -> None:
    print(output.paint(verdict.outcome, "bold", *output.outcome_colour(verdict.outcome)), f"at stage {verdict.stage}")
    if verdict.decisions:
        output.print_table(_COLUMNS, [_row(decision) for decision in verdict.decisions])
    if any(decision.redacts for decision in verdict.decisions) and verdict.ok:
        print("\nwhat may go on:\n" + "\n".join(output.clean(line) for line in verdict.text.splitlines()))


def _row(decision: Decision) -> list[str | Cell]:
    places = [
        f"{one.category} at {one.start}–{one.end} ({one.score:.2f}{', ' + one.reason if one.reason else ''})"
        for one in decision.findings
    ]
    shadow = "" if decision.enforced else " (not enforced)"
    return [
        decision.detector,
        decision.action,
        Cell(decision.outcome + shadow, output.outcome_colour(decision.outcome)),
        ", ".join(places) or decision.failure or "",
    ]
