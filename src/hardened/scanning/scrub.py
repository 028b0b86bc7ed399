"""A dataset without the private data in it: the same rows, columns and keys, with values replaced.

Bytes that are no UTF-8 are kept as they are (`surrogateescape`), and so are line ends and a byte order mark.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import IO, Any, Final, Literal, cast

from hardened.guards.json_text import replace_in
from hardened.guards.redaction import Render, Span, redact, spans
from hardened.scanning.finder import BLOCK, CannotScan, lines, windows
from hardened_detectors.api import Finding

Form = Literal["jsonl", "json", "csv", "tsv", "text"]
Find = Callable[[str], Sequence[Finding]]

_SUFFIXES: Final[dict[str, Form]] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "tsv",
}
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")  # what makes a spreadsheet take a cell for a formula (OWASP)
_BOM: Final = codecs.BOM_UTF8


@dataclass(slots=True)
class Report:
    """What was replaced, by category; how many rows there were, how many changed, and how many were not JSON."""

    replaced: Counter[str] = field(default_factory=Counter[str])
    rows: int = 0
    changed: int = 0
    not_json: int = 0

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "replaced": dict(self.replaced.most_common()),
            "rows": self.rows,
            "changed": self.changed,
            "not_json": self.not_json,
        }


def form_of(name: str) -> Form:
    """What the name of a file says about its form; `.gz` behind it is passed over."""
    return _SUFFIXES.get(PurePath(name.lower().removesuffix(".gz")).suffix, "text")


class Scrubber:
    """Replaces what `find` finds by what `render` says, and counts it."""

    def __init__(self, find: Find, render: Render, fields: Sequence[str] = ()) -> None:
        self.report = Report()
        self._find = find
        self._replace = render
        self._fields = fields

    def scrub(self, form: Form, source: IO[bytes], target: IO[bytes], on_bytes: Callable[[int], object]) -> None:
        """Write to `target` what is in `source`.

        Raises:
            CannotScan: it is no UTF-8 text of this form, it lacks a field, or a detector failed.
        """
        start = source.read(len(_BOM))
        if start == _BOM:
            target.write(start)
            start = b""
        rest = _checked(_chained(start, source), on_bytes)
        for text in self._FORMS[form](self, rest):
            target.write(text.encode("utf-8", "surrogateescape"))

    def text(self, text: str, name: str = "") -> str:
        """`text` scrubbed. `name` is that of its field or column: it may tell what the value is."""
        before = f"{name}: " if name and "\n" not in name else ""

        def find(seen: str) -> list[Finding]:
            found = self._find(before + seen)
            shift = len(before)
            return [
                Finding(one.detector, one.category, max(0, one.start - shift), one.end - shift, one.score)
                for one in found
                if one.end > shift
            ]

        return replace_in(text, find, self._render)

    def _render(self, span: Span, value: str) -> str:
        self.report.replaced[span.category] += 1
        return self._replace(span, value)

    def _count(self, before: str, after: str) -> str:
        self.report.rows += 1
        self.report.changed += before != after
        return after

    # One function for each form: the pieces of the source to those of the target.

    def _as_text(self, pieces: Iterator[str]) -> Iterator[str]:
        stream = windows(pieces)
        window = next(stream)
        while True:
            found = spans(self._find(window.text))
            # A value that begins here may end in the next window.
            last = max([window.last, *(span.end for span in found if span.start < window.last)])
            here = [
                span._replace(start=max(0, span.start - window.first), end=span.end - window.first)
                for span in found
                if span.end > window.first and span.start < window.last
            ]
            part = window.text[window.first : last]
            yield self._count(part, redact(part, here, self._render))
            if window.final:
                return
            window = stream.send(last)

    def _as_json(self, pieces: Iterator[str]) -> Iterator[str]:
        text = "".join(pieces)
        if self._fields:
            yield self._row(text)
        else:
            yield self._count(text, self.text(text))

    def _as_jsonl(self, pieces: Iterator[str]) -> Iterator[str]:
        for line in lines(pieces):
            row = line.rstrip("\r\n")
            yield (self._row(row) if row.strip() else row) + line[len(row) :]

    def _row(self, row: str) -> str:
        try:
            data: Any = json.loads(row)
        except (ValueError, RecursionError):
            self.report.not_json += 1
            return self._count(row, self.text(row))
        if not self._fields or not isinstance(data, dict):
            return self._count(row, self.text(row))
        values = cast(dict[str, Any], data)
        before = json.dumps(values, ensure_ascii=False)
        for name in self._fields:
            self._in_field(values, name.split(".") if name not in values else [name])
        after = json.dumps(values, ensure_ascii=False)
        return self._count(row, after if after != before else row)

    def _in_field(self, data: dict[str, Any], steps: Sequence[str]) -> None:
        here: Any = data
        for step in steps[:-1]:
            here = cast(dict[str, Any], here).get(step) if isinstance(here, dict) else None
        if isinstance(here, dict) and steps[-1] in here:
            inner = cast(dict[str, Any], here)
            inner[steps[-1]] = self._value(inner[steps[-1]], steps[-1])

    def _value(self, value: Any, name: str) -> Any:
        if isinstance(value, str):
            return self.text(value, name)
        if value is None or isinstance(value, bool):
            return value
        return json.loads(self.text(json.dumps({name: value}, ensure_ascii=False)))[name]

    def _as_csv(self, pieces: Iterator[str], delimiter: str = ",") -> Iterator[str]:
        csv.field_size_limit(1 << 30)
        rest = lines(pieces)
        first = next(rest, "")
        ending = "\r\n" if first.endswith("\r\n") else "\n"
        rows = csv.reader(_again(first, rest), delimiter=delimiter, strict=True)
        try:
            header = next(rows, None)
            if header is None:
                return
            columns = self._columns(header)
            yield _csv_line([self.text(cell) for cell in header], delimiter, ending)
            for row in rows:
                cells = [
                    self._cell(cell, header[at] if at < len(header) else "")
                    if at in columns or at >= len(header)
                    else cell
                    for at, cell in enumerate(row)
                ]
                self.report.rows += 1
                self.report.changed += cells != row
                yield _csv_line(cells, delimiter, ending)
        except csv.Error:
            raise CannotScan(f"row {self.report.rows + 2} is not valid CSV") from None

    def _as_tsv(self, pieces: Iterator[str]) -> Iterator[str]:
        return self._as_csv(pieces, "\t")

    def _columns(self, header: Sequence[str]) -> set[int]:
        missing = [name for name in self._fields if name not in header]
        if missing:
            raise CannotScan(f"no column is called {', '.join(map(repr, missing))}")
        return {at for at, name in enumerate(header) if not self._fields or name in self._fields}

    def _cell(self, cell: str, name: str) -> str:
        """A cell that was no formula does not become one."""
        scrubbed = self.text(cell, name)
        if scrubbed != cell and scrubbed.startswith(_FORMULA) and not cell.startswith(_FORMULA):
            return f"'{scrubbed}"
        return scrubbed

    _FORMS: Final[dict[Form, Callable[[Scrubber, Iterator[str]], Iterator[str]]]] = {
        "text": _as_text,
        "json": _as_json,
        "jsonl": _as_jsonl,
        "csv": _as_csv,
        "tsv": _as_tsv,
    }


def _chained(start: bytes, source: IO[bytes]) -> Iterator[bytes]:
    yield start
    while chunk := source.read(BLOCK):
        yield chunk


def _checked(chunks: Iterable[bytes], on_bytes: Callable[[int], object]) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    for chunk in chunks:
        if b"\0" in chunk:
            raise CannotScan("this is not UTF-8 text: it has NUL bytes; convert UTF-16 first")
        on_bytes(len(chunk))
        yield decoder.decode(chunk)
    yield decoder.decode(b"", final=True)


def _again(first: str, others: Iterator[str]) -> Iterator[str]:
    yield first
    yield from others


def _csv_line(cells: Sequence[str], delimiter: str, ending: str) -> str:
    line = io.StringIO()
    csv.writer(line, delimiter=delimiter, lineterminator=ending).writerow(cells)
    return line.getvalue()
