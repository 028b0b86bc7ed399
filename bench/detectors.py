"""What detection costs: CPU time of the calling thread, medians, beside the goals.

    python bench/detectors.py [--json FILE] [--rounds N] [--without-re2]

Texts are made up here, with a fixed seed. With `--without-re2` the standard library does what google-re2 does else.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import tokenize
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

PROSE: Final = (
    "The committee agreed that further analysis would be needed before it decides, because the report was late and the "
    "numbers did not add up. After a short break they came back to the question of how the work should be shared.\n"
)
UNICODE: Final = "Überall wird geprüft, 名前は example です。 Всё это просто текст, и ничего больше в нём нет.\n"
NUMBERS: Final = "In 2024, version 1.2.3 cost $4,999.00; order #12345678 shipped on 12 March 1990 or so. "
TOPIC: Final = {"politics": {"examples": ["Who should win the next election?"] * 5, "keywords": ["election"]}}


@dataclass(frozen=True, slots=True)
class Figure:
    """One measurement; `must` and `aim` are upper bounds, None where there is no goal."""

    name: str
    unit: str
    measured: float
    must: float | None = None
    aim: float | None = None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write the figures to this file as well")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--without-re2", action="store_true")
    args = parser.parse_args()
    if args.without_re2:
        sys.modules["re2"] = None  # type: ignore[assignment]  # as if it were not installed
    figures = [*scans(args.rounds, 700 if args.without_re2 else 150, 350 if args.without_re2 else 40)]
    figures += [*streams(args.rounds), *starts(args.rounds), *lags()]
    for figure in figures:
        goal = "" if figure.must is None else f"{figure.must:g} / {figure.aim:g}"
        print(f"{figure.name:58} {figure.measured:10.2f} {figure.unit:9} {goal}")
    if args.json:
        args.json.write_text(json.dumps([asdict(figure) for figure in figures], indent=1), "utf-8")


def code(length: int) -> str:
    """Python source, from the standard library."""
    return repeated(Path(tokenize.__file__).read_text("utf-8"), length)


def repeated(text: str, length: int) -> str:
    return (text * (length // len(text) + 1))[:length]


def mixed(length: int) -> str:
    """Prose, code and other scripts with a value of some kind in about every 300 characters."""
    from hardened_detectors import pii, secrets
    from hardened_detectors.examples import expected

    chance = random.Random(4)
    values = [expected(example)[0] for entry in (*pii.ENTRIES, *secrets.ENTRIES) for example in entry.examples]
    source = code(40_000) + repeated(PROSE, 20_000) + repeated(UNICODE, 4_000)
    parts: list[str] = []
    while sum(map(len, parts)) < length:
        at = chance.randrange(len(source) - 300)
        parts += (source[at : at + 280], "\n", chance.choice(values)[:120], "\n")
    return "".join(parts)[:length]


def cpu(work: Callable[[], object], rounds: int) -> float:
    """Microseconds of CPU time in this thread; the median."""
    work()
    taken: list[float] = []
    for _ in range(rounds):
        began = time.thread_time_ns()
        work()
        taken.append((time.thread_time_ns() - began) / 1000)
    return statistics.median(taken)


def scans(rounds: int, must: float, aim: float) -> Sequence[Figure]:
    """Complete texts."""
    from hardened_detectors.registry import create
    from hardened_detectors.scanner import Scanner

    two = Scanner([create("pii"), create("secrets")])
    four = Scanner([create("pii"), create("secrets"), create("injection"), create("topic", deny=TOPIC)])
    figures: list[Figure] = []
    kinds: dict[str, Callable[[int], str]] = {
        "prose": lambda n: repeated(PROSE, n),
        "code": code,
        "unicode": lambda n: repeated(UNICODE, n),
    }
    for kind, make in kinds.items():
        for size in (1000, 100_000):
            text = make(size)
            many = rounds * (20 if size == 1000 else 1)
            cost = cpu(lambda text=text: two.scan(text), many) / (size / 1000)
            figures.append(Figure(f"pii + secrets, {kind}, {size // 1000} kB, per kB", "us", cost, must, aim))
    for size in (1000, 10_000, 100_000):
        text = mixed(size)
        cost = cpu(lambda text=text: two.scan(text), max(3, rounds * 1000 // size)) / (size / 1000)
        figures.append(Figure(f"pii + secrets, mixed, a value in 300, {size // 1000} kB, per kB", "us", cost))
    text = repeated(PROSE, 2000)
    figures.append(Figure("all four, prose, 2 kB", "us", cpu(lambda: four.scan(text), rounds * 20), 500, 300))
    return figures


def streams(rounds: int) -> Sequence[Figure]:
    """A guarded stream, four characters a chunk, all that `pii` and `secrets` find is redacted."""
    from hardened.guards.engine import Guards
    from hardened.guards.plan import Plan, Rule
    from hardened.guards.stream import StreamGuard

    judge = Guards(Plan(rules={"output": (Rule("pii", "redact"), Rule("secrets", "redact"))}))
    figures: list[Figure] = []
    texts = {
        "prose": repeated(PROSE, 8000),
        "unicode": repeated(UNICODE, 8000),
        "code": code(8000),
        "numbers": repeated(NUMBERS, 8000),
    }
    for kind, text in texts.items():
        chunks = [text[at : at + 4] for at in range(0, len(text), 4)]
        held: list[int] = []
        stream = StreamGuard(judge, "output")
        for chunk in chunks:
            stream.feed(chunk)
            held.append(stream.held)
        goals = (8, 3) if kind == "prose" else (None, None)
        cost = cpu(lambda chunks=chunks: feed(StreamGuard(judge, "output"), chunks), rounds) / len(chunks)
        figures.append(Figure(f"stream, {kind}, per chunk", "us", cost, *goals))
        goals = (4, 4) if kind == "prose" else (None, None)
        figures.append(Figure(f"stream, {kind}, mean hold", "chars", statistics.mean(held), *goals))
    return figures


def feed(stream: object, chunks: Sequence[str]) -> None:
    for chunk in chunks:
        stream.feed(chunk)  # type: ignore[attr-defined]


def starts(rounds: int) -> Sequence[Figure]:
    """In a new process: CPU time beyond what starting Python takes."""
    made = "[create(name) for name in ('pii', 'secrets', 'injection', 'topic')]"
    steps = {
        "import and making of all four": (f"from hardened_detectors.registry import create; {made}", "", 25, 15),
        "first scan (the gate is built)": (
            "Scanner(made).scan('hello')",
            "from hardened_detectors.registry import create\n"
            f"from hardened_detectors.scanner import Scanner\nmade = {made}",
            None,
            None,
        ),
    }
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as compiled:
        # The bytecode of all modules is there, as in an installation, also where the environment wants none written.
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": compiled}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        for name, (step, before, must, aim) in steps.items():
            program = f"import time\n{before}\nbegan = time.process_time()\n{step}\nprint(time.process_time() - began)"
            command = [sys.executable, "-c", program]
            taken = [
                float(subprocess.run(command, capture_output=True, check=True, env=environment).stdout) * 1000
                for _ in range(1 + max(3, rounds))
            ][1:]
            figures.append(Figure(name, "ms CPU", statistics.median(taken), must, aim))
    return figures


def lags() -> Sequence[Figure]:
    """How late a task of the event loop is that asks to run every millisecond, while 256 kB are scanned aside."""
    from hardened.guards import current
    from hardened.guards.engine import Guards
    from hardened.guards.functions import acheck, guard
    from hardened.guards.plan import Plan, Rule

    current.use(
        Guards(Plan(rules=dict.fromkeys(("input", "output"), (Rule("pii", "redact"), Rule("secrets", "warn")))))
    )

    @guard(stage="output")
    async def answer(text: str) -> str:
        return text

    async def measure(work: Callable[[str], object], text: str) -> list[float]:
        late: list[float] = []
        over = asyncio.Event()

        async def tick() -> None:
            while not over.is_set():
                began = time.perf_counter()
                await asyncio.sleep(0.001)
                late.append((time.perf_counter() - began - 0.001) * 1000)

        ticker = asyncio.create_task(tick())
        await work(text)  # type: ignore[misc]
        over.set()
        await ticker
        return sorted(late)

    async def idle(_: str) -> None:
        await asyncio.sleep(0.5)

    figures: list[Figure] = []
    works: dict[str, tuple[Callable[[str], object], str]] = {
        "nothing is scanned": (idle, ""),
        "acheck, clean": (acheck, repeated(PROSE, 262_144)),
        "acheck, mixed": (acheck, mixed(262_144)),
        "guarded coroutine, mixed": (answer, mixed(262_144)),
    }
    asyncio.run(measure(acheck, mixed(40_000)))
    for name, (work, text) in works.items():
        late = asyncio.run(measure(work, text))
        goals = (None, None) if work is idle else (2, 1)
        figures.append(Figure(f"loop lag, {name}, 99 of 100 ticks", "ms", late[int(len(late) * 0.99)], *goals))
    current.use(None)
    return figures


if __name__ == "__main__":
    main()
