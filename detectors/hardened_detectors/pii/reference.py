"""The table of docs/detectors.md, made from the entries: `python -m hardened_detectors.pii.reference` prints it."""

from __future__ import annotations

import sys
from itertools import groupby
from operator import attrgetter

from hardened_detectors.entry import Entry
from hardened_detectors.examples import expected

from . import ENTRIES

_COUNTRIES = {
    "aba": "United States", "au": "Australia", "br": "Brazil", "ca": "Canada", "cn": "China", "de": "Germany",
    "es": "Spain", "fi": "Finland", "fr": "France", "in": "India", "it": "Italy", "kr": "South Korea", "mx": "Mexico",
    "nl": "Netherlands", "pl": "Poland", "se": "Sweden", "sg": "Singapore", "tr": "Türkiye", "uk": "United Kingdom",
    "us": "United States", "za": "South Africa",
}  # fmt: skip


def table() -> str:
    """Every category with its country, check, need for words, and an example, in Markdown."""
    rows = ["| category | of | check | words beside it | example |", "|---|---|---|---|---|"]
    for category, entries in groupby(sorted(ENTRIES, key=attrgetter("category")), key=attrgetter("category")):
        rows.append(_row(category, list(entries)))
    return "\n".join(rows) + "\n"


def _row(category: str, entries: list[Entry]) -> str:
    country = _COUNTRIES.get(category.split("_")[0], "")
    checks = dict.fromkeys(_check(entry) for entry in entries if entry.check)
    named = [entry.context is not None for entry in entries]
    words = "needed" if all(named) else "needed in some forms" if any(named) else "not needed"
    text, _ = expected(entries[0].examples[0])
    return f"| `{category}` | {country} | {'; '.join(filter(None, checks)) or 'form'} | {words} | `{text}` |"


def _check(entry: Entry) -> str:
    """The first sentence of what a check says about itself."""
    return (entry.check.__doc__ or "").split("\n")[0].rstrip(".") if entry.check else ""


if __name__ == "__main__":
    sys.stdout.write(table())
