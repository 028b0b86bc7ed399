"""What hardened costs: import, time for each call and each chunk, memory.

    python bench/run.py                         # everything, some ten minutes
    python bench/run.py --only calls --rounds 5
    python bench/run.py --json figures.json

Needs Linux and both SDKs (`pip install 'hardened[test]'`). No network: the provider is a transport inside the process.
Figures are CPU time of the calling thread, instrumented minus bare, in batches that alternate within one process; each
is scaled by a fixed piece of work timed beside it. Trust comparisons within one run, not between machines.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

MODES = {"off": "tracing", "enforce": "everything"}
"""`HARDENED_MODE`, and what the table calls it: tracing alone, or tracing and guards as by default."""

LEAKS = ("chat 1 kB", "responses 1 kB")
CHOICES = ("start", "calls", "memory")

Results = dict[str, Any]


def measure(what: str, *arguments: object, mode: str = "enforce") -> Results:
    """Run `measure.py` in a process and a directory of its own, under zero configuration apart from the mode.

    Messages are recorded, for the application's exporter too.
    """
    ours = ("OTEL_", "OPENAI_", "ANTHROPIC_", "HARDENED_", "LANGFUSE_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an import that compiles everything is another measurement
    environment["HARDENED_MODE"] = mode
    environment["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] = "span_only"
    script = Path(__file__).with_name("measure.py")
    with tempfile.TemporaryDirectory() as place:
        command = [sys.executable, str(script), what, *map(str, arguments)]
        done = subprocess.run(command, cwd=place, env=environment, stdout=subprocess.PIPE, check=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def run(given: argparse.Namespace) -> Results:
    """All measurements that were asked for; each round measures everything once."""
    results: Results = {"date": date.today().isoformat(), "machine": machine(), "rounds": given.rounds}
    if "start" in given.only:
        measure("start")  # compiles what is not compiled yet
    for number in range(given.rounds):
        if "start" in given.only:
            results.setdefault("start", []).append(measure("start"))
        if "calls" in given.only:
            options = ("--pairs", given.pairs, "--size", given.size, "--warm", given.warm, "--case", given.case)
            for mode, name in MODES.items():
                results.setdefault("calls", {}).setdefault(name, []).append(measure("calls", *options, mode=mode))
        print(f"round {number + 1} of {given.rounds}", file=sys.stderr)
    if "memory" in given.only:
        results["memory"] = {name: measure("memory", "--case", name, "--calls", given.calls) for name in LEAKS}
    return results


def machine() -> str:
    """What the figures were measured on."""
    cpus = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in cpus if line.startswith("model name")), platform.machine())
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}"


def spread(values: Iterable[float], write: Callable[[float], str] = "{:,.0f}".format) -> str:
    """`median [least..most]`."""
    values = list(values)
    return f"{write(median(values))} [{write(min(values))}..{write(max(values))}]"


def table(results: Results) -> str:
    """The results as Markdown."""
    lines = [f"{results['date']}, {results['machine']}, median [least..most] of {results['rounds']} rounds", ""]
    if "start" in results:
        rows: list[Results] = results["start"]
        lines += ["| start, beside both SDKs | |", "|---|--:|"]
        lines += [f"| {name} | {spread(row[name] for row in rows)} |" for name in rows[0]] + [""]
    if "calls" in results:
        lines += ["| added CPU us for each call | tracing | x bare | everything | x bare | spans |"]
        lines += ["|---|--:|--:|--:|--:|--:|"]
        lines += [_call_row(name, results["calls"]) for name in results["calls"]["tracing"][0]] + [""]
    if "memory" in results:
        lines += [
            "| memory | RSS MB, after each tenth of the calls | bytes for each call | spans |",
            "|---|---|--:|--:|",
        ]
        for name, found in results["memory"].items():
            points = " ".join(f"{kb / 1024:.0f}" for kb in found["rss_kb"])
            lines.append(f"| {name} | {points} | {found['bytes_per_call']:,.0f} | {found['spans_per_call']:.3f} |")
    return "\n".join(lines)


def _call_row(name: str, calls: dict[str, list[Results]]) -> str:
    cells: list[str] = []
    for rounds in calls.values():
        cells.append(spread(one[name]["added_us"] for one in rounds))
        cells.append(f"{median(one[name]['ratio'] for one in rounds):.2f}")
    spans = sorted({round(one[name]["spans_per_call"], 3) for rounds in calls.values() for one in rounds})
    return f"| {name} | {' | '.join(cells)} | {', '.join(f'{count:g}' for count in spans)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=CHOICES, help="may be given more than once")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pairs", type=int, default=9, help="batches of each kind in a round")
    parser.add_argument("--size", type=float, default=0.03, help="CPU seconds of a batch")
    parser.add_argument("--warm", type=int, default=20, help="calls of each kind before anything is measured")
    parser.add_argument("--case", default="", help="only calls with this in their name, such as `stream`")
    parser.add_argument("--calls", type=int, default=20_000, help="calls while memory is watched")
    parser.add_argument("--json", type=Path, help="also write all figures to this file")
    given = parser.parse_args()
    given.only = given.only or CHOICES
    results = run(given)
    print(table(results))
    if given.json:
        given.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
