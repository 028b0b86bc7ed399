"""Programs of their own: real processes with the one import, as an application has it."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from traces import Traces

from hardened.testing import FakeProvider

LONG = 60.0  # seconds; a program ends far earlier unless something hangs

HEAD = """
import hardened.auto
import openai

client = openai.OpenAI(max_retries=0)
ASK = [{"role": "user", "content": "Name the capital of France."}]

def ask(text=None, **more):
    messages = [{"role": "user", "content": text}] if text else ASK
    return client.chat.completions.create(model="gpt-4o-mini", messages=messages, **more)
"""
"""What the programs begin with."""


@dataclass
class Program:
    """Runs Python code in a process and folder of its own, with a fake provider to talk to."""

    folder: Path
    provider: FakeProvider
    env: dict[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "HARDENED_"))}
        return {**kept, **self.provider.env(), "PYTHONFAULTHANDLER": "1", **self.env}

    def command(self, code: str, head: str = HEAD) -> list[str]:
        path = self.folder / "program.py"
        path.write_text(head + textwrap.dedent(code))
        return [sys.executable, str(path)]

    def run(self, code: str, head: str = HEAD, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run to its end, which must be a good one unless `check=False`."""
        check = options.pop("check", True)
        command, environment = self.command(code, head), self.environment()
        done = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=LONG, **options
        )
        assert not check or done.returncode == 0, done.stderr
        return done

    def start(self, code: str, head: str = HEAD) -> subprocess.Popen[str]:
        """Start it and go on."""
        pipe = subprocess.PIPE
        command, environment = self.command(code, head), self.environment()
        return subprocess.Popen(command, cwd=self.folder, env=environment, stdout=pipe, stderr=pipe, text=True)

    @property
    def traces(self) -> Traces:
        return Traces(self.folder / ".hardened" / "traces")
