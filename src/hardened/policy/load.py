"""Which policy holds: finding it, reading it, and putting the environment over it.

The first of these that is given is used, alone: an explicit source, `HARDENED_POLICY`, `hardened.yaml` in the working
directory, zero configuration. So a file that happens to lie in the working directory never weakens an explicit choice.
Then `HARDENED_*` variables replace single settings, whatever the source is: who runs the process has the last word.
"""

from __future__ import annotations

import logging
import os
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pydantic import ValidationError

from hardened.errors import PolicyError
from hardened.policy.found import at, refusals
from hardened.policy.schema import Policy, PresetName, Section
from hardened.policy.section import REFERENCE

if TYPE_CHECKING:
    from hardened.policy.settings import KeyPath

Source = str | os.PathLike[str] | Mapping[str, Any] | Policy

PREFIX: Final = "HARDENED_"
POLICY_VARIABLE: Final = PREFIX + "POLICY"
KILL_VARIABLE: Final = PREFIX + "KILL"
"""No setting: what it says holds at once, whatever the policy is. See `hardened.spend.kill`."""
CHAOS_VARIABLE: Final = PREFIX + "CHAOS"
"""No setting either: only an environment may say that calls shall fail on purpose. See `hardened.testing.injection`."""
_NO_SETTINGS: Final = (POLICY_VARIABLE, KILL_VARIABLE, CHAOS_VARIABLE)
PRESETS: Final[tuple[PresetName, ...]] = typing.get_args(PresetName)
FILE_NAMES: Final = ("hardened.yaml", "hardened.yml")
BUILT_IN: Final = ("secrets", "pii", "injection", "topic", "canary", "prompt_leak")

# Where no policy can be read, private data stays in and nothing is recorded of it, but no call is refused.
SAFE: Final[Mapping[str, Any]] = {
    "detectors": {
        name: dict.fromkeys(("input", "output", "retrieval", "tool_call", "tool_result"), "redact")
        for name in ("secrets", "pii")
    },
    "telemetry": {"content": False},
}

_log = logging.getLogger("hardened.policy")


class Loaded(NamedTuple):
    """A policy with its source, and where each of its settings was said, for messages about it."""

    policy: Policy
    source: str
    origins: Mapping[KeyPath, str]


class Draft:
    """A policy in the making: plain data, and for each setting where it was said."""

    def __init__(self, source: str, data: dict[str, Any], origins: dict[KeyPath, str] | None = None) -> None:
        self.source = source
        self.data = data
        self.origins = origins or {}

    def set(self, path: KeyPath, value: Any, origin: str) -> None:
        """Puts a setting over what was there; mappings are merged."""
        if isinstance(value, Mapping) and isinstance(at(self.data, path), Mapping):
            for key, inner in typing.cast(Mapping[str, Any], value).items():
                self.set((*path, str(key)), inner, origin)
            return
        here = self.data
        for step in path[:-1]:
            inner = here.get(step, {})
            if not isinstance(inner, Mapping):
                return  # already wrong, and to be reported as it was said
            here[step] = dict(typing.cast(Mapping[str, Any], inner))
            here = here[step]
        here[path[-1]] = value
        self.origins[path] = origin

    def remove(self, path: KeyPath) -> None:
        """Takes a setting away that is there."""
        inner = at(self.data, path[:-1])
        if isinstance(inner, dict):
            del inner[path[-1]]

    def policy(self) -> Policy:
        """The validated policy. Raises PolicyError."""
        if not self.data:
            return Policy.model_construct()  # nothing to check: the models need not even be built
        try:
            return Policy.model_validate(self.data)
        except ValidationError as error:
            from hardened.policy.problems import explain

            raise explain(error, Policy, self.origins, self.source) from None


def load(source: Source | None = None, *, env: Mapping[str, str] = os.environ, cwd: Path | None = None) -> Policy:
    """The policy that holds. `source` is a file, the name of a preset, a mapping or a Policy.

    Raises PolicyError, which names file, line and key, and never a value.
    """
    return load_with_source(source, env=env, cwd=cwd).policy


def load_with_source(
    source: Source | None = None,
    *,
    env: Mapping[str, str] = os.environ,
    cwd: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Loaded:
    """As `load`, with where it comes from; overrides by keyword (see `settings`) stand below the environment's."""
    draft = _draft(source, env, cwd)
    _override(draft, overrides or {})
    for path, value, variable in _variables(draft, env):
        draft.set(path, value, f"environment variable {variable}")
    return Loaded(draft.policy(), draft.source, draft.origins)


def load_safe(*, env: Mapping[str, str] = os.environ) -> Loaded:
    """What to go on with when the policy is broken: private data is redacted and not recorded, nothing is blocked.

    Variables that are in order still hold, so `HARDENED_MODE=off` works whatever else is wrong. Never raises.
    """
    from hardened.policy.compile import compile  # which needs this module

    good = Draft("safe policy", dict(SAFE))
    for path, value, variable in _variables(good, env):
        trial = Draft(good.source, dict(good.data))
        trial.set(path, value, variable)
        try:
            compile(trial.policy())  # a variable may be in order and still ask for what is missing, such as a key
        except PolicyError:
            continue
        good = trial
    return Loaded(good.policy(), good.source, good.origins)


def _draft(source: Source | None, env: Mapping[str, str], cwd: Path | None) -> Draft:
    """The first source that is given, unchecked."""
    if source is None and (named := env.get(POLICY_VARIABLE)):
        return _from_name(named, f"environment variable {POLICY_VARIABLE}")
    if source is None:
        directory = cwd or Path()
        file = next((directory / name for name in FILE_NAMES if _lies_there(directory / name)), None)
        return _without_refused(_from_file(file), env) if file else Draft("zero configuration", {})
    if isinstance(source, Policy):
        return Draft("Policy object", _plain(source))
    if isinstance(source, Mapping):
        return Draft("policy mapping", _plain(source))
    if not isinstance(source, str | os.PathLike):  # pyright: ignore[reportUnnecessaryIsInstance]
        kind = type(source).__name__
        raise PolicyError(f"policy: expected a file, the name of a preset, a mapping or a Policy, not {kind}")
    return _from_name(os.fspath(source), "policy")


def _without_refused(found: Draft, env: Mapping[str, str]) -> Draft:
    """A policy that nobody has chosen, without what it may not say, see `found`."""
    from hardened.telemetry.notice import warn_once

    for path, why, silent in list(refusals(found.data, env)):
        if not silent:
            warn_once(
                f"{found.source}: {'.'.join(path)} is ignored: nobody chose this file, and {why}. "
                f"If you trust it, name it in {POLICY_VARIABLE} or configure()."
            )
        found.remove(path)
    return found


def _lies_there(file: Path) -> bool:
    """Whether there is something of this name, be it unreadable or a link to nothing: that is to be reported."""
    try:
        file.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def _from_name(name: str, said_by: str) -> Draft:
    """A preset or a file."""
    if name in PRESETS:
        return Draft(f"preset {name}", {"preset": name})
    if not name.isprintable() or ": " in name or len(name) > 1000:
        raise PolicyError(f"{said_by}: expected the name of a file or of a preset, not the text of a policy")
    file = Path(name)
    if not file.suffix and os.sep not in name and not _lies_there(file):
        from hardened.policy.problems import suggest

        raise PolicyError(f"{said_by}: neither a file nor a preset ({', '.join(PRESETS)}){suggest(name, PRESETS)}")
    return _from_file(file)


def _from_file(file: Path) -> Draft:
    from hardened.policy.yaml_file import read

    data, lines = read(file)
    return Draft(str(file), data, {path: f"{file}, line {line}" for path, line in lines.items()})


def _override(draft: Draft, overrides: Mapping[str, Any]) -> None:
    """Settings given by keyword: a whole section (`telemetry={...}`) or one setting (`telemetry_content=False`)."""
    if not overrides:
        return
    from hardened.policy.problems import suggest
    from hardened.policy.settings import Names

    names = Names()
    for word, value in overrides.items():
        detectors = _detectors(draft)
        path = (word,) if word in Policy.model_fields else names.find(word, detectors)
        if path is None:
            known = [*Policy.model_fields, *names.all(detectors)]
            raise PolicyError(f"configure(): unknown setting {word!r}{suggest(word, known)}")
        draft.set(path, _plain(value), f"configure({word}=…)")


def _variables(draft: Draft, env: Mapping[str, str]) -> list[tuple[KeyPath, Any, str]]:
    """The settings that the environment makes, as (path, value, variable). Empty variables count as not set."""
    variables = sorted(name for name in env if name.startswith(PREFIX) and name not in _NO_SETTINGS and env[name])
    if not variables:
        return []
    from hardened.policy.problems import shown, suggest
    from hardened.policy.settings import Names

    names = Names()
    detectors = _detectors(draft)
    settings: list[tuple[KeyPath, Any, str]] = []
    for variable in variables:
        word = variable.removeprefix(PREFIX).lower()
        path = names.find(word, detectors)
        if path is None or not _is_known(path, detectors):
            if REFERENCE + variable in _texts(draft.data):
                continue  # the policy itself asks for it
            hint = suggest(word, ["policy", *names.all(detectors)], write=lambda known: PREFIX + known.upper())
            _log.warning("hardened: %s%s: no such setting%s", PREFIX, shown(word).upper(), hint)
        else:
            settings.append((path, names.value(path, env[variable].strip()), variable))
    return settings


def _texts(value: Any) -> Iterator[str]:
    """Every text in plain data."""
    if isinstance(value, Mapping):
        value = list(typing.cast("Mapping[Any, Any]", value).values())
    if isinstance(value, list | tuple):
        for inner in typing.cast("list[Any]", value):
            yield from _texts(inner)
    elif isinstance(value, str):
        yield value


def _is_known(path: KeyPath, detectors: Mapping[str, Any]) -> bool:
    """Whether a variable speaks of a detector that the policy names or that is installed; or of none."""
    if path[0] != "detectors" or path[1] in detectors:
        return True
    from hardened_detectors import registry

    return path[1] in registry.available()


def _detectors(draft: Draft) -> dict[str, Any]:
    """The detectors that can be named: the built-in ones and those that the policy speaks of."""
    said = draft.data.get("detectors")
    return dict.fromkeys(BUILT_IN) | (typing.cast(dict[str, Any], said) if isinstance(said, Mapping) else {})


def _plain(value: Any) -> Any:
    """Mappings and models as dictionaries of what was set; paths as text."""
    if isinstance(value, Section):
        return value.model_dump(exclude_unset=True)
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in typing.cast(Mapping[Any, Any], value).items()}
    if isinstance(value, os.PathLike):
        return os.fspath(typing.cast(os.PathLike[str], value))
    return value
