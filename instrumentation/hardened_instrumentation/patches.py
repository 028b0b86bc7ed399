"""Replacing attributes of a foreign module's classes, and putting them back."""

from __future__ import annotations

from typing import Any


class SeamMissing(Exception):
    """This version of an SDK lacks the place where a seam would go; the message names it."""


class Patches:
    """Attributes that were replaced, in order; all are restored by `undo`."""

    def __init__(self) -> None:
        self._undo: list[tuple[Any, str, Any, Any]] = []

    def __len__(self) -> int:
        return len(self._undo)

    def replace(self, owner: Any, name: str, replacement: Any) -> None:
        """Set `owner.name`, which must be the owner's own attribute."""
        self._undo.append((owner, name, owner.__dict__[name], replacement))
        setattr(owner, name, replacement)

    def undo(self) -> None:
        """Restore what was there; where somebody has patched over us, our layer stays and lets calls pass."""
        while self._undo:
            owner, name, original, replacement = self._undo.pop()
            if owner.__dict__.get(name) is replacement:
                setattr(owner, name, original)
