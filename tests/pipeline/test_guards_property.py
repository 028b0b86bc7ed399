"""However an answer is cut into chunks, the application reads the redaction of the whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shapes import ASK, CLAUDE, MODEL, Clients
from traces import EMAIL, KEY

import hardened
from hardened.policy.active import set_active
from hardened.policy.load import load
from hardened.telemetry import providers
from hardened.testing import FakeProvider, Reply

PRIVATE = [
    KEY,
    EMAIL,
    "ghp_" + "a1B2" * 9,
    "AKIA" + "IOSFODNN7EXAMPLE",
    "+44 20 " + "7946 0958",
    "4111 1111 " + "1111 1111",
    "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxMjM0NTY3ODkwIn0." + "dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
]
WORDS = ["the capital", " ", "\n", "sk-", "4111", "jane.doe@", "é", "🙂", "", "key: ", '"', "\\", ". ", "eyJ", "AKIA"]

TEXTS = st.lists(st.sampled_from(WORDS + PRIVATE) | st.text(max_size=8), min_size=1, max_size=8).map("".join)
PIECES = st.lists(st.integers(1, 40), min_size=1, max_size=12)


def chat(clients: Clients) -> str:
    stream = clients.openai.chat.completions.create(model=MODEL, messages=ASK, stream=True)
    return "".join(chunk.choices[0].delta.content or "" for chunk in stream)


def responses(clients: Clients) -> str:
    events = list(clients.openai.responses.create(model=MODEL, input="hello", stream=True))
    said = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert events[-1].type == "response.completed" and events[-1].response.output_text == said
    return said


def messages(clients: Clients) -> str:
    with clients.anthropic.messages.stream(model=CLAUDE, max_tokens=9, messages=ASK) as stream:
        said = "".join(stream.text_stream)
        assert "".join(getattr(block, "text", "") for block in stream.get_final_message().content) == said
    return said


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clients]:
    folder: Path = tmp_path_factory.mktemp("traces")
    detectors: Any = {"pii": {"output": "redact"}}
    set_active(load({"detectors": detectors, "telemetry": {"file": {"path": str(folder)}}}), "test")
    hardened.instrument()
    with FakeProvider() as provider:
        yield Clients(provider)
    hardened.uninstrument()
    providers.shutdown()


@pytest.mark.parametrize("ask", [chat, responses, messages])
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=TEXTS, sizes=PIECES)
def test_joined_pieces_are_the_redacted_whole(
    ask: Callable[[Clients], str], clients: Clients, text: str, sizes: list[int]
) -> None:
    text = text.encode("utf-8", "replace").decode()
    chunks, at = [], 0
    while at < len(text):
        size = sizes[len(chunks) % len(sizes)]
        chunks.append(text[at : at + size])
        at += size
    clients.provider.default = Reply(text=text, chunks=chunks)
    said = ask(clients)
    assert said == hardened.check(text, stage="output").text
    assert not any(secret in said for secret in (KEY, EMAIL))
