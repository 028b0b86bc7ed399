"""Traces as a pandas table."""

from __future__ import annotations

import importlib
import os
from dataclasses import asdict, fields
from itertools import count
from typing import TYPE_CHECKING, Any

from hardened.analysis.spans import Since, SpanRecord, read_spans

if TYPE_CHECKING:
    import pandas as pd

_DTYPES = {
    "str": "string",
    "str | None": "string",
    "int | None": "Int64",
    "float": "float64",
    "float | None": "float64",
    "bool | None": "boolean",
    "datetime": "datetime64[ns, UTC]",
}  # everything else is a column of Python objects


def load_traces(path: str | os.PathLike[str] | None = None, *, since: Since | None = None) -> pd.DataFrame:  # pyright: ignore[reportUnknownParameterType, reportUnknownMemberType] - pandas has no types
    """The spans of a trace file, or of all trace files in a directory, as a table with one row per span.

    The columns are the fields of `SpanRecord`: times in UTC, durations in seconds, costs in USD, guard decisions
    and messages as lists of dictionaries. Rows are in the order of their start.
    `table.attrs["skipped_lines"]` says how many lines could not be read (torn by a killed process).

    Args:
        path: a file or a directory, also of `.gz` files; by default where the active policy writes traces.
        since: only spans that started at or after this time (one without a zone is local time), or so long ago.

    Raises FileNotFoundError if there is nothing at `path`, and ImportError without pandas (`hardened[analysis]`).
    """
    try:
        pandas: Any = importlib.import_module("pandas")
    except ImportError:
        raise ImportError("load_traces() needs pandas: pip install 'hardened[analysis]'") from None
    skipped = count()
    rows = [_row(span) for span in read_spans(path or traces_path(), since=since, on_skip=lambda: next(skipped))]
    columns = {one.name: _DTYPES.get(str(one.type), "object") for one in fields(SpanRecord)}
    table = pandas.DataFrame(rows, columns=list(columns)).astype(columns)
    table = table.sort_values("start", kind="stable", ignore_index=True)
    table.attrs["skipped_lines"] = next(skipped)
    return table


def traces_path() -> str:
    """Where the active policy writes traces."""
    from hardened.policy.active import active

    return active().telemetry.file.path


def _row(span: SpanRecord) -> dict[str, Any]:
    row = {one.name: getattr(span, one.name) for one in fields(SpanRecord)}
    row["guard_decisions"] = [asdict(decision) for decision in span.guard_decisions]
    return row
