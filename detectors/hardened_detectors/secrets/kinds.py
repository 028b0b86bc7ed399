"""The table of all kinds, as docs/detectors.md prints it: `python -m hardened_detectors.secrets.kinds`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from hardened_detectors.entry import Entry

from . import assignments, infrastructure, models, products, services, structures

_GROUPS = (
    ("Model providers and what is built around models", models.ENTRIES),
    ("Clouds, databases, code hosting, CI, packages, monitoring", infrastructure.ENTRIES),
    ("Chat, mail, payment, commerce, other products", products.ENTRIES),
    ("By their structure", structures.ENTRIES),
    ("By what stands before them", (*services.ENTRIES, *assignments.ENTRIES)),
)
_SHOWN = 4  # beginnings of a kind


def table() -> str:
    """Markdown: a row for each group, its kinds with the beginnings that give them away."""
    rows = [f"| {title} | {'; '.join(_kinds(entries))} |" for title, entries in _GROUPS]
    return "\n".join(["| | kinds |", "|---|---|", *rows])


def _kinds(entries: Sequence[Entry]) -> list[str]:
    begins: dict[str, list[str]] = {}
    for entry in entries:
        # Of what has a lead, the literal is a name and no part of the value.
        begins.setdefault(entry.category, []).extend(() if entry.lead else entry.literals)
    return [f"{category}{_said(literals)}" for category, literals in begins.items()]


def _said(literals: Sequence[str]) -> str:
    shown = [f"`{literal.strip()}`" for literal in literals[:_SHOWN]]
    return f" ({' '.join(shown)}{' …' if len(literals) > _SHOWN else ''})" if shown else ""


if __name__ == "__main__":
    sys.stdout.write(table() + "\n")
