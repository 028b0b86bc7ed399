"""Spans come back from trace files as they were."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recorded_traces import CALL, Recorder

from hardened.analysis import GuardDecision, read_spans

Written = Callable[..., Path]


def test_every_field(recorder: Recorder, written: Written) -> None:
    original = recorder.call("chat gpt-4o-mini", CALL, seconds=1.5)
    guard, span = read_spans(written())
    assert (span.trace_id, span.span_id) == (
        f"{original.context.trace_id:032x}",
        f"{original.context.span_id:016x}",
    )
    assert (span.name, span.parent_id, guard.parent_id) == ("chat gpt-4o-mini", None, span.span_id)
    assert span.start == datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC)
    assert (span.duration_s, span.ttft_s, span.status) == (1.5, 0.25, "unset")
    assert (span.service, span.scope) == ("shop", "hardened")
    assert (span.operation, span.provider, span.model) == ("chat", "openai", "gpt-4o-mini")
    assert (span.input_tokens, span.output_tokens, span.cached_tokens, span.reasoning_tokens) == (120, 30, 100, None)
    assert (span.cost_usd, span.cost_known) == (0.00042, True)
    assert (span.user, span.session, span.feature, span.tenant) == ("u-17", "s-9", "support", None)
    assert (span.prompt_name, span.prompt_version, span.tags) == ("support", "3", ("beta", "eu"))
    assert (span.finish_reasons, span.stream_outcome, span.error_type) == (("stop",), "completed", None)
    assert span.input_messages == json.loads(CALL["gen_ai.input.messages"])
    assert span.attributes == {"gen_ai.request.temperature": 0.5}, "what has no field of its own"
    assert span.guard_outcome == "redacted"
    assert span.guard_decisions == (
        GuardDecision("input", "pii", "warn", "flagged", ("email", "phone")),
        GuardDecision("output", "secrets", "redact", "redacted", ("openai_api_key",), enforced=False),
    )
    assert guard.guard_decisions == ()


@pytest.mark.parametrize(
    ("compact", "decision"),
    [
        ("input:pii:warn:flagged:", GuardDecision("input", "pii", "warn", "flagged")),
        ("input:pii:warn:error", GuardDecision("input", "pii", "warn", "error")),
        ("input:topic:block:blocked:topic:law", GuardDecision("input", "topic", "block", "blocked", ("topic:law",))),
        ("nonsense", None),
        ("", None),
    ],
)
def test_compact_decisions(compact: str, decision: GuardDecision | None) -> None:
    assert GuardDecision.parse(compact) == decision


def skipped_in(place: Path) -> tuple[int, int]:
    skipped: list[int] = []
    spans = list(read_spans(place, on_skip=lambda: skipped.append(1)))
    return len(spans), len(skipped)


@pytest.mark.parametrize(
    "line",
    [
        b'{"resourceSpans": [{"scopeSpans": [{"spa',
        b"\x00\xff\xfe garbage",
        b"[]",
        b'"text"',
        b'{"resourceSpans": 7}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "1"}]}]}]}',
        b'{"resourceLogs": []}',
        b"[" * 100_000,
    ],
)
def test_lines_that_cannot_be_read_are_skipped_and_counted(recorder: Recorder, written: Written, line: bytes) -> None:
    recorder.call("chat", CALL)
    assert skipped_in(written(line + b"\n")) == (2, 1)


@given(cut=st.integers(0, 2000))
def test_a_torn_line_loses_only_itself(cut: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    recorder = Recorder()
    recorder.call("chat", CALL)
    (whole,) = recorder.lines()
    torn = whole[:-1][:cut]
    file = tmp_path_factory.mktemp("torn") / "traces.jsonl"
    file.write_bytes(whole + torn + b"\n" + whole)
    complete = len(torn) == len(whole) - 1
    assert skipped_in(file) == (4 + 2 * complete, int(bool(torn) and not complete))


def test_compressed_files_and_those_cut_off(recorder: Recorder, written: Written, tmp_path: Path) -> None:
    recorder.call("chat", CALL)
    packed = gzip.compress(b"".join(recorder.lines()))
    (tmp_path / "traces-2026-09-20.jsonl.gz").write_bytes(packed)
    assert skipped_in(tmp_path) == (2, 0)
    (tmp_path / "traces-2026-09-19.jsonl.gz").write_bytes(packed[: len(packed) // 2])
    (tmp_path / "traces-2026-09-18.jsonl.gz").write_bytes(b"not gzip")
    spans, skipped = skipped_in(tmp_path)
    assert (spans, skipped) == (2, 2)


def test_newest_file_first_and_other_files_left_alone(recorder: Recorder, written: Written) -> None:
    names = ["traces-2026-09-21.jsonl", "traces-2026-09-21.2.jsonl", "traces-2026-09-21.10.jsonl", "older.jsonl"]
    for number, name in enumerate(names):
        recorder.__init__()
        recorder.call(f"call {number}", CALL)
        place = written(name=name)
    (place / "notes.txt").write_text("not a trace")
    calls = [span.name for span in read_spans(place) if span.parent_id is None]
    assert calls == ["call 2", "call 1", "call 0", "call 3"]


def test_since(recorder: Recorder, written: Written) -> None:
    recorder.call("early", CALL)
    recorder.call("late", CALL, at=60)
    place = written()
    middle = datetime(2026, 9, 21, 14, 14, tzinfo=UTC)

    def names(since: datetime | timedelta) -> list[str]:
        return [span.name for span in read_spans(place, since=since) if span.parent_id is None]

    assert names(middle) == ["late"]
    assert names(middle.astimezone().replace(tzinfo=None)) == ["late"], "a time without a zone is local"
    assert names(timedelta(days=36_500)) == ["early", "late"]
    assert names(datetime(2026, 9, 22, tzinfo=UTC)) == [], "files of days before are not even opened"


def test_one_trace(recorder: Recorder, written: Written) -> None:
    wanted = recorder.call("wanted", CALL)
    recorder.call("other", CALL)
    trace_id = f"{wanted.context.trace_id:032x}"
    for given_id in (trace_id, trace_id[:8]):
        assert [span.name for span in read_spans(written(), trace_id=given_id)] == ["run_guardrail pii", "wanted"]


def test_nothing_there(tmp_path: Path) -> None:
    assert list(read_spans(tmp_path)) == []
    with pytest.raises(FileNotFoundError, match="no traces at"):
        list(read_spans(tmp_path / "missing"))


def test_values_of_every_kind(tmp_path: Path) -> None:
    values = {
        "text": ({"stringValue": "x"}, "x"),
        "integer": ({"intValue": "9007199254740993"}, 9007199254740993),
        "double": ({"doubleValue": "Infinity"}, float("inf")),
        "flag": ({"boolValue": False}, False),
        "list": ({"arrayValue": {"values": [{"intValue": 1}, {"stringValue": "a"}]}}, [1, "a"]),
        "empty list": ({"arrayValue": {}}, []),
        "mapping": ({"kvlistValue": {"values": [{"key": "a", "value": {"intValue": "1"}}]}}, {"a": 1}),
        "nothing": ({}, None),
    }
    span = {
        "traceId": "0" * 31 + "1",
        "spanId": "0" * 15 + "1",
        "startTimeUnixNano": "1790000000000000000",
        "status": {"code": 2},
        "attributes": [{"key": key, "value": encoded} for key, (encoded, _) in values.items()],
    }
    file = tmp_path / "collector.json"
    file.write_text(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}))
    (record,) = read_spans(file)
    assert record.attributes == {key: value for key, (_, value) in values.items()}
    assert (record.status, record.duration_s, record.service) == ("error", 0.0, None)
