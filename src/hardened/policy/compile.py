"""From what a policy says to what the guards read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from hardened.errors import PolicyError
from hardened.guards.plan import Plan, Rule
from hardened.guards.verdict import STAGES, Stage
from hardened.policy.presets import Effective, effective
from hardened.policy.problems import shown, suggest
from hardened.policy.schema import Policy
from hardened.version import __version__


def compile(policy: Policy) -> Plan:
    """The rules of a policy by stage, in the order in which they run.

    Raises PolicyError for a detector that is neither built in, nor registered, nor offered by an installed package.
    """
    _check_names(policy.detectors)
    detectors = effective(policy)
    rules: dict[Stage, tuple[Rule, ...]] = {}
    for stage in STAGES:
        rules[stage] = tuple(rule for name, one in detectors.items() for rule in _rules(name, one, stage))
    options = {name: dict(one.options) for name, one in detectors.items() if one.options}
    return Plan(
        mode=policy.mode,
        rules=rules,
        options=options,
        stream=policy.stream,
        version=_version(policy, detectors),
    )


def _rules(name: str, one: Effective, stage: Stage) -> Iterable[Rule]:
    """None for `allow`. Where only the surer findings may block, a second rule warns about the others."""
    action = one.actions[stage]
    if action == "allow":
        return
    blocks = action == "block"
    yield Rule(name, action, one.on_error, one.timeout, one.block_score if blocks else one.min_score)
    if blocks and one.block_score > one.min_score:
        yield Rule(name, "warn", one.on_error, one.timeout, one.min_score)


def _version(policy: Policy, detectors: dict[str, Effective]) -> str:
    """Twelve hexadecimal digits over everything that changes a verdict, our own version included."""
    said = [__version__, policy.mode, policy.stream]
    said += [
        [name, one.actions, one.on_error, one.min_score, one.block_score, one.timeout, one.options]
        for name, one in detectors.items()
    ]
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()[:12]


def _check_names(names: Iterable[str]) -> None:
    from hardened.policy.load import BUILT_IN

    others = [name for name in names if name not in BUILT_IN]
    if not others:
        return
    from hardened_detectors import registry

    known = registry.names()
    for name in others:
        if name not in known:
            raise PolicyError(f"detectors.{shown(name)}: no detector of this name is installed{suggest(name, known)}")
