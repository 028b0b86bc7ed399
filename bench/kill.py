"""How long it takes until the kill switch holds in every running process.

    python bench/kill.py --processes 4 --rounds 5

Processes call a provider on loopback again and again; `hardened kill on|off` is run beside them, with the file of their
directory only, a SQLite store and, if there is a `redis-server` on PATH, Redis. Measured is the time from the command,
whose modules are loaded already, to the last process that follows.
"""

from __future__ import annotations

import argparse
import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from importlib import import_module
from pathlib import Path

from hardened import cli
from hardened.testing import FakeProvider

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
redis_server, killable = import_module("redis_server"), import_module("killable")


@contextmanager
def places(directory: Path) -> Iterator[dict[str, dict[str, str]]]:
    """By name, the variables that name a store."""
    found = {"file": {}, "sqlite": {"HARDENED_STORE_URL": str(directory / "state.db")}}
    if not redis_server.found():
        yield found
        return
    with redis_server.running(directory) as url:
        yield {**found, "redis": {"HARDENED_STORE_URL": url}}


def measure(variables: dict[str, str], directory: Path, processes: int, rounds: int) -> list[float]:
    """Seconds until the last process followed, for each time the switch was turned."""
    os.environ.pop("HARDENED_STORE_URL", None)
    os.environ.update(variables)
    os.chdir(directory)
    seconds: list[float] = []
    with redirect_stdout(io.StringIO()):
        cli.main(["kill"])  # loads its modules
    with FakeProvider() as provider:
        command = [sys.executable, killable.__file__, provider.openai_base_url]
        running = [
            subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            for _ in range(processes)
        ]
        try:
            said(running)
            for _ in range(rounds):
                for action in ("on", "off"):
                    began = time.monotonic()
                    with redirect_stdout(io.StringIO()):
                        cli.main(["kill", action])
                    seconds.append(max(said(running)) - began)
        finally:
            for process in running:
                process.kill()
                process.wait()
    return seconds


def said(running: list[subprocess.Popen[str]]) -> list[float]:
    """When each process said that its calls fare differently now."""
    return [float(process.stdout.readline().split()[1]) for process in running if process.stdout is not None]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print("| switch | longest s | median s |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as root, places(Path(root)) as found:
        for name, variables in found.items():
            directory = Path(root) / f"{name}-run"
            directory.mkdir()
            seconds = sorted(measure(variables, directory, options.processes, options.rounds))
            print(f"| {name} | {seconds[-1]:.2f} | {seconds[len(seconds) // 2]:.2f} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
