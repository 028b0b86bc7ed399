"""Where spans go, and which destination gets messages.

Messages, tool arguments and tool results ("content") are recorded on our spans, scrubbed, if any destination wants
them, and taken off again for each destination that does not:

| destination                     | gets content                                              |
|---------------------------------|-----------------------------------------------------------|
| local file                      | yes                                                       |
| Langfuse                        | `telemetry.langfuse.content` (default yes)                |
| OTLP, console                   | `telemetry.otlp.content`, else the OpenTelemetry variable |
| the application's own exporters | the OpenTelemetry variable                                |

With `telemetry.content: false`, as in preset `strict`, none gets any. The OpenTelemetry variable is
`OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT`: content is on spans for `span_only` and `span_and_event`, and not
for `event_only`, `no_content` and everything else. What other libraries put on *their* spans is scrubbed, but never
taken off: the application has asked them for it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from hardened.telemetry import semconv
from hardened.telemetry.delivery import CountingExporter, Delivery, LazyExporter
from hardened.telemetry.rewrite import is_about_llm, is_ours, with_attributes

if TYPE_CHECKING:
    from hardened.policy.schema import Policy

_log = logging.getLogger("hardened.telemetry")

CAPTURE_VARIABLE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
"""As opentelemetry-util-genai 1.3b0 reads it."""

CONTENT_ATTRIBUTES = semconv.CONTENT_ATTRIBUTES | {"gen_ai.tool.call.arguments", "gen_ai.tool.call.result"}

_warned: set[str] = set()


def traces_disabled(env: Mapping[str, str] = os.environ) -> bool:
    """Whether `OTEL_SDK_DISABLED` or `OTEL_TRACES_EXPORTER=none` say that no traces are exported."""
    return sdk_disabled(env) or "none" in _chosen("OTEL_TRACES_EXPORTER", env)


def sdk_disabled(env: Mapping[str, str] = os.environ) -> bool:
    """Whether `OTEL_SDK_DISABLED` switches OpenTelemetry off."""
    return env.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"


def wants_content(policy: Policy, env: Mapping[str, str] = os.environ) -> bool:
    """Whether any destination wants content, so that it is worth recording."""
    if not policy.captures_content or sdk_disabled(env):
        return False
    if variable_wants_content(env) or policy.telemetry.otlp.content:
        return True
    if traces_disabled(env):
        return False
    return policy.telemetry.file.enabled


def variable_wants_content(env: Mapping[str, str] = os.environ) -> bool:
    """Whether OpenTelemetry's variable asks for content on spans."""
    value = env.get(CAPTURE_VARIABLE, "").strip().lower()
    if value in ("true", "1"):
        _warn_once(
            f"{CAPTURE_VARIABLE}={value} is the old form, which OpenTelemetry now takes for no_content, and so do we. "
            "Set it to span_only to send messages to OTLP and to your own exporters."
        )
    return value in ("span_only", "span_and_event")


class ContentRule:
    """What of a span an exporter that is not ours may see. Called by the wrapper that scrubs every exporter's spans."""

    def __init__(self, policy: Policy, env: Mapping[str, str] = os.environ) -> None:
        self._foreign = policy.captures_content and variable_wants_content(env)

    def __call__(self, exporter: object, span: ReadableSpan) -> ReadableSpan:
        """The span as `exporter` may see it. Our own destinations take off themselves what they do not want."""
        if self._foreign or isinstance(exporter, CountingExporter):
            return span
        return without_content(span)


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


def shared_deliveries(policy: Policy, env: Mapping[str, str] = os.environ) -> list[Delivery]:
    """The destinations of our spans whoever the provider belongs to: the local file, and Langfuse."""
    if traces_disabled(env):
        return []
    deliveries: list[Delivery] = []
    file = policy.telemetry.file
    if file.enabled:
        from hardened.telemetry.file import FileSpanExporter

        exporter = FileSpanExporter(file.path, file.max_bytes, file.retention_days)
        deliveries.append(Delivery("file", _content(exporter, policy.captures_content), is_about_llm))
    return deliveries


def own_deliveries(policy: Policy, env: Mapping[str, str] = os.environ) -> list[Delivery]:
    """The further destinations of a provider of our own, which an application configures for its own itself."""
    if traces_disabled(env):
        return []
    content = policy.telemetry.otlp.content
    content = policy.captures_content and (variable_wants_content(env) if content is None else content)
    deliveries: list[Delivery] = []
    if otlp_enabled(policy, env):
        deliveries.append(Delivery("otlp", _content(LazyExporter(_otlp_exporter), content)))
    if "console" in _chosen("OTEL_TRACES_EXPORTER", env):
        from opentelemetry.sdk.trace.export import ConsoleSpanExporter

        deliveries.append(Delivery("console", _content(ConsoleSpanExporter(), content)))
    return deliveries


def otlp_enabled(policy: Policy, env: Mapping[str, str] = os.environ, signal: str = "TRACES") -> bool:
    """Whether `signal` goes to an OTLP endpoint: as the policy says, else if OpenTelemetry's variables name one."""
    if policy.telemetry.otlp.enabled != "auto":
        return policy.telemetry.otlp.enabled
    chosen = _chosen(f"OTEL_{signal}_EXPORTER", env)
    if chosen:
        return "otlp" in chosen
    return bool(env.get("OTEL_EXPORTER_OTLP_ENDPOINT") or env.get(f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT"))


def _otlp_exporter() -> SpanExporter:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter()


def _content(exporter: SpanExporter, wanted: bool) -> SpanExporter:
    return exporter if wanted else WithoutContent(exporter)


def _chosen(variable: str, env: Mapping[str, str]) -> set[str]:
    """The exporters that one of OpenTelemetry's variables names."""
    return {name.strip().lower() for name in env.get(variable, "").split(",") if name.strip()}


def _warn_once(message: str) -> None:
    if message not in _warned:
        _warned.add(message)
        _log.warning(message)
