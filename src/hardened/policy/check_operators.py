"""Whether the operators of a policy can do what they shall, with the key that there is."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Final

from hardened.errors import PolicyError
from hardened.guards.plan import Operator
from hardened.policy.problems import origin, shown, suggest
from hardened.policy.schema import Policy, reveal
from hardened.policy.settings import KeyPath

MIN_KEY: Final = 16  # characters
MAX_READABLE: Final = 4  # characters of a credential

_WITH_ENTRIES: Final = ("pii", "secrets")
"""Detectors whose categories are known; what others find is theirs to say."""


def check(
    policy: Policy,
    operators: Mapping[str, Mapping[str, Operator]],
    source: str,
    origins: Mapping[KeyPath, str],
) -> None:
    """Raises PolicyError for the first operator, or the key, that cannot be used."""
    key = reveal(policy.redaction.key)
    if key is not None and len(key) < MIN_KEY:
        where = origin(("redaction", "key"), origins, source)
        raise PolicyError(f"{where}: redaction.key: must have at least {MIN_KEY} characters")
    for name, own in operators.items():
        _check_categories(name, own, source, origins)
        for category, operator in own.items():
            problem = _problem(name, operator, key)
            if problem:
                setting = ("detectors", name, "operators", category) if category else ("detectors", name, "operator")
                told = ".".join(map(shown, setting))
                raise PolicyError(f"{origin(setting, origins, source)}: {told}: {problem}")


def _problem(name: str, operator: Operator, key: str | None) -> str | None:
    if operator.name == "encrypt" and key is None:
        return "encrypt needs a key: set redaction.key, better through the variable HARDENED_REDACTION_KEY"
    if name == "secrets" and operator.keep_first + operator.keep_last > MAX_READABLE:
        return f"keep_first and keep_last: of a credential at most {MAX_READABLE} characters may stay readable"
    return None


def _check_categories(name: str, own: Mapping[str, Operator], source: str, origins: Mapping[KeyPath, str]) -> None:
    named = [category for category in own if category]
    if not named or name not in _WITH_ENTRIES:
        return
    known = {entry.category for entry in import_module(f"hardened_detectors.{name}").ENTRIES}
    for category in named:
        if category not in known:
            where = origin(("detectors", name, "operators", category), origins, source)
            hint = suggest(category, sorted(known)) or f"; known are {', '.join(sorted(known))}"
            raise PolicyError(f"{where}: detectors.{name}.operators: no category {shown(category)!r}{hint}")
