"""Whether the model that answered is the one that was asked for: providers change models behind a name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_DATED: Final = re.compile(r"(?<!\d)20\d\d-?[01]\d-?[0-3]\d$")


def drifted(
    requested: str | None, answered: str | None, fingerprint: str | None, pins: Mapping[str, tuple[str, ...]]
) -> bool:
    """Whether something else answered.

    A pinned model may be answered by what its pin names: models, and fingerprints if it names any. Without a pin only a
    dated name is a promise (`gpt-4o-2024-08-06` answers as itself): an alias, or the name of a deployment, is none.
    """
    if requested is None or answered is None:
        return False
    pin = pins.get(requested)
    if pin is None:
        return bool(_DATED.search(requested)) and answered not in requested and requested not in answered
    prints = [name for name in pin if name.startswith("fp_")]
    if len(prints) < len(pin) and answered not in pin:
        return True
    return bool(prints) and fingerprint not in prints
