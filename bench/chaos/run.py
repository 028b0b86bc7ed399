"""What becomes of calls to a provider that fails: with hardened, with the bare SDKs, with LiteLLM's Router.

    python bench/chaos/run.py run                     # everything, five seeds: some forty minutes
    python bench/chaos/run.py run --only outage --seeds 1 2
    python bench/chaos/run.py tables                  # the tables of docs/resilience.md, from figures/

`plain` and `stream` are 400 calls, 20 at once, to a provider of whose answers 29 % are wrong (of streams 31 %). An
`outage` is six seconds of 503 on top of that, with plain answers at 50 calls a second. Every system has a client
time-out of 2 s, two retries and, where it can, one fallback (2 % of whose answers are 500s); a caller waits for 8 s.

Needs the SDKs of OpenAI and Anthropic; loopback only. LiteLLM pins its own versions, so it lives in an environment of
its own, made in a temporary directory unless `--litellm` names one; where it cannot be installed, it is left out.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib
import json
import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple

from hardened.testing import COMMON, FakeProvider, Mix, chaos

SEEDS: Final = (20261126, 20261127, 20261128, 20261129, 20261130)
"""Nothing was tuned on these."""

FIGURES: Final = Path(__file__).with_name("figures")
"""What was measured, one file for each run; docs/resilience.md shows them as tables."""

SOURCES: Final = Path(__file__).parents[2] / "src"
CALLS, AT_ONCE, TIMEOUT, RETRIES = 400, 20, 2.0, 2
OUTAGE, AFTER, RATE, BUSY = (2.0, 8.0), 6.0, 50.0, 100
FALLBACK: Final[Mapping[str, float]] = {"server_error": 0.02}

Figures = dict[str, Any]
Found = dict[str, dict[str, list[Figures]]]


class System(NamedTuple):
    """Who makes the calls: an SDK, under a policy or bare, or `litellm`."""

    sdk: str
    policy: Mapping[str, Any] | None = None


SYSTEMS: Final[Mapping[str, System]] = {
    "hardened, OpenAI SDK": System("openai", {}),
    "hardened, OpenAI SDK, `stream: buffer`": System("openai", {"stream": "buffer"}),
    "hardened, OpenAI SDK, no breaker": System("openai", {"resilience": {"breaker": {"enabled": False}}}),
    "hardened, Anthropic SDK": System("anthropic", {}),
    "hardened, Anthropic SDK, `stream: buffer`": System("anthropic", {"stream": "buffer"}),
    "OpenAI SDK": System("openai"),
    "Anthropic SDK": System("anthropic"),
    "LiteLLM Router": System("litellm"),
}

RUNS: Final[Mapping[str, tuple[str, ...]]] = {
    "plain": tuple(name for name in SYSTEMS if "stream" not in name and "breaker" not in name),
    "stream": tuple(name for name in SYSTEMS if "breaker" not in name),
    "outage": tuple(name for name in SYSTEMS if "stream" not in name),
}


# --- One run, in a process of its own ------------------------------------------------------------------------------


def measure(system: System, kind: str, seed: int) -> Figures:
    """One run in this process."""
    outage = OUTAGE if kind == "outage" else None
    with FakeProvider() as primary:
        os.environ.update(primary.env())
        chaos.storm(primary, Mix(COMMON, seed=seed), outage)
        with _calls(system, primary, seed, stream=kind == "stream") as (ask, typed):
            outcomes = asyncio.run(
                chaos.run(ask, int((OUTAGE[1] + AFTER) * RATE), typed=typed, rate=RATE, concurrency=BUSY)
                if outage
                else chaos.run(ask, CALLS, typed=typed, concurrency=AT_ONCE)
            )
        return asdict(chaos.figures(outcomes, primary.attempts, outage))


@contextlib.contextmanager
def _calls(
    system: System, primary: FakeProvider, seed: int, *, stream: bool
) -> Iterator[tuple[chaos.Ask, tuple[type[BaseException], ...]]]:
    """What makes a call, and the exceptions that its user expects."""
    if system.sdk == "litellm":
        with FakeProvider() as other:
            chaos.storm(other, Mix(FALLBACK, seed=seed + 1000), None)
            yield _router(primary, other, stream=stream), (importlib.import_module("openai").OpenAIError,)
        return
    module = importlib.import_module(system.sdk)
    url = primary.openai_base_url if system.sdk == "openai" else primary.anthropic_base_url
    typed: tuple[type[BaseException], ...] = (module.OpenAIError if system.sdk == "openai" else module.AnthropicError,)
    ask = chaos.caller(system.sdk, url, stream=stream, timeout=TIMEOUT, retries=RETRIES)  # pyright: ignore[reportArgumentType]
    if system.policy is None:
        yield ask, typed
        return
    from hardened.cli.chaos import enforced
    from hardened.errors import HardenedError
    from hardened.policy.load import load

    backup = {"provider": system.sdk, "base_url": "https://replaced.invalid/v1", "api_key": "none", "model": "other"}
    policy = {"targets": {"backup": backup}, "routes": {"default": ["backup"]}, **system.policy}
    with enforced(load(policy, env={}), seed):
        yield ask, (*typed, HardenedError)


def _router(primary: FakeProvider, other: FakeProvider, *, stream: bool) -> chaos.Ask:
    os.environ |= {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "CRITICAL"}
    import litellm

    litellm.suppress_debug_info = True

    def model(name: str, url: str) -> dict[str, Any]:
        params = {"model": f"openai/{name}", "api_key": "fake", "api_base": url}
        return {"model_name": name, "litellm_params": {**params, "timeout": TIMEOUT, "stream_timeout": TIMEOUT}}

    models = [model("primary", primary.openai_base_url), model("backup", other.openai_base_url)]
    routed = litellm.Router(model_list=models, fallbacks=[{"primary": ["backup"]}], num_retries=RETRIES)
    messages = [{"role": "user", "content": "Sixty words, please."}]

    async def ask(number: int) -> str | None:
        headers = {chaos.CALL: str(number)}
        answer = await routed.acompletion(model="primary", messages=messages, stream=stream, extra_headers=headers)
        if not stream:
            return answer.choices[0].message.content if answer.choices else None
        return "".join([chunk.choices[0].delta.content or "" async for chunk in answer if chunk.choices])

    return ask


# --- All runs ------------------------------------------------------------------------------------------------------


def run_all(kinds: Sequence[str], seeds: Sequence[int], given: Path | None) -> tuple[Found, dict[str, str]]:
    """Every system with every seed, by kind of run, and the versions of what was measured."""
    found: Found = {}
    versions = {name: version(name) for name in ("openai", "anthropic")}
    with _litellm_python(given) as litellm:
        for kind in kinds:
            for name in RUNS[kind]:
                python = litellm if SYSTEMS[name].sdk == "litellm" else sys.executable
                if python is None:
                    continue
                runs = [_child(python, "one", "--system", name, "--kind", kind, "--seed", str(seed)) for seed in seeds]
                found.setdefault(kind, {})[name] = runs
                print((_outage_row if kind == "outage" else _mix_row)(name, runs), flush=True)
        if litellm is not None:
            code = "from importlib.metadata import version; print(version('litellm'))"
            versions["litellm"] = subprocess.run(
                [litellm, "-c", code], stdout=subprocess.PIPE, text=True
            ).stdout.strip()
    return found, versions


def _child(python: str, *arguments: str) -> Figures:
    """One run in a process of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "HARDENED_", "OTEL_"))}
    environment = {**kept, "PYTHONPATH": str(SOURCES)} if python != sys.executable else kept
    with tempfile.TemporaryDirectory() as place:
        command = [python, __file__, *arguments]
        done = subprocess.run(command, cwd=place, env=environment, stdout=subprocess.PIPE, check=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


@contextlib.contextmanager
def _litellm_python(given: Path | None) -> Iterator[str | None]:
    """The interpreter of an environment with LiteLLM; `None` where it cannot be installed."""
    if given is not None:
        yield str(given.resolve() / "bin" / "python")
        return
    with tempfile.TemporaryDirectory() as place:
        venv.create(place, with_pip=True)
        python = f"{place}/bin/python"
        done = subprocess.run([python, "-m", "pip", "install", "-q", "litellm"], capture_output=True, text=True)
        if done.returncode:
            print("LiteLLM is left out: pip could not install it here", file=sys.stderr)
        yield python if done.returncode == 0 else None


# --- Tables --------------------------------------------------------------------------------------------------------


def tables(kept: Mapping[str, Any]) -> str:
    """What docs/resilience.md shows of the figures of one run, in Markdown."""
    found: Found = kept["found"]
    versions = ", ".join(f"{name} {number}" for name, number in kept["versions"].items())
    mix = "success | worst seed | bad, unnoticed | errors | untyped | over 8 s | p50 s | p95 s | requests per call |"
    heads = {
        "plain": f"| plain answers | {mix}",
        "stream": f"| streams | {mix}",
        "outage": "| outage | success | bad | untyped | requests while it is down, by seed | back after | p95 s |",
    }
    parts = [f"Seeds {', '.join(map(str, kept['seeds']))}; {versions}.\n"]
    for kind in found:
        row = _outage_row if kind == "outage" else _mix_row
        rows = [row(name, runs) for name, runs in found[kind].items()]
        parts.append("\n".join([heads[kind], "|---|" + "--:|" * (heads[kind].count("|") - 2), *rows]) + "\n")
    return "\n".join([*parts, _faults(found)] if "stream" in found else parts)


def _mix_row(name: str, runs: Sequence[Figures]) -> str:
    calls = sum(run["calls"] for run in runs)

    def share(key: str) -> str:
        return f"{100 * sum(run[key] for run in runs) / calls:.2f} %"

    worst = min(100 * run["ok"] / run["calls"] for run in runs)
    untyped = sum(run["errors"] - run["typed"] for run in runs)
    times = f"{median(run['p50'] for run in runs):.2f} | {median(run['p95'] for run in runs):.2f}"
    good = f"{share('ok')} | {worst:.1f} % | {share('bad')} | {share('errors')} | {untyped} | {share('late')}"
    return f"| {name} | {good} | {times} | {median(run['amplification'] for run in runs):.2f} |"


def _outage_row(name: str, runs: Sequence[Figures]) -> str:
    good = f"{100 * sum(run['ok'] for run in runs) / sum(run['calls'] for run in runs):.2f} %"
    bad = f"{sum(run['bad'] for run in runs)} | {sum(run['errors'] - run['typed'] for run in runs)}"
    back = ", ".join("never" if run["back"] is None else f"{run['back']:.2f} s" for run in runs)
    asked = ", ".join(str(run["during"]) for run in runs)
    return f"| {name} | {good} | {bad} | {asked} | {back} | {median(run['p95'] for run in runs):.2f} |"


def _faults(found: Found) -> str:
    """Success by the fault that the first request of a call met: plain answers / streams."""
    names = [name for name in RUNS["stream"] if name in found["stream"]]
    rows = [f"| first request | {' | '.join(names)} |", "|---|" + "--:|" * len(names)]
    for fault in ("none", *COMMON):
        cells = [" / ".join(_share(found[kind].get(name, ()), fault) for kind in ("plain", "stream")) for name in names]
        rows.append(f"| `{fault}` | {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def _share(runs: Sequence[Figures], fault: str) -> str:
    met = [run["faults"][fault] for run in runs if fault in run["faults"]]
    calls = sum(one["calls"] for one in met)
    return f"{100 * sum(one['ok'] for one in met) / calls:.0f} %" if calls else "–"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("run", "tables", "one"))
    parser.add_argument("--only", choices=RUNS, nargs="+", default=list(RUNS), help="kinds of runs")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--litellm", type=Path, help="an environment with LiteLLM")
    parser.add_argument("--system", choices=SYSTEMS, help=argparse.SUPPRESS)
    parser.add_argument("--kind", choices=RUNS, help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.what == "one":
        print(json.dumps(measure(SYSTEMS[options.system], options.kind, options.seed)))
    elif options.what == "tables":
        runs = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(FIGURES.glob("*.json"))]
        print("\n".join(map(tables, runs)), end="")
    else:
        found, versions = run_all(options.only, options.seeds, options.litellm)
        if options.json:
            kept = {"seeds": options.seeds, "versions": versions, "found": found}
            options.json.write_text(json.dumps(kept) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
