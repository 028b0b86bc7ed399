"""Whether targets and routes fit together: what no model of a single section can say."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from hardened.errors import PolicyError
from hardened.policy.problems import dotted, origin, shown, suggest
from hardened.policy.schema import Policy, reveal

if TYPE_CHECKING:
    from hardened.policy.resilience import Target
    from hardened.policy.settings import KeyPath


def check(policy: Policy, source: str, origins: Mapping[KeyPath, str]) -> None:
    """Raises PolicyError for the first that is wrong."""
    for path, problem in _problems(policy):
        raise PolicyError(f"{origin(path, origins, source)}: {dotted(path)}: {problem}")


def _problems(policy: Policy) -> Iterator[tuple[KeyPath, str]]:
    for feature, names in policy.routes.items():
        for name in names:
            if name not in policy.targets:
                yield ("routes", feature), f"there is no target {shown(name)!r}{suggest(name, policy.targets)}"
    for name, target in policy.targets.items():
        problem = _problem(target)
        if problem is not None:
            yield ("targets", name), problem


def _problem(target: Target) -> str | None:
    others = (target.provider, target.base_url, target.api_key, target.model, target.region)
    if target.static is not None:
        return None if not any(others) else "a static text has no provider, address, key, model or region"
    if target.provider is None:
        return "say its provider: the SDK whose wire it speaks (openai, anthropic, groq); or a static text"
    if target.api_key is not None and reveal(target.api_key, os.environ) is None:
        return "the variable of its api_key is not set"
    if target.base_url is not None and target.api_key is None:
        return "with a base_url of its own it needs an api_key of its own: the client's key goes nowhere else"
    if not any((target.base_url, target.api_key, target.model)):
        return "it is the same as the client's own service: give it a model, a key or an address"
    return None
