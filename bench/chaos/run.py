"""What becomes of calls to a provider that fails: with hardened, with the bare SDK, with LiteLLM's Router.

    python bench/chaos/run.py mix            # 400 calls, 29 % faults, five seeds, every system: some ten minutes
    python bench/chaos/run.py outage         # six seconds of 503 at 50 calls a second, with and without breaker
    python bench/chaos/run.py mix --json figures.json --litellm ../litellm-env

Needs the OpenAI SDK; loopback only. LiteLLM pins its own versions, so it lives in an environment of its own, which is
made in a temporary directory unless `--litellm` names one; where it cannot be installed, its rows are left out.
Every system has a client time-out of 2 s, two retries and, where it can, one fallback (2 % of whose answers are 500s).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from hardened.testing import COMMON, FakeProvider, Mix, chaos

SEEDS = (101, 102, 103, 104, 105)
CALLS, TIMEOUT, RETRIES = 400, 2.0, 2
SOURCES = Path(__file__).parents[2] / "src"
OUTAGE = (2.0, 8.0)
BACKUP = {"provider": "openai", "base_url": "https://replaced.invalid/v1", "api_key": "none", "model": "gpt-4o"}
ROUTED = {"targets": {"backup": BACKUP}, "routes": {"default": ["backup"]}}
BREAKER = {"window": 10, "recovery": 1.5}
SYSTEMS = {
    "hardened": (False, True),
    "hardened, stream: buffer": (True,),
    "OpenAI SDK": (False, True),
    "LiteLLM Router": (False, True),
}
"""And whether they are measured with plain answers and with streams."""

Figures = dict[str, Any]


@contextlib.contextmanager
def bare() -> Iterator[None]:
    yield


def measure(system: str, *, stream: bool, seed: int, outage: bool = False, breaker: bool = True) -> Figures:
    """One run in this process."""
    if system == "LiteLLM Router":
        return router(stream=stream, seed=seed)
    import openai

    from hardened.cli.chaos import AFTER, BUSY, RATE, enforced
    from hardened.errors import HardenedError
    from hardened.policy.load import load

    policy = load({**ROUTED, "resilience": {"breaker": {"enabled": breaker, **BREAKER}}}, env={})
    if system.endswith("buffer"):
        policy = policy.model_copy(update={"stream": "buffer"})
    when = OUTAGE if outage else None
    rate = RATE if outage else None
    calls = int((OUTAGE[1] + AFTER) * RATE) if outage else CALLS
    with FakeProvider() as primary, enforced(policy, seed) if system.startswith("hardened") else bare():
        chaos.storm(primary, Mix(COMMON, seed=seed), when)
        ask = chaos.caller("openai", primary.openai_base_url, stream=stream, timeout=TIMEOUT, retries=RETRIES)
        typed = (openai.OpenAIError, HardenedError)
        many = BUSY if outage else 20
        outcomes = asyncio.run(chaos.run(ask, calls, typed=typed, rate=rate, concurrency=many))
        return asdict(chaos.figures(outcomes, primary.attempts, when))


def router(*, stream: bool, seed: int) -> Figures:
    """The same with LiteLLM's Router, in its own environment."""
    os.environ |= {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "CRITICAL"}
    import litellm
    import openai

    litellm.suppress_debug_info = True
    with FakeProvider() as primary, FakeProvider() as other:
        os.environ.update(primary.env())
        chaos.storm(primary, Mix(COMMON, seed=seed), None)
        chaos.storm(other, Mix({"server_error": 0.02}, seed=seed + 1000), None)

        def model(name: str, url: str) -> dict[str, Any]:
            params = {"model": f"openai/{name}", "api_key": "fake", "api_base": url}
            return {"model_name": name, "litellm_params": {**params, "timeout": TIMEOUT, "stream_timeout": TIMEOUT}}

        models = [model("primary", primary.openai_base_url), model("backup", other.openai_base_url)]
        routed = litellm.Router(model_list=models, fallbacks=[{"primary": ["backup"]}], num_retries=RETRIES)

        async def ask(number: int) -> str | None:
            answer = await routed.acompletion(
                model="primary",
                messages=[{"role": "user", "content": "Sixty words, please."}],
                stream=stream,
                extra_headers={chaos.CALL: str(number)},
            )
            if not stream:
                return answer.choices[0].message.content if answer.choices else None
            return "".join([chunk.choices[0].delta.content or "" async for chunk in answer if chunk.choices])

        outcomes = asyncio.run(chaos.run(ask, CALLS, typed=(openai.OpenAIError,)))
        return asdict(chaos.figures(outcomes, primary.attempts, None))


def child(python: str, *arguments: str) -> Figures:
    """One run in a process of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "HARDENED_", "OTEL_"))}
    command = [python, __file__, "one", *arguments]
    environment = {**kept, "PYTHONPATH": str(SOURCES)} if python != sys.executable else kept
    with tempfile.TemporaryDirectory() as place:
        done = subprocess.run(command, cwd=place, env=environment, stdout=subprocess.PIPE, check=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


@contextlib.contextmanager
def litellm_python(given: Path | None) -> Iterator[str | None]:
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


def mix(options: argparse.Namespace) -> dict[str, list[Figures]]:
    """Every system with every seed."""
    found: dict[str, list[Figures]] = {}
    with litellm_python(options.litellm) as litellm:
        for system, kinds in SYSTEMS.items():
            python = litellm if system == "LiteLLM Router" else sys.executable
            for stream in kinds if python else ():
                name = f"{system} | {'stream' if stream else 'plain'}"
                found[name] = [
                    child(str(python), "--system", system, "--seed", str(seed), *(["--stream"] if stream else []))
                    for seed in SEEDS
                ]
                print(row(name, found[name]), flush=True)
    return found


def row(name: str, runs: list[Figures]) -> str:
    """The seeds together, as a row of the table in docs/resilience.md."""
    calls = sum(run["calls"] for run in runs)

    def share(*keys: str) -> str:
        return f"{100 * sum(run[key] for run in runs for key in keys) / calls:.2f} %"

    worst = min(100 * run["ok"] / run["calls"] for run in runs)
    untyped = sum(run["errors"] - run["typed"] for run in runs)
    times = f"{median(run['p50'] for run in runs):.2f} | {median(run['p95'] for run in runs):.2f}"
    errors = f"{share('errors')} | {untyped}"
    asked = f"{median(run['amplification'] for run in runs):.2f}"
    good = f"{share('ok')} | {worst:.1f} % | {share('bad')}"
    return f"| {name} | {good} | {errors} | {share('late')} | {times} | {asked} |"


def outage(options: argparse.Namespace) -> dict[str, Figures]:
    """An outage with and without breaker, and with the bare SDK."""
    found: dict[str, Figures] = {}
    for name, arguments in {
        "hardened": ["--system", "hardened"],
        "hardened without breaker": ["--system", "hardened", "--no-breaker"],
        "OpenAI SDK": ["--system", "OpenAI SDK"],
    }.items():
        one = found[name] = child(sys.executable, "--outage", "--seed", str(SEEDS[0]), *arguments)
        back = "-" if one["back"] is None else f"{one['back']:.2f} s"
        share = f"{100 * one['ok'] / one['calls']:.1f} % | {one['bad']} | {one['errors'] - one['typed']}"
        print(f"| {name} | {share} | {one['during']} | {back} | {one['p95']:.2f} s |", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("mix", "outage", "one"))
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--litellm", type=Path, help="an environment with LiteLLM")
    parser.add_argument("--system", choices=SYSTEMS, help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=SEEDS[0], help=argparse.SUPPRESS)
    for flag in ("--stream", "--outage", "--no-breaker"):
        parser.add_argument(flag, action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.what == "one":
        flags = {"stream": options.stream, "outage": options.outage, "breaker": not options.no_breaker}
        print(json.dumps(measure(options.system, seed=options.seed, **flags)))
        return
    found: Any = {"mix": mix, "outage": outage}[options.what](options)
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
