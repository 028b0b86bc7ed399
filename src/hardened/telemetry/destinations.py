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

import importlib
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter

from hardened.telemetry import scrub
from hardened.telemetry.delivery import CountingExporter, Delivery, LazyExporter
from hardened.telemetry.notice import warn_once
from hardened.telemetry.rewrite import WithoutContent, is_about_llm, without_content

if TYPE_CHECKING:
    from hardened.policy.schema import Policy
    from hardened.telemetry.langfuse_export import LangfuseSettings

CAPTURE_VARIABLE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
"""As opentelemetry-util-genai 1.3b0 reads it."""


def traces_disabled(env: Mapping[str, str] = os.environ) -> bool:
    """Whether `OTEL_SDK_DISABLED` or `OTEL_TRACES_EXPORTER=none` say that no traces are exported."""
    return sdk_disabled(env) or "none" in _chosen("OTEL_TRACES_EXPORTER", env)


def sdk_disabled(env: Mapping[str, str] = os.environ) -> bool:
    """Whether `OTEL_SDK_DISABLED` switches OpenTelemetry off."""
    return env.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"


def wants_content(policy: Policy, env: Mapping[str, str] = os.environ) -> bool:
    """Whether any destination wants content, so that it is worth recording; never where it could not be scrubbed."""
    if not policy.captures_content or sdk_disabled(env) or scrub.missing():
        return False
    if variable_wants_content(env) or policy.telemetry.otlp.content:
        return True
    if traces_disabled(env):
        return False
    return policy.telemetry.file.enabled or (policy.telemetry.langfuse.content and _langfuse(policy, env) is not None)


def variable_wants_content(env: Mapping[str, str] = os.environ) -> bool:
    """Whether OpenTelemetry's variable asks for content on spans."""
    value = env.get(CAPTURE_VARIABLE, "").strip().lower()
    if value in ("true", "1"):
        warn_once(
            f"{CAPTURE_VARIABLE}={value} is the old form, which OpenTelemetry now takes for no_content, and so do we. "
            "Set it to span_only to send messages to OTLP and to your own exporters."
        )
    return value in ("span_only", "span_and_event")


class ContentRule:
    """What exporters that are not ours may see of our spans, and in which form. For `scrub.set_span_filter`."""

    def __init__(self, policy: Policy, env: Mapping[str, str] = os.environ) -> None:
        self._policy = policy
        self._env = env
        self._foreign = policy.captures_content and variable_wants_content(env)

    def __call__(self, exporter: SpanExporter, spans: Sequence[ReadableSpan]) -> Sequence[ReadableSpan]:
        """The spans as `exporter` may see them. Our own destinations take off themselves what they do not want."""
        if isinstance(exporter, CountingExporter):
            return spans
        from hardened.telemetry.langfuse_export import for_langfuse, leads_to_langfuse

        if leads_to_langfuse(exporter):
            return for_langfuse(spans, self._policy, self._env)
        return spans if self._foreign else [without_content(span) for span in spans]


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
    settings = _langfuse(policy, env)
    if settings is not None:
        from hardened.telemetry.langfuse_export import LangfuseDelivery

        deliveries.append(LangfuseDelivery(settings, policy.captures_content and policy.telemetry.langfuse.content))
    return deliveries


def own_deliveries(policy: Policy, env: Mapping[str, str] = os.environ) -> list[Delivery]:
    """The further destinations of a provider of our own, which an application configures for its own itself."""
    if traces_disabled(env):
        return []
    content = policy.telemetry.otlp.content
    content = policy.captures_content and (variable_wants_content(env) if content is None else content)
    deliveries: list[Delivery] = []
    if otlp_enabled(policy, env):
        exporter = _otlp(policy, env, content)
        if exporter is not None:
            deliveries.append(Delivery("otlp", exporter))
    if "console" in _chosen("OTEL_TRACES_EXPORTER", env):
        from opentelemetry.sdk.trace.export import ConsoleSpanExporter

        deliveries.append(Delivery("console", _content(ConsoleSpanExporter(), content)))
    return deliveries


def _otlp(policy: Policy, env: Mapping[str, str], content: bool) -> SpanExporter | None:
    """The exporter to the OTLP endpoint; None if that is Langfuse and our spans go there already."""
    endpoint = env.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or env.get("OTEL_EXPORTER_OTLP_ENDPOINT") or ""
    protocol = env.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or env.get("OTEL_EXPORTER_OTLP_PROTOCOL") or ""
    exporter = LazyExporter(lambda: _otlp_exporter(protocol))
    from hardened.telemetry.langfuse_export import OTLP_PATH, TranslatingExporter

    if OTLP_PATH not in endpoint:
        return _content(exporter, content)
    return None if _langfuse(policy, env) is not None else TranslatingExporter(exporter, policy, env)


def otlp_enabled(policy: Policy, env: Mapping[str, str] = os.environ, signal: str = "TRACES") -> bool:
    """Whether `signal` goes to an OTLP endpoint: as the policy says, else if OpenTelemetry's variables name one."""
    chosen = _chosen(f"OTEL_{signal}_EXPORTER", env)
    if policy.telemetry.otlp.enabled != "auto":
        return policy.telemetry.otlp.enabled and "none" not in chosen
    if chosen:
        return "otlp" in chosen
    return bool(env.get("OTEL_EXPORTER_OTLP_ENDPOINT") or env.get(f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT"))


def _otlp_exporter(protocol: str) -> SpanExporter:
    if protocol.strip().lower() != "grpc":
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        return OTLPSpanExporter()
    try:
        return importlib.import_module("opentelemetry.exporter.otlp.proto.grpc.trace_exporter").OTLPSpanExporter()
    except ImportError:
        warn_once(
            "no traces are sent over OTLP: OTEL_EXPORTER_OTLP_PROTOCOL is grpc, which needs the package "
            "opentelemetry-exporter-otlp-proto-grpc. Install it, or set the variable to http/protobuf."
        )
        raise


def _langfuse(policy: Policy, env: Mapping[str, str]) -> LangfuseSettings | None:
    """Langfuse's settings; without importing anything if nothing speaks of Langfuse."""
    section = policy.telemetry.langfuse
    if section.enabled is False or not (section.enabled is True or section.public_key or "LANGFUSE_PUBLIC_KEY" in env):
        return None
    from hardened.telemetry.langfuse_export import langfuse_settings

    return langfuse_settings(policy, env)


def _content(exporter: SpanExporter, wanted: bool) -> SpanExporter:
    return exporter if wanted else WithoutContent(exporter)


def _chosen(variable: str, env: Mapping[str, str]) -> set[str]:
    """The exporters that one of OpenTelemetry's variables names."""
    return {name.strip().lower() for name in env.get(variable, "").split(",") if name.strip()}
