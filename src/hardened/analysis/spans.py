"""Reads trace files: OTLP/JSON lines, one `ExportTraceServiceRequest` per line, back into spans with typed fields.

Only the standard library, so that the command line works without pandas. Reads what the local exporter writes and what
the OpenTelemetry collector's file exporter writes. A line that cannot be read (a process was killed while it wrote) is
skipped and counted, never an error; so is a span that is not as OTLP says, for anybody may have written the file.
"""

from __future__ import annotations

import gzip
import json
import math
import os
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar, cast

from hardened.telemetry import semconv

T = TypeVar("T")
Since = datetime | timedelta

_SUFFIXES = (".jsonl", ".json", ".jsonl.gz", ".json.gz")
_DAY_IN_NAME = re.compile(r"(\d{4}-\d\d-\d\d)(?:\.(\d+))?\.jsonl?(?:\.gz)?$")
_INT64 = 2**63  # OTLP integers are smaller; times end in the year 2262, as those of pandas do
_UNREADABLE = (ValueError, TypeError, AttributeError, KeyError, OverflowError, RecursionError)
_STATUS = {1: "ok", 2: "error"}  # opentelemetry/proto/trace/v1/trace.proto, enum StatusCode


@dataclass(frozen=True, slots=True)
class GuardDecision:
    """What one detector decided about one call; never what it matched."""

    stage: str
    detector: str
    action: str
    outcome: str
    categories: tuple[str, ...] = ()
    enforced: bool = True

    @classmethod
    def parse(cls, compact: str) -> GuardDecision | None:
        """Reads `stage:detector:action:outcome:categories`, perhaps with `:shadow`; `None` if it is something else."""
        stage, detector, action, outcome, rest = [*compact.split(":", 4), "", "", "", ""][:5]
        if not outcome:
            return None
        named = rest.removesuffix(":shadow")
        categories = tuple(filter(None, named.split(",")))
        return cls(stage, detector, action, outcome, categories, enforced=named == rest)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _integer(value: Any) -> int | None:
    return _int64(value) if isinstance(value, int | float) else None


def _int64(value: Any) -> int:
    number = int(value)
    if not -_INT64 <= number < _INT64:
        raise ValueError("not an integer of 64 bits")
    return number


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _texts(value: Any) -> tuple[str, ...] | None:
    return tuple(str(item) for item in cast("list[Any]", value)) if isinstance(value, list) else None


def _messages(value: Any) -> list[dict[str, Any]] | None:
    """Messages are JSON text on a span; what was truncated beyond repair, or is no message, is left out."""
    try:
        found = json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, list):
        return None
    return [cast("dict[str, Any]", one) for one in cast("list[Any]", found) if isinstance(one, dict)]


def _decisions(value: Any) -> tuple[GuardDecision, ...]:
    decisions = (GuardDecision.parse(compact) for compact in _texts(value) or ())
    return tuple(decision for decision in decisions if decision is not None)


def _from(attribute: str, read: Callable[[Any], T]) -> T:
    """A field that is read from a span attribute; `read(None)` is its value where the attribute is absent."""
    return field(default_factory=lambda: read(None), metadata={"attribute": attribute, "read": read})


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanRecord:
    """One span of a trace file. Fields that come from an attribute say which; `None` where the span does not have it.

    Durations are in seconds, costs in USD; `attributes` has everything else, by its full name.
    """

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    start: datetime  # UTC
    duration_s: float
    status: str  # ok, error or unset
    service: str | None
    scope: str | None
    operation: str | None = _from(semconv.OPERATION_NAME, _text)
    provider: str | None = _from(semconv.PROVIDER_NAME, _text)
    model: str | None = _from(semconv.REQUEST_MODEL, _text)
    response_model: str | None = _from(semconv.RESPONSE_MODEL, _text)
    ttft_s: float | None = _from(semconv.RESPONSE_TIME_TO_FIRST_CHUNK, _number)
    stream_outcome: str | None = _from(semconv.STREAM_OUTCOME, _text)
    finish_reasons: tuple[str, ...] | None = _from(semconv.RESPONSE_FINISH_REASONS, _texts)
    error_type: str | None = _from(semconv.ERROR_TYPE, _text)
    input_tokens: int | None = _from(semconv.USAGE_INPUT_TOKENS, _integer)
    output_tokens: int | None = _from(semconv.USAGE_OUTPUT_TOKENS, _integer)
    cached_tokens: int | None = _from(semconv.USAGE_CACHE_READ_INPUT_TOKENS, _integer)
    cache_write_tokens: int | None = _from(semconv.USAGE_CACHE_CREATION_INPUT_TOKENS, _integer)
    reasoning_tokens: int | None = _from(semconv.USAGE_REASONING_OUTPUT_TOKENS, _integer)
    usage_estimated: bool | None = _from(semconv.USAGE_ESTIMATED, _flag)
    cost_usd: float | None = _from(semconv.COST_USD, _number)
    cost_known: bool | None = _from(semconv.COST_KNOWN, _flag)
    user: str | None = _from(semconv.USER_ID, _text)
    session: str | None = _from(semconv.SESSION_ID, _text)
    tenant: str | None = _from(semconv.TENANT, _text)
    feature: str | None = _from(semconv.FEATURE, _text)
    tags: tuple[str, ...] | None = _from(semconv.TAGS, _texts)
    prompt_name: str | None = _from(semconv.PROMPT_NAME, _text)
    prompt_version: str | None = _from(semconv.PROMPT_VERSION, _text)
    prompt_hash: str | None = _from(semconv.PROMPT_HASH, _text)
    guard_outcome: str | None = _from(semconv.GUARD_OUTCOME, _text)
    guard_decisions: tuple[GuardDecision, ...] = _from(semconv.GUARD_DECISIONS, _decisions)
    guard_reasons: tuple[str, ...] | None = _from(semconv.GUARD_REASONS, _texts)
    input_messages: list[dict[str, Any]] | None = _from(semconv.INPUT_MESSAGES, _messages)  # noqa: RUF009
    output_messages: list[dict[str, Any]] | None = _from(semconv.OUTPUT_MESSAGES, _messages)  # noqa: RUF009
    attributes: dict[str, Any] = field(default_factory=dict[str, Any])


_FROM_ATTRIBUTES = tuple(
    (one.name, cast(str, one.metadata["attribute"]), cast("Callable[[Any], Any]", one.metadata["read"]))
    for one in fields(SpanRecord)
    if "attribute" in one.metadata
)


def read_spans(
    path: str | os.PathLike[str],
    *,
    since: Since | None = None,
    trace_id: str | None = None,
    on_skip: Callable[[], object] | None = None,
) -> Iterator[SpanRecord]:
    """The spans in a trace file or in all trace files of a directory (also `.gz`), newest file first.

    Args:
        path: a file or a directory.
        since: only spans that started at or after this time (one without a zone is local time), or so long ago.
        trace_id: only spans of the traces whose id begins with this.
        on_skip: called for each line, and each span in a line, that cannot be read.

    Raises FileNotFoundError if there is nothing at `path`.
    """
    begin = _begin(since)
    skip = on_skip or (lambda: None)
    for file in trace_files(path, since=since):
        for line in _lines(file, skip):
            if trace_id is not None and trace_id not in line:
                continue  # cheaper than to parse it
            try:
                spans = _spans_of(json.loads(line), skip)
            except _UNREADABLE:
                skip()
                continue
            for span in spans:
                if (begin is None or span.start >= begin) and (trace_id is None or span.trace_id.startswith(trace_id)):
                    yield span


def trace_files(path: str | os.PathLike[str], *, since: Since | None = None) -> list[Path]:
    """The trace files at `path`, the newest first; without those of days before `since`.

    Raises FileNotFoundError if there is nothing at `path`.
    """
    place = Path(path)
    if place.is_file():
        return [place]
    if not place.is_dir():
        raise FileNotFoundError(f"no traces at {place}: there is no such file or directory")
    found = [(_age(file), file) for file in place.iterdir() if file.name.endswith(_SUFFIXES) and file.is_file()]
    begin = _begin(since)
    earliest = begin.date().isoformat() if begin else ""
    return [file for (day, _, _), file in sorted(found, reverse=True) if not day or day >= earliest]


def _age(file: Path) -> tuple[str, int, str]:
    """Sorts our files by the day and number in their names; others come last."""
    named = _DAY_IN_NAME.search(file.name)
    return (named[1], int(named[2] or 0), file.name) if named else ("", 0, file.name)


def _begin(since: Since | None) -> datetime | None:
    if isinstance(since, timedelta):
        return datetime.now(UTC) - since
    return since.astimezone(UTC) if since is not None else None


def _lines(file: Path, skip: Callable[[], object]) -> Iterator[str]:
    """The lines of a file that are not blank; a damaged compressed file ends where it is damaged."""
    try:
        with gzip.open(file, "rb") if file.suffix == ".gz" else file.open("rb") as stream:
            for line in stream:
                if line.strip():
                    yield line.decode("utf-8", "replace")
    except (EOFError, zlib.error, gzip.BadGzipFile):
        skip()


def _spans_of(request: dict[str, Any], skip: Callable[[], object]) -> list[SpanRecord]:
    """All spans of one request that can be read."""
    spans: list[SpanRecord] = []
    for resource_spans in request["resourceSpans"]:
        resource = _attributes(resource_spans.get("resource", {}).get("attributes", ()))
        for scope_spans in resource_spans.get("scopeSpans", ()):
            scope = _text(scope_spans.get("scope", {}).get("name"))
            for span in scope_spans.get("spans", ()):
                try:
                    spans.append(_record(span, _text(resource.get("service.name")), scope))
                except _UNREADABLE:
                    skip()
    return spans


def _record(span: dict[str, Any], service: str | None, scope: str | None) -> SpanRecord:
    attributes = _attributes(span.get("attributes", ()))
    begin = _nanoseconds(span["startTimeUnixNano"])
    end = _nanoseconds(span.get("endTimeUnixNano") or begin)
    typed = {name: read(attributes.pop(attribute, None)) for name, attribute, read in _FROM_ATTRIBUTES}
    return SpanRecord(
        trace_id=_id(span["traceId"]),
        span_id=_id(span["spanId"]),
        parent_id=_id(span["parentSpanId"]) if span.get("parentSpanId") else None,
        name=_text(span.get("name")) or "",
        start=datetime.fromtimestamp(0, UTC) + timedelta(microseconds=begin // 1000),
        duration_s=(end - begin) / 1e9,
        status=_STATUS.get(span.get("status", {}).get("code", 0), "unset"),
        service=service,
        scope=scope,
        attributes=attributes,
        **typed,
    )


def _id(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError("an id must be text")
    return value


def _nanoseconds(value: Any) -> int:
    """A time since 1970, within the bounds of every date type."""
    if (time := _int64(value)) < 0:
        raise ValueError("a time before 1970")
    return time


def _attributes(encoded: Iterable[dict[str, Any]]) -> dict[str, Any]:
    return {one["key"]: _value(one.get("value") or {}) for one in encoded}


def _value(encoded: dict[str, Any]) -> Any:
    """An OTLP `AnyValue` as a Python value: 64-bit integers stand as text in JSON, bytes as base64."""
    for kind, value in encoded.items():
        if kind == "intValue":
            return _int64(value)
        if kind == "doubleValue":
            return float(value)  # also "NaN" and "Infinity"
        if kind == "arrayValue":
            return [_value(item) for item in value.get("values", ())]
        if kind == "kvlistValue":
            return _attributes(value.get("values", ()))
        return value
    return None
