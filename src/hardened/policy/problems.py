"""Messages about a policy that cannot be used: where, what, what would be right; never a value, it could be secret."""

from __future__ import annotations

import difflib
import re
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from hardened.errors import PolicyError
from hardened.policy.schema import MAPPING, REFERABLE, WORD, Section
from hardened.policy.settings import KeyPath

MOST_SHOWN: Final = 10  # problems in one message
MOST_NAMED: Final = 20  # keys that are named where nobody knows which was meant

# Words of a schema, names of detectors and models. A value pasted into the place of a key (`{key:sk-1f…}`) is none.
_A_NAME: Final = re.compile(r"(?!sk|pk)[A-Za-z]+(?:[_.*/-][A-Za-z]+|[_.*-]?[0-9]{1,2})*[*]?")

_EXPECTED: Final[Mapping[str, str]] = {
    "bool": "expected true or false",
    "int": "expected a whole number",
    "float": "expected a number",
    "finite": "expected a finite number",
    "string_pattern": "does not have the expected form",
    "string_too_short": "must not be empty",
    "string_too_long": "is too long",
    "string": "expected text; put it in quotes if it looks like a number or a date",
    "tuple": "expected a list",
    "dict": "expected a mapping (`key: value` lines)",
    "model": "expected a mapping (`key: value` lines)",
    "missing": "is missing",
    "amount": "expected an amount with its unit, such as 50 USD, 60 requests, or 100k tokens",
    "time_zone": "expected the name of a time zone, such as Europe/Berlin",
    "env_reference": f"`env:` may name only variables that begin with {' or '.join(REFERABLE)}",
}
_LIMITS: Final = {"greater_than": "above", "greater_than_equal": "at least", "less_than_equal": "at most"}


def suggest(word: str, known: Iterable[str], write: Callable[[str], str] = repr) -> str:
    """`; did you mean 'x'?` for the nearest known word, else nothing."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean {write(near[0])}?" if near else ""


def no_such_detector(name: str) -> str:
    """What is wrong with the name of a detector; empty if there is one."""
    from hardened_detectors import registry

    if registry.is_known(name):
        return ""
    known = registry.available()
    hint = suggest(name, known) or f"; known are {', '.join(known)}"
    return f"no detector is called {shown(name)!r}{hint}"


def shown(key: object) -> str:
    """A key as it may be printed: what does not look like a name could be a misplaced value."""
    text = str(key)
    return text if len(text) <= 40 and _A_NAME.fullmatch(text) else "…"


def dotted(path: Iterable[object]) -> str:
    """`detectors.pii.input`."""
    return ".".join(f"[{key}]" if isinstance(key, int) else shown(key) for key in path).replace(".[", "[")


def explain(error: ValidationError, section: type[Section], origins: Mapping[KeyPath, str], source: str) -> PolicyError:
    """The error to raise for what pydantic found. `origins` says where the setting at a path comes from."""
    found = error.errors(include_url=False, include_context=True, include_input=False)
    lines = [f"{origin(one['loc'], origins, source)}: {_problem(one, section)}" for one in found[:MOST_SHOWN]]
    if len(found) > MOST_SHOWN:
        lines.append(f"and {len(found) - MOST_SHOWN} more")
    return PolicyError("\n".join(lines))


def origin(location: Iterable[int | str], origins: Mapping[KeyPath, str], source: str) -> str:
    """Where the setting at a location was said, or the nearest section around it that we know of."""
    path = tuple(str(part) for part in location)
    for end in range(len(path), 0, -1):  # the nearest, from the inside out
        if path[:end] in origins:
            return origins[path[:end]]
    return source


def _problem(one: Any, section: type[Section]) -> str:
    location = tuple(part for part in one["loc"] if part not in (WORD, MAPPING))
    kind, context = str(one["type"]), one.get("ctx", {})
    where = dotted(location) or "the policy"
    if kind == "extra_forbidden":
        parent = dotted(location[:-1])
        inside = f" in {parent}" if parent else ""
        known = list(_keys(section, location[:-1]))
        hint = suggest(str(location[-1]), known) or (f"; known are {', '.join(known)}" if _are_few(known) else "")
        return f"unknown key {shown(location[-1])!r}{inside}{hint}"
    if kind == "literal_error":
        return f"{where}: expected {_words(context['expected'])}"
    if kind in _LIMITS:
        limit = next(value for key, value in context.items() if key in ("gt", "ge", "le"))
        return f"{where}: must be {_LIMITS[kind]} {limit:.15g}"
    if kind == "string_pattern_mismatch" and location[-1] in ("host", "base_url"):
        return f"{where}: expected an address that begins with https:// or http://"
    if kind == "model_type" and _are_few(known := list(_keys(section, location))):
        return f"{where}: {_EXPECTED['model']} with any of {', '.join(known)}"
    for prefix, text in _EXPECTED.items():
        if kind.startswith(prefix):
            return f"{where}: {text}"
    return f"{where}: has a value of the wrong kind"


def _are_few(known: list[str]) -> bool:
    return len(known) <= MOST_NAMED


def _words(expected: str) -> str:
    """pydantic's `'auto', True or False` as one writes it in YAML."""
    return expected.replace("True", "true").replace("False", "false").replace("'", "")


def _keys(section: type[BaseModel], path: Iterable[object]) -> Iterable[str]:
    """The keys that are known at a path."""
    for step in map(str, path):  # a name chosen by the user, such as a detector's, leads no deeper
        if step in section.model_fields:
            inner = _model_in(section.model_fields[step].annotation)
            if inner is None:
                return ()
            section = inner
    return section.model_fields


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model in an annotation, however deep: what a setting may hold beside a word."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, typing.get_args(annotation))), None)
