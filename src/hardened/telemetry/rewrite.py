"""The same span with other attributes, for one destination only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan

from hardened.telemetry.semconv import SCOPE


def is_ours(span: ReadableSpan) -> bool:
    """Whether `hardened` made the span."""
    scope = span.instrumentation_scope
    return scope is not None and (scope.name == SCOPE or scope.name.startswith(f"{SCOPE}."))


def is_about_llm(span: ReadableSpan) -> bool:
    """Whether the span is ours or carries anything of the GenAI conventions."""
    return is_ours(span) or any(key.startswith("gen_ai.") for key in span.attributes or ())


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
