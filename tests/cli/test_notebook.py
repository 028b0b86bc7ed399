"""The notebook runs on the traces of the demo."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import nbformat
from demo_run import Demo
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[2] / "notebooks/analyse_traces.ipynb"


def execute(directory: Path) -> nbformat.NotebookNode:
    """The notebook after its execution in that directory."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    kept = dict(os.environ)
    os.environ.update(MPLBACKEND="module://matplotlib_inline.backend_inline", PYTHONWARNINGS="error::FutureWarning")
    try:
        NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(directory)}}).execute()
    finally:
        os.environ.clear()
        os.environ.update(kept)
    return notebook


def outputs(notebook: nbformat.NotebookNode, kind: str) -> list[str]:
    found = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    return [output["data"][kind] for output in found if kind in output.get("data", {})]


def test_it_plots_what_it_says(demo: Demo) -> None:
    below = demo.directory / "below"  # the traces are found in a directory above
    below.mkdir()
    executed = execute(below)
    assert len(outputs(executed, "image/png")) == 4, "cost, latency, guard decisions, tokens"
    tables = outputs(executed, "text/html")
    assert len(tables) == 3, "calls, decisions, slowest calls"
    assert "prompt_injection" in tables[1]
    printed = "".join(o["text"] for c in executed.cells if c.cell_type == "code" for o in c.outputs if "text" in o)
    assert printed.startswith("9 calls, ")


def test_it_runs_where_nothing_is_known_but_that_there_was_a_call(tmp_path: Path) -> None:
    span = {"traceId": "1" * 32, "spanId": "1" * 16, "name": "chat", "startTimeUnixNano": "1790000000000000000"}
    span["attributes"] = [{"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}}]
    traces = tmp_path / ".hardened/traces"
    traces.mkdir(parents=True)
    (traces / "traces.jsonl").write_text(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}))
    assert len(outputs(execute(tmp_path), "image/png")) == 4


def test_it_is_committed_without_results_and_places() -> None:
    source = json.loads(NOTEBOOK.read_text())
    code = [cell for cell in source["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
    assert not re.search(r"[\"'(]/\w|[A-Z]:\\\\", "".join("".join(cell["source"]) for cell in code))
