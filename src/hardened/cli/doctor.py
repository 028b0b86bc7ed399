"""`hardened doctor`: what is installed, in force and patched, what may stop calls, and whether traces can go where they
should.

Nothing is sent: a destination counts as reachable if its port accepts a connection; only the store is asked, for what
it stops. No credential is printed.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import platform
import shutil
import socket
import sys
from collections.abc import Generator, Iterable, Iterator
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hardened.cli import output
from hardened.cli.doctor_calls import examine_calls
from hardened.cli.finding import Finding, State
from hardened.cli.output import Colour
from hardened.errors import PolicyError
from hardened.policy.schema import Policy
from hardened.version import __version__

_PACKAGES = ("opentelemetry-sdk", "pydantic", "genai-prices", "openai", "anthropic", "groq", "langfuse", "pandas")
_MARKS: dict[State, tuple[str, tuple[Colour, ...]]] = {
    "ok": ("ok", ("green",)),
    "off": ("off", ("dim",)),
    "warning": ("warn", ("yellow",)),
    "problem": ("FAIL", ("red", "bold")),
}
_LANGFUSE_KEYS = ("LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY")
_CONNECT_TIMEOUT = 2.0  # seconds
_LITTLE_SPACE = 256 * 1024 * 1024  # bytes: four trace files of the default size


def add_to(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "doctor",
        help="what is installed, in force and patched, what may stop calls, where traces can go",
        description="Look at the installation, the policy, the seams in the SDKs, the store, budgets, kill switch and "
        "fallbacks, and the destinations of traces.",
        epilog="Exit codes: 0 all well, 1 there is a problem.",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """`hardened doctor`"""
    found = list(examine())
    if options.json:
        output.print_json([asdict(finding) for finding in found])
    else:
        _print(found)
    return int(any(finding.state == "problem" for finding in found))


def examine() -> Iterator[Finding]:
    """Everything that is looked at, in the order in which it is shown."""
    yield from _installation()
    policy = yield from _policy()
    yield from _seams(policy)
    yield from examine_calls(policy)
    yield from _trace_file(policy)
    yield from _otlp(policy)
    yield from _langfuse(policy)


def _installation() -> Iterator[Finding]:
    system = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    yield Finding("installed", "hardened", "ok", f"{__version__}, {system}")
    for package in _PACKAGES:
        try:
            yield Finding("installed", package, "ok", version(package))
        except PackageNotFoundError:
            yield Finding("installed", package, "off", "not installed")


def _policy() -> Generator[Finding, None, Policy]:
    """Yields findings; returns the policy, the one that stands in if it is broken."""
    from hardened.policy.active import refuse_without_budget
    from hardened.policy.compile import compile
    from hardened.policy.load import POLICY_VARIABLE, PREFIX, load_safe, load_with_source
    from hardened.policy.summary import describe

    try:
        loaded = load_with_source()
        compile(*loaded)
        refuse_without_budget(loaded)
    except PolicyError as error:
        advice = "`hardened policy validate FILE` checks again; until then private data is redacted and nothing blocked"
        yield Finding("policy", "policy", "problem", str(error), advice)
        loaded = load_safe()
    else:
        yield Finding("policy", "policy", "ok", describe(loaded.policy))
        yield Finding("policy", "source", "ok", loaded.source)
    if loaded.policy.mode != "enforce":
        yield Finding("policy", "mode", "warning", f"{loaded.policy.mode}: no guard changes or blocks anything")
    variables = sorted(name for name in os.environ if name.startswith(PREFIX) and name != POLICY_VARIABLE)
    if variables:
        yield Finding("policy", "environment", "ok", f"settings by {', '.join(variables)}")
    return loaded.policy


def _seams(policy: Policy) -> Iterator[Finding]:
    """Imports what is installed, as an application does, and looks whether the seam is in place."""
    import hardened_instrumentation

    if "hardened.auto" not in sys.modules:
        importlib.import_module("hardened.auto")
    for sdk in hardened_instrumentation.BUILT_IN:
        if importlib.util.find_spec(sdk) is None:
            yield Finding("seams", sdk, "off", "not installed")
        elif sdk in policy.disable:
            yield Finding("seams", sdk, "off", "left alone, as the policy says")
        else:
            importlib.import_module(sdk)
            if sdk in hardened_instrumentation.instrumented():
                yield Finding("seams", sdk, "ok", "traced and guarded")
            else:
                advice = f"update hardened or {sdk}; the log says which attribute is missing"
                yield Finding("seams", sdk, "problem", "neither traced nor guarded: the seam is missing", advice)


def _trace_file(policy: Policy) -> Iterator[Finding]:
    file = policy.telemetry.file
    if not file.enabled:
        yield Finding("traces", "file", "off", "switched off by the policy")
        return
    place = Path(file.path).absolute()
    advice = "set telemetry.file.path to a directory that this user can write to"
    existing = next(parent for parent in (place, *place.parents) if parent.exists())
    if place.is_symlink() or not existing.is_dir():
        yield Finding("traces", "file", "problem", f"{place} is not a directory, or a symbolic link to one", advice)
        return
    if not os.access(existing, os.W_OK | os.X_OK):
        yield Finding("traces", "file", "problem", f"{existing} cannot be written to", advice)
        return
    if existing != place:
        yield Finding("traces", "file", "ok", f"{place}, made with the first trace")
    else:
        sizes = [entry.stat().st_size for entry in place.glob("*.jsonl")]
        yield Finding("traces", "file", "ok", f"{place}: {len(sizes)} files, {sum(sizes) / 1e6:.1f} MB")
        if place.stat().st_mode & 0o077:
            yield Finding("traces", "permissions", "warning", "other users can read it", f"chmod 700 {place}")
    free = shutil.disk_usage(existing).free
    if free < _LITTLE_SPACE:
        yield Finding("traces", "space", "warning", f"{free / 1e6:.0f} MB are free", "free some, or set max_bytes")


def _otlp(policy: Policy) -> Iterator[Finding]:
    from hardened.telemetry.destinations import otlp_enabled

    if not otlp_enabled(policy):
        yield Finding("traces", "otlp", "off", "no endpoint is set (OTEL_EXPORTER_OTLP_ENDPOINT)")
        return
    named = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    yield _reachable("otlp", named or "http://localhost:4318")  # OpenTelemetry's default


def _langfuse(policy: Policy) -> Iterator[Finding]:
    from hardened.telemetry.langfuse_export import langfuse_settings

    settings = langfuse_settings(policy)
    enabled = policy.telemetry.langfuse.enabled
    if settings is not None:
        yield _reachable("langfuse", settings.host)
    elif enabled is False:
        yield Finding("traces", "langfuse", "off", "switched off by the policy")
    elif enabled == "auto" and not any(os.environ.get(key) for key in _LANGFUSE_KEYS):
        yield Finding("traces", "langfuse", "off", f"not configured ({', '.join(_LANGFUSE_KEYS)})")
    else:
        advice = f"set both {' and '.join(_LANGFUSE_KEYS)}; its address must be https or loopback"
        yield Finding("traces", "langfuse", "problem", "configured, but not so that it can be used", advice)


def _reachable(name: str, address: str) -> Finding:
    """Whether the host and port of a URL accept a connection. Of the URL only these two are shown."""
    advice = "the application goes on without it; its spans are dropped and counted"
    try:
        url = urlsplit(address)
        host, port = url.hostname or "", url.port or (443 if url.scheme == "https" else 80)
    except ValueError:
        return Finding("traces", name, "problem", "its address is not a URL", "expected https://host:port")
    if not host:
        return Finding("traces", name, "problem", "its address is not a URL", "expected https://host:port")
    try:
        socket.create_connection((host, port), timeout=_CONNECT_TIMEOUT).close()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        return Finding("traces", name, "problem", f"{host}:{port} does not answer: {reason}", advice)
    return Finding("traces", name, "ok", f"{host}:{port} accepts connections")


def _print(found: Iterable[Finding]) -> None:
    area = ""
    for finding in found:
        if finding.area != area:
            area = finding.area
            print(output.paint(area, "bold"))
        mark, colours = _MARKS[finding.state]
        first, *more = finding.text.splitlines() or [""]
        print(f"  {output.paint(f'{mark:4}', *colours)}  {finding.name:18}  {output.clean(first)}")
        for line in more:
            print(f"  {'':4}  {'':18}  {output.clean(line)}")
        if finding.advice:
            print(f"  {'':4}  {'':18}  → {output.clean(finding.advice)}")
