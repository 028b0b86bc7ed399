"""A reading of a text, and how one is made from another."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from .api import Finding

Part = tuple[int, int, int, int, str]
"""Of a text: where it begins, where its middle begins and ends, where it ends, and what replaces the middle."""

_GAP = "\n" * 8  # between parts that have nothing to do with each other


class View(NamedTuple):
    """One reading of a text; character `k` of it stands for the original's characters `starts[k]` to `ends[k]`."""

    text: str
    starts: Sequence[int]
    ends: Sequence[int]
    reason: str = ""
    """What was undone to get it, for example `base64`; it becomes part of `Finding.reason`."""
    seams: Sequence[int] = ()
    """If given, positions at which two parts were put together: only findings that span one of them are new."""

    def translate(self, findings: Iterable[Finding], known: Sequence[Finding] = ()) -> list[Finding]:
        """The findings with offsets of the original.

        What was put together by guess must not extend what stands in the text as it is: where something `known` is as
        certain, the finding is left out.
        """
        translated = [
            replace(
                f,
                start=self.starts[f.start],
                end=self.ends[f.end - 1],
                reason=", ".join(filter(None, (f.reason, self.reason))),
            )
            for f in findings
            if f.start < f.end and (not self.seams or any(f.start < seam < f.end for seam in self.seams))
        ]
        if not self.seams:
            return translated
        return [
            f for f in translated if not any(k.start < f.end and f.start < k.end and k.score >= f.score for k in known)
        ]

    def after(self, reason: str) -> str:
        """The reason of a view that is made from this one."""
        return f"{self.reason}, {reason}" if self.reason else reason

    def rewritten(self, pattern: re.Pattern[str], replacement: Callable[[str], str], reason: str) -> View:
        """The view with each match replaced; a new character stands for the whole match."""
        parts: list[str] = []
        starts: list[int] = []
        ends: list[int] = []
        done = 0
        for match in pattern.finditer(self.text):
            at, to = match.span()
            new = replacement(match.group())
            if new == match.group():
                continue
            parts += (self.text[done:at], new)
            starts.extend(self.starts[done:at])
            ends.extend(self.ends[done:at])
            starts.extend([self.starts[at]] * len(new))
            ends.extend([self.ends[to - 1]] * len(new))
            done = to
        if not parts:
            return self
        parts.append(self.text[done:])
        starts.extend(self.starts[done:])
        ends.extend(self.ends[done:])
        return View("".join(parts), starts, ends, self.after(reason))

    def joined(self, parts: Iterable[Part], reason: str, *, seamed: bool = False) -> View:
        """Parts of this view, one behind the other, each with its middle replaced.

        Each character of the new middle stands for all of the old one. With `seamed`, the places of the middles are
        the seams of the new view.
        """
        texts: list[str] = []
        starts: list[int] = []
        ends: list[int] = []
        seams: list[int] = []
        for low, at, to, high, middle in parts:
            texts += (self.text[low:at], middle, self.text[to:high], _GAP)
            seams.append(len(starts) + at - low)
            starts.extend(self.starts[low:at])
            starts.extend([self.starts[at]] * len(middle))
            starts.extend(self.starts[to:high])
            ends.extend(self.ends[low:at])
            ends.extend([self.ends[to - 1]] * len(middle))
            ends.extend(self.ends[to:high])
            starts.extend([self.starts[high - 1]] * len(_GAP))
            ends.extend([self.ends[high - 1]] * len(_GAP))
        if not texts:
            return self
        return View("".join(texts), starts, ends, self.after(reason), seams if seamed else ())
