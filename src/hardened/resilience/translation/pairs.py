"""Which wires can be translated into which."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from hardened.resilience.translation import chat_to_messages, messages_to_chat
from hardened.resilience.translation.answers import chat_answer, message_answer
from hardened.resilience.translation.chat_events import ChatEvents
from hardened.resilience.translation.message_events import MessageEvents
from hardened_instrumentation.calls import Json, StreamSession


class Translation(NamedTuple):
    """From the wire of a call into another one, and back.

    Attributes:
        request: the request that asks the same; takes the body and the provider that shall answer. Raises `Refused`.
        answer: the answer in the wire of the call. Raises `Refused` for what is none.
        events: what turns the events of a streamed answer into those of the call's wire; takes the call's own body.
    """

    request: Callable[[Json, str], Json]
    answer: Callable[[Json], Json]
    events: Callable[[Json], StreamSession]


WIRES: Final[Mapping[str, str]] = {
    "openai": "chat/completions",
    "groq": "chat/completions",
    "anthropic": "messages",
}
"""The wire of conversations that a provider speaks, under the name of its route."""

TRANSLATIONS: Final[Mapping[tuple[str, str], Translation]] = {
    ("chat/completions", "messages"): Translation(chat_to_messages.request, chat_answer, ChatEvents),
    ("messages", "chat/completions"): Translation(messages_to_chat.request, message_answer, MessageEvents),
}
"""By the wire of the call, and the one that it is translated into."""


def between(route: str, provider: str) -> Translation | None:
    """How a call of a route can be answered by a provider that speaks another wire; `None`: it cannot."""
    return TRANSLATIONS.get((route, WIRES.get(provider, "")))
