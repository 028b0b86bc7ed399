"""The documentation says of the entries what the entries say."""

from __future__ import annotations

from pathlib import Path

from hardened_detectors.pii import ENTRIES, reference

PAGE = (Path(__file__).parents[2] / "docs" / "detectors.md").read_text("utf-8")


def test_the_table_of_personal_data_is_current() -> None:
    table = reference.table()
    assert {entry.category for entry in ENTRIES} == {line.split("`")[1] for line in table.splitlines()[2:]}
    assert table in PAGE, "write the output of `python -m hardened_detectors.pii.reference` into docs/detectors.md"
