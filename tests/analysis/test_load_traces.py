"""Traces as a table."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from recorded_traces import CALL, Recorder

import hardened
from hardened.analysis import load_traces

Written = Callable[..., Path]


def test_one_row_per_span_with_typed_columns(recorder: Recorder, written: Written) -> None:
    recorder.call("late", CALL, at=60)
    recorder.call("early", {**CALL, "hardened.cost.usd": 0.001})
    table = load_traces(written(b"torn\n"))
    assert table.attrs["skipped_lines"] == 1
    calls = table[table["operation"].notna()]
    assert list(calls["name"]) == ["early", "late"], "in the order of their start"
    assert calls["cost_usd"].sum() == pytest.approx(0.00142)
    assert calls.groupby("model")["input_tokens"].sum().to_dict() == {"gpt-4o-mini": 240}
    assert str(table["start"].dtype) == "datetime64[ns, UTC]"
    assert str(table["input_tokens"].dtype) == "Int64"
    assert str(table["cost_known"].dtype) == "boolean"
    assert calls["guard_decisions"].iloc[0][0] == {
        "stage": "input",
        "detector": "pii",
        "action": "warn",
        "outcome": "flagged",
        "categories": ("email", "phone"),
        "enforced": True,
    }
    assert pd.isna(table[table["operation"].isna()]["cost_usd"]).all()
    assert (table["duration_s"] > 0).all()


def test_no_spans_still_have_all_columns(tmp_path: Path) -> None:
    table = load_traces(tmp_path)
    assert len(table) == 0
    assert {"trace_id", "model", "cost_usd", "guard_decisions"} <= set(table.columns)
    assert str(table["start"].dtype) == "datetime64[ns, UTC]"


def test_default_path_is_the_active_policys(
    recorder: Recorder, written: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder.call("chat", CALL)
    place = written()
    script = "import hardened; print(len(hardened.load_traces()))"
    variables = {"HARDENED_TELEMETRY_FILE_PATH": str(place), "PATH": ""}
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=variables, capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == ("2", "")


def test_without_pandas(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"pip install 'hardened\[analysis\]'"):
        load_traces(tmp_path)


def test_is_part_of_the_public_surface() -> None:
    assert hardened.load_traces is load_traces
