"""What is where in files: every finding with its place and its mark, never with its text."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from hardened.guards.redaction import placeholder
from hardened.scanning.finder import Finder, Window, windows
from hardened_detectors.api import Finding
from hardened_detectors.overlaps import resolve

ALLOW: Final = re.compile(r"hardened:[ ]?allow(?:\[([\w, -]{0,200})\])?(?![\w-])")
_AROUND: Final = 120  # characters on each side of a finding that its mark is made from
_LINE: Final = 4096  # characters on each side within which a line may say that it is allowed


@dataclass(frozen=True, slots=True)
class Found:
    """One finding in a file. Lines and columns count from 1, columns in characters; the end is exclusive.

    `mark` tells a finding from others, also after lines were moved. It is made from what stands around the value,
    never from the value, so nobody can guess the one from the other.
    """

    path: str
    line: int
    column: int
    end_line: int
    end_column: int
    detector: str
    category: str
    score: float
    mark: str
    field: str = ""


def scan_text(finder: Finder, path: str, pieces: Iterable[str]) -> Iterator[Found]:
    """The findings in a text, in order, but for those whose line says `hardened: allow` or `hardened: allow[category]`.

    Raises:
        CannotScan: a detector failed.
    """
    line, column = 1, 1
    for window in windows(pieces):
        yield from _in_window(finder, path, window, line, column)
        line, column = _moved(line, column, window.text[window.first : window.last])


def _in_window(finder: Finder, path: str, window: Window, line: int, column: int) -> Iterator[Found]:
    """What begins in a window; its first character stands at `line` and `column`."""
    text, done = window.text, window.first
    findings = resolve(finder.find(text))
    for finding in findings:
        if not window.first <= finding.start < window.last or _is_allowed(text, finding):
            continue
        line, column = _moved(line, column, text[done : finding.start])
        end_line, end_column = _moved(line, column, text[finding.start : finding.end])
        done = finding.start
        yield Found(
            path,
            line,
            column,
            end_line,
            end_column,
            finding.detector,
            finding.category,
            finding.score,
            _mark(path, text, finding, findings),
        )


def _moved(line: int, column: int, passed: str) -> tuple[int, int]:
    """Where one is after `passed`."""
    lines = passed.count("\n")
    return line + lines, len(passed) - passed.rfind("\n") if lines else column + len(passed)


def _is_allowed(text: str, finding: Finding) -> bool:
    begin = text.rfind("\n", max(0, finding.start - _LINE), finding.start) + 1 or max(0, finding.start - _LINE)
    end = text.find("\n", finding.start, finding.start + _LINE)
    for said in ALLOW.finditer(text, begin, finding.start + _LINE if end < 0 else end):
        names = said.group(1)
        if names is None or finding.category in re.split(r"[, ]+", names):
            return True
    return False


def _mark(path: str, text: str, finding: Finding, findings: Sequence[Finding]) -> str:
    """A digest of the place: path, category, and what stands around on the line, with findings left out."""
    begin = max(text.rfind("\n", 0, finding.start) + 1, finding.start - _AROUND, 0)
    end = text.find("\n", finding.end)
    end = min(len(text) if end < 0 else end, finding.end + _AROUND)
    around: list[str] = []
    at = begin
    for other in findings:
        if other.end > begin and other.start < end:
            around += (text[at : max(at, other.start)], placeholder(other.category))
            at = max(at, other.end)
    around.append(text[at:end])
    data = "\0".join((path, finding.detector, finding.category, "".join(around)))
    return hashlib.sha256(data.encode("utf-8", "surrogatepass")).hexdigest()[:32]


class NotJson(Exception):
    """A line is not a JSON object."""


def scan_row(finder: Finder, path: str, number: int, row: str, fields: Sequence[str]) -> Iterator[Found]:
    """The findings in some fields of one line of JSONL; columns are those within the field's text.

    Raises:
        NotJson: it is no JSON object.
        CannotScan: a detector failed.
    """
    try:
        data: Any = json.loads(row)
    except (ValueError, RecursionError):
        raise NotJson from None
    if not isinstance(data, dict):
        raise NotJson
    for name in fields:
        for text in texts_of(value_at(cast(dict[str, Any], data), name)):
            for found in scan_text(finder, path, [text]):
                yield Found(
                    path,
                    number,
                    found.column if found.line == 1 else 1,
                    number,
                    found.end_column if found.end_line == 1 else 1,
                    found.detector,
                    found.category,
                    found.score,
                    found.mark,
                    name,
                )


def value_at(data: dict[str, Any], name: str) -> Any:
    """What stands under a name, or under names with dots between them; None if there is nothing."""
    if name in data:
        return data[name]
    value: Any = data
    for step in name.split("."):
        if not isinstance(value, dict):
            return None
        value = cast(dict[str, Any], value).get(step)
    return value


def texts_of(value: Any) -> Iterator[str]:
    """The text in a value; of a list or an object, all of it as JSON, so that names tell about their values."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        yield json.dumps(value, ensure_ascii=False)
    elif value is not None and not isinstance(value, bool):
        yield str(value)
