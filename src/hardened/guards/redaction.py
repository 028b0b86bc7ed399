"""Putting something else in the place of findings."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from hardened.guards.escapes import Unescaped
from hardened_detectors.api import Finding
from hardened_detectors.overlaps import rank

FAILED: Final = "[REDACTED: detector failed]"  # for a whole text that could not be judged
UNDECIDED: Final = "[REDACTED]"  # for a part of a stream that could not be judged in time

Form = Literal["plain", "string", "number"]
"""How a value is written: as it is, within a JSON string, or as a JSON number."""


class Span(NamedTuple):
    """A part of a text that is replaced as one. `detector` and `category` are those of what was found there."""

    start: int
    end: int
    category: str
    detector: str = ""
    form: Form = "plain"


Render = Callable[[Span, str], str]
"""What takes the place of a span, given the value that stands there. Neither is written as JSON."""


@lru_cache(maxsize=1024)
def placeholder(category: str) -> str:
    """`[CATEGORY]`: upper case letters, digits and `_` in brackets, so it can stand inside a JSON string as it is."""
    return f"[{label(category)}]"


@lru_cache(maxsize=1024)
def label(category: str) -> str:
    """The name of a category as it stands in what replaces its findings."""
    return re.sub(r"[^A-Z0-9_]", "_", category.upper())


def as_placeholder(span: Span, value: str) -> str:
    """The `Render` that tells the category only."""
    return placeholder(span.category)


def spans(findings: Iterable[Finding]) -> list[Span]:
    """Disjoint spans, in order, that cover every finding.

    Findings that overlap, directly or through others, become one span: nothing that any detector found is left over
    beside what replaces it. The span is named after the finding that wins the overlap (`hardened_detectors.overlaps`).
    """
    ordered = sorted((finding for finding in findings if finding.start < finding.end), key=lambda f: (f.start, f.end))
    result: list[Span] = []
    cluster: list[Finding] = []
    end = -1
    for finding in ordered:
        if cluster and finding.start >= end:
            result.append(_merge(cluster, end))
            cluster = []
        cluster.append(finding)
        end = max(end, finding.end)
    if cluster:
        result.append(_merge(cluster, end))
    return result


def is_mark(text: str, start: int, end: int) -> bool:
    """Whether what was found is a part of what an operator has put there: `password: [PASSWORD_1]` is no password."""
    opening = text.rfind("[", max(0, start - _LABEL_MAX), start + 1)
    mark = _MARK.match(text, opening) if opening >= 0 else None
    return mark is not None and mark.end() >= end


_LABEL_MAX: Final = 80
_MARK: Final = re.compile(r"\[[A-Z][A-Z0-9_]*_(?:[1-9][0-9]{0,5}|[0-9A-F]{16}|ENC_[A-Z2-7]{77,})\]")


def _merge(cluster: list[Finding], end: int) -> Span:
    winner = min(cluster, key=rank)
    return Span(cluster[0].start, end, winner.category, winner.detector)


def redact(text: str, found: Iterable[Span], render: Render = as_placeholder) -> str:
    """`text` with every span (disjoint, in order) replaced. What is JSON stays JSON: a number becomes a string."""
    pieces: list[str] = []
    at = 0
    for span in found:
        pieces += (text[at : span.start], _written(span, text[span.start : span.end], render))
        at = span.end
    return "".join((*pieces, text[at:]))


def _written(span: Span, value: str, render: Render) -> str:
    if span.form == "plain":
        return render(span, value)
    if span.form == "string" and "\\" in value:
        value = Unescaped(value, final=True).text
    quoted = json.dumps(render(span, value), ensure_ascii=False)
    return quoted if span.form == "number" else quoted[1:-1]
