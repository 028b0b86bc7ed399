"""Labelled texts from JSONL files, one row at a time; a row that is not usable is named by its line."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final, NamedTuple, cast

from hardened.guards.verdict import STAGES, Stage

STDIN: Final = "-"
MOST: Final = 10
"""So many unusable rows are named."""
_LABELS: Final[Mapping[object, bool]] = {0: False, 1: True, "0": False, "1": True}  # true and false equal 1 and 0


class Expected(NamedTuple):
    """A span that is to be found; `type` is None where any finding there will do."""

    start: int
    end: int
    type: str | None


class Row(NamedTuple):
    """One labelled text. `spans` is None where only the whole text is labelled."""

    text: str
    positive: bool
    spans: tuple[Expected, ...] | None
    stage: Stage
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fields:
    """Under which names a file has what. `where` keeps the rows whose field has (or, with False, has not) a value."""

    text: str = "text"
    label: str = "label"
    spans: str = "spans"
    stage: str = "stage"
    groups: Sequence[str] = ()
    where: Sequence[tuple[str, str, bool]] = ()


@dataclass(slots=True)
class Unusable:
    """The rows that were left out: how many, and the first ones by line and reason."""

    count: int = 0
    first: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    def add(self, line: str, reason: str) -> None:
        """One more."""
        self.count += 1
        if len(self.first) < MOST:
            self.first.append((line, reason))


class _Wrong(Exception):
    """Why a row cannot be used; never what stands in it."""


def read(
    files: Sequence[str],
    fields: Fields,
    stage: Stage,
    unusable: Unusable,
    on_bytes: Callable[[int], object] = lambda count: None,
) -> Iterator[Row]:
    """The rows of JSONL files, `-` for standard input. `stage` is that of rows without one of their own.

    `on_bytes` hears the length of each line. Raises `OSError` for a file that cannot be read.
    """
    for name in files:
        with _opened(name) as lines:
            for number, line in enumerate(lines, 1):
                on_bytes(len(line))
                if not line.strip():
                    continue
                try:
                    row = _row(line, fields, stage)
                except _Wrong as wrong:
                    unusable.add(f"{name}:{number}", str(wrong))
                    continue
                if row is not None:
                    yield row


def _opened(name: str) -> IO[bytes]:
    return sys.stdin.buffer if name == STDIN else Path(name).open("rb")


def _row(line: bytes, fields: Fields, stage: Stage) -> Row | None:
    try:
        data: Any = json.loads(line)
    except (ValueError, RecursionError):
        raise _Wrong("not JSON") from None
    if not isinstance(data, dict):
        raise _Wrong("not a JSON object")
    values = cast(dict[str, Any], data)
    if any((str(values.get(name)) == wanted) is not keep for name, wanted, keep in fields.where):
        return None
    text = values.get(fields.text)
    if not isinstance(text, str):
        raise _Wrong(f"no text in {fields.text!r}")
    spans = _spans(values.get(fields.spans), len(text), fields.spans)
    return Row(
        text,
        _label(values.get(fields.label), spans, fields),
        spans,
        _stage(values.get(fields.stage), stage),
        tuple(str(values.get(name, "")) for name in fields.groups),
    )


def _label(value: object, spans: tuple[Expected, ...] | None, fields: Fields) -> bool:
    """What is said; else whether there are spans."""
    if value is None:
        if spans is None:
            raise _Wrong(f"neither {fields.label!r} nor {fields.spans!r}")
        return bool(spans)
    if not isinstance(value, int | float | str) or value not in _LABELS:
        raise _Wrong(f"{fields.label!r} is neither 0 nor 1")
    return _LABELS[value]


def _stage(value: object, otherwise: Stage) -> Stage:
    if value is None:
        return otherwise
    if value not in STAGES:
        raise _Wrong("no such stage")
    return value


def _spans(value: Any, length: int, name: str) -> tuple[Expected, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list):
        raise _Wrong(f"{name!r} is not a list")
    return tuple(_span(span, length, name) for span in cast(list[Any], value))


def _span(value: Any, length: int, name: str) -> Expected:
    span = cast(dict[str, Any], value) if isinstance(value, dict) else {}
    start, end, kind = span.get("start"), span.get("end"), span.get("type")
    if type(start) is not int or type(end) is not int:
        raise _Wrong(f"a span in {name!r} without start and end")
    if not 0 <= start < end <= length:
        raise _Wrong(f"a span in {name!r} outside of the text")
    if kind is not None and not isinstance(kind, str):
        raise _Wrong(f"a span in {name!r} whose type is no text")
    return Expected(start, end, kind)
