"""Whatever an SDK can read of an answer, however strangely written: a secret in it never reaches the application."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest
from shapes import ASK, MODEL
from traces import KEY, Traces

pytestmark = pytest.mark.skipif(not hasattr(openai._base_client, "httpx2"), reason="this version of openai uses httpx")


class Chunks(httpx2.SyncByteStream):
    def __init__(self, body: bytes, size: int) -> None:
        self._body, self._size = body, size

    def __iter__(self) -> Iterator[bytes]:
        for start in range(0, len(self._body), self._size):
            yield self._body[start : start + self._size]


def client(body: bytes, headers: dict[str, str], size: int = 1 << 20) -> openai.OpenAI:
    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers=headers, stream=Chunks(body, size))

    http = httpx2.Client(transport=httpx2.MockTransport(answer))
    return openai.OpenAI(base_url="http://provider.test/v1", api_key="test", http_client=http, max_retries=0)


def completion(content: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": content}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {"id": "c", "object": "chat.completion", "created": 1, "model": MODEL, "choices": [choice]}


def chunk(content: str, finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": {"content": content}, "finish_reason": finish}
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": MODEL, "choices": [choice]}


PLAIN = json.dumps(completion(f"the key {KEY} is yours")).encode()
TYPED = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (PLAIN, {}),
        (b"  \n" + PLAIN, {}),
        (PLAIN, {"content-type": "application/octet-stream"}),
        (PLAIN, {"content-type": "text/plain"}),
        (b"\xef\xbb\xbf" + PLAIN, TYPED),
        (PLAIN.decode().encode("utf-16"), TYPED),
        (PLAIN.replace(b"the key", b"half \\ud83d"), TYPED),
        (gzip.compress(PLAIN), {**TYPED, "content-encoding": "gzip"}),
    ],
)
@pytest.mark.parametrize("raw", [False, True])
def test_plain_bodies(body: bytes, headers: dict[str, str], raw: bool, traces: Traces) -> None:
    completions = client(body, headers).chat.completions
    if raw:
        with completions.with_streaming_response.create(model=MODEL, messages=ASK) as response:
            seen = response.read().replace(b"\x00", b"").decode("utf-8", "replace")
    else:
        seen = str(completions.create(model=MODEL, messages=ASK))
    assert KEY not in seen
    assert "OPENAI_API_KEY" in seen
    assert KEY.encode() not in traces.bytes


def stream_body(end: str, space: str) -> bytes:
    pieces = ["the key ", KEY[:9], KEY[9:20], KEY[20:], " is yours"]
    rows = [json.dumps(chunk(piece)) for piece in pieces] + [json.dumps(chunk("", "stop"))]
    return "".join([*(f"data:{space}{row}{end}" for row in rows), f"data: [DONE]{end}"]).encode()


@pytest.mark.parametrize("size", [1, 2, 3, 17, 1 << 20])
@pytest.mark.parametrize("end", ["\n\n", "\r\n\r\n", "\r\r", "\n\r\n", "\r\n\n"])
@pytest.mark.parametrize("space", ["", " ", "  "])
def test_streams(size: int, end: str, space: str, traces: Traces) -> None:
    body = stream_body(end, space)
    asked = client(body, {"content-type": "text/event-stream"}, size)
    seen = ""
    try:
        for item in asked.chat.completions.create(model=MODEL, messages=ASK, stream=True):
            seen += "".join(choice.delta.content or "" for choice in item.choices)
    except json.JSONDecodeError:  # the SDK itself does not understand these line ends
        assert end in ("\n\r\n", "\r\n\n")
    assert KEY not in seen and KEY[20:] not in seen
    if end in ("\n\n", "\r\n\r\n", "\r\r"):
        assert seen == "the key [OPENAI_API_KEY] is yours"


def test_a_stream_that_was_not_asked_for_as_one(traces: Traces) -> None:
    asked = client(stream_body("\n\n", " "), {"content-type": "text/event-stream"}, 7)
    create = asked.chat.completions.with_streaming_response.create
    with create(model=MODEL, messages=ASK, extra_body={"stream": True}) as response:
        seen = "".join(response.iter_lines())
    assert KEY[20:] not in seen and "[OPENAI_API_KEY]" in seen


def test_a_last_event_without_its_blank_line_costs_nothing(traces: Traces) -> None:
    """What is held goes out before what is no event, in whose middle it would stand otherwise."""
    held = KEY[:12]
    body = f"data: {json.dumps(chunk('hello ' + held))}\n\ndata: {json.dumps(chunk('', 'stop'))}".encode()
    asked = client(body, {"content-type": "text/event-stream"})
    seen = [
        item.choices[0].delta.content or ""
        for item in asked.chat.completions.create(model=MODEL, messages=ASK, stream=True)
    ]
    assert "".join(seen) == f"hello {held}"


def test_raw_bytes_can_be_read_after_us(traces: Traces) -> None:
    body = gzip.compress(PLAIN)
    asked = client(body, {**TYPED, "content-encoding": "gzip", "content-length": str(len(body))})
    with asked.chat.completions.with_streaming_response.create(model=MODEL, messages=ASK) as response:
        raw = b"".join(response.http_response.iter_raw())
        assert "content-encoding" not in response.headers
        assert int(response.headers["content-length"]) == len(raw)
    assert json.loads(raw)["choices"][0]["message"]["content"] == "the key [OPENAI_API_KEY] is yours"


def test_a_task_that_was_started_during_a_call_is_guarded_later(provider: Any, clients: Any, traces: Traces) -> None:
    import asyncio

    async def later() -> None:
        await asyncio.sleep(0.05)
        async with clients.async_openai() as other:
            await other.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": f"key {KEY}"}])

    async def main() -> None:
        tasks: list[asyncio.Task[None]] = []

        async def hook(_: Any) -> None:
            tasks.append(asyncio.create_task(later()))

        async with clients.async_openai() as client:
            client._client.event_hooks["request"].append(hook)
            await client.chat.completions.create(model=MODEL, messages=ASK)
        await asyncio.gather(*tasks)

    asyncio.run(main())
    assert len(provider.requests) == 2
    assert KEY not in str(provider.requests[-1].json)
