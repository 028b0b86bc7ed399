"""What tests of LLM applications need: a provider that runs on the loopback interface and answers as scripted."""

from hardened.testing.faults import FAULTS, Fault
from hardened.testing.message import Request
from hardened.testing.provider import Attempt, FakeProvider
from hardened.testing.schedules import COMMON, Flapping, Mix, Outage, Schedule
from hardened.testing.script import Reply, Tokens, ToolCall

__all__ = [
    "COMMON",
    "FAULTS",
    "Attempt",
    "FakeProvider",
    "Fault",
    "Flapping",
    "Mix",
    "Outage",
    "Reply",
    "Request",
    "Schedule",
    "Tokens",
    "ToolCall",
]
