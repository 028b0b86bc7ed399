"""Where the seam is put, what it takes, and that nothing of it stays."""

from __future__ import annotations

import asyncio
import inspect
import logging
import subprocess
import sys
import textwrap
import types
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest
from recorder import Recorder
from shapes import ASK, CLAUDE, MODEL, Clients

import hardened_instrumentation
from hardened.testing import FakeProvider
from hardened_instrumentation import stainless
from hardened_instrumentation.calls import Call, Deliver, Flow, Send, perform
from hardened_instrumentation.patches import Patches, SeamMissing
from hardened_instrumentation.routes import route_name


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    yield
    hardened_instrumentation.uninstrument()


def run(code: str, *arguments: str) -> str:
    """What a fresh interpreter prints."""
    script = textwrap.dedent(code)
    return subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True).stdout


def attributes(package: types.ModuleType) -> dict[str, Any]:
    found = {}
    for name in ("SyncAPIClient", "AsyncAPIClient", "BaseClient"):
        for attribute in ("request", "_process_response", "_tracer", stainless.READER):
            cls = getattr(package._base_client, name)
            found[name, attribute] = cls.__dict__.get(attribute)
    return found


@pytest.mark.parametrize("package", [openai, anthropic])
def test_uninstrument_restores_every_attribute(package: types.ModuleType, recorder: Recorder) -> None:
    patched = attributes(package)
    hardened_instrumentation.instrument(recorder)
    assert attributes(package) == patched, "instrumenting twice changes nothing"
    hardened_instrumentation.uninstrument()
    restored = attributes(package)
    assert restored != patched
    assert not any("hardened" in getattr(value, "__module__", "") for value in restored.values())
    hardened_instrumentation.instrument(recorder)
    assert attributes(package) != restored


def test_what_was_captured_before_is_covered(clients: Clients) -> None:
    create = clients.openai.chat.completions.create
    raw = clients.openai.chat.completions.with_raw_response
    copied = clients.openai.with_options(timeout=5)
    recorder = Recorder()
    hardened_instrumentation.instrument(recorder)
    create(model=MODEL, messages=ASK)
    raw.create(model=MODEL, messages=ASK).parse()
    copied.chat.completions.create(model=MODEL, messages=ASK)
    assert len(recorder.records) == 3


def test_what_was_captured_between_is_quiet_afterwards(clients: Clients, recorder: Recorder) -> None:
    create = clients.openai.chat.completions.create
    captured = openai._base_client.SyncAPIClient.request
    hardened_instrumentation.uninstrument()
    create(model=MODEL, messages=ASK)
    assert captured is not openai._base_client.SyncAPIClient.request
    assert recorder.records == []


def test_another_patch_above_ours_survives(clients: Clients, recorder: Recorder, monkeypatch: Any) -> None:
    ours = openai._base_client.SyncAPIClient.request
    seen = []

    def theirs(self: Any, *args: Any, **kwargs: Any) -> Any:
        seen.append(1)
        return ours(self, *args, **kwargs)

    monkeypatch.setattr(openai._base_client.SyncAPIClient, "request", theirs)
    hardened_instrumentation.uninstrument()
    clients.openai.chat.completions.create(model=MODEL, messages=ASK)
    assert (seen, recorder.records) == ([1], [])


def test_disabled_sdks_are_left_alone(clients: Clients) -> None:
    recorder = Recorder()
    hardened_instrumentation.instrument(recorder, disable=["openai"])
    assert "openai" not in hardened_instrumentation.instrumented()
    clients.openai.chat.completions.create(model=MODEL, messages=ASK)
    clients.anthropic.messages.create(model=CLAUDE, max_tokens=9, messages=ASK)
    assert [record.call.sdk for record in recorder.records] == ["anthropic"]
    hardened_instrumentation.instrument(recorder)
    hardened_instrumentation.instrument(recorder, disable=["anthropic"])
    assert hardened_instrumentation.instrumented() == ("openai",) or "groq" in hardened_instrumentation.instrumented()


def test_a_misspelt_name_to_leave_alone_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        hardened_instrumentation.instrument(Recorder(), disable=["opnai", "anthropic"])
    (record,) = caplog.records
    assert record.getMessage() == (
        "hardened: disable: no provider is called 'opnai'; known are openai, anthropic, groq"
    )


def test_a_provider_of_another_package(monkeypatch: Any, caplog: pytest.LogCaptureFixture) -> None:
    from hardened_instrumentation.providers.base import Provider

    seen = []
    module = types.ModuleType("other_sdk")
    monkeypatch.setitem(sys.modules, "other_sdk", module)
    other = Provider("other", "other_sdk", lambda *installed: seen.append(installed[0]))

    class Point:
        name = "other"

        def load(self) -> Provider:
            return other

    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [Point()] if "hardened" in group else [])
    hardened_instrumentation.instrument(Recorder())
    assert seen == [], "only where it is named"
    with caplog.at_level(logging.ERROR):
        hardened_instrumentation.instrument(Recorder(), also=["other", "othr"])
    assert seen == [module] and "other" in hardened_instrumentation.instrumented()
    (record,) = caplog.records
    assert record.getMessage() == (
        "hardened: provider 'othr' is not instrumented: "
        "no provider is called 'othr'; known are anthropic, groq, openai, other"
    )


IMPORTS = """
    import sys, hardened_instrumentation
    from hardened_instrumentation.calls import *
    {before}
    hardened_instrumentation.instrument(lambda call: None)
    assert {early} == ("openai" in sys.modules), "never imports an SDK"
    import openai, anthropic
    print(*hardened_instrumentation.instrumented())
"""


@pytest.mark.parametrize(("before", "early"), [("", False), ("import openai, anthropic", True)])
def test_whichever_is_imported_first(before: str, early: bool) -> None:
    assert run(IMPORTS.format(before=before, early=early)).split()[:2] == ["anthropic", "openai"]


def test_uninstrumented_before_the_import() -> None:
    code = """
        import hardened_instrumentation
        hardened_instrumentation.instrument(lambda call: None)
        hardened_instrumentation.uninstrument()
        import openai
        print(hardened_instrumentation.instrumented())
    """
    assert run(code).strip() == "()"


def test_a_missing_seam_is_one_warning_and_no_effect(monkeypatch: Any, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.delattr(openai._base_client.AsyncAPIClient, "_process_response")
    before = openai._base_client.SyncAPIClient.request
    with caplog.at_level(logging.WARNING):
        hardened_instrumentation.instrument(Recorder())
    assert [record.getMessage() for record in caplog.records] == [
        "hardened: openai is not instrumented: openai._base_client has no '_process_response'. "
        "Its calls are not traced and not guarded; update hardened or openai."
    ]
    assert openai._base_client.SyncAPIClient.request is before
    assert "openai" not in hardened_instrumentation.instrumented()


def test_a_changed_signature_is_a_missing_seam() -> None:
    class Client:
        def request(self, cast_to: Any, options: Any) -> None: ...
        def _process_response(self, *, response: Any, stream: bool) -> None: ...

    module = types.ModuleType("sdk._base_client")
    module.SyncAPIClient = module.AsyncAPIClient = Client  # type: ignore[attr-defined]
    with pytest.raises(SeamMissing, match="has no parameter 'stream"):
        stainless.install(module, lambda *_: None, None, Patches())  # type: ignore[arg-type, return-value]


@pytest.mark.parametrize("package", ["openai", "anthropic", "groq"])
def test_contract_about_who_reads_a_body(package: str) -> None:
    """Without it, the time of a sync call is limited for each wait only, and no warning says so."""
    module = pytest.importorskip(package)
    assert stainless.READER in module._base_client.BaseClient.__dict__
    assert f"self.{stainless.READER}(request=request)" in inspect.getsource(module._base_client.SyncAPIClient)


@pytest.mark.parametrize("package", ["httpx", "httpx2"])
def test_contract_with_the_http_package(package: str) -> None:
    """The private attributes that `http_reply` uses exist, and mean what it takes them for."""
    httpx = pytest.importorskip(package)
    response = httpx.Response(200, headers={"content-encoding": "gzip"}, stream=httpx.ByteStream(b""))
    assert not hasattr(response, "_content")
    assert hasattr(response._get_content_decoder(), "flush")
    response._decoder = httpx._decoders.IdentityDecoder()
    response._content = b"set"
    assert response.text == "set"
    assert response.__dict__.pop("_text") == "set"
    assert issubclass(httpx.ByteStream, httpx.SyncByteStream) and issubclass(httpx.ByteStream, httpx.AsyncByteStream)


@pytest.mark.parametrize("gzip", [False, True])
def test_compressed_bodies(gzip: bool, recorder: Recorder) -> None:
    with FakeProvider(gzip=gzip) as provider:
        clients = Clients(provider)
        stream = clients.openai.chat.completions.create(model=MODEL, messages=ASK, stream=True)
        assert "".join(chunk.choices[0].delta.content or "" for chunk in stream).endswith("France.")
        answer = clients.openai.chat.completions.create(model=MODEL, messages=ASK)
        assert answer.choices[0].message.content.endswith("France.")
    assert recorder.records[0].response.complete


def test_how_long_it_took_can_still_be_asked(clients: Clients, recorder: Recorder) -> None:
    async def main() -> Any:
        async with clients.async_openai() as client:
            return await client.chat.completions.with_raw_response.create(model=MODEL, messages=ASK)

    async def other() -> Any:
        async with clients.async_anthropic() as client:
            return await client.messages.with_raw_response.create(model=CLAUDE, max_tokens=9, messages=ASK)

    for asked in (main, other):
        assert asyncio.run(asked()).elapsed.total_seconds() > 0


def test_what_a_call_says(clients: Clients, recorder: Recorder) -> None:
    clients.openai.chat.completions.create(model=MODEL, messages=ASK)
    clients.azure.chat.completions.create(model="deployed", messages=ASK)
    clients.anthropic.beta.messages.create(model=CLAUDE, max_tokens=9, messages=ASK)
    clients.openai.models.retrieve("gpt-4o-mini-2024-07-18")
    said = [(c.sdk, c.provider, c.operation, c.route, c.method) for c in (record.call for record in recorder.records)]
    assert said == [
        ("openai", "openai", "chat", "chat/completions", "post"),
        ("openai", "azure.ai.openai", "chat", "chat/completions", "post"),
        ("anthropic", "anthropic", "chat", "messages", "post"),
        ("openai", "openai", None, "models/{id}", "get"),
    ]
    assert recorder.records[0].call.server_address == "127.0.0.1"
    assert recorder.records[0].call.server_port == clients.provider.port


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/batches/batch_12/cancel", "batches/{id}/cancel"),
        ("/v1/messages/batches", "v1/messages/batches"),
        ("/fine_tuning/jobs", "fine_tuning/jobs"),
        ("/files/abcdefghijklmnopqrstuvwxyz/content", "files/{id}/content"),
    ],
)
def test_routes_have_few_names(path: str, name: str) -> None:
    assert route_name(path) == name


def test_a_handler_may_let_a_call_pass(clients: Clients) -> None:
    hardened_instrumentation.instrument(lambda call: None)
    assert clients.openai.chat.completions.create(model=MODEL, messages=ASK).choices[0].message.content


def test_calls_inside_a_call_pass_untouched(clients: Clients, recorder: Recorder) -> None:
    """A transport or an event hook that calls a model is part of the outer call."""
    inner = Clients(clients.provider)

    def hook(request: Any) -> None:
        if len(clients.provider.requests) == 0:
            inner.openai.chat.completions.create(model=MODEL, messages=ASK)

    clients.openai._client.event_hooks["request"].append(hook)
    clients.openai.chat.completions.create(model=MODEL, messages=ASK)
    assert len(clients.provider.requests) == 2
    assert len(recorder.records) == 1


def test_middleware_of_the_anthropic_sdk_sees_what_the_handler_let_through(provider: FakeProvider) -> None:
    def handler(call: Call) -> Flow:
        reply = yield from perform(Send(call, _Nothing()))
        reply.body["content"][0]["text"] = "changed"
        reply.replace(reply.body)
        yield from perform(Deliver(reply))

    seen = []

    def middleware(request: Any, call_next: Any) -> Any:
        response = call_next(request)
        seen.append(response.parse().content[0].text)
        return response

    if "middleware" not in anthropic.Anthropic.__init__.__kwdefaults__:
        pytest.skip("this version of anthropic has no middleware")
    hardened_instrumentation.instrument(handler)
    client = anthropic.Anthropic(base_url=provider.url, api_key="test", middleware=[middleware])
    message = client.messages.create(model=CLAUDE, max_tokens=9, messages=ASK)
    assert (message.content[0].text, seen) == ("changed", ["changed"])


def test_a_middleware_that_answers_itself_ends_the_call(provider: FakeProvider, recorder: Recorder) -> None:
    if "middleware" not in anthropic.Anthropic.__init__.__kwdefaults__:
        pytest.skip("this version of anthropic has no middleware")
    client = anthropic.Anthropic(base_url=provider.url, api_key="test", middleware=[lambda request, call_next: "mine"])
    assert client.messages.create(model=CLAUDE, max_tokens=9, messages=ASK) == "mine"
    assert recorder.last.endings == ["GeneratorExit"]


def test_what_a_flow_raises_reaches_the_application_unchanged(provider: FakeProvider, clients: Clients) -> None:
    class Refused(Exception):
        pass

    def before(call: Call) -> Flow:
        raise Refused
        yield

    def after(call: Call) -> Flow:
        yield from perform(Send(call, _Nothing()))
        raise Refused

    for handler, sent in ((before, 0), (after, 1)):
        provider.reset()
        hardened_instrumentation.instrument(handler)
        for call in (
            lambda: clients.openai.chat.completions.create(model=MODEL, messages=ASK),
            lambda: clients.anthropic.messages.create(model=CLAUDE, max_tokens=9, messages=ASK),
        ):
            with pytest.raises(Refused):
                call()
        assert len(provider.requests) == 2 * sent


class _Nothing:
    def __enter__(self) -> None: ...
    def __exit__(self, *_: object) -> None: ...
