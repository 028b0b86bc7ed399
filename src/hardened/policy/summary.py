"""A policy in one line, for the log at start."""

from __future__ import annotations

from hardened.guards.verdict import STAGES
from hardened.policy.presets import effective
from hardened.policy.schema import Policy
from hardened.version import __version__


def describe(policy: Policy) -> str:
    """What is enforced and where traces go, as `hardened 0.1.0: balanced, enforce; secrets redact; traces → …`."""
    file = policy.telemetry.file
    parts = [
        f"hardened {__version__}: {policy.preset}, {policy.mode}",
        "no detector runs" if policy.mode == "off" else ", ".join(_detectors(policy)) or "no detector configured",
        f"traces → {file.path}" if file.enabled else "no local traces",
    ]
    if not policy.captures_content:
        parts.append("no message content")
    return "; ".join(parts)


def _detectors(policy: Policy) -> list[str]:
    """`pii warn`, or `secrets block input + redact output/tool_result` where the stages differ."""
    lines: list[str] = []
    for name, own in effective(policy).items():
        stages: dict[str, list[str]] = {}
        for stage in STAGES:
            if own.actions[stage] != "allow":
                stages.setdefault(own.actions[stage], []).append(stage)
        if len(stages) == 1:
            lines.append(f"{name} {next(iter(stages))}")
        elif stages:
            lines.append(f"{name} " + " + ".join(f"{action} {'/'.join(where)}" for action, where in stages.items()))
    return lines
