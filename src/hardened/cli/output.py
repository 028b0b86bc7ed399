"""What the commands print: tables that fit the terminal, colours where they can be seen, JSON for programs.

What comes out of a trace file was written by models and users, so every text loses its control characters before it
reaches a terminal: nothing in a trace can move the cursor, change colours or reverse the order of letters.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TextIO

Colour = Literal["bold", "dim", "red", "green", "yellow", "cyan"]

_CODES: dict[Colour, str] = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
_OUTCOME_COLOURS: dict[str, Colour] = {
    "passed": "green",
    "flagged": "yellow",
    "redacted": "yellow",
    "blocked": "red",
    "error": "red",
    "timeout": "red",
}

_PER_COLUMN = 8  # characters; letters of real scripts carry fewer combining ones


def clean(text: str) -> str:
    """One line of text without control, format (bidirectional, zero-width) and unassigned characters."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else " " if char.isspace() else ""  # str.isprintable: neither C* nor Z* but " "
        for char in text
    )


def colourful(stream: TextIO | None = None) -> bool:
    """Whether the output is a terminal that shows colours, and nobody objects (https://no-color.org)."""
    return (stream or sys.stdout).isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def paint(text: str, *colours: Colour) -> str:
    """`text` in these colours, if colours are shown."""
    if not colours or not colourful():
        return text
    return f"\x1b[{';'.join(_CODES[colour] for colour in colours)}m{text}\x1b[0m"


def outcome_colour(outcome: str | None) -> tuple[Colour, ...]:
    """The colour of a guard's outcome."""
    colour = _OUTCOME_COLOURS.get(outcome or "")
    return (colour,) if colour else ()


def terminal_width() -> int:
    """Columns of the terminal; where there is none, as in a pipe, so many that nothing is cut."""
    return max(40, shutil.get_terminal_size((1000, 24)).columns)


def print_json(value: Any) -> None:
    """One JSON document. Only ASCII, so that it holds no control character either."""
    print(json.dumps(value, indent=2, default=str))


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Where the terminal is narrow, one with `least` shrinks down to so many characters; where that is not enough, the
    `optional` ones are left out, the first of them first.
    """

    title: str
    right: bool = False
    least: int = 0
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """A text with colours."""

    text: str
    colours: tuple[Colour, ...] = ()


def print_table(columns: Sequence[Column], rows: Sequence[Sequence[str | Cell]]) -> None:
    """A table no wider than the terminal, as far as its columns can shrink and be left out."""
    header = [Cell(column.title, ("bold",)) for column in columns]
    body = [[cell if isinstance(cell, Cell) else Cell(cell) for cell in row] for row in rows]
    room = terminal_width()
    cells = [header, *([Cell(brief(cell.text, room), cell.colours) for cell in row] for row in body)]
    natural = [max(_width(row[index].text) for row in cells) for index in range(len(columns))]
    widths = _widths(columns, natural, room)
    for row in cells:
        fitted = (_fitted(row[index], width, columns[index].right) for index, width in widths.items())
        print("  ".join(fitted).rstrip())


def _widths(columns: Sequence[Column], natural: Sequence[int], room: int) -> dict[int, int]:
    """The columns that are shown, by number, and how wide they are."""
    widths = dict(enumerate(natural))
    least = {index: min(columns[index].least or width, width) for index, width in widths.items()}
    for index in (index for index, column in enumerate(columns) if column.optional):
        if sum(least.values()) + 2 * (len(least) - 1) > room:
            del widths[index], least[index]
    for _ in range(sum(widths.values()) + 2 * (len(widths) - 1) - room):
        slack = {index: widths[index] - least[index] for index in widths}
        index = max(slack, key=slack.__getitem__)
        if not slack[index]:
            break
        widths[index] -= 1
    return widths


def _fitted(cell: Cell, width: int, right: bool) -> str:
    text = shorten(cell.text, width)
    padding = " " * (width - _width(text))
    painted = paint(text, *cell.colours)
    return padding + painted if right else painted + padding


def brief(text: str, width: int) -> str:
    """`clean(text)`, shortened to at most `width` columns; of a longer text no more is looked at than may be shown."""
    return shorten(clean(shorten(text, width * _PER_COLUMN)), width)


def shorten(text: str, width: int) -> str:
    """`text` in at most `width` columns of a terminal, with an ellipsis where something is left out."""
    begin = text[: width * _PER_COLUMN]
    if len(begin) == len(text) and _width(text) <= width:
        return text
    kept, used = 0, 0
    for char in begin:
        used += _width(char)
        if used > width - 1:
            break
        kept += 1
    return begin[:kept] + "…"


def _width(text: str) -> int:
    """Columns of a terminal that `text` takes: two for wide East Asian characters, none for combining ones."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def seconds(value: float | None) -> str:
    """A duration in the unit that reads best."""
    if value is None:
        return ""
    if value < 0.000995:
        return f"{value * 1e6:.0f} µs"
    if value < 0.00995:
        return f"{value * 1000:.1f} ms"
    return f"{value * 1000:.0f} ms" if value < 0.0995 else f"{value:.2f} s"


def dollars(value: float | None) -> str:
    """A cost in USD with enough digits to tell small calls apart."""
    if value is None:
        return ""
    return f"${value:.2f}" if value >= 1 else f"${value:.4f}" if value >= 0.001 or value == 0 else f"${value:.6f}"


def counted(count: int, what: str) -> str:
    """`1 row`, `2 rows`."""
    return f"{number(count)} {what}" + ("" if count == 1 else "s")


def number(value: int | None) -> str:
    """A count with separators of thousands."""
    return "" if value is None else f"{value:,}"
