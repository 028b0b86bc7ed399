"""Helpers that read what was exported."""

from __future__ import annotations

import base64
from typing import Any

_IDS = ("traceId", "spanId", "parentSpanId")


def ids_to_base64(value: Any) -> Any:
    """OTLP/JSON with the ids as protobuf's own JSON mapping has them, so that `json_format` can parse it."""
    if isinstance(value, dict):
        return {
            key: base64.b64encode(bytes.fromhex(item)).decode() if key in _IDS else ids_to_base64(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [ids_to_base64(item) for item in value]
    return value
