"""Recorded responses of real providers, played through today's SDKs. They are no part of this repository: they are read
from `HARDENED_SHARED`, or from `../shared` beside the checkout."""

from __future__ import annotations

import gzip
import importlib.util
import json
import logging
import os
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

SHARED = Path(os.environ.get("HARDENED_SHARED") or Path(__file__).resolve().parents[3] / "shared")


@dataclass
class Played:
    """One recorded call, played."""

    cassette: str
    outcome: str
    returned: list[Any]
    status: int
    response: str

    @property
    def usage(self) -> dict[str, Any] | None:
        """The usage that the provider recorded: of the body, or of the last event of a stream that has any; Anthropic's
        counts are cumulative."""
        found: dict[str, Any] = {}
        for body in self._bodies():
            for usage in (body.get("usage"), (body.get("message") or {}).get("usage"), _of_response(body)):
                if isinstance(usage, dict):
                    found.update({key: value for key, value in usage.items() if value is not None})
        return found or None

    def _bodies(self) -> Iterator[dict[str, Any]]:
        if self.response.lstrip().startswith("{"):
            yield json.loads(self.response)
        for line in self.response.splitlines():
            if line.startswith("data: {"):
                yield json.loads(line[6:])


def _of_response(body: dict[str, Any]) -> Any:
    response = body.get("response")
    return response.get("usage") if isinstance(response, dict) else None


def player() -> Any:
    """The module that plays cassettes."""
    script = SHARED / "tools" / "replay.py"
    if not script.exists() or not (SHARED / "cassettes").is_dir():
        pytest.skip(f"recorded responses are not here: {SHARED.name}/cassettes; set HARDENED_SHARED to their folder")
    pytest.importorskip("vcr", reason="vcrpy plays the recorded responses")
    spec = importlib.util.spec_from_file_location("replay", script)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with warnings.catch_warnings():
        spec.loader.exec_module(module)
    logging.disable(logging.NOTSET)  # the script silences logging for the whole process
    return module


def play(module: Any, provider: str, plant: str | None = None) -> Iterator[Played]:
    """Play every recorded call of an SDK. With `plant`, that text stands in every text of request and answer."""
    make, wanted = module.CFG[provider]
    call = make(None)
    for path in sorted((SHARED / "cassettes").rglob("*.yaml")):
        document = module.Ser.deserialize(path.read_text(encoding="utf-8", errors="replace")) or {}
        rows = [(item, row) for item, row in module.rows_of(document) if wanted(row)]
        if not rows:
            continue
        with module.v.use_cassette(str(path), allow_playback_repeats=False) as cassette:
            if plant:
                _plant(cassette, plant)
            for item, row in rows:
                module.RETURNED.clear()
                body = dict(module.body(item))
                outcome = _attempt(call, row, _planted(body, plant) if plant else body)
                text = _text(item["response"]["body"].get("string") or "")
                yield Played(path.name, outcome, list(module.RETURNED), int(row["status"] or 200), text)


def recorded(module: Any, path: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Request and answer of every recorded call of a path that did not fail."""
    for file in sorted((SHARED / "cassettes").rglob("*.yaml")):
        document = module.Ser.deserialize(file.read_text(encoding="utf-8", errors="replace")) or {}
        for item, row in module.rows_of(document):
            if row["path"].endswith(path) and int(row["status"] or 200) < 400:
                yield dict(module.body(item)), _text(item["response"]["body"].get("string") or "")


def _text(recorded: str | bytes) -> str:
    if isinstance(recorded, bytes) and recorded[:2] == b"\x1f\x8b":
        recorded = gzip.decompress(recorded)
    return recorded.decode("utf-8", "replace") if isinstance(recorded, bytes) else recorded


def _attempt(call: Any, row: Any, body: Any) -> str:
    try:
        returned = call(row["path"], row["host"], body)
    except Exception as error:
        return f"raised {type(error).__name__}"
    return "skipped" if returned is None else "returned"


def _planted(value: Any, plant: str) -> Any:
    if isinstance(value, dict):
        return {
            key: f"{item} {plant}"
            if key in ("content", "text", "input", "prompt") and isinstance(item, str)
            else _planted(item, plant)
            for key, item in value.items()
        }
    return [_planted(item, plant) for item in value] if isinstance(value, list) else value


def _plant(cassette: Any, plant: str) -> None:
    """Into every answer: where a text begins in a body, or in an event of a stream."""
    for _, response in cassette.data:
        text = _text(response["body"]["string"])
        planted = re.sub(r'("(?:content|text|delta)" ?: ?")', lambda match: f"{match.group(1)} {plant} ", text)
        response["body"]["string"] = planted.encode()
        for name in [name for name in response["headers"] if name.lower() in ("content-length", "content-encoding")]:
            del response["headers"][name]
