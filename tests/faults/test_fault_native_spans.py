"""SDKs that trace themselves: one call stays one span, and the trace context stays on the wire.

In programs of their own, because OpenTelemetry lets a process set its tracer provider only once.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from programs import Program
from traces import KEY

anthropic = pytest.importorskip("anthropic")
if not hasattr(anthropic._base_client.BaseClient, "_tracer"):
    pytest.skip("this version of anthropic does not trace itself", allow_module_level=True)

HEAD = """
import asyncio, json, sys
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
import anthropic

EARLY = anthropic.Anthropic(max_retries=0)
memory = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(memory))
trace.set_tracer_provider(provider)
import hardened.auto

LATE = anthropic.Anthropic(max_retries=0)
ASK = dict(model="claude-sonnet-4-6", max_tokens=9, messages=[{"role": "user", "content": QUESTION}])

def each():
    for client in (EARLY, LATE):
        client.messages.create(**ASK)
        list(client.messages.create(**ASK, stream=True))
        with client.messages.stream(**ASK) as stream:
            stream.get_final_message()
    async def more():
        async with anthropic.AsyncAnthropic(max_retries=0) as client:
            await client.messages.create(**ASK)
            stream = await client.messages.create(**ASK, stream=True)
            async for event in stream:
                pass
    asyncio.run(more())

def report():
    hardened.flush()
    found = [
        {
            "name": span.name,
            "scope": span.instrumentation_scope.name,
            "context": f"00-{span.context.trace_id:032x}-{span.context.span_id:016x}",
            "parent": f"{span.parent.span_id:016x}" if span.parent else None,
            "attributes": dict(span.attributes),
        }
        for span in memory.get_finished_spans()
    ]
    print(json.dumps(found))
"""


def spans(program: Program, code: str, question: str = "hello") -> tuple[list[Any], list[Any]]:
    """LLM spans and spans of guards."""
    done = program.run(code + "\nreport()", head=f"QUESTION = {question[:9]!r} {question[9:]!r}\n" + HEAD)
    found = json.loads(done.stdout.splitlines()[-1])
    guards = [span for span in found if span["name"].startswith("run_guardrail")]
    return [span for span in found if span not in guards], guards


def test_our_spans_replace_the_sdks(program: Program) -> None:
    calls, guards = spans(program, "each()")
    assert len(calls) == len(program.provider.requests) == 8 and guards == []
    assert {span["scope"] for span in calls} == {"hardened"}
    sent = [request.headers["traceparent"][:52] for request in program.provider.requests]
    assert sorted(sent) == sorted(span["context"] for span in calls)
    assert len(program.traces.calls()) == 8


def test_the_sdks_spans_are_kept(program: Program) -> None:
    program.env["HARDENED_TELEMETRY_NATIVE_SPANS"] = "keep"
    calls, guards = spans(program, "each()", question=f"my key is {KEY}")
    assert len(calls) == len(program.provider.requests) == 8
    assert {span["scope"] for span in calls} == {"com.anthropic.sdk.python"}
    sent = [request.headers["traceparent"][:52] for request in program.provider.requests]
    assert sorted(sent) == sorted(span["context"] for span in calls)
    assert sorted(span["parent"] for span in guards) == sorted(span["context"][36:52] for span in calls)
    assert all(KEY.encode() not in request.body for request in program.provider.requests)
    assert KEY not in json.dumps(calls + guards)


def test_uninstrumented_the_sdk_traces_itself_again(program: Program) -> None:
    calls, _ = spans(program, "hardened.uninstrument()\neach()")
    assert len(calls) == 8
    assert {span["scope"] for span in calls} == {"com.anthropic.sdk.python"}


def test_suppressed_instrumentation_has_no_span_but_guards(program: Program) -> None:
    code = """
from opentelemetry import context
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY as KEY
token = context.attach(context.set_value(KEY, True))
each()
context.detach(token)
"""
    calls, guards = spans(program, code, question=f"my key is {KEY}")
    assert (calls, guards) == ([], [])
    assert program.traces.all() == []
    assert len(program.provider.requests) == 8
    assert all(KEY.encode() not in request.body for request in program.provider.requests)
