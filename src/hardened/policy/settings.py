"""The settings by name: the schema walked once, so that variables, overrides and docs need no list of their own.

The setting `telemetry.file.path` is `HARDENED_TELEMETRY_FILE_PATH` in the environment and `telemetry_file_path` as a
keyword of `hardened.configure()`.
"""

from __future__ import annotations

import typing
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic.fields import FieldInfo

from hardened.policy.schema import Policy, Section

KeyPath = tuple[str, ...]


def leaves(section: type[Section] = Policy, prefix: KeyPath = ()) -> Iterator[tuple[KeyPath, FieldInfo]]:
    """Every setting with its path. A name that the user chooses (a detector, a model) stands as `*`."""
    for name, field in section.model_fields.items():
        path = (*prefix, name)
        inner = section_of(field.annotation)
        if inner is not None:
            yield from leaves(inner, path if is_scalar(field) else (*path, "*"))
        else:
            yield path, field


def section_of(annotation: Any) -> type[Section] | None:
    """The section that a field holds, or that each of its values is."""
    for candidate in (annotation, *typing.get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, Section):
            return candidate
    return None


def is_scalar(field: FieldInfo) -> bool:
    """Whether one word can say the value: not for free-form mappings."""
    return typing.get_origin(field.annotation) is not dict


def words(annotation: Any) -> set[Any]:
    """The fixed values among those that an annotation allows."""
    inner = typing.get_args(annotation)
    return set(inner) if typing.get_origin(annotation) is typing.Literal else set[Any]().union(*map(words, inner))


def keyword(path: KeyPath) -> str:
    """`telemetry_file_path` for `telemetry.file.path`."""
    return "_".join(path).replace("-", "_")


class Names:
    """Finds the setting behind a keyword such as `mode` or `detectors_pii_tool_call`."""

    def __init__(self) -> None:
        self.fixed: dict[str, KeyPath] = {}
        self._of_detector: dict[str, str] = {}  # "_tool_call" -> "tool_call"
        self._fields = dict(leaves())
        for path, field in self._fields.items():
            if path[:2] == ("detectors", "*") and is_scalar(field):
                self._of_detector["_" + path[2]] = path[2]
            elif "*" not in path and is_scalar(field):
                self.fixed[keyword(path)] = path

    def find(self, word: str, detectors: Mapping[str, Any]) -> KeyPath | None:
        """The path of a setting; `detectors` are those named so far, whose own spelling (`my-pii`) is kept."""
        if word in self.fixed:
            return self.fixed[word]
        if not word.startswith("detectors_"):
            return None
        for suffix, field in self._of_detector.items():
            name = word.removeprefix("detectors_").removesuffix(suffix)
            if word.endswith(suffix) and name:
                spelled = {keyword((known,)): known for known in detectors}
                return ("detectors", spelled.get(name, name), field)
        return None

    def value(self, path: KeyPath, text: str) -> str | list[str]:
        """What a variable says: words between commas for a list, a fixed word in any case (`HARDENED_MODE=OFF`)."""
        annotation = self._fields[("detectors", "*", path[2]) if path[0] == "detectors" else path].annotation
        if typing.get_origin(annotation) is tuple:
            return [word.strip() for word in text.split(",") if word.strip()]
        return text.lower() if text.lower() in words(annotation) else text

    def all(self, detectors: Mapping[str, Any]) -> list[str]:
        """Every keyword there is, for suggestions."""
        of_detectors = (f"detectors_{keyword((name,))}{suffix}" for name in detectors for suffix in self._of_detector)
        return [*self.fixed, *of_detectors]
