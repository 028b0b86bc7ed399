"""What detectors are told of the call around a text, and what they say of it: why they found something."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from shapes import CLAUDE, MODEL, Clients
from traces import Configure

import hardened
from hardened.testing import FakeProvider
from hardened_detectors import registry
from hardened_detectors.api import Around, Finding

SYSTEM = "You answer questions about orders."
BILLING = {
    "examples": [
        "I have a question about my invoice",
        "Why was my credit card charged twice?",
        "Please refund my last payment",
        "When is the next invoice due?",
        "How can I change my payment method?",
    ]
}


class Listening:
    """Finds nothing, but remembers what it was told."""

    name = "listening"

    def __init__(self) -> None:
        self.heard: list[tuple[str, Around]] = []

    def detect(self, text: str) -> Sequence[Finding]:
        return self.detect_within(text, Around())

    def detect_within(self, text: str, around: Around) -> Sequence[Finding]:
        self.heard.append((text, around))
        return ()


@pytest.fixture
def listening() -> Iterator[Listening]:
    detector = Listening()
    registry.register("listening", lambda *, stage: detector)
    yield detector
    registry.unregister("listening")


def conversation(*said: str) -> list[dict[str, str]]:
    turns = [{"role": "system", "content": SYSTEM}]
    for text in said:
        turns += [{"role": "user", "content": text}, {"role": "assistant", "content": "well"}]
    return turns[:-1]


def test_a_turn_comes_with_the_last_three_before_it(
    clients: Clients, configure: Configure, listening: Listening
) -> None:
    configure(detectors={"listening": {"input": "warn"}})
    clients.openai.chat.completions.create(model=MODEL, messages=conversation("a", "b", "c", "d", "e"))  # pyright: ignore
    heard = dict(listening.heard)
    assert heard["a"] == Around()
    assert heard["b"] == Around(before=("a",))
    assert heard["e"] == Around(before=("b", "c", "d"))
    assert heard["well"] == Around()


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_comes_with_the_instructions(
    stream: bool, clients: Clients, provider: FakeProvider, configure: Configure, listening: Listening
) -> None:
    configure(detectors={"listening": {"output": "warn"}})
    for _ in range(3):
        provider.reply(text="fine")
    chat = clients.openai.chat.completions.create(model=MODEL, messages=conversation("hi"), stream=stream)  # pyright: ignore
    response = clients.openai.responses.create(model=MODEL, instructions=SYSTEM, input="hi", stream=stream)
    message = clients.anthropic.messages.create(
        model=CLAUDE, max_tokens=9, system=SYSTEM, messages=[{"role": "user", "content": "hi"}], stream=stream
    )
    for answer in (chat, response, message):
        if stream:
            list(answer)  # pyright: ignore
    assert {around for text, around in listening.heard if text == "fine"} == {Around(instructions=(SYSTEM,))}


def test_the_same_text_is_judged_anew_in_other_surroundings(
    clients: Clients, configure: Configure, listening: Listening
) -> None:
    configure(detectors={"listening": {"input": "warn"}})
    for said in (("a", "z"), ("b", "z"), ("b", "z")):
        clients.openai.chat.completions.create(model=MODEL, messages=conversation(*said))  # pyright: ignore
    assert [around.before for text, around in listening.heard if text == "z"] == [("a",), ("b",)]


def test_a_follow_up_is_on_the_topic_of_what_was_said_before(clients: Clients, configure: Configure) -> None:
    configure(detectors={"topic": {"input": "block", "options": {"allow": {"billing": BILLING}}}})
    create = clients.openai.chat.completions.create
    create(model=MODEL, messages=conversation("Please refund my payment", "and what about the other one?"))  # pyright: ignore
    with pytest.raises(hardened.BlockedError) as blocked:
        create(model=MODEL, messages=conversation("and what about the other one?"))  # pyright: ignore
    assert blocked.value.category == "topic:off_list"


# --- Reasons


def test_why_is_on_the_span_of_the_guard(clients: Clients, configure: Configure) -> None:
    traces = configure(detectors={"topic": {"input": "warn", "options": {"deny": {"billing": BILLING}}}})
    said = conversation("When is our next invoice due?", "Why was your credit card charged twice?", "hello")
    clients.openai.chat.completions.create(model=MODEL, messages=said)  # pyright: ignore
    (guard,) = traces.guards()
    assert guard.guard_reasons == ("example 4", "example 2")


def test_reasons_are_few_short_and_scrubbed(clients: Clients, configure: Configure) -> None:
    def telltale(text: str) -> list[Finding]:
        reason = f"jane.doe@example.com wrote {'x' * 999}"
        return [Finding("telltale", "told", at, at + 1, reason=f"{at}: {reason}") for at in range(len(text))]

    registry.register("telltale", lambda *, stage: registry.from_function("telltale", telltale))
    try:
        traces = configure(detectors={"telltale": {"input": "warn"}})
        clients.openai.chat.completions.create(model=MODEL, messages=conversation("h" * 99))  # pyright: ignore
        (guard,) = traces.guards()
    finally:
        registry.unregister("telltale")
    assert guard.guard_reasons is not None
    assert len(guard.guard_reasons) == 5 and max(map(len, guard.guard_reasons)) <= 200
    assert "jane.doe" not in traces.bytes.decode()
