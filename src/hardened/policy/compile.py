"""From what a policy says to what the guards read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from hardened.guards.plan import Operator, Plan, Replacement, Rule
from hardened.guards.verdict import STAGES, Stage
from hardened.policy.load import BUILT_IN
from hardened.policy.presets import Effective, effective
from hardened.policy.schema import Policy, reveal
from hardened.version import __version__

if TYPE_CHECKING:
    from hardened.policy.settings import KeyPath


def compile(policy: Policy, source: str = "policy", origins: Mapping[KeyPath, str] | None = None) -> Plan:
    """The rules of a policy by stage, in the order in which they run.

    Raises PolicyError for a detector that is neither built in, nor registered, nor offered by an installed package, for
    options that a detector does not accept, for targets and routes that do not fit together, and for addresses that
    cannot be used; `source` and `origins` (see `load.Loaded`) say where they were said.
    """
    detectors = effective(policy)
    if set(policy.detectors) - set(BUILT_IN) or any(one.options for one in detectors.values()):
        from hardened.policy.check_detectors import check

        check(policy.detectors, detectors, source, origins or {})
    operators = {name: one.operators for name, one in detectors.items() if one.operators}
    if operators or policy.redaction.key:
        from hardened.policy.check_operators import check as check_operators

        check_operators(policy, operators, source, origins or {})
    if policy.targets or policy.routes:
        from hardened.policy import check_targets

        check_targets.check(policy, source, origins or {})
    if policy.targets or policy.store.url is not None or policy.spend.alerts.webhook is not None:
        from hardened.policy import check_addresses

        check_addresses.check(policy, source, origins or {})
    return Plan(
        mode=policy.mode,
        rules={stage: tuple(_rules(detectors, stage)) for stage in STAGES},
        options={name: dict(one.options) for name, one in detectors.items() if one.options},
        stream=policy.stream,
        replacement=_replacement(policy, operators),
        version=_version(policy, detectors),
    )


def _replacement(policy: Policy, operators: Mapping[str, Mapping[str, Operator]]) -> Replacement:
    pseudonyms, key = policy.redaction.pseudonyms, reveal(policy.redaction.key)
    return Replacement(
        operators=operators,
        key=key.encode() if key else None,
        scope=pseudonyms.scope,
        ttl=pseudonyms.ttl_minutes * 60.0,
        max_values=pseudonyms.max_values,
        tools=frozenset(pseudonyms.tools),
    )


def _rules(detectors: Mapping[str, Effective], stage: Stage) -> Iterator[Rule]:
    """None for `allow`. Where only the surer findings may block, a second rule warns about the others."""
    for name, one in detectors.items():
        action = one.actions[stage]
        if action == "allow":
            continue
        least = one.block_score if action == "block" else one.min_score
        yield Rule(name, action, one.on_error, one.timeout, least)
        if least > one.min_score:
            yield Rule(name, "warn", one.on_error, one.timeout, one.min_score)


def _version(policy: Policy, detectors: Mapping[str, Effective]) -> str:
    """Twelve hexadecimal digits over everything that changes a verdict, our own version included."""
    said = [__version__, policy.mode, policy.stream, {name: one._asdict() for name, one in detectors.items()}]
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()[:12]
