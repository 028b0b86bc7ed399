"""Which rows are usable, and how those that are not are named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hardened.evaluation.rows import MOST, Expected, Fields, Row, Unusable, read


def rows(tmp_path: Path, lines: list[Any], fields: Fields | None = None) -> tuple[list[Row], Unusable]:
    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
    unusable = Unusable()
    return list(read([str(file)], fields or Fields(), "input", unusable)), unusable


def test_labels_spans_and_stages(tmp_path: Path) -> None:
    found, unusable = rows(
        tmp_path,
        [
            {"text": "a", "label": 1},
            {"text": "b", "label": False, "stage": "output"},
            "",
            {"text": "by spans", "spans": [{"start": 0, "end": 2, "type": "X"}]},
            {"text": "none", "spans": []},
            {"text": "both", "label": "1", "spans": [{"start": 0, "end": 1}]},
        ],
    )
    assert not unusable.count
    assert [row.positive for row in found] == [True, False, True, False, True]
    assert [row.stage for row in found] == ["input", "output", "input", "input", "input"]
    assert [row.spans for row in found] == [None, None, (Expected(0, 2, "X"),), (), (Expected(0, 1, None),)]


SECRET = "what-stands-in-the-row"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (SECRET, "not JSON"),
        ("[" * 100_000, "not JSON"),
        ([SECRET], "not a JSON object"),
        ({"content": SECRET, "label": 1}, "no text in 'text'"),
        ({"text": SECRET}, "neither 'label' nor 'spans'"),
        ({"text": SECRET, "label": SECRET}, "'label' is neither 0 nor 1"),
        ({"text": SECRET, "label": 2}, "'label' is neither 0 nor 1"),
        ({"text": SECRET, "label": [1]}, "'label' is neither 0 nor 1"),
        ({"text": SECRET, "label": 1, "stage": SECRET}, "no such stage"),
        ({"text": SECRET, "label": 1, "stage": [SECRET]}, "no such stage"),
        ({"text": SECRET, "spans": {}}, "'spans' is not a list"),
        ({"text": SECRET, "spans": [SECRET]}, "a span in 'spans' without start and end"),
        ({"text": SECRET, "spans": [{"start": 3, "end": 999}]}, "a span in 'spans' outside of the text"),
        ({"text": SECRET, "spans": [{"start": 3, "end": 3}]}, "a span in 'spans' outside of the text"),
        ({"text": SECRET, "spans": [{"start": 0, "end": 3, "type": 7}]}, "a span in 'spans' whose type is no text"),
    ],
)
def test_unusable_rows_are_named_by_line_and_never_shown(tmp_path: Path, line: Any, reason: str) -> None:
    found, unusable = rows(tmp_path, [{"text": "good", "label": 0}, line, {"text": "good", "label": 0}])
    assert len(found) == 2
    assert unusable.count == 1
    assert unusable.first == [(f"{tmp_path / 'rows.jsonl'}:2", reason)]
    assert SECRET not in repr(unusable)


def test_only_the_first_unusable_rows_are_named(tmp_path: Path) -> None:
    _, unusable = rows(tmp_path, ["x"] * 500)
    assert (unusable.count, len(unusable.first)) == (500, MOST)


def test_other_names_groups_and_conditions(tmp_path: Path) -> None:
    fields = Fields(
        text="prompt", label="bad", groups=("source", "kind"), where=(("lang", "en", True), ("n", "1", False))
    )
    found, _ = rows(
        tmp_path,
        [
            {"prompt": "a", "bad": 1, "lang": "en", "source": "web"},
            {"prompt": "b", "bad": 1, "lang": "de"},
            {"prompt": "c", "bad": 0, "lang": "en", "n": 1},
        ],
        fields,
    )
    assert [(row.text, row.groups) for row in found] == [("a", ("web", ""))]
