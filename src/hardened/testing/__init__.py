"""What tests of LLM applications need: a provider that runs on the loopback interface and answers as scripted."""

from hardened.testing.message import Request
from hardened.testing.provider import FakeProvider
from hardened.testing.script import Fault, Reply, Tokens, ToolCall

__all__ = ["FakeProvider", "Fault", "Reply", "Request", "Tokens", "ToolCall"]
