"""What `hardened doctor` says of one thing that it looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "off", "warning", "problem"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `advice` says what to do if it is not as it should be."""

    area: str
    name: str
    state: State
    text: str
    advice: str = ""
