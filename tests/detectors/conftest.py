from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from hardened_detectors import pii, secrets
from hardened_detectors.entry import Entry
from hardened_detectors.examples import expected

ENTRIES: dict[str, tuple[Entry, ...]] = {"pii": pii.ENTRIES, "secrets": secrets.ENTRIES}


@pytest.fixture(scope="session")
def example_texts() -> list[str]:
    """The examples and counterexamples of all entries."""
    entries = [entry for group in ENTRIES.values() for entry in group]
    return [expected(template)[0] for entry in entries for template in (*entry.examples, *entry.counterexamples)]


@pytest.fixture(scope="session")
def labelled_texts() -> list[str]:
    """Some hundred labelled texts of the evaluation data, if they are at hand."""
    shared = Path(os.environ.get("HARDENED_SHARED", Path(__file__).parents[3] / "shared"))
    folder = shared / "data" / "pii"
    if not folder.is_dir():
        pytest.skip("no evaluation data: set HARDENED_SHARED to a folder that has data/pii")
    return [text for file in sorted(folder.glob("[nps]*_dev.jsonl")) for text in _some(file)]


def _some(file: Path) -> Iterator[str]:
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            if number % 15 == 0:
                yield json.loads(line)["text"]
