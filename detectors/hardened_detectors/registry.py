"""Detectors by name: the built-in ones, those of other packages, and those made from functions."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any, cast

from .api import Detector, Finding

ENTRY_POINTS = "hardened.detectors"
"""The group of entry points under which packages offer factories."""

Factory = Callable[..., Detector]
"""Called as `factory(stage=..., **options)`."""

Found = Iterable[Finding | tuple[int, int] | tuple[int, int, str]] | bool

# Named here so that the usual case reads no package metadata (importlib.metadata scans the whole installation).
_BUILT_IN = {
    "pii": "hardened_detectors.pii",
    "secrets": "hardened_detectors.secrets",
    "injection": "hardened_detectors.injection",
    "topic": "hardened_detectors.topic",
    "canary": "hardened_detectors.canary",
    "prompt_leak": "hardened_detectors.prompt_leak",
    "names": "hardened_detectors.names",
}
_PLUGINS = {
    "classifier": "hardened_detectors.plugins.classifier",
    "presidio": "hardened_detectors.plugins.presidio",
    "spacy": "hardened_detectors.plugins.spacy",
    "gliner": "hardened_detectors.plugins.gliner",
    "guardrails": "hardened_detectors.plugins.guardrails",
}
_registered: dict[str, Factory] = {}


def create(name: str, *, stage: str = "input", **options: Any) -> Detector:
    """A new detector for texts of `stage`.

    Looks among what `register` was given, then the built-in ones and plug-ins, then entry points of the group
    `hardened.detectors`. A plug-in's name may carry a suffix, `classifier.toxicity`, to be used several times.
    Raises `LookupError` if there is none, and whatever the factory raises for options that it does not accept.
    """
    return _factory(name)(stage=stage, **options)


def register(name: str, factory: Factory) -> None:
    """Makes `create(name)` call `factory`, in place of an earlier one.

    Raises `ValueError` for a built-in name, and for one that could not stand in a policy or in a trace.
    """
    if not re.fullmatch(r"\w[\w.-]*", name):
        raise ValueError("the name of a detector consists of letters, digits, '_', '-' and '.'")
    if is_ours(name):
        raise ValueError(f"the name {name!r} belongs to a built-in detector")
    _registered[name] = factory


def unregister(name: str) -> None:
    """Undoes `register`; does nothing if the name is not registered."""
    _registered.pop(name, None)


def available() -> list[str]:
    """All names that `create` knows, sorted."""
    return sorted({*_registered, *_BUILT_IN, *_PLUGINS, *_entry_points()})


def is_known(name: str) -> bool:
    """Whether `create` knows the name."""
    return name in _registered or is_ours(name) or name in _entry_points()


def is_ours(name: str) -> bool:
    """Whether the name is that of a detector of this package, with a plug-in's suffix or not."""
    return name in _BUILT_IN or is_plugin(name)


def is_plugin(name: str) -> bool:
    """Whether the name is that of a detector that needs an extra."""
    return name.partition(".")[0] in _PLUGINS


def from_function(name: str, fn: Callable[[str], Found]) -> Detector:
    """A detector from a function.

    `fn` takes a text and returns spans `(start, end)`, spans with a category `(start, end, category)`, findings, or
    just whether the whole text is one. The category of a bare span is `name`.
    """
    return _FunctionDetector(name, fn)


def _factory(name: str) -> Factory:
    if name in _registered:
        return _registered[name]
    if name in _BUILT_IN:
        return cast(Factory, import_module(_BUILT_IN[name]).create)
    if is_plugin(name):
        return functools.partial(import_module(_PLUGINS[name.partition(".")[0]]).create, name=name)
    points = _entry_points()
    if name in points:
        return cast(Factory, points[name].load())
    from difflib import get_close_matches

    known = available()
    close = get_close_matches(name, known, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise LookupError(f"no detector is called {name!r}.{hint} Known: {', '.join(known)}.")


def _entry_points() -> dict[str, Any]:
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group=ENTRY_POINTS)}


class _FunctionDetector:
    def __init__(self, name: str, fn: Callable[[str], Found]) -> None:
        self.name = name
        self._fn = fn

    def detect(self, text: str) -> Sequence[Finding]:
        found = self._fn(text)
        if isinstance(found, bool):
            return [Finding(self.name, self.name, 0, len(text))] if found else []
        return [self._finding(item, len(text)) for item in found]

    def _finding(self, item: Finding | tuple[int, int] | tuple[int, int, str], length: int) -> Finding:
        finding = (
            item
            if isinstance(item, Finding)
            else Finding(self.name, item[2] if len(item) > 2 else self.name, *item[:2])
        )
        if not 0 <= finding.start <= finding.end <= length:
            raise ValueError(f"detector {self.name!r} returned a span outside of the text")
        return replace(finding, detector=self.name)
