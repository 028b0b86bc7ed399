"""A process without any policy, in an empty directory."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from hardened.policy import active as active_module

Write = Callable[..., Path]


@pytest.fixture(autouse=True)
def blank(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("HARDENED_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(active_module, "_state", active_module._State())


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a policy file into the working directory."""

    def write(text: str, name: str = "hardened.yaml") -> Path:
        file = tmp_path / name
        file.write_text(text, encoding="utf-8")
        return file

    return write
