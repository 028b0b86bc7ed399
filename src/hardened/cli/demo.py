"""`hardened demo`: the example application, against a provider on this machine or the real services."""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import hardened
from hardened.analysis.spans import SpanRecord, read_spans
from hardened.cli import output
from hardened.cli.output import Cell, Column
from hardened.cli.traces import cost, decision_text, gravity, tokens
from hardened.errors import HardenedError

_STDERR = 2  # the file descriptor, whatever sys.stderr has become
_KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY")
_COLUMNS = (
    Column("what", least=13),
    Column("model", least=10, optional=True),
    Column("decision", least=30),
    Column("tokens", right=True),
    Column("cost", right=True),
    Column("first chunk", right=True, optional=True),
    Column("time", right=True),
)


def add_to(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "demo",
        help="an application with the real SDKs: what is traced, guarded and priced",
        description="Run the example application, a support bot with the real OpenAI and Anthropic SDKs, against a "
        "provider on this machine: no key, no network. Ends with what happened, read from the trace file.",
        epilog="Exit codes: 0 done, 3 could not be run; else that of the application.",
    )
    parser.add_argument("--live", action="store_true", help=f"use the real services; needs {' and '.join(_KEYS)}")
    parser.add_argument("--json", action="store_true", help="print the calls as JSON; the application prints to stderr")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """`hardened demo`"""
    missing = [sdk for sdk in ("openai", "anthropic") if importlib.util.find_spec(sdk) is None]
    if missing:
        raise HardenedError(f"the demo needs {' and '.join(missing)}: pip install 'hardened[openai,anthropic]'")
    application = example("support_bot.py")
    policy = example("hardened.yaml")
    traces = _traces_path(policy)
    begin = datetime.now(UTC)
    with _provider(live=options.live) as (variables, received):
        if not options.json:
            print(_introduction(application, live=options.live))
            sys.stdout.flush()
        environment = {**os.environ, **variables, "HARDENED_POLICY": str(policy), "PYTHONUNBUFFERED": "1"}
        done = subprocess.run(  # noqa: S603 - our own example, no shell
            [sys.executable, str(application)],
            env=environment,
            stdout=_STDERR if options.json else None,
            check=False,
        )
    if done.returncode:
        print("hardened: the application ended with an error, see above", file=sys.stderr)
        return done.returncode if done.returncode > 0 else 128 - done.returncode
    calls = sorted((span for span in read_spans(traces, since=begin) if span.operation), key=lambda span: span.start)
    if options.json:
        output.print_json([asdict(call) for call in calls])
    else:
        _print_result(calls, received, traces)
    return 0


def example(name: str) -> Path:
    """A file of the example: in the installed package, or in the checkout that it runs from."""
    package = Path(hardened.__file__).parent
    places = (package / "examples" / name, package.parents[1] / "examples" / name)
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise HardenedError(f"the example {name} is not part of this installation; install hardened again")
    return found


def _traces_path(policy: Path) -> Path:
    from hardened.policy.load import load

    file = load(policy).telemetry.file
    if not file.enabled:
        raise HardenedError("the demo shows the local traces, but HARDENED_TELEMETRY_FILE_ENABLED switches them off")
    return Path(file.path).absolute()


@contextmanager
def _provider(*, live: bool) -> Generator[tuple[dict[str, str], list[str]]]:
    """Variables that lead the SDKs to the provider, and a list of the prompts that it receives (empty if live)."""
    if live:
        absent = [key for key in _KEYS if not os.environ.get(key)]
        if absent:
            raise HardenedError(f"--live needs {' and '.join(absent)} in the environment")
        yield {}, []
        return
    from hardened.cli.demo_answers import script
    from hardened.testing import FakeProvider

    received: list[str] = []
    with FakeProvider() as provider:
        script(provider)
        yield provider.env(), received
        received += [request.prompt for request in provider.requests]


def _introduction(application: Path, *, live: bool) -> str:
    where = "the real services" if live else "a provider on this machine: no key, no network"
    return f"{output.paint(output.clean(str(application)), 'bold')} with the real SDKs, against {where}."


def _print_result(calls: list[SpanRecord], received: list[str], traces: Path) -> None:
    print(f"\n{output.paint('What happened', 'bold')}, read from the traces:\n")
    output.print_table(_COLUMNS, [_row(call) for call in calls])
    known = [call.cost_usd for call in calls if call.cost_usd is not None]
    print(f"\n{len(calls)} calls, {output.dollars(sum(known))}. Blocked calls were never sent, so they cost nothing.")
    for prompt in received:
        if "change my address" in prompt:
            print(f"The provider received: {output.paint(output.clean(prompt), 'cyan')}")
    shown = f"--path {traces}" if traces != Path(".hardened/traces").absolute() else ""
    print(f"\nThe traces lie in {output.clean(str(traces))} (OTLP/JSON lines). To look at them:\n")
    ways = {
        f"{_command()} traces {shown}".strip(): "the last calls as a table",
        f"{_command()} traces show {shown}".strip(): "the newest as a tree",
        "hardened.load_traces()": "as a pandas table; notebooks/analyse_traces.ipynb plots it",
    }
    width = max(map(len, ways))
    for way, what in ways.items():
        print(f"  {way:{width}}  {what}")


def _command() -> str:
    """How the user reaches this command: by its name if that is on the path, else as it was called now."""
    called = Path(sys.argv[0])
    if called.name != "hardened":
        return "python -m hardened"
    found = shutil.which("hardened")
    if found and Path(found).samefile(called):
        return "hardened"
    return str(called.relative_to(Path.cwd()) if called.is_relative_to(Path.cwd()) else called)


def _row(call: SpanRecord) -> list[str | Cell]:
    decisions = sorted(call.guard_decisions, key=gravity, reverse=True)
    text = "; ".join(decision_text(decision) for decision in decisions)
    outcome = decisions[0].outcome if decisions else None
    decision = Cell(text, output.outcome_colour(outcome)) if text else Cell("passed", ("dim",))
    if call.error_type and not decisions:
        decision = Cell(f"error {call.error_type}", ("red",))
    return [
        call.feature or call.name,
        call.response_model or call.model or "",
        decision,
        tokens(call.input_tokens, call.output_tokens),
        cost(call.cost_usd, call.cost_known is not False) if call.cost_known is not None else "",
        output.seconds(call.ttft_s),
        output.seconds(call.duration_s),
    ]
