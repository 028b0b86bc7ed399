"""What a policy may not say that nobody has chosen: one that merely lies in the working directory.

It may have come with a stranger's sources, in a directory that somebody only looks at. So it does not say where data
and keys go, nor name files of others: such settings are ignored. An address that it takes from a variable (`env:…`) is
that of whoever runs the process, and holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from hardened.policy.section import REFERABLE, REFERENCE

if TYPE_CHECKING:
    from hardened.policy.settings import KeyPath

Data = Mapping[str, Any]


class Refusal(NamedTuple):
    """A setting that is ignored.

    Attributes:
        path: the setting.
        why: what it would do, for the warning.
        silent: whether there is nothing to warn of, since it would do nothing.
    """

    path: KeyPath
    why: str
    silent: bool


class _Rule(NamedTuple):
    path: KeyPath
    applies: Callable[[Any, Data], bool]  # the value, and the whole policy
    why: str
    matters: Callable[[Mapping[str, str]], bool] = lambda env: True


def refusals(data: Data, env: Mapping[str, str]) -> Iterator[Refusal]:
    """The settings of a found policy that are ignored."""
    for rule in RULES:
        value = at(data, rule.path)
        if value is not None and rule.applies(value, data):
            yield Refusal(rule.path, rule.why, silent=not rule.matters(env))


def at(data: Any, path: KeyPath) -> Any:
    """What lies at a path, or None."""
    for step in path:
        data = cast("Data", data).get(step) if isinstance(data, Mapping) else None
    return data


def _is_own(value: Any) -> bool:
    """Whether the file says it itself, instead of referring to a variable."""
    return isinstance(value, str) and bool(value) and not value.startswith(REFERENCE)


def _is_said(value: Any, _data: Data) -> bool:
    return _is_own(value)


def _is_elsewhere(value: Any, _data: Data) -> bool:
    """Whether it is an address, or a file outside the directory of the policy."""
    if not _is_own(value):
        return False
    file = PurePath(value)
    return "://" in value or file.is_absolute() or ".." in file.parts or value.startswith("~")


def _takes_keys(host: Any, data: Data) -> bool:
    """Whether keys that are not in the file would be sent to the host that is."""
    keys = (at(data, ("telemetry", "langfuse", name)) for name in ("public_key", "secret_key"))
    return str(host).startswith("http") and not all(map(_is_own, keys))


def _has_keys(env: Mapping[str, str]) -> bool:
    return any(name.startswith(REFERABLE) and name.endswith("_KEY") for name in env)


def _leave(routes: Any, data: Data) -> bool:
    """Whether routes may lead to other addresses or accounts."""
    targets = data.get("targets")
    names: Data = cast("Data", targets) if isinstance(targets, Mapping) else {}
    return bool(routes) and any(at(names, (name, key)) for name in names for key in ("base_url", "api_key"))


RULES: Final = (
    _Rule(
        ("telemetry", "langfuse", "host"),
        _takes_keys,
        "it would send keys there that are not in this file",
        matters=_has_keys,
    ),
    _Rule(("routes",), _leave, "a target with an address or key of its own would get the users' questions"),
    _Rule(("store", "url"), _is_elsewhere, "counts, with the names of users, would be kept there"),
    _Rule(
        ("spend", "alerts", "webhook"),
        _is_said,
        "alerts, with the names of users, would be sent there",
    ),
    _Rule(("kill", "file"), _is_elsewhere, "`hardened kill` would write there"),
)
