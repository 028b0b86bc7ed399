"""The benchmark runs; how fast anything is decides nothing here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench" / "run.py"

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc")


def test_one_round_of_few_calls(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    options = [
        "--rounds",
        "1",
        "--pairs",
        "1",
        "--size",
        "0.001",
        "--warm",
        "1",
        "--calls",
        "20",
        "--json",
        str(figures),
    ]
    done = subprocess.run(
        [sys.executable, str(BENCH), *options], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    results = json.loads(figures.read_text())
    calls = results["calls"]
    assert calls["tracing"][0].keys() == calls["everything"][0].keys()
    for name in calls["tracing"][0]:
        assert f"| {name} |" in done.stdout
        assert [calls[mode][0][name]["spans_per_call"] for mode in calls] == [1.0, 1.0]
    assert [found["spans_per_call"] for found in results["memory"].values()] == [1.0, 1.0]
    assert results["start"][0]["import_modules"] > 0
