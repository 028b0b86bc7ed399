"""How identification numbers are delimited."""

from __future__ import annotations

# A number does not begin in the middle of a word, a dotted name, a path or another number …
BEFORE = r"(?<![A-Za-z0-9_])(?<![A-Za-z0-9][-.#:/])"
# … and does not go on as one.
AFTER = r"(?![A-Za-z0-9_]|[-.:/]\d)"

# The same for a number that is not one of a row of numbers, in an array or a table.
BEFORE_ALONE = BEFORE + r"(?<!\d )(?<![\[,;|\t])"
AFTER_ALONE = r"(?![A-Za-z0-9_]|[-.:/]\d| \d)"


def grouped(*sizes: int, gap: str = "[ -]?") -> str:
    """A pattern for groups of digits with `gap` between them, as `grouped(3, 2, 4)` for `078-05-1120`."""
    return gap.join(rf"\d{{{size}}}" for size in sizes)
