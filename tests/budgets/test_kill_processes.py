"""The kill switch in processes that run: all follow, wherever the switch is.

Nothing here judges how fast: `python bench/kill.py` measures that.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import killable
import pytest
import redis_server

from hardened.testing import FakeProvider

PROCESSES = 3
PATIENCE = 120.0
"""Seconds after which a test that waits for a process gives up."""


class Place:
    """Where processes run and the switch is: one directory, or what they share."""

    def __init__(self, root: Path, store: str | None) -> None:
        self.root = root
        self.shares_directory = store is None
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("HARDENED_", "OTEL_"))}
        self.env = {**kept, **({} if store is None else {"HARDENED_STORE_URL": store})}

    def directory(self, name: str) -> Path:
        directory = self.root if self.shares_directory else self.root / name
        directory.mkdir(exist_ok=True)
        return directory

    def switch(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "hardened", "kill", *arguments]
        subprocess.run(command, cwd=self.directory("operator"), env=self.env, check=False, capture_output=True)


class Watched:
    """A process that says what becomes of its calls."""

    def __init__(self, place: Place, name: str, base_url: str, stack: ExitStack) -> None:
        self.process = subprocess.Popen(
            [sys.executable, killable.__file__, base_url],
            cwd=place.directory(name),
            env=place.env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        stack.callback(self.process.wait)
        stack.callback(self.process.kill)
        self.watchdog = threading.Timer(PATIENCE, self.process.kill)
        self.watchdog.start()
        stack.callback(self.watchdog.cancel)

    def says(self) -> str:
        """What it says next; empty if it did not in all the time there is."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().partition(" ")[0]


@pytest.fixture(params=["file", "sqlite", "redis"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "file":
        yield Place(tmp_path, None)
    elif request.param == "sqlite":
        yield Place(tmp_path, str(tmp_path / "state.db"))
    elif not redis_server.found():
        pytest.skip(redis_server.MISSING)
    else:
        with redis_server.running(tmp_path) as url:
            yield Place(tmp_path, url)


def test_every_process_follows(place: Place, provider: FakeProvider) -> None:
    with ExitStack() as stack:
        running = [Watched(place, f"p{number}", provider.openai_base_url, stack) for number in range(PROCESSES)]
        assert [one.says() for one in running] == ["open"] * PROCESSES
        place.switch("on", "--model", "claude*")  # somebody else's calls
        place.switch("on", "--model", "gpt-4*")
        assert [one.says() for one in running] == ["stopped"] * PROCESSES
        late = Watched(place, "late", provider.openai_base_url, stack)
        assert late.says() == "stopped"  # from its first call on
        place.switch("off", "--model", "gpt-4*")
        assert [one.says() for one in (*running, late)] == ["open"] * (PROCESSES + 1)
        place.switch("on")
        assert [one.says() for one in (*running, late)] == ["stopped"] * (PROCESSES + 1)
        place.switch("off")
        assert [one.says() for one in (*running, late)] == ["open"] * (PROCESSES + 1)


def test_a_process_answers_with_the_policys_text(place: Place, provider: FakeProvider) -> None:
    policy = f"kill: {{static: {{default: {killable.SORRY}}}}}\n"
    with ExitStack() as stack:
        (place.directory("p0") / "hardened.yaml").write_text(policy)
        one = Watched(place, "p0", provider.openai_base_url, stack)
        assert one.says() == "open"
        place.switch("on")
        assert one.says() == "static"
        place.switch("off")
        assert one.says() == "open"
