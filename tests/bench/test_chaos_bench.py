"""The tables of docs/resilience.md are those of the figures that were measured."""

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def test_the_tables_follow_from_the_figures() -> None:
    command = [sys.executable, str(REPOSITORY / "bench/chaos/run.py"), "tables"]
    tables = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert tables.count("| hardened, OpenAI SDK |") >= 3
    page = (REPOSITORY / "docs/resilience.md").read_text(encoding="utf-8")
    assert tables in page, "update it with: python bench/chaos/run.py tables"
