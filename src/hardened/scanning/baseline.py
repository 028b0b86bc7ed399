"""Findings that are known and accepted: a file of marks, counted, in which no value and no digest of one stands."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, cast

from hardened.scanning.atomic import writing
from hardened.scanning.finder import CannotScan
from hardened.scanning.scan import Found

_VERSION: Final = 1


class Baseline:
    """How often each finding is accepted, by its mark."""

    def __init__(self, accepted: Counter[str]) -> None:
        self._left = accepted

    @classmethod
    def read(cls, path: Path) -> Baseline:
        """Raises `CannotScan` if the file is no baseline, `OSError` if it cannot be read."""
        try:
            data: Any = json.loads(path.read_bytes())
            findings = cast("list[dict[str, Any]]", data["findings"])
            if data["version"] != _VERSION:
                raise ValueError
            return cls(Counter({str(one["mark"]): int(one["count"]) for one in findings}))
        except (ValueError, TypeError, KeyError, RecursionError):
            raise CannotScan(f"{path}: not a baseline of this version; write a new one with --write-baseline") from None

    def accepts(self, found: Found) -> bool:
        """Whether it is known. Each entry accepts as many findings as there were when it was written."""
        if self._left[found.mark] <= 0:
            return False
        self._left[found.mark] -= 1
        return True


def write(path: Path, findings: Iterable[Found]) -> None:
    """Accept these findings from now on."""
    counts: Counter[tuple[str, str, str]] = Counter((one.path, one.category, one.mark) for one in findings)
    entries = [
        {"path": where, "category": category, "mark": mark, "count": count}
        for (where, category, mark), count in sorted(counts.items())
    ]
    with writing(path, mode=0o644, replace=True) as file:
        file.write(json.dumps({"version": _VERSION, "findings": entries}, indent=1).encode() + b"\n")
