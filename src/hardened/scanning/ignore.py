"""What a directory says is not to be looked at: `.gitignore` files, and patterns of the same kind.

The format is gitignore(5): the last pattern that matches decides; `!` takes back; a slash at the end means directories
only; a slash anywhere else ties the pattern to its directory; `**` stands for any number of directories.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

FILE: Final = ".gitignore"
_MOST: Final = 1 << 20  # bytes of such a file that are read


@dataclass(frozen=True, slots=True)
class Pattern:
    """One line: a pattern for each part of a path, `**` for any number of parts."""

    parts: tuple[str, ...]
    directories_only: bool
    takes_back: bool

    def matches(self, path: Sequence[str]) -> bool:
        """Whether it matches the parts of a path; the work is their number times that of the pattern's parts."""
        places = self._on({0})
        for part in path:
            places = self._on({next_one for place in places for next_one in self._after(place, part)})
        return len(self.parts) in places

    def _on(self, places: set[int]) -> set[int]:
        """The same places in the pattern, and those behind a `**` that stands for nothing."""
        for place in sorted(places):
            while place < len(self.parts) and self.parts[place] == "**":
                place += 1
                places.add(place)
        return places

    def _after(self, place: int, part: str) -> tuple[int, ...]:
        if place == len(self.parts):
            return ()
        if self.parts[place] == "**":
            return (place,)
        return (place + 1,) if fnmatchcase(part, self.parts[place]) else ()


@dataclass(frozen=True, slots=True)
class Rules:
    """The patterns that hold below a directory."""

    root: Path
    patterns: Sequence[Pattern]

    def verdict(self, path: Path, is_directory: bool) -> bool | None:
        """Whether `path`, which is below the root, is left out; None if no pattern says anything about it."""
        parts = path.relative_to(self.root).parts
        for pattern in reversed(self.patterns):
            if (is_directory or not pattern.directories_only) and pattern.matches(parts):
                return not pattern.takes_back
        return None


def rules_of(directory: Path) -> Rules | None:
    """What the `.gitignore` in `directory` says; None without one that can be read."""
    file = directory / FILE
    try:
        if not file.is_file():
            return None
        with file.open("rb") as lines:
            text = lines.read(_MOST).decode("utf-8", "replace")
    except OSError:
        return None
    return Rules(directory, compiled(text.splitlines()))


def inherited(directory: Path) -> list[Rules]:
    """The rules of the directories above, up to the root of the repository that `directory` is in."""
    found: list[Rules] = []
    for above in (directory, *directory.parents):
        if above != directory and (rules := rules_of(above)):
            found.append(rules)
        if (above / ".git").exists():
            return found[::-1]
    return []


def compiled(lines: Iterable[str]) -> list[Pattern]:
    """The patterns in `lines`, without comments and what is no pattern."""
    return [pattern for line in lines if (pattern := _pattern(line))]


def is_left_out(path: Path, is_directory: bool, rules: Sequence[Rules]) -> bool:
    """What the innermost rules that say anything say."""
    for one in reversed(rules):
        verdict = one.verdict(path, is_directory)
        if verdict is not None:
            return verdict
    return False


def _pattern(line: str) -> Pattern | None:
    line = re.sub(r"(?<!\\) +$", "", line.rstrip("\r\n"))
    if not line or line.startswith("#"):
        return None
    takes_back, line = line.startswith("!"), line.removeprefix("!")
    directories_only, line = line.endswith("/"), line.rstrip("/")
    anchored, line = "/" in line, line.removeprefix("/")
    if not line:
        return None
    # `fnmatch` has no backslash and knows `!` only.
    line = re.sub(r"\\(.)", r"[\1]", line).replace("[^", "[!")
    return Pattern((*(() if anchored else ("**",)), *line.split("/")), directories_only, takes_back)
