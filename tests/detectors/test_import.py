"""To import the detectors and to make them loads little and compiles no pattern; counted, not timed."""

from __future__ import annotations

import subprocess
import sys

HEAVY = (
    *("opentelemetry", "httpx", "openai", "anthropic", "regex", "re2", "numpy"),
    *("importlib.resources", "importlib.metadata", "email", "http", "urllib", "ipaddress", "tempfile", "zipfile"),
    *("logging", "statistics", "decimal", "json", "html", "asyncio", "pathlib"),
)

PROGRAM = f"""
import re, sys
from re import _compiler
compiled, compile = [], _compiler.compile
def count(pattern, flags=0):
    compiled.append(pattern)
    return compile(pattern, flags)
before = set(sys.modules)
_compiler.compile = count
from hardened_detectors.registry import create
for name in ("pii", "secrets", "injection", "topic"):
    create(name)
print(sorted(name for name in {HEAVY!r} if name in set(sys.modules) - before), len(compiled))
"""


def test_no_heavy_module_is_loaded_and_hardly_a_pattern_is_compiled() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    modules, _, compiled = done.stdout.rpartition(" ")
    assert modules == "[]"
    assert int(compiled) <= 4  # those of the standard library
