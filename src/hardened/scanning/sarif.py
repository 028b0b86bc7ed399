"""Findings as SARIF 2.1.0 (OASIS), which code hosts show beside the lines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import Any, Final
from urllib.parse import quote

from hardened.scanning.scan import Found
from hardened.version import __version__

_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"


def document(findings: Sequence[Found], errors: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """One run with its results; what could not be read is a notification."""
    rules = sorted({(one.detector, one.category) for one in findings})
    index = {rule: number for number, rule in enumerate(rules)}
    run: dict[str, Any] = {
        "tool": {
            "driver": {"name": "hardened", "version": __version__, "rules": [_rule(*rule) for rule in rules]},
        },
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": not errors,
                "toolExecutionNotifications": [
                    {"level": "error", "message": {"text": why}, "locations": [_location(path)]} for path, why in errors
                ],
            }
        ],
        "results": [_result(one, index[one.detector, one.category]) for one in findings],
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(detector: str, category: str) -> dict[str, Any]:
    return {
        "id": f"{detector}/{category}",
        "name": category,
        "shortDescription": {"text": f"{category.replace('_', ' ')} in a file"},
    }


def _result(found: Found, rule: int) -> dict[str, Any]:
    region = {
        "startLine": found.line,
        "startColumn": found.column,
        "endLine": found.end_line,
        "endColumn": found.end_column,
    }
    return {
        "ruleId": f"{found.detector}/{found.category}",
        "ruleIndex": rule,
        "level": "error" if found.detector == "secrets" else "warning",
        "message": {"text": f"{found.category.replace('_', ' ')} found by {found.detector}"},
        "locations": [_location(found.path, None if found.field else region)],
        "partialFingerprints": {"hardened/1": found.mark},
    }


def _location(path: str, region: dict[str, int] | None = None) -> dict[str, Any]:
    uri = quote(PurePath(path).as_posix())
    place: dict[str, Any] = {"artifactLocation": {"uri": f"file://{uri}" if PurePath(path).is_absolute() else uri}}
    if region:
        place["region"] = region
    return {"physicalLocation": place}
