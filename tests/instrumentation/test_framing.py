"""Bytes of a stream become the same events however they are cut, and go on byte for byte where nothing was changed."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardened.testing.wires import aws
from hardened_instrumentation.calls import WireEvent
from hardened_instrumentation.framing import AwsEventStream, ServerSentEvents, dump_json, parse_json

ENDS = [b"\n", b"\r\n", b"\r"]
lines = st.sampled_from(
    [b'data: {"a":1}', b'data:{"b":[2]}', b"event: x", b": ping", b"id: 7", b"data:  {}", b"data: [DONE]", b"x"]
)
bodies = st.lists(st.tuples(lines, st.sampled_from(ENDS), st.booleans()), max_size=12).map(
    lambda rows: b"".join(line + end + (end if blank else b"") for line, end, blank in rows)
)


def events(chunks: list[bytes], framing: ServerSentEvents | AwsEventStream | None = None) -> list[WireEvent]:
    framing = framing or ServerSentEvents()
    return [event for chunk in chunks for event in framing.feed(chunk)] + framing.flush()


def meaning(found: list[WireEvent]) -> list[object]:
    return [(event.name, event.data) for event in found if event.data is not None]


@settings(max_examples=300)
@given(bodies, st.data())
def test_any_cut_means_the_same_and_loses_nothing(body: bytes, data: st.DataObject) -> None:
    whole = events([body])
    assert b"".join(event.raw for event in whole) == body
    at = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=6)))
    cut = events([body[start:end] for start, end in zip([0, *at], [*at, len(body)], strict=True)])
    assert b"".join(event.raw for event in cut) == body
    assert meaning(cut) == meaning(whole)
    single = events([body[index : index + 1] for index in range(len(body))])
    assert b"".join(event.raw for event in single) == body
    assert meaning(single) == meaning(whole)


@pytest.mark.parametrize("first", ENDS)
@pytest.mark.parametrize("second", ENDS)
def test_every_kind_of_blank_line_ends_an_event(first: bytes, second: bytes) -> None:
    body = b'data: {"a":1}' + first + second + b'data: {"b":2}\n\n'
    if (first, second) == (b"\r", b"\n"):  # one end of a line, not two
        assert len(events([body])) == 1
    else:
        assert [event.data for event in events([body])] == [{"a": 1}, {"b": 2}]


def test_what_is_left_at_the_end_is_no_event() -> None:
    (event,) = events([b'data: {"a":1}'])
    assert (event.data, event.raw) == (None, b'data: {"a":1}')


@pytest.mark.parametrize("text", ['{"a":"\\ud83d"}', '{"a":1}'])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_json_as_sdks_read_it(text: str, encoding: str) -> None:
    assert parse_json(text.encode(encoding)) == json.loads(text)
    assert json.loads(dump_json(json.loads(text))) == json.loads(text)


def test_not_json() -> None:
    assert parse_json(b"<html>") is None
    assert parse_json(b"[" * 100_000) is None


def test_aws_messages_in_any_cut() -> None:
    def message(payload: object) -> bytes:
        inner = base64.b64encode(json.dumps(payload).encode()).decode()
        return aws.event_stream_message(json.dumps({"bytes": inner}).encode(), event_type="chunk")

    payloads = [{"type": "a", "n": number, "text": "é" * number} for number in range(5)]
    body = b"".join(message(payload) for payload in payloads)
    for size in (1, 3, 7, 50, len(body)):
        found = events([body[start : start + size] for start in range(0, len(body), size)], AwsEventStream())
        assert [event.data for event in found] == payloads
        assert b"".join(event.raw for event in found) == body
    framing = AwsEventStream()
    (event,) = framing.feed(message(payloads[1]))
    assert AwsEventStream().feed(framing.encode(event))[0].data == payloads[1]


def test_what_is_no_aws_message_goes_on() -> None:
    body = b"\x00\x00\x00\x00 this is not a message"
    assert b"".join(event.raw for event in events([body], AwsEventStream())) == body
