"""The OTLP/JSON encoder against OpenTelemetry's own protobuf encoder."""

from __future__ import annotations

import base64
import json
import logging
import math
from typing import Any

from export_support import ids_to_base64
from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util import BoundedList
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, TraceFlags, TraceState
from opentelemetry.trace.status import Status, StatusCode

from hardened.telemetry.otlp_json import encode_request

logging.getLogger("opentelemetry.attributes").setLevel(logging.ERROR)  # attributes are dropped on purpose here

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NAME = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
SCALAR = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False) | st.just(math.nan),
    TEXT,
    st.binary(max_size=12),
)
VALUE = st.recursive(
    SCALAR,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAME, inner, max_size=3)),
    max_leaves=6,
)


@st.composite
def attributes(draw: st.DrawFn) -> BoundedAttributes:
    limit = draw(st.sampled_from([None, 1]))  # with a limit of one, attributes are dropped and counted
    return BoundedAttributes(limit, draw(st.dictionaries(NAME, VALUE, max_size=4)))


CONTEXT = st.builds(
    SpanContext,
    st.integers(1, 2**128 - 1),
    st.integers(1, 2**64 - 1),
    st.booleans(),
    st.just(TraceFlags(1)),
    st.sampled_from([TraceState(), TraceState([("vendor", "1"), ("other", "a:b")])]),
)
PLAIN_CONTEXT = st.builds(SpanContext, st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1), st.booleans())
TIME = st.one_of(st.just(0), st.integers(0, 2**63 - 1))
STATUS = st.one_of(st.builds(Status, st.just(StatusCode.ERROR), TEXT), st.builds(Status, st.sampled_from(StatusCode)))
RESOURCES = [Resource({}), Resource({"service.name": "a", "n": 1}, "https://schema/1"), Resource({"service.name": "b"})]
SCOPES = [
    None,
    InstrumentationScope("hardened", "1.0", "https://schema/2", {"x": True}),
    InstrumentationScope("other"),
]


@st.composite
def spans(draw: st.DrawFn) -> ReadableSpan:
    events = draw(st.lists(st.builds(Event, TEXT, attributes(), st.integers(1, 2**63 - 1)), max_size=3))
    return ReadableSpan(
        draw(TEXT),
        context=draw(CONTEXT),
        parent=draw(st.none() | CONTEXT),
        resource=draw(st.sampled_from(RESOURCES)),
        attributes=draw(attributes()),
        events=BoundedList.from_seq(draw(st.sampled_from([None, 1])), events),
        links=draw(st.lists(st.builds(Link, PLAIN_CONTEXT, attributes()), max_size=2)),
        kind=draw(st.sampled_from(SpanKind)),
        status=draw(STATUS),
        start_time=draw(TIME),
        end_time=draw(TIME),
        instrumentation_scope=draw(st.sampled_from(SCOPES)),
    )


def protobuf_json(batch: list[ReadableSpan]) -> Any:
    """What OpenTelemetry's encoder and protobuf's JSON mapping make of the spans, ids still in base64."""
    return json_format.MessageToDict(encode_spans(batch), use_integers_for_enums=True)


@settings(max_examples=60)
@given(st.lists(spans(), max_size=3))
def test_equals_the_protobuf_mapping(batch: list[ReadableSpan]) -> None:
    line = encode_request(batch)
    assert b"\n" not in line
    ours = ids_to_base64(json.loads(line))
    assert (ours if batch else {}) == protobuf_json(batch)


@settings(max_examples=40)
@given(st.lists(spans(), min_size=1, max_size=2))
def test_parses_back_into_the_same_message(batch: list[ReadableSpan]) -> None:
    message = json_format.ParseDict(ids_to_base64(json.loads(encode_request(batch))), ExportTraceServiceRequest())
    # Compared as bytes: NaN is not equal to itself.
    assert message.SerializeToString(deterministic=True) == encode_spans(batch).SerializeToString(deterministic=True)


def only_span(span: ReadableSpan) -> Any:
    return json.loads(encode_request([span]))["resourceSpans"][0]["scopeSpans"][0]["spans"][0]


def test_ids_are_hexadecimal_and_whole() -> None:
    span = only_span(ReadableSpan("x", context=SpanContext(1, 2, False), parent=SpanContext(1, 3, True)))
    assert (span["traceId"], span["spanId"], span["parentSpanId"]) == ("0" * 31 + "1", "0" * 15 + "2", "0" * 15 + "3")
    assert span["flags"] == 0x300


def test_trace_state_of_a_link_is_kept() -> None:
    linked = SpanContext(1, 2, False, trace_state=TraceState([("vendor", "1")]))
    assert only_span(ReadableSpan("x", context=SpanContext(1, 2, False), links=[Link(linked)]))["links"][0][
        "traceState"
    ] == ("vendor=1")


def test_integers_beyond_64_bits_become_text() -> None:
    span = only_span(ReadableSpan("x", context=SpanContext(1, 2, False), attributes={"big": 2**63}))
    assert span["attributes"] == [{"key": "big", "value": {"stringValue": str(2**63)}}]


def test_lone_surrogates_do_not_lose_the_batch() -> None:
    attributes = {"broken": "a\ud800b", "pair": "\ud83d\ude00", "fine": base64.b64encode(b"x").decode()}
    span = only_span(ReadableSpan("n\udc00", context=SpanContext(1, 2, False), attributes=attributes))
    assert span["name"] == "n\ufffd"
    assert [item["value"]["stringValue"] for item in span["attributes"]] == ["a\ufffdb", "\U0001f600", "eA=="]
