"""Small detectors whose every decision is easy to see: tests of the engine do not depend on built-in patterns."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hardened.guards.engine import Guards
from hardened.guards.plan import Plan, Rule
from hardened.guards.verdict import STAGES
from hardened_detectors.api import Detector, Finding

Match = Callable[[str, int], tuple[int | None, bool]]
"""At a position of a text: where a match that starts there ends, and whether more text could change the answer."""


@dataclass(eq=False)
class Growing:
    """An incremental detector that reports a match at every position where there is one; they may overlap."""

    name: str
    match: Match
    look_behind: int = 1
    score: float = 1.0
    work: int = field(default=0)  # characters looked at

    def detect(self, text: str) -> list[Finding]:
        self.work += len(text)
        ends = ((at, self.match(text, at)[0]) for at in range(len(text)))
        return [Finding(self.name, f"{self.name}_found", at, end, self.score) for at, end in ends if end is not None]

    def open_from(self, text: str, start: int) -> int:
        self.work += len(text) - start
        return next((at for at in range(start, len(text)) if self.match(text, at)[1]), len(text))


def key_match(text: str, at: int) -> tuple[int | None, bool]:
    """`k-` and 3 to 12 of `[a-z]`, not after a letter."""
    if at and text[at - 1].isalpha():
        return None, False
    if not text.startswith("k-", at):
        return None, "k-".startswith(text[at:])
    end = at + 2
    while end < len(text) and end < at + 14 and text[end].isalpha():
        end += 1
    return (end if end - at >= 5 else None), end == len(text) and end < at + 14


def number_match(text: str, at: int) -> tuple[int | None, bool]:
    """4 to 6 digits with single blanks between them, neither after nor before a digit."""
    if not text[at].isdigit() or (at and text[at - 1].isdigit()):
        return None, False
    end, digits = at, 0
    for place in range(at, len(text)):
        if text[place].isdigit():
            digits += 1
            end = place + 1
        elif text[place] != " " or text[place - 1] == " ":
            return (end if 4 <= digits <= 6 else None), False
        if digits > 6:
            return None, False
    return (end if 4 <= digits <= 6 else None), True


def tail_match(text: str, at: int) -> tuple[int | None, bool]:
    """`z` and two digits, after whatever: it can begin within a key that is decided already."""
    if text[at] != "z":
        return None, False
    digits = text[at + 1 : at + 3]
    if not all(digit.isdigit() for digit in digits):
        return None, False
    return (at + 3, False) if len(digits) == 2 else (None, True)


def fenced(most: int) -> Match:
    """From `<<` to the first `>>` within `most` characters."""

    def match(text: str, at: int) -> tuple[int | None, bool]:
        if not text.startswith("<<", at):
            return None, "<<".startswith(text[at:])
        close = text.find(">>", at + 2, at + most)
        return (close + 2, False) if close >= 0 else (None, len(text) - at < most)

    return match


def growing(name: str = "key", match: Match = key_match, score: float = 1.0) -> Growing:
    return Growing(name, match, score=score)


@dataclass(eq=False)
class Whole:
    """A detector that must see the whole text: finds a regular expression."""

    name: str
    pattern: str
    score: float = 1.0
    calls: int = 0

    def detect(self, text: str) -> list[Finding]:
        self.calls += 1
        return [
            Finding(self.name, f"{self.name}_found", *m.span(), self.score) for m in re.finditer(self.pattern, text)
        ]


@dataclass(eq=False)
class Failing:
    """A detector that breaks, with the text in its message."""

    name: str = "broken"
    calls: int = 0

    def detect(self, text: str) -> list[Finding]:
        self.calls += 1
        raise ZeroDivisionError(text)


class FailingWhileGrowing(Failing):
    look_behind = 0

    def open_from(self, text: str, start: int) -> int:
        raise ZeroDivisionError(text)


def guards(detectors: Mapping[Detector, str] | Mapping[Detector, Rule], **plan: object) -> Guards:
    """Guards with the same rules at every stage: an action or a whole rule for each detector."""
    by_name = {detector.name: detector for detector in detectors}
    rules = tuple(
        rule if isinstance(rule, Rule) else Rule(detector.name, rule)  # type: ignore[arg-type]
        for detector, rule in detectors.items()
    )
    return Guards(Plan(rules=dict.fromkeys(STAGES, rules), **plan), lambda name, stage: by_name[name])  # type: ignore[arg-type]
