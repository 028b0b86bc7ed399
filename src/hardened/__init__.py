"""One import makes an LLM application fit for production.

    import hardened.auto

The names below are loaded when they are first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from hardened.version import __version__

if TYPE_CHECKING:
    from hardened.analysis.load import load_traces as load_traces
    from hardened.errors import AlreadyDone as AlreadyDone
    from hardened.errors import AlreadyRunning as AlreadyRunning
    from hardened.errors import BlockedError as BlockedError
    from hardened.errors import BudgetExceeded as BudgetExceeded
    from hardened.errors import CallError as CallError
    from hardened.errors import CircuitOpen as CircuitOpen
    from hardened.errors import DeadlineExceeded as DeadlineExceeded
    from hardened.errors import HardenedError as HardenedError
    from hardened.errors import IdempotencyError as IdempotencyError
    from hardened.errors import InputTooLong as InputTooLong
    from hardened.errors import InvalidResponse as InvalidResponse
    from hardened.errors import KilledError as KilledError
    from hardened.errors import LimitError as LimitError
    from hardened.errors import OutcomeUnknown as OutcomeUnknown
    from hardened.errors import Overloaded as Overloaded
    from hardened.errors import PolicyError as PolicyError
    from hardened.errors import RateLimited as RateLimited
    from hardened.errors import StreamInterrupted as StreamInterrupted
    from hardened.errors import UnknownPrice as UnknownPrice
    from hardened.guards.functions import acheck as acheck
    from hardened.guards.functions import check as check
    from hardened.guards.functions import decrypt as decrypt
    from hardened.guards.functions import detector as detector
    from hardened.guards.functions import guard as guard
    from hardened.guards.judge import judge as judge
    from hardened.guards.vault import Vault as Vault
    from hardened.guards.vault import pseudonyms as pseudonyms
    from hardened.guards.verdict import Verdict as Verdict
    from hardened.policy.active import configure as configure
    from hardened.policy.schema import Policy as Policy
    from hardened.resilience.functions import resilient as resilient
    from hardened.resilience.last import CallOutcome as CallOutcome
    from hardened.resilience.last import last_call as last_call
    from hardened.resilience.once import idempotent as idempotent
    from hardened.setup import instrument as instrument
    from hardened.setup import uninstrument as uninstrument
    from hardened.spend.alerts import on_alert as on_alert
    from hardened.telemetry.context import context as context
    from hardened.telemetry.context import propagate as propagate
    from hardened.telemetry.providers import flush as flush
    from hardened.testing.injection import chaos as chaos
    from hardened_detectors.canary import canary as canary

_HOMES = {
    "AlreadyDone": "hardened.errors",
    "AlreadyRunning": "hardened.errors",
    "BlockedError": "hardened.errors",
    "BudgetExceeded": "hardened.errors",
    "CallError": "hardened.errors",
    "CallOutcome": "hardened.resilience.last",
    "DeadlineExceeded": "hardened.errors",
    "last_call": "hardened.resilience.last",
    "resilient": "hardened.resilience.functions",
    "HardenedError": "hardened.errors",
    "OutcomeUnknown": "hardened.errors",
    "Overloaded": "hardened.errors",
    "CircuitOpen": "hardened.errors",
    "IdempotencyError": "hardened.errors",
    "InputTooLong": "hardened.errors",
    "InvalidResponse": "hardened.errors",
    "KilledError": "hardened.errors",
    "LimitError": "hardened.errors",
    "Policy": "hardened.policy.schema",
    "PolicyError": "hardened.errors",
    "RateLimited": "hardened.errors",
    "StreamInterrupted": "hardened.errors",
    "UnknownPrice": "hardened.errors",
    "Vault": "hardened.guards.vault",
    "Verdict": "hardened.guards.verdict",
    "acheck": "hardened.guards.functions",
    "canary": "hardened_detectors.canary",
    "chaos": "hardened.testing.injection",
    "check": "hardened.guards.functions",
    "configure": "hardened.policy.active",
    "context": "hardened.telemetry.context",
    "decrypt": "hardened.guards.functions",
    "detector": "hardened.guards.functions",
    "flush": "hardened.telemetry.providers",
    "guard": "hardened.guards.functions",
    "idempotent": "hardened.resilience.once",
    "instrument": "hardened.setup",
    "judge": "hardened.guards.judge",
    "load_traces": "hardened.analysis.load",
    "on_alert": "hardened.spend.alerts",
    "propagate": "hardened.telemetry.context",
    "pseudonyms": "hardened.guards.vault",
    "uninstrument": "hardened.setup",
}

__all__ = [
    "AlreadyDone",
    "AlreadyRunning",
    "BlockedError",
    "BudgetExceeded",
    "CallError",
    "CallOutcome",
    "CircuitOpen",
    "DeadlineExceeded",
    "HardenedError",
    "IdempotencyError",
    "InputTooLong",
    "InvalidResponse",
    "KilledError",
    "LimitError",
    "OutcomeUnknown",
    "Overloaded",
    "Policy",
    "PolicyError",
    "RateLimited",
    "StreamInterrupted",
    "UnknownPrice",
    "Vault",
    "Verdict",
    "__version__",
    "acheck",
    "canary",
    "chaos",
    "check",
    "configure",
    "context",
    "decrypt",
    "detector",
    "flush",
    "guard",
    "idempotent",
    "instrument",
    "judge",
    "last_call",
    "load_traces",
    "on_alert",
    "propagate",
    "pseudonyms",
    "resilient",
    "uninstrument",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'hardened' has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
