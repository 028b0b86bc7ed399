"""Whether the detectors that a policy names exist and accept the options that it gives them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hardened.errors import PolicyError
from hardened.policy.load import BUILT_IN
from hardened.policy.presets import Effective
from hardened.policy.problems import origin, shown, suggest
from hardened.policy.settings import KeyPath
from hardened_detectors import registry


def check(named: Iterable[str], running: Mapping[str, Effective], source: str, origins: Mapping[KeyPath, str]) -> None:
    """Raises PolicyError for the first detector or option that cannot be used."""
    known = registry.available()
    for name in named:
        if name not in known:
            hint = suggest(name, known) or f"; known are {', '.join(known)}"
            raise PolicyError(
                f"{origin(('detectors', name), origins, source)}: no detector is called {shown(name)!r}{hint}"
            )
    for name, one in running.items():
        if one.options:
            _check_options(name, one, origin(("detectors", name, "options"), origins, source))


def _check_options(name: str, one: Effective, where: str) -> None:
    """Builds the detector once. Only of our own detectors do we know that their messages hold no values."""
    stage = next(stage for stage, action in one.actions.items() if action != "allow")
    try:
        registry.create(name, stage=stage, **one.options)
    except Exception as error:  # noqa: BLE001 - whatever a factory raises means that it cannot be used so
        reason = str(error) if name in BUILT_IN and isinstance(error, TypeError | ValueError) else type(error).__name__
        raise PolicyError(f"{where}: detectors.{shown(name)}.options: not accepted by the detector: {reason}") from None
