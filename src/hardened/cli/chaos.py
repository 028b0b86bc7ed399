"""`hardened chaos`: what a policy makes of a provider that fails."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import importlib.util
import os
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from hardened.cli import output
from hardened.cli.output import Cell, Column
from hardened.errors import HardenedError

if TYPE_CHECKING:
    from hardened.policy.schema import Policy
    from hardened.testing.chaos import Figures

CALLS, RATE, BEFORE, AFTER = 400, 50.0, 2.0, 6.0
"""Calls of a run; calls a second around an outage, and how many seconds they last before and after it."""

FALLBACK_FAULTS = {"server_error": 0.02}
BUSY = 100
"""Calls at once around an outage."""


def add_to(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "chaos",
        help="what your policy makes of a provider that fails",
        description="Make calls through the installed SDK to a provider on this machine that fails as real ones do, "
        "under your policy, and show what became of them. Targets of the policy are replaced by providers on this "
        "machine, too; nothing is sent elsewhere, no budget is touched, no trace is written.",
        epilog="Exit codes: 0 done; 1 a bad answer was not noticed, or less succeeded than --fail-under; 3 could not "
        "be run.",
    )
    parser.add_argument("--policy", help="a policy file or preset; default: the one that is found here")
    parser.add_argument("--sdk", choices=("openai", "anthropic"), help="default: the one that is installed")
    parser.add_argument("--stream", action="store_true", help="ask for streams")
    parser.add_argument("--calls", type=_count, help=f"how many (default {CALLS}; with --outage as long as it takes)")
    parser.add_argument("--seed", type=int, default=0, help="which faults come when (default 0)")
    parser.add_argument("--outage", type=_seconds, metavar="SECONDS", help="503 for so long, on top of the mix")
    parser.add_argument("--rate", type=_rate, help=f"calls a second (default with --outage {RATE:.0f})")
    parser.add_argument("--timeout", type=_seconds, default=2.0, help="the client's time-out in seconds (default 2)")
    parser.add_argument("--fail-under", type=_percent, metavar="PERCENT", help="exit code 1 if less succeeds")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError("expected a whole number, at least 1")
    return int(text)


def _seconds(text: str) -> float:
    return _number(text, "a number of seconds, more than 0 and less than a day", most=86_400)


def _rate(text: str) -> float:
    return _number(text, "a number of calls a second, more than 0 and at most 1000", most=1000)


def _percent(text: str) -> float:
    return _number(text, "a number from 0 to 100", least=0.0, most=100)


def _number(text: str, expected: str, *, most: float, least: float = 1e-9) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not least <= value <= most:  # NaN neither
        raise argparse.ArgumentTypeError(f"expected {expected}")
    return value


def run(options: argparse.Namespace) -> int:
    """`hardened chaos`"""
    from hardened.policy.load import load_with_source

    loaded = load_with_source(options.policy)
    sdk = options.sdk or next((sdk for sdk in ("openai", "anthropic") if importlib.util.find_spec(sdk)), None)
    if sdk is None or not importlib.util.find_spec(sdk):
        raise HardenedError("chaos needs an SDK: pip install 'hardened[openai]' or 'hardened[anthropic]'")
    found = _measured(loaded.policy, sdk, options)
    share = 100 * found.ok / found.calls
    if options.json:
        output.print_json({"policy": loaded.source, "sdk": sdk, "seed": options.seed, **asdict(found)})
    else:
        _print(found, loaded.source)
    return 1 if found.bad or (options.fail_under is not None and share < options.fail_under) else 0


def _measured(policy: Policy, sdk: Any, options: argparse.Namespace) -> Figures:
    from hardened.testing import COMMON, FakeProvider, Mix, chaos

    outage = (BEFORE, BEFORE + options.outage) if options.outage else None
    rate = options.rate or (RATE if outage else None)
    calls = options.calls or (int((outage[1] + AFTER) * (rate or RATE)) if outage else CALLS)
    with FakeProvider() as primary, enforced(policy, options.seed):
        os.environ.update(primary.env())
        chaos.storm(primary, Mix(COMMON, seed=options.seed), outage)
        url = primary.openai_base_url if sdk == "openai" else primary.url
        ask = chaos.caller(sdk, url, stream=options.stream, timeout=options.timeout)
        module = importlib.import_module(sdk)
        typed = (HardenedError, getattr(module, "OpenAIError" if sdk == "openai" else "AnthropicError"))
        many = BUSY if outage else 20
        outcomes = asyncio.run(chaos.run(ask, calls, typed=typed, rate=rate, concurrency=many))
        return chaos.figures(outcomes, primary.attempts, outage)


@contextmanager
def enforced(policy: Policy, seed: int) -> Generator[None]:
    """`policy` in force, with everything that leaves this machine replaced by providers on it."""
    from pydantic import SecretStr

    import hardened
    from hardened.policy.active import reset, set_active
    from hardened.policy.load import load
    from hardened.policy.schema import Policy
    from hardened.testing import FakeProvider, Mix
    from hardened.testing.chaos import only_loopback, storm

    quiet = {"file": {"enabled": False}, "otlp": {"enabled": False}, "langfuse": {"enabled": False}, "metrics": False}
    targets = dict(policy.targets)
    with ExitStack() as running:
        for number, (name, target) in enumerate(policy.targets.items()):
            if target.static is None:
                provider = running.enter_context(FakeProvider())
                storm(provider, Mix(FALLBACK_FAULTS, seed=seed + 1000 + number), None)
                url = provider.url if target.provider == "anthropic" else provider.openai_base_url
                only_loopback(url)
                own = {"base_url": url, "api_key": SecretStr("fake-key-for-tests")}
                targets[name] = target.model_copy(update=own)
        nothing = Policy.model_construct()
        local = {"targets": targets, "telemetry": load({"telemetry": quiet}, env={}).telemetry}
        unset = {name: getattr(nothing, name) for name in ("budgets", "spend", "store", "kill")}
        set_active(policy.model_copy(update={**local, **unset}), "chaos")
        hardened.instrument()
        try:
            yield
        finally:
            hardened.uninstrument()
            reset()


def _print(found: Figures, source: str) -> None:
    def share(part: int) -> str:
        return f"{100 * part / found.calls:.1f} %"

    rows: list[list[str | Cell]] = [
        [fault, output.number(one.calls), Cell(f"{100 * one.ok / one.calls:.0f} %", _colour(one.ok == one.calls))]
        for fault, one in found.faults.items()
    ]
    output.print_table([Column("first fault of the call"), Column("calls", right=True), Column("ok", right=True)], rows)
    print()
    untyped = found.errors - found.typed
    lines: list[list[str | Cell]] = [
        ["success", Cell(share(found.ok), ("bold",))],
        ["bad answers that nobody noticed", Cell(share(found.bad), _colour(not found.bad))],
        ["errors with a type", share(found.typed)],
        ["errors without", Cell(share(untyped), _colour(not untyped))],
        ["nothing within 8 s", Cell(share(found.late), _colour(not found.late))],
        ["p50, p95", f"{output.seconds(found.p50)}, {output.seconds(found.p95)}"],
        ["requests per call", f"{found.amplification:.2f}"],
    ]
    if found.back is not None:
        lines.append(["back on the first provider after", output.seconds(max(found.back, 0.0))])
    output.print_table([Column(f"{output.number(found.calls)} calls"), Column("", right=True)], lines)
    if found.kinds:
        print("\nerrors: " + ", ".join(f"{name} {count}" for name, count in sorted(found.kinds.items())))
    if "KilledError" in found.kinds:
        print("The kill switch is on, so calls were not sent: see hardened kill.")
    print(output.paint(f"policy: {output.clean(source)}", "dim"))


def _colour(good: bool) -> tuple[output.Colour, ...]:
    return ("green",) if good else ("red",)
