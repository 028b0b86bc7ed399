"""Warnings about settings that cannot be followed: each is said once, however often the setting is read."""

from __future__ import annotations

import logging

_log = logging.getLogger("hardened.telemetry")

_said: set[str] = set()


def warn_once(message: str) -> None:
    """Log the message as a warning, unless it was said before."""
    if message not in _said:
        _said.add(message)
        _log.warning("hardened: %s", message)
