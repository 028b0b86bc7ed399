"""Export to Langfuse, with nothing but the keys configured; and beside Langfuse's own SDK, if that is there.

The request is made here, not by OpenTelemetry's exporter: that one adds `OTEL_EXPORTER_OTLP_HEADERS`, which may hold
the key of another service, and takes a redirect for success. The body is OpenTelemetry's protobuf, which Langfuse's own
SDKs send as well; integers of OTLP/JSON, which are text, not every version of the server reads.
"""

from __future__ import annotations

import base64
import logging
import os
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace import ReadableSpan, Span
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from hardened.telemetry.delivery import Counts, Delivery
from hardened.telemetry.faults import report
from hardened.telemetry.http_post import Poster, UnsafeAddressError, safe_base
from hardened.telemetry.langfuse import translate
from hardened.telemetry.langfuse_scores import ScoreSender, scores_of
from hardened.telemetry.notice import warn_once
from hardened.telemetry.rewrite import WithoutContent, has_gen_ai, is_about_llm, is_guard, without_content

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import SpanContext

    from hardened.policy.schema import Policy

_log = logging.getLogger("hardened.telemetry")

DEFAULT_HOST = "https://cloud.langfuse.com"
OTLP_PATH = "/api/public/otel"

_TIMEOUT = 10.0  # seconds for one request, tries included
_MAX_BODY = 4_000_000  # bytes; the server wants less than 16 MB in a request
_INGESTION_VERSION = "4"  # without it, a server that also serves older clients shows spans only after minutes
_REMEMBERED = 8192  # spans whose place in the trace is known; live parents are kept longest


@dataclass(frozen=True, slots=True)
class LangfuseSettings:
    """Where and as whom."""

    host: str
    public_key: str
    secret_key: str = field(repr=False)
    environment: str | None = None
    release: str | None = None


def langfuse_settings(policy: Policy, env: Mapping[str, str] = os.environ) -> LangfuseSettings | None:
    """The settings of the policy, else of Langfuse's own variables; None if Langfuse is off, or they do not suffice.

    What is wrong is said in one warning.
    """
    from hardened.policy.schema import reveal

    section = policy.telemetry.langfuse
    if section.enabled is False or env.get("LANGFUSE_TRACING_ENABLED", "").strip().lower() in ("false", "0"):
        return None
    public = reveal(section.public_key, env) or env.get("LANGFUSE_PUBLIC_KEY")
    secret = reveal(section.secret_key, env) or env.get("LANGFUSE_SECRET_KEY")
    if not public or not secret:
        if section.enabled is True:
            warn_once("telemetry.langfuse is enabled, but LANGFUSE_PUBLIC_KEY or LANGFUSE_SECRET_KEY is not set")
        return None
    host = section.host or env.get("LANGFUSE_BASE_URL") or env.get("LANGFUSE_HOST") or DEFAULT_HOST
    try:
        host = safe_base(host)
    except UnsafeAddressError as error:
        warn_once(f"nothing is sent to Langfuse: {error}. Correct telemetry.langfuse.host or LANGFUSE_BASE_URL.")
        return None
    return LangfuseSettings(host, public, secret, *labels(policy, env))


def labels(policy: Policy, env: Mapping[str, str] = os.environ) -> tuple[str | None, str | None]:
    """Environment and release, which stand on every span."""
    section = policy.telemetry.langfuse
    return (
        section.environment or env.get("LANGFUSE_TRACING_ENVIRONMENT") or None,
        section.release or env.get("LANGFUSE_RELEASE") or None,
    )


class LangfuseExporter(SpanExporter):
    """Translates spans, sends them to Langfuse's OTLP endpoint, and then the scores for the guards among them.

    Spans that ended at `superseded_at` (ns) or later reach Langfuse by its own span processor, except those in which it
    sees nothing of generative AI; of the others only the scores are sent.
    """

    def __init__(self, settings: LangfuseSettings, is_root: Callable[[ReadableSpan], bool]) -> None:
        self.superseded_at: int | None = None
        self._settings = settings
        self._is_root = is_root
        pair = f"{settings.public_key}:{settings.secret_key}"
        headers = {
            "Authorization": "Basic " + base64.b64encode(pair.encode()).decode(),
            "x-langfuse-ingestion-version": _INGESTION_VERSION,
        }
        self._poster = Poster(settings.host, headers, _TIMEOUT)
        self.scores = ScoreSender(self._poster)
        self._complained = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send the spans, then the scores; SUCCESS if Langfuse took the spans."""
        settings = self._settings
        translated = [
            translate(span, environment=settings.environment, release=settings.release, app_root=self._is_root(span))
            for span in spans
            if not self._sent_by_langfuse(span)
        ]
        sent = self._send(translated)
        self.scores.send(scores_of(spans, settings.environment))
        return SpanExportResult.SUCCESS if sent else SpanExportResult.FAILURE

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing is buffered here."""
        return True

    def shutdown(self) -> None:
        """Give up waiting for another try."""
        self._poster.stop()

    def _sent_by_langfuse(self, span: ReadableSpan) -> bool:
        return self.superseded_at is not None and (span.end_time or 0) >= self.superseded_at and has_gen_ai(span)

    def _send(self, spans: list[ReadableSpan]) -> bool:
        """Whether Langfuse took the spans, in as many requests as their size needs."""
        if not spans:
            return True
        from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

        body = encode_spans(spans).SerializeToString()
        if len(body) > _MAX_BODY and len(spans) > 1:
            half = len(spans) // 2
            parts = [self._send(spans[:half]), self._send(spans[half:])]
            return all(parts)
        try:
            status = self._poster.post(f"{OTLP_PATH}/v1/traces", body, "application/x-protobuf", compress=True)
        except OSError as error:
            self._complain(f"no answer ({type(error).__name__})")
            return False
        if not 200 <= status < 300:
            self._complain(f"status {status}" + (", so check its keys" if status in (401, 403) else ""))
        return 200 <= status < 300

    def _complain(self, what: str) -> None:
        if not self._complained:
            self._complained = True
            _log.warning("hardened: traces could not be sent to Langfuse at %s: %s", self._settings.host, what)


class TranslatingExporter(SpanExporter):
    """An OTLP exporter that was configured for Langfuse, with our spans as Langfuse reads them."""

    def __init__(self, exporter: SpanExporter, policy: Policy, env: Mapping[str, str]) -> None:
        self._exporter = exporter
        self._policy, self._env = policy, env

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export the translated spans."""
        return self._exporter.export(for_langfuse(spans, self._policy, self._env))

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Whatever the exporter buffers itself."""
        return self._exporter.force_flush(timeout_millis)

    def shutdown(self) -> None:
        """End the exporter."""
        self._exporter.shutdown()


def for_langfuse(
    spans: Sequence[ReadableSpan], policy: Policy, env: Mapping[str, str] = os.environ
) -> list[ReadableSpan]:
    """The spans for an exporter of others that leads to Langfuse: translated, with content if the policy says so.

    Such an exporter gets the parents of our spans too, or marks the root itself as Langfuse's own does.
    """
    content = policy.captures_content and policy.telemetry.langfuse.content
    environment, release = labels(policy, env)
    return [
        translate(span if content else without_content(span), environment=environment, release=release)
        for span in spans
    ]


def leads_to_langfuse(exporter: object) -> bool:
    """Whether an exporter that is not ours sends to Langfuse: its SDK's, or an OTLP exporter configured for it."""
    inner = getattr(exporter, "_exporter", None) if type(exporter).__module__.startswith("langfuse.") else None
    return OTLP_PATH in str(getattr(inner or exporter, "_endpoint", ""))


class _Place(Enum):
    """Where a span stands in the part of its trace that Langfuse sees."""

    HIDDEN = 0  # neither it nor anything above it is exported
    ROOT = 1  # it is exported, and nothing above it
    BELOW = 2  # something above it is exported


class LangfuseDelivery(Delivery):
    """Delivers to Langfuse, and knows two things that the spans do not say.

    * Which span is the uppermost that Langfuse sees of its trace: the parent of ours may be the span of a web
      framework, which is not exported, and then Langfuse would not list the trace.
    * Whether Langfuse's own span processor has appeared on the provider, for the same project. Then it gets our spans
      anyhow, and sending them twice would count every cost twice. From then on we send guard scores only, and the
      spans that it does not take because they carry nothing of the GenAI conventions.
    """

    def __init__(self, settings: LangfuseSettings, content: bool) -> None:
        self._public_key = settings.public_key
        self._place: OrderedDict[int, _Place] = OrderedDict()
        self._processors: object = None
        self._seen: object = None
        self.langfuse = LangfuseExporter(settings, self.is_root)
        super().__init__("langfuse", self.langfuse if content else WithoutContent(self.langfuse), is_about_llm)

    def stats(self) -> dict[str, Counts]:
        """Spans, and scores of guards if there were any."""
        sent, failed = self.langfuse.scores.sent, self.langfuse.scores.failed
        scores = {"langfuse scores": Counts(sent + failed, sent, failed)} if sent or failed else {}
        return super().stats() | scores

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Note where in its trace the span stands."""
        try:
            self._processors = getattr(span, "_span_processor", None)
            self._place_below(span, span.parent)
        except Exception as error:  # noqa: BLE001 - never raises
            report("placing a span in its trace", error)

    def _place_below(self, span: Span, parent: SpanContext | None) -> None:
        with self._lock:
            above = self._place.get(parent.span_id) if parent else None
            if parent and above is not None:
                self._place.move_to_end(parent.span_id)
            if above in (_Place.ROOT, _Place.BELOW):
                place = _Place.BELOW
            else:
                place = _Place.ROOT if is_about_llm(span) else _Place.HIDDEN
            self._place[span.get_span_context().span_id] = place
            if len(self._place) > _REMEMBERED:
                self._place.popitem(last=False)

    def on_end(self, span: ReadableSpan) -> None:
        """Queue the span, unless Langfuse's own processor takes it."""
        try:
            self._look_for_langfuse(span)
            ours = self.langfuse.superseded_at is None or is_guard(span) or not has_gen_ai(span)
        except Exception as error:  # noqa: BLE001 - never raises
            report("looking for Langfuse's own processor", error)
            ours = True
        if ours:
            super().on_end(span)

    def _look_for_langfuse(self, span: ReadableSpan) -> None:
        processors: tuple[Any, ...] = getattr(self._processors, "_span_processors", ())
        if processors is not self._seen:
            self._seen = processors
            self.langfuse.superseded_at = span.end_time if self._has_own_processor(processors) else None

    def is_root(self, span: ReadableSpan) -> bool:
        """Whether nothing above the span is exported."""
        context = span.context
        return context is not None and self._place.get(context.span_id) is _Place.ROOT

    def _has_own_processor(self, processors: tuple[Any, ...]) -> bool:
        return any(
            type(processor).__name__ == "LangfuseSpanProcessor"
            and getattr(processor, "public_key", None) == self._public_key
            for processor in processors
        )
