"""Scripts, records, faults and transport of the fake provider."""

from __future__ import annotations

import json
import socket
import threading
import time
import urllib.request

import anthropic
import openai
import pytest

from hardened.testing import FakeProvider, Reply, Request

HELLO = [{"role": "user", "content": "Hello"}]


def ask(client: openai.OpenAI, text: str = "Hello") -> str | None:
    messages = [{"role": "user", "content": text}]
    return client.chat.completions.create(model="gpt-4o", messages=messages).choices[0].message.content


def test_rules_before_queue_before_default(provider: FakeProvider, openai_client: openai.OpenAI) -> None:
    provider.when(lambda request: "weather" in request.prompt, text="Sunny")
    provider.reply(text="first")
    provider.reply(lambda request: Reply(text=f"about {request.model}"))
    provider.default = Reply(text="nothing left")
    asked = ["Hi", "The weather?", "Hi", "Hi"]
    assert [ask(openai_client, text) for text in asked] == ["first", "Sunny", "about gpt-4o", "nothing left"]
    provider.reset()
    assert (ask(openai_client), len(provider.requests)) == ("You said: Hello", 1)


def test_records_what_it_received(provider: FakeProvider, openai_client: openai.OpenAI) -> None:
    openai_client.chat.completions.create(model="m", messages=HELLO, temperature=0.5, extra_headers={"X-Test": "1"})
    (request,) = provider.requests
    assert (request.method, request.path) == ("POST", "/v1/chat/completions")
    assert request.json == {"model": "m", "messages": HELLO, "temperature": 0.5}
    assert request.headers["x-test"] == "1"
    assert request.headers["authorization"] == "Bearer test"
    assert "Bearer" not in repr(request), "credentials do not stand in the output of a failed assertion"


def test_a_script_that_raises_reaches_the_test(provider: FakeProvider, openai_client: openai.OpenAI) -> None:
    provider.when(lambda request: request.json["no such key"])
    with pytest.raises(openai.InternalServerError, match="script for this request raised KeyError"):
        ask(openai_client)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Reply(text="ab", chunks=["a", "c"]),
        lambda: Reply(chunk_size=0),
        lambda: Reply(tool_calls=[{"nam": "f"}]).calls,
    ],
)
def test_nonsense_is_refused(make) -> None:
    with pytest.raises((ValueError, TypeError)):
        make()


def test_reply_and_fields_exclude_each_other(provider: FakeProvider) -> None:
    with pytest.raises(TypeError, match="not both"):
        provider.reply(Reply(), text="x")


def test_unknown_path_and_verbatim_body(provider: FakeProvider, openai_client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="does not know POST /v1/nowhere"):
        openai_client.post("/nowhere", body={}, cast_to=object)
    provider.reply(body={"any": "thing"}, status=201)
    assert openai_client.post("/nowhere", body={}, cast_to=object) == {"any": "thing"}
    provider.reply(body="plain", headers={"Content-Type": "text/csv"})
    with urllib.request.urlopen(f"{provider.url}/report") as response:
        assert (response.read(), response.headers["content-type"]) == (b"plain", "text/csv")


def test_an_address_before_the_start_is_refused() -> None:
    with pytest.raises(RuntimeError, match="call start"):
        _ = FakeProvider().openai_base_url


def test_a_client_that_hangs_up_leaves_no_log(provider: FakeProvider, caplog: pytest.LogCaptureFixture) -> None:
    body = json.dumps({"model": "m", "stream": True, "messages": [{"role": "user", "content": "Hello"}]}).encode()
    client = socket.create_connection(("127.0.0.1", provider.port))

    def hang_up(_: Request) -> Reply:
        client.close()
        return Reply(text="word " * 200)

    provider.reply(hang_up)
    client.sendall(f"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
    with urllib.request.urlopen(f"{provider.openai_base_url}/models") as answer:  # served after the hung-up one
        answer.read()
    provider.close()  # its thread has ended, so whatever it had to say has been said
    assert caplog.messages == []


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::"])
def test_only_loopback(host: str) -> None:
    with pytest.raises(ValueError, match="loopback"):
        FakeProvider(host=host)


def test_port_taken(provider: FakeProvider) -> None:
    with pytest.raises(OSError):
        FakeProvider(port=provider.port).start()


def test_env_points_a_subprocess_here(provider: FakeProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "example.com")
    assert provider.env()["NO_PROXY"] == "example.com,127.0.0.1"
    for name, value in provider.env().items():
        monkeypatch.setenv(name, value)
    assert ask(openai.OpenAI()) == "You said: Hello"
    message = anthropic.Anthropic().messages.create(model="claude", max_tokens=5, messages=HELLO)
    assert message.content[0].text == "You said: Hello"


def test_gzip(openai_client: openai.OpenAI) -> None:
    with FakeProvider(gzip=True) as zipped:
        client = openai.OpenAI(base_url=zipped.openai_base_url, api_key="t", max_retries=0)
        raw = client.chat.completions.with_raw_response.create(model="m", messages=HELLO)
        assert raw.headers["content-encoding"] == "gzip"
        assert raw.parse().choices[0].message.content == "You said: Hello"
        chunks = client.chat.completions.create(model="m", messages=HELLO, stream=True)
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "You said: Hello"


def test_chunked_request_bodies(provider: FakeProvider) -> None:
    body = json.dumps({"model": "m", "messages": HELLO}).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection(("127.0.0.1", provider.port)) as connection:
        connection.sendall(head + b"%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n" % (5, body[:5], len(body) - 5, body[5:]))
        answer = connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 200")
    assert provider.requests[0].json["messages"] == HELLO


def test_garbage_instead_of_http_ends_only_that_connection(
    provider: FakeProvider, openai_client: openai.OpenAI
) -> None:
    with socket.create_connection(("127.0.0.1", provider.port)) as connection:
        connection.sendall(b"\x16\x03\x01 not http\r\n\r\n")
        assert connection.recv(100) == b""
    assert ask(openai_client) == "You said: Hello"


def read(client: openai.OpenAI, into: list[str]) -> None:
    for chunk in client.chat.completions.create(model="m", messages=HELLO, stream=True):
        into.extend(choice.delta.content for choice in chunk.choices if choice.delta.content)


def test_cut_stream(provider: FakeProvider, openai_client: openai.OpenAI) -> None:
    provider.reply(text="abcdefghijkl", fault="cut", fault_after=3)  # the first event only names the role
    pieces: list[str] = []
    with pytest.raises(Exception) as caught:  # newer SDKs wrap the transport's error
        read(openai_client, pieces)
    assert "incomplete chunked read" in f"{caught.value} {caught.value.__cause__}"
    assert pieces == ["abcd", "efgh"]


def test_stream_that_ends_too_early(provider: FakeProvider, openai_client: openai.OpenAI) -> None:
    provider.reply(text="abcdefghijkl", fault="end", fault_after=2)
    pieces: list[str] = []
    read(openai_client, pieces)
    assert pieces == ["abcd"]


def test_garbage_in_a_stream(provider: FakeProvider, openai_client: openai.OpenAI) -> None:
    provider.reply(text="abcdefghijkl", fault="garbage", fault_after=2)
    with pytest.raises(json.JSONDecodeError):
        read(openai_client, [])


def test_stall_lasts_until_the_client_gives_up(provider: FakeProvider) -> None:
    provider.reply(text="abcdefghijkl", fault="stall", fault_after=2)
    client = openai.OpenAI(base_url=provider.openai_base_url, api_key="t", max_retries=0, timeout=0.2)
    pieces: list[str] = []
    with pytest.raises(Exception, match="timed out"):
        read(client, pieces)
    assert pieces == ["abcd"]


@pytest.mark.parametrize("fault", ["cut", "stall", "garbage"])
def test_faults_of_plain_answers(provider: FakeProvider, fault: str) -> None:
    provider.reply(fault=fault)
    client = openai.OpenAI(base_url=provider.openai_base_url, api_key="t", max_retries=0, timeout=0.2)
    with pytest.raises(Exception) as caught:
        ask(client)
    kinds = {"cut": openai.APIConnectionError, "stall": openai.APITimeoutError, "garbage": json.JSONDecodeError}
    assert isinstance(caught.value, kinds[fault])


def test_delays(provider: FakeProvider, openai_client: openai.OpenAI) -> None:
    provider.reply(text="abcd", delay=0.05, chunk_delay=0.01)
    start = time.perf_counter()
    read(openai_client, [])
    assert time.perf_counter() - start >= 0.08  # 50 ms, then four events


def test_many_threads_at_once(provider: FakeProvider, openai_client: openai.OpenAI) -> None:
    provider.default = lambda request: Reply(text=f"for {request.prompt}")
    answers: dict[str, str | None] = {}

    def talk(name: str) -> None:
        for number in range(10):
            answers[f"{name}-{number}"] = ask(openai_client, f"{name}-{number}")

    threads = [threading.Thread(target=talk, args=(f"t{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {key: f"for {key}" for key in answers}
    assert len(provider.requests) == len(answers) == 80


def test_closing_drops_open_connections() -> None:
    provider = FakeProvider().start()
    provider.reply(fault="stall")
    with socket.create_connection(("127.0.0.1", provider.port)) as connection:
        connection.sendall(b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(10)
        provider.close()
        connection.settimeout(5)
        while connection.recv(65536):
            pass
    provider.close()  # a second time does nothing


@pytest.mark.parametrize(
    ("body", "prompt"),
    [
        ({"messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "U"}]}, "U"),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "A"}, {"type": "text", "text": "B"}]}]},
            "A B",
        ),
        ({"input": "I"}, "I"),
        ({"input": [{"role": "user", "content": [{"type": "input_text", "text": "I"}]}]}, "I"),
        ({"input": [{"type": "function_call_output", "call_id": "c", "output": "O"}]}, "O"),
        ({"prompt": "P"}, "P"),
        ({}, ""),
    ],
)
def test_prompt_of_a_request(body: dict, prompt: str) -> None:
    assert Request("POST", "/", body=json.dumps(body).encode()).prompt == prompt
