"""Whether the detectors that a policy names exist and accept the options that it gives them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from hardened.errors import PolicyError
from hardened.policy.presets import Effective
from hardened.policy.problems import no_such_detector, origin, shown
from hardened.policy.settings import KeyPath
from hardened_detectors import registry


def check(named: Iterable[str], running: Mapping[str, Effective], source: str, origins: Mapping[KeyPath, str]) -> None:
    """Raises PolicyError for the first detector or option that cannot be used."""
    for name in named:
        if wrong := no_such_detector(name):
            raise PolicyError(f"{origin(('detectors', name), origins, source)}: {wrong}")
    for name, one in running.items():
        if one.options or registry.is_plugin(name):
            _check_options(name, one, origin(("detectors", name, "options"), origins, source))


def _check_options(name: str, one: Effective, where: str) -> None:
    """Builds the detector once. Of other packages' detectors we do not know what their messages hold."""
    stage = next(stage for stage, action in one.actions.items() if action != "allow")
    try:
        registry.create(name, stage=stage, **one.options)
    except Exception as error:  # noqa: BLE001 - whatever a factory raises means that it cannot be used so
        if registry.is_ours(name) and isinstance(error, ImportError):
            raise PolicyError(f"{where}: detectors.{shown(name)}: {error}") from None  # says what to install
        told = registry.is_ours(name) and isinstance(error, TypeError | ValueError | LookupError)
        reason = _without_values(str(error), one.options) if told else type(error).__name__
        raise PolicyError(f"{where}: detectors.{shown(name)}.options: not accepted by the detector: {reason}") from None


def _without_values(message: str, options: object) -> str:
    """The message without those words of the options that do not look like names."""
    for text in sorted(_texts(options), key=len, reverse=True):
        if text and shown(text) != text:
            message = message.replace(text, "…")
    return message


def _texts(value: object) -> Iterator[str]:
    """Every text in nested options, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in cast(Mapping[Any, Any], value).items():
            yield str(key)
            yield from _texts(inner)
    elif isinstance(value, Iterable):
        for inner in cast(Iterable[Any], value):
            yield from _texts(inner)
