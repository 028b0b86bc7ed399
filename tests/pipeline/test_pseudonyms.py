"""Pseudonyms for the provider, values for the caller: in every shape of a call, and nothing of them in telemetry."""

from __future__ import annotations

import asyncio
import gc
import json
import re
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from leaky import LeakyProvider, joined, texts
from pydantic import BaseModel
from shapes import CLAUDE, MODEL, SHAPES, Clients, plain
from traces import EMAIL, KEY, Configure

import hardened
from hardened.guards import vault as vaults
from hardened.testing import FakeProvider

OTHER = 'o\'neil+"x"@' + "example.org"
PSEUDONYMS = {"pii": {"input": "redact", "output": "redact", "tool_call": "redact", "operator": "pseudonym"}}

NAME = "<<Zebulon Quince>>"  # no detector of the scrubber knows it
PLACED = "Paris: [QUOTED_1] wrote to [EMAIL_1], not to [EMAIL_7]."
RESTORED = PLACED.replace("[EMAIL_1]", EMAIL).replace("[QUOTED_1]", NAME)

# What asks nothing, or answers with no text.
SILENT = {"models_page", "async_models_page", "embeddings", "images", "speech", "speech_streaming", "moderation"}
ANSWERING = [name for name in SHAPES if name not in SILENT | {"count_tokens", "transcription"}]


@pytest.fixture(scope="module")
def shared() -> Iterator[Clients]:
    with FakeProvider() as running:
        yield Clients(running)


@pytest.fixture
def provider(shared: Clients) -> Iterator[FakeProvider]:
    yield shared.provider
    shared.provider.reset()


def sent(provider: FakeProvider) -> bytes:
    return b"".join(request.body for request in provider.requests)


def chat(clients: Clients, *messages: Any, **more: Any) -> Any:
    told = [{"role": "user", "content": one} if isinstance(one, str) else one for one in messages]
    return clients.openai.chat.completions.create(model=MODEL, messages=told, **more)


def said(completion: Any) -> str:
    return completion.choices[0].message.content


def streamed(stream: Any) -> str:
    return "".join(choice.delta.content or "" for chunk in stream for choice in chunk.choices)


@pytest.fixture(scope="module")
def answering() -> Iterator[Clients]:
    with LeakyProvider(chunk_size=3, answer=PLACED, key="[EMAIL_1]") as running:
        yield Clients(running, question=f"{NAME}, write to {EMAIL}, not to [EMAIL_7].")


@pytest.mark.parametrize("name", ANSWERING)
def test_the_provider_sees_pseudonyms_and_the_caller_values(
    name: str, answering: Clients, configure: Configure
) -> None:
    traces = configure(detectors={**PSEUDONYMS, "quoted": {"input": "redact", "operator": "pseudonym"}})
    assert isinstance(answering.provider, LeakyProvider)
    answering.provider.reset()
    answering.provider.leak()
    seen = SHAPES[name](answering)
    assert EMAIL.encode() not in sent(answering.provider) and NAME.encode() not in sent(answering.provider)
    assert b"[QUOTED_1], write to [EMAIL_1], not to [EMAIL_7]." in sent(answering.provider)
    pieces = joined(seen, 0)
    if name != "chat_tool_call":
        assert RESTORED in json.dumps([*(text for _, text in texts(seen)), *pieces.values()], ensure_ascii=False)
    of_tools = [text for key, text in [*texts(seen), *pieces.items()] if key in ("arguments", "partial_json", "at")]
    assert not any(EMAIL in text for text in of_tools), "a tool gets a value"
    of_caller = [text for key, text in [*texts(seen), *pieces.items()] if key in ("content", "text", "output_text")]
    assert not any("[EMAIL_1]" in text for text in of_caller), "the caller sees a pseudonym"
    assert b"Quince" not in traces.bytes and EMAIL.encode() not in traces.bytes
    assert b"[QUOTED_1]" in traces.bytes or name in ("chat_tool_call", "extra_body")


class Contact(BaseModel):
    name: str
    mail: str


def test_parsed_answers_hold_the_values_as_json_needs_them(
    shared: Clients, provider: FakeProvider, configure: Configure
) -> None:
    configure(detectors={"quoted": {"input": "redact", "operator": "pseudonym"}})
    provider.reply(text='{"name": "[QUOTED_1]", "mail": "to quoted_1 or \\\\[Quoted\\\\_1\\\\]"}')
    completion = shared.openai.chat.completions.parse(
        model=MODEL, messages=[{"role": "user", "content": '<<a "b" \\ c\n>>'}], response_format=Contact
    )
    assert completion.choices[0].message.parsed == Contact(
        name='<<a "b" \\ c\n>>', mail='to quoted_1 or <<a "b" \\ c\n>>'
    )


@pytest.fixture(autouse=True)
def quoted() -> Iterator[None]:
    from hardened_detectors import registry

    @hardened.detector("quoted")
    def find(text: str) -> list[tuple[int, int]]:
        return [match.span() for match in re.finditer("<<.*?>>", text, re.DOTALL)]

    yield
    registry.unregister("quoted")


def test_equal_values_have_one_pseudonym_in_the_whole_conversation(
    shared: Clients, provider: FakeProvider, configure: Configure
) -> None:
    configure(detectors=PSEUDONYMS)
    history: list[Any] = [{"role": "user", "content": f"I am {EMAIL}."}]
    for turn in ("and my boss is boss@example.org", f"who is {EMAIL}?"):
        answer = said(chat(shared, *history))
        history += [{"role": "assistant", "content": answer}, {"role": "user", "content": turn}]
    assert said(chat(shared, *history)) == f"You said: who is {EMAIL}?"
    contents = [message["content"] for message in provider.requests[-1].json["messages"]]
    assert contents == [
        "I am [EMAIL_1].",
        "You said: I am [EMAIL_1].",
        "and my boss is [EMAIL_2]",
        "You said: and my boss is [EMAIL_2]",
        "who is [EMAIL_1]?",
    ]


def test_what_looks_like_a_pseudonym_already_is_given_to_no_value(
    shared: Clients, provider: FakeProvider, configure: Configure
) -> None:
    configure(detectors=PSEUDONYMS)
    text = f"{EMAIL} is not [EMAIL_1], nor email_2 or [Email 2]"
    assert said(chat(shared, text)) == f"You said: {text}"
    assert (
        provider.requests[-1].json["messages"][0]["content"] == "[EMAIL_3] is not [EMAIL_1], nor email_2 or [Email 2]"
    )


def test_what_the_model_invents_is_judged_and_never_restored(
    shared: Clients, provider: FakeProvider, configure: Configure
) -> None:
    traces = configure(detectors=PSEUDONYMS)
    for stream in (False, True):
        provider.reply(text=f"[EMAIL_1] and eve@example.org and {EMAIL}", chunk_size=1)
        answer = chat(shared, f"I am {EMAIL}", stream=stream)
        assert (streamed(answer) if stream else said(answer)) == f"{EMAIL} and [EMAIL] and {EMAIL}"
    assert {d.stage for span in traces.calls() for d in span.guard_decisions} == {"input", "output"}
    assert b"eve@" not in traces.bytes and EMAIL.encode() not in traces.bytes


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("api", ["chat", "responses", "messages"])
def test_arguments_of_tools_keep_pseudonyms_unless_the_policy_trusts_the_tool(
    api: str, stream: bool, shared: Clients, provider: FakeProvider, configure: Configure
) -> None:
    secret_too = {**PSEUDONYMS, "secrets": {"operator": "pseudonym"}}
    configure(detectors=secret_too, redaction={"pseudonyms": {"tools": ["send_mail"]}})
    arguments = {"to": "[EMAIL_1]", "with": ["[OPENAI_API_KEY_1]"]}
    calls = [{"name": "look", "arguments": arguments}, {"name": "send_mail", "arguments": arguments}]
    provider.reply(text="For [EMAIL_1] with [OPENAI_API_KEY_1].", tool_calls=calls, chunk_size=2)
    question = f"I am {EMAIL} with {KEY}"
    found, text = called(api, stream, shared, question)
    assert text == f"For {EMAIL} with {KEY}."
    assert found == [arguments, {**arguments, "to": EMAIL}]
    assert KEY.encode() not in sent(provider) and EMAIL.encode() not in sent(provider)


def called(api: str, stream: bool, clients: Clients, question: str) -> tuple[list[Any], str]:
    """The arguments of the tool calls, and the text, as the application gets them."""
    ask: Any = [{"role": "user", "content": question}]
    if api == "messages":
        if stream:
            with clients.anthropic.messages.stream(model=CLAUDE, max_tokens=99, messages=ask) as events:
                message = events.get_final_message()
        else:
            message = clients.anthropic.messages.create(model=CLAUDE, max_tokens=99, messages=ask)
        blocks = plain(message)["content"]
        text = "".join(block["text"] for block in blocks if block["type"] == "text" or "text" in block)
        return [block["input"] for block in blocks if "input" in block], text
    if api == "responses":
        if stream:
            with clients.openai.responses.stream(model=MODEL, input=question) as events:
                response = events.get_final_response()
        else:
            response = clients.openai.responses.create(model=MODEL, input=question)
        calls = [json.loads(item.arguments) for item in response.output if item.type == "function_call"]
        return calls, response.output_text
    if stream:
        with clients.openai.chat.completions.stream(model=MODEL, messages=ask) as events:
            completion: Any = events.get_final_completion()
    else:
        completion = clients.openai.chat.completions.create(model=MODEL, messages=ask)
    answer = completion.choices[0].message
    return [json.loads(call.function.arguments) for call in answer.tool_calls], answer.content


def test_async_calls_at_once_do_not_share(shared: Clients, provider: FakeProvider, configure: Configure) -> None:
    configure(detectors=PSEUDONYMS)
    mails = [f"person{number}@example.org" for number in range(6)]

    async def ask_all() -> list[str]:
        async with shared.async_openai() as client:

            async def ask(mail: str) -> str:
                ask: Any = [{"role": "user", "content": f"I am {mail}"}]
                stream = await client.chat.completions.create(model=MODEL, messages=ask, stream=True)
                return "".join([c.choices[0].delta.content or "" async for c in stream if c.choices])

            return await asyncio.gather(*map(ask, mails))

    assert asyncio.run(ask_all()) == [f"You said: I am {mail}" for mail in mails]
    contents = {request.json["messages"][0]["content"] for request in provider.requests}
    assert contents == {"I am [EMAIL_1]"}


def test_a_block_shares_pseudonyms_over_calls_and_checks(
    shared: Clients, provider: FakeProvider, configure: Configure
) -> None:
    configure(detectors=PSEUDONYMS)
    with hardened.pseudonyms() as vault:
        assert hardened.check(f"a@example.org and {EMAIL}").text == "[EMAIL_1] and [EMAIL_2]"
        assert said(chat(shared, f"I am {EMAIL}")) == f"You said: I am {EMAIL}"
        with hardened.pseudonyms() as inner:
            assert inner is vault
    assert provider.requests[-1].json["messages"][0]["content"] == "I am [EMAIL_2]"
    assert hardened.check(EMAIL).text == "[EMAIL_1]"
    assert vault.restore("To [email_2].") == f"To {EMAIL}."


def test_sessions_share_if_the_policy_says_so(shared: Clients, provider: FakeProvider, configure: Configure) -> None:
    configure(detectors=PSEUDONYMS, redaction={"pseudonyms": {"scope": "session"}})
    with hardened.context(session_id="s", user_id="u"):
        chat(shared, "I am first@example.org")
        assert said(chat(shared, f"I am {EMAIL}")) == f"You said: I am {EMAIL}"
    with hardened.context(session_id="s", user_id="another"):
        chat(shared, f"I am {EMAIL}")
    chat(shared, f"I am {EMAIL}")
    contents = [request.json["messages"][0]["content"] for request in provider.requests]
    assert contents == ["I am [EMAIL_1]", "I am [EMAIL_2]", "I am [EMAIL_1]", "I am [EMAIL_1]"]


@pytest.mark.parametrize("ending", ["read", "closed", "dropped"])
def test_the_values_are_forgotten_with_the_stream(
    ending: str, shared: Clients, provider: FakeProvider, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(detectors=PSEUDONYMS)
    made: list[weakref.ref[vaults.Vault]] = []
    original = vaults.Vault.__init__

    def init(self: vaults.Vault, *arguments: Any) -> None:
        original(self, *arguments)
        made.append(weakref.ref(self))

    monkeypatch.setattr(vaults.Vault, "__init__", init)
    stream = chat(shared, f"I am {EMAIL}", stream=True)
    next(iter(stream))
    if ending == "read":
        assert EMAIL in streamed(stream)
    elif ending == "closed":
        stream.close()
    del stream
    gc.collect()
    assert hardened.flush(10)
    assert made and all(reference() is None for reference in made)


def test_shadow_mode_and_no_operator_restore_nothing(
    shared: Clients, provider: FakeProvider, configure: Configure
) -> None:
    configure(mode="shadow", detectors=PSEUDONYMS)
    assert said(chat(shared, f"[EMAIL_1] {EMAIL}")) == f"You said: [EMAIL_1] {EMAIL}"
    configure(detectors={"pii": {"input": "redact"}})
    assert said(chat(shared, f"[EMAIL_1] {EMAIL}")) == "You said: [EMAIL_1] [EMAIL]"


def test_what_came_of_a_stream_that_broke_off_is_restored_too(
    shared: Clients, provider: FakeProvider, configure: Configure
) -> None:
    configure(detectors=PSEUDONYMS)
    provider.reply(text="To [EMAIL_1] I said that", chunk_size=5, fault="end", fault_after=4)
    with pytest.raises(hardened.StreamInterrupted) as caught:
        streamed(chat(shared, f"I am {EMAIL}", stream=True))
    assert caught.value.partial_text.startswith(f"To {EMAIL} ")
    assert EMAIL not in str(caught.value)


def test_pseudonyms_of_a_conversation_that_the_provider_keeps_are_not_mistaken(
    shared: Clients, provider: FakeProvider, configure: Configure
) -> None:
    configure(detectors=PSEUDONYMS)
    provider.default = provider.default.__class__(text="Do you mean [EMAIL_1] or [EMAIL_2]?")
    create = shared.openai.responses.create
    assert create(model=MODEL, input=f"I am {EMAIL}").output_text == f"Do you mean {EMAIL} or [EMAIL_2]?"
    more = create(model=MODEL, input="or eve@example.org", previous_response_id="resp_1")
    assert more.output_text == "Do you mean [EMAIL_1] or [EMAIL_2]?"
    assert re.fullmatch(r"or \[EMAIL_[0-9]{4,6}\]", provider.requests[-1].json["input"])
