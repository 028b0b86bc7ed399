"""Which spans are ours, and the same span with other attributes, for one destination only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from hardened.telemetry import semconv

CONTENT_ATTRIBUTES = semconv.CONTENT_ATTRIBUTES | {"gen_ai.tool.call.arguments", "gen_ai.tool.call.result"}
"""What of a span may hold what people, documents, tools or models said."""


def is_ours(span: ReadableSpan) -> bool:
    """Whether `hardened` made the span."""
    scope = _as_made(span).instrumentation_scope
    return scope is not None and (scope.name == semconv.SCOPE or scope.name.startswith(f"{semconv.SCOPE}."))


def is_about_llm(span: ReadableSpan) -> bool:
    """Whether the span is ours or carries anything of the GenAI conventions."""
    return is_ours(span) or has_gen_ai(span)


def has_gen_ai(span: ReadableSpan) -> bool:
    """Whether the span carries anything of the GenAI conventions."""
    return any(key.startswith("gen_ai.") for key in _as_made(span).attributes or ())


def is_guard(span: ReadableSpan) -> bool:
    """Whether the span is ours and tells of a check."""
    return is_ours(span) and semconv.GUARD_DETECTOR in (_as_made(span).attributes or {})


def _as_made(span: ReadableSpan) -> ReadableSpan:
    """A span that is scrubbed when it is read, as it was before: to judge it by names alone must not cost that."""
    return getattr(span, "_source", None) or span


def with_attributes(span: ReadableSpan, attributes: Mapping[str, Any]) -> ReadableSpan:
    """The span as it is, with these attributes instead of its own. The original, which others export, is untouched."""
    return _Rewritten(span, attributes)


class _Rewritten(ReadableSpan):
    """Keeps the counts of dropped items, which a plain copy would lose."""

    def __init__(self, original: ReadableSpan, attributes: Mapping[str, Any]) -> None:
        super().__init__(
            original.name,
            context=original.get_span_context(),
            parent=original.parent,
            resource=original.resource,
            attributes=attributes,
            events=original.events,
            links=original.links,
            kind=original.kind,
            status=original.status,
            start_time=original.start_time,
            end_time=original.end_time,
            instrumentation_scope=original.instrumentation_scope,
        )
        self._original = original

    @property
    def dropped_attributes(self) -> int:
        return self._original.dropped_attributes

    @property
    def dropped_events(self) -> int:
        return self._original.dropped_events

    @property
    def dropped_links(self) -> int:
        return self._original.dropped_links


def without_content(span: ReadableSpan) -> ReadableSpan:
    """Our span without messages, tool definitions, arguments and results; another library's span as it is."""
    attributes = span.attributes or {}
    if not is_ours(span) or CONTENT_ATTRIBUTES.isdisjoint(attributes):
        return span
    return with_attributes(span, {key: value for key, value in attributes.items() if key not in CONTENT_ATTRIBUTES})


class WithoutContent(SpanExporter):
    """An exporter that sees no content of our spans."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export the spans without content."""
        return self._exporter.export([without_content(span) for span in spans])

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Whatever the exporter buffers itself."""
        return self._exporter.force_flush(timeout_millis)

    def shutdown(self) -> None:
        """End the exporter."""
        self._exporter.shutdown()
