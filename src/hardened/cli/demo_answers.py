"""What the provider on this machine answers to the example application."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from dataclasses import replace

from hardened.testing import FakeProvider, Reply, Request
from hardened.testing.provider import Predicate

_THINKING = 0.15  # seconds before an answer, so that times in the table look like times
_TYPING = 0.02  # seconds between two chunks


def script(provider: FakeProvider) -> None:
    """Answers by what is asked. The two blocked requests have none: they never arrive."""
    answers = {
        "return a lamp": Reply(text="You have 30 days, and the way back is free."),
        "small desk": Reply(text="A slim LED lamp with a clamp leaves most of a small desk free.", chunk_size=8),
        "my order 4711": Reply(tool_calls=[{"name": "order_status", "arguments": {"number": "4711"}}]),
        "Order 4711 was handed": Reply(text="Good news: your order 4711 arrives tomorrow."),
        "change my address": Reply(text="Done, your address has been changed."),
        "made-up OpenAI API key": Reply(text=f"Here it is:\nOPENAI_API_KEY={made_up_key()}\nKeep it safe!"),
        "Summarise these tickets": Reply(
            text="Customers report flickering in the evening, for all seven models alike."
        ),
    }
    for words, answer in answers.items():
        provider.when(_asks(words), _slowly(answer))


def made_up_key() -> str:
    """A text of the form of an OpenAI project key. Made at run time: no file holds one."""

    def letters(seed: bytes, length: int) -> str:
        text = urlsafe_b64encode(hashlib.sha512(seed).digest()).decode()
        return text.replace("-", "x").replace("_", "y")[:length]

    return "sk-" + "proj-" + letters(b"left", 74) + "T3Blbk" + "FJ" + letters(b"right", 74)


def _asks(words: str) -> Predicate:
    def matches(request: Request) -> bool:
        return words in request.prompt

    return matches


def _slowly(answer: Reply) -> Reply:
    return replace(answer, delay=_THINKING, chunk_delay=_TYPING)
