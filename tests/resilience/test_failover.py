"""When the client's own service does not answer, others do, in the SDK's own types."""

from __future__ import annotations

import asyncio
from typing import Any

import anthropic
import openai
import pytest
from callers import CALLERS, STREAMS, anthropic_client, events, openai_client
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from shapes import ASK, CLAUDE, MODEL
from traces import KEY, Configure

import hardened
from hardened.resilience import health
from hardened.store.memory import MemoryStore
from hardened.telemetry import providers
from hardened.testing import FakeProvider, Reply

OTHER_KEY = "key-of-the-other"


class Clock:
    """The time of the breakers' store."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    store = MemoryStore(clock)
    monkeypatch.setattr(health, "current", lambda: store)
    return clock


def to(other: FakeProvider, **more: Any) -> dict[str, Any]:
    """A policy in which the other provider serves the calls of both SDKs."""
    elsewhere = {"api_key": OTHER_KEY, **more}
    return {
        "targets": {
            "backup": {"provider": "openai", "base_url": other.openai_base_url, "model": "gpt-4o", **elsewhere},
            "twin": {"provider": "anthropic", "base_url": other.url, "model": "claude-opus-4-6", **elsewhere},
        },
        "routes": {"default": ["backup", "twin"]},
    }


DOWN = Reply(status=503)


@pytest.mark.parametrize("callers", [CALLERS, STREAMS])
@pytest.mark.parametrize("name", CALLERS)
def test_another_service_answers(
    name: str,
    callers: Any,
    provider: FakeProvider,
    other: FakeProvider,
    waits: list[float],
    configure: Configure,
) -> None:
    served = {"openai": "backup", "anthropic": "twin"}[callers[name].sdk]
    traces = configure(**{**to(other), "routes": {"default": [served]}})
    provider.default = DOWN
    other.default = Reply(text="Paris")
    assert callers[name].call(provider) == "Paris"
    (request,) = other.requests
    assert request.json["model"] == {"backup": "gpt-4o", "twin": "claude-opus-4-6"}[served]
    assert OTHER_KEY in (request.headers.get("authorization", "") + request.headers.get("x-api-key", ""))
    assert len(provider.requests) == 2, "once more, then the next"
    span = traces.call()
    assert (span.attributes["hardened.served_by"], span.error_type) == (served, None)
    assert span.attributes["server.port"] == other.port


def test_the_sdks_own_types(provider: FakeProvider, other: FakeProvider, waits: Any, configure: Configure) -> None:
    configure(**to(other))
    provider.default = DOWN
    client = openai_client(provider)
    raw = client.chat.completions.with_raw_response.create(model=MODEL, messages=ASK)
    assert raw.headers["x-hardened-served-by"] == "backup"
    assert type(raw.parse()).__name__ == "ChatCompletion"
    with client.chat.completions.stream(model=MODEL, messages=ASK) as stream:
        assert stream.get_final_completion().choices[0].finish_reason == "stop"
    assert type(client.chat.completions.create(model=MODEL, messages=ASK, stream=True)).__name__ == "Stream"


def test_who_answered_can_be_asked(
    provider: FakeProvider, other: FakeProvider, waits: Any, configure: Configure
) -> None:
    configure(**to(other))

    async def main() -> Any:
        async with openai_client(provider, openai.AsyncOpenAI) as client:
            await client.chat.completions.create(model=MODEL, messages=ASK)
            return hardened.last_call()

    assert asyncio.run(main()) == hardened.CallOutcome("primary", degraded=False, attempts=1)
    provider.default = DOWN
    CALLERS["openai"].call(provider)
    assert hardened.last_call() == hardened.CallOutcome("backup", degraded=False, attempts=3)


def test_no_credential_of_the_application_goes_elsewhere(
    provider: FakeProvider, other: FakeProvider, waits: Any, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "own-" + "credential-0815"
    for name in ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "ANTHROPIC_AUTH_TOKEN", "OPENAI_ADMIN_KEY"):
        monkeypatch.setenv(name, secret)
    for name in ("OPENAI_CUSTOM_HEADERS", "ANTHROPIC_CUSTOM_HEADERS"):
        monkeypatch.setenv(name, f"x-gateway: {secret}")
    configure(**to(other))
    provider.default = DOWN
    own = {"default_headers": {"x-gateway-key": secret}, "api_key": secret, "default_query": {"account": secret}}
    headers = {"X-Helicone-Auth": secret, "Cookie": secret, "x-jwt": secret, "x-harmless": "kept"}
    extra: Any = {"extra_headers": headers, "extra_query": {"key": secret, "version": "kept"}}
    openai_client(provider, **own).chat.completions.create(model=MODEL, messages=ASK, **extra)
    client = anthropic_client(provider, **own)
    client.messages.create(model=CLAUDE, max_tokens=9, messages=ASK, **extra)
    assert [request.query for request in other.requests] == ["version=kept", ""]  # the second one in another wire
    for request in other.requests:
        assert secret not in str(request.headers)
        assert request.headers["x-harmless"] == "kept"
    for request in (provider.requests[0], provider.requests[-1]):
        assert request.headers["x-gateway"] == secret
        assert f"key={secret}" in request.query


def test_another_key_and_a_cheaper_model(provider: FakeProvider, waits: Any, configure: Configure) -> None:
    targets = {
        "second key": {"provider": "openai", "api_key": OTHER_KEY},
        "cheap": {"provider": "openai", "model": "gpt-4o-mini"},
    }
    configure(targets=targets, routes={"default": ["second key", "cheap"]})
    exhausted = {"error": {"message": "", "type": "insufficient_quota", "code": "insufficient_quota"}}
    provider.when(lambda request: request.model != "gpt-4o-mini", Reply(status=429, body=exhausted))
    answer = openai_client(provider).chat.completions.create(model="gpt-4o", messages=ASK)
    assert answer.model == "gpt-4o-mini"
    keys = [request.headers["authorization"].split()[1] for request in provider.requests]
    assert keys == ["test", OTHER_KEY, "test"]


@pytest.mark.parametrize("callers", [CALLERS, STREAMS])
@pytest.mark.parametrize("name", CALLERS)
def test_a_fixed_text(name: str, callers: Any, provider: FakeProvider, waits: Any, configure: Configure) -> None:
    traces = configure(targets={"sorry": {"static": "Please come back later."}}, routes={"default": ["sorry"]})
    provider.default = DOWN
    assert callers[name].call(provider) == "Please come back later."
    assert hardened.last_call() is None or name != "openai" or hardened.last_call().degraded  # type: ignore[union-attr]
    span = traces.call()
    assert (span.attributes["hardened.degraded"], span.cost_usd, span.usage_estimated) == (True, None, None)


def test_a_fixed_text_in_the_other_shapes(provider: FakeProvider, waits: Any, configure: Configure) -> None:
    configure(targets={"sorry": {"static": "Later."}}, routes={"default": ["sorry"]})
    provider.default = DOWN
    client = openai_client(provider)
    assert client.responses.create(model=MODEL, input="hi").output_text == "Later."
    with client.responses.stream(model=MODEL, input="hi") as stream:
        assert stream.get_final_response().output_text == "Later."
    raw = client.chat.completions.with_raw_response.create(model=MODEL, messages=ASK)
    assert (raw.headers["x-hardened-served-by"], raw.elapsed.total_seconds()) == ("sorry", 0)
    assert raw.parse().choices[0].message.content == "Later."
    message = anthropic_client(provider).messages.create(model=CLAUDE, max_tokens=9, messages=ASK)
    assert (message.content[0].text, message.stop_reason) == ("Later.", "end_turn")
    with pytest.raises(openai.InternalServerError):  # no text is an embedding
        client.embeddings.create(model="text-embedding-3-small", input="hi")


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "look"}}])
def test_no_text_is_a_call_of_a_tool(choice: Any, provider: FakeProvider, waits: Any, configure: Configure) -> None:
    configure(targets={"sorry": {"static": "Later."}}, routes={"default": ["sorry"]})
    provider.default = DOWN
    tools: Any = [{"type": "function", "function": {"name": "look"}}]
    create = openai_client(provider).chat.completions.create
    with pytest.raises(openai.InternalServerError):
        create(model=MODEL, messages=ASK, tools=tools, tool_choice=choice)
    answer = create(model=MODEL, messages=ASK, tools=tools, tool_choice="auto")
    assert answer.choices[0].message.content == "Later."


def test_guards_look_at_a_fallbacks_answer(
    provider: FakeProvider, other: FakeProvider, waits: Any, configure: Configure
) -> None:
    configure(**to(other))
    provider.default = DOWN
    other.default = Reply(text=f"the key is {KEY}")
    assert KEY not in CALLERS["openai"].call(provider)
    assert KEY not in STREAMS["openai"].call(provider)
    targets = {"sorry": {"static": f"ask with {KEY}"}}
    configure(targets=targets, routes={"default": ["sorry"]})
    assert KEY not in CALLERS["openai"].call(provider)


def test_features_have_routes_of_their_own(
    provider: FakeProvider, other: FakeProvider, waits: Any, configure: Configure
) -> None:
    policy = to(other)
    policy["targets"]["sorry"] = {"static": "Later."}
    configure(**{**policy, "routes": {"default": ["backup"], "search": ["sorry"]}})
    provider.default = DOWN
    with hardened.context(feature="search"):
        assert CALLERS["openai"].call(provider) == "Later."
    with hardened.context(feature="support"):
        assert CALLERS["openai"].call(provider).startswith("You said")


def test_a_route_to_nobody_is_not_the_default_one(
    provider: FakeProvider, other: FakeProvider, waits: Any, configure: Configure
) -> None:
    configure(**{**to(other), "routes": {"default": ["backup"], "search": []}})
    provider.default = DOWN
    with hardened.context(feature="search"), pytest.raises(openai.InternalServerError):
        CALLERS["openai"].call(provider)
    assert other.requests == []


@pytest.mark.parametrize("model", [None, "text-embedding-3-small", "gpt-4o"])
def test_vectors_come_from_the_model_that_was_asked_for(
    model: str | None, provider: FakeProvider, other: FakeProvider, waits: Any, configure: Configure
) -> None:
    """Those of another one are near nothing that was stored before: an answer, but a wrong one."""
    policy = to(other)
    policy["targets"]["backup"].pop("model")
    policy["targets"]["backup"] |= {"model": model} if model else {}
    traces = configure(**policy)
    provider.default = DOWN
    client = openai_client(provider)
    if model == "gpt-4o":
        with pytest.raises(openai.InternalServerError):
            client.embeddings.create(model="text-embedding-3-small", input="hi")
        skipped = [said for name, said in events(traces) if name == "hardened.target.skipped"]
        assert skipped[0]["hardened.target.reason"] == "only the model that was asked for can serve embeddings"
    else:
        client.embeddings.create(model="text-embedding-3-small", input="hi")
    assert [one.model for one in other.requests] == ([] if model == "gpt-4o" else ["text-embedding-3-small"])


@pytest.mark.parametrize("status", [400, 403, 404, 422])
def test_what_is_wrong_with_the_request_is_not_asked_elsewhere(
    status: int, provider: FakeProvider, other: FakeProvider, waits: Any, configure: Configure
) -> None:
    configure(**to(other))
    provider.default = Reply(status=status)
    with pytest.raises(openai.APIStatusError) as raised:
        CALLERS["openai"].call(provider)
    assert (raised.value.status_code, other.requests) == (status, [])


@pytest.mark.parametrize(
    ("ask", "reason"),
    [
        ({"previous_response_id": "resp_1"}, "the request has previous_response_id, which only one account knows"),
        ({"tools": [{"type": "file_search", "vector_store_ids": ["vs_1"]}]}, "vector_store_ids"),
    ],
)
def test_what_cannot_be_served_says_why(
    ask: Any, reason: str, provider: FakeProvider, other: FakeProvider, waits: Any, configure: Configure
) -> None:
    traces = configure(**to(other))
    provider.default = DOWN
    with pytest.raises(openai.InternalServerError):
        openai_client(provider).responses.create(model=MODEL, input="hi", **ask)
    assert other.requests == []
    skipped = [said for name, said in events(traces) if name == "hardened.target.skipped"]
    assert [said["hardened.target"] for said in skipped] == ["backup", "twin"]
    assert reason in skipped[0]["hardened.target.reason"]
    assert skipped[1]["hardened.target.reason"] == "it speaks anthropic, the call openai"


@pytest.mark.parametrize(
    "ask",
    [
        {"tools": [{"type": "function", "name": "look", "parameters": {"properties": {"file_id": {}}}}]},
        {"text": {"format": {"type": "json_schema", "name": "n", "schema": {"properties": {"thread": {}}}}}},
        {"metadata": {"conversation": "c-1"}},
    ],
)
def test_names_of_the_applications_own_do_not_bind(
    ask: Any, provider: FakeProvider, other: FakeProvider, waits: Any, configure: Configure
) -> None:
    configure(**to(other))
    provider.default = DOWN
    assert openai_client(provider).responses.create(model=MODEL, input="hi", **ask).output_text


def test_arguments_of_a_call_do_not_bind(
    provider: FakeProvider, other: FakeProvider, waits: Any, configure: Configure
) -> None:
    configure(**to(other))
    provider.default = DOWN
    call = {"type": "tool_use", "id": "toolu_1", "name": "read", "input": {"file_id": "f-1"}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "empty"}
    turns = [*ASK, {"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]
    assert anthropic_client(provider).messages.create(model=CLAUDE, max_tokens=9, messages=turns).content
    thread: Any = {"thread": {"type": "continue", "previous_message_id": "msg_1"}}
    with pytest.raises(anthropic.InternalServerError):
        anthropic_client(provider).messages.create(model=CLAUDE, max_tokens=9, messages=ASK, extra_body=thread)
    assert len(other.requests) == 1


def test_data_stays_in_its_region(
    provider: FakeProvider, other: FakeProvider, waits: Any, configure: Configure
) -> None:
    provider.default = DOWN
    for region, answered in (("eu", True), ("us", False), (None, False)):
        configure(**to(other, **({"region": region} if region else {})), residency={"acme": ["eu", "ch"]})
        with hardened.context(tenant="acme"):
            if answered:
                CALLERS["openai"].call(provider)
            else:
                with pytest.raises(openai.InternalServerError):
                    CALLERS["openai"].call(provider)
        assert len(other.requests) == 1
    with hardened.context(tenant="another"):
        CALLERS["openai"].call(provider)
    assert len(other.requests) == 2
    configure(**to(other, region="eu"), residency={"default": ["eu"], "acme": []})  # an empty list: nowhere else
    with hardened.context(tenant="acme"), pytest.raises(openai.InternalServerError):
        CALLERS["openai"].call(provider)
    assert len(other.requests) == 2


def test_if_all_fail_it_is_the_own_services_error(
    provider: FakeProvider, other: FakeProvider, waits: Any, configure: Configure
) -> None:
    configure(**to(other))
    provider.default, other.default = DOWN, Reply(status=401)
    with pytest.raises(openai.InternalServerError) as raised:
        CALLERS["openai"].call(provider)
    assert raised.value.status_code == 503
    assert "client (invalid_api_key)" in "".join(raised.value.__notes__)


def test_a_short_wait_is_waited_and_a_long_one_is_not(
    provider: FakeProvider, other: FakeProvider, waits: list[float], configure: Configure
) -> None:
    configure(**to(other))
    provider.reply(status=429, headers={"retry-after": "1"})
    CALLERS["openai"].call(provider)
    assert (len(provider.requests), len(other.requests), len(waits)) == (2, 0, 1)
    provider.reply(status=429, headers={"retry-after": "20"})
    CALLERS["openai"].call(provider)
    assert (len(provider.requests), len(other.requests), len(waits)) == (3, 1, 1)


def test_a_broken_service_is_left_alone_until_it_is_well(
    provider: FakeProvider, other: FakeProvider, waits: Any, configure: Configure, clock: Clock
) -> None:
    configure(**to(other), resilience={"breaker": {"recovery": 10}})
    provider.default = DOWN
    for _ in range(10):
        CALLERS["openai"].call(provider)
    assert len(provider.requests) == 5, "five failures of five open it"
    clock.now += 12  # three probes, which fail; none of them is sent twice
    for _ in range(6):
        CALLERS["openai"].call(provider)
    assert len(provider.requests) == 8
    provider.default = Reply()
    clock.now += 12
    other.requests.clear()
    for _ in range(5):
        CALLERS["openai"].call(provider)
    assert (len(provider.requests), other.requests) == (13, [])


def test_amplification_and_transitions_are_measured(
    provider: FakeProvider, other: FakeProvider, waits: Any, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = InMemoryMetricReader()
    meter = MeterProvider([reader]).get_meter("test")
    monkeypatch.setattr(providers, "meter", lambda: meter)
    traces = configure(**to(other))
    provider.default = DOWN
    for _ in range(4):
        CALLERS["openai"].call(provider)
    assert len(traces.calls()) == 4
    data = reader.get_metrics_data()
    assert data is not None
    found = {metric.name: metric.data.data_points for metric in data.resource_metrics[0].scope_metrics[0].metrics}
    sent = sum(point.value for point in found["hardened.attempts"])  # type: ignore[union-attr]
    calls = sum(point.count for point in found["gen_ai.client.operation.duration"])  # type: ignore[union-attr]
    assert (sent, calls) == (len(provider.requests) + len(other.requests), 4)
    (opened,) = found["hardened.breaker.transitions"]
    assert opened.value == 1  # type: ignore[union-attr]
    assert opened.attributes is not None
    assert opened.attributes["hardened.breaker.state"] == "open"
    assert str(opened.attributes["hardened.target"]).startswith("primary/openai/")


@pytest.mark.parametrize("fault", [Reply(status=400), Reply(status=429)])
def test_errors_of_clients_open_no_breaker(
    fault: Reply, provider: FakeProvider, other: FakeProvider, waits: Any, configure: Configure
) -> None:
    configure(**to(other), resilience={"retries": 0})
    provider.default = fault
    for _ in range(12):
        try:
            CALLERS["openai"].call(provider)
        except openai.BadRequestError:
            continue
    assert len(provider.requests) == 12


def test_the_last_target_is_never_refused(provider: FakeProvider, waits: Any, configure: Configure) -> None:
    configure(resilience={"retries": 0})
    provider.default = DOWN
    for _ in range(12):
        with pytest.raises(openai.InternalServerError):
            CALLERS["openai"].call(provider)
    assert len(provider.requests) == 12


def test_a_stream_counts_at_its_end(
    provider: FakeProvider, other: FakeProvider, waits: Any, configure: Configure
) -> None:
    configure(**to(other))
    provider.default = Reply(text="word " * 30, fault="end", fault_after=12)
    for _ in range(5):
        with pytest.raises(hardened.StreamInterrupted):
            STREAMS["openai"].call(provider)
    assert STREAMS["openai"].call(provider).startswith("You said")
    assert len(provider.requests) == 5


def test_a_stream_that_is_left_does_not_count(
    provider: FakeProvider, other: FakeProvider, waits: Any, configure: Configure
) -> None:
    configure(**to(other))
    provider.default = Reply(text="word " * 200)
    client = openai_client(provider)
    for _ in range(12):
        with client.chat.completions.create(model=MODEL, messages=ASK, stream=True) as stream:
            next(iter(stream))
    assert (len(provider.requests), other.requests) == (12, [])


def test_anthropic_errors_name_the_own_service(
    provider: FakeProvider, other: FakeProvider, waits: Any, configure: Configure
) -> None:
    configure(**to(other))
    provider.default = other.default = Reply(status=529)
    with pytest.raises(anthropic.InternalServerError) as raised:
        CALLERS["anthropic"].call(provider)
    assert str(provider.port) in str(raised.value.request.url)


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (
            {"routes": {"default": ["bakcup"]}, "targets": {"backup": {"static": "x"}}},
            "no target 'bakcup'; did you mean",
        ),
        ({"targets": {"a": {"model": "m"}}}, "say its provider"),
        ({"targets": {"a": {"provider": "openai"}}}, "it is the same as the client's own service"),
        ({"targets": {"a": {"provider": "openai", "base_url": "https://x.example"}}}, "needs an api_key of its own"),
        ({"targets": {"a": {"static": "x", "model": "m"}}}, "a static text has no provider"),
        ({"targets": {"a": {"provider": "openai", "api_key": "env:HARDENED_NOT_SET"}}}, "is not set"),
    ],
)
def test_what_does_not_fit_together(policy: dict[str, Any], message: str) -> None:
    with pytest.raises(hardened.PolicyError, match=message.replace("(", "\\(")):
        hardened.configure(policy)
