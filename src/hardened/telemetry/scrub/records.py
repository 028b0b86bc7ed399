"""Spans, log records and metrics without what is private. What is given is never changed: others export it too."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import is_dataclass, replace
from typing import Any, Final

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, Status, TraceState

from hardened.telemetry.faults import report
from hardened.telemetry.scrub.keys import IDENTIFIERS
from hardened.telemetry.scrub.values import Scrubber

UNREADABLE: Final = "[SCRUB_FAILED]"
"""The name of a span that could not be read."""


class Records:
    """Scrubs what the OpenTelemetry SDK exports. Each method returns what it is given if nothing in it is private.

    With `metadata_only`, values are kept only under public keys: no text that somebody wrote is left, even if no
    detector finds anything in it.
    """

    def __init__(self, scrubber: Scrubber, *, metadata_only: bool = False) -> None:
        self.scrubber = scrubber
        self.metadata_only = metadata_only
        self._shared: dict[int, tuple[Any, Any]] = {}

    def span(self, span: ReadableSpan) -> ReadableSpan:
        """Raises whatever a foreign subclass of `ReadableSpan` raises."""
        if isinstance(span, ScrubbedSpan) and span.fill_untouched(self):
            return span
        fields = self.span_fields(span)
        context, parent = span.get_span_context(), span.parent
        new_context, new_parent = self.context(context), self.context(parent)
        same = new_context is context and new_parent is parent
        if same and all(value is before for value, before in fields.values()):
            return span
        return ScrubbedSpan(span, self).filled({name: value for name, (value, _) in fields.items()})

    def span_fields(self, span: ReadableSpan) -> dict[str, tuple[Any, Any]]:
        """What `ReadableSpan` keeps under these names: scrubbed, and as it was."""
        plain = type(span) in (ReadableSpan, ScrubbedSpan)  # then its properties, which copy, need not be asked
        attributes = span._attributes if plain else span.attributes
        events: Sequence[Event] = span._events if plain else span.events
        links: Sequence[Link] = span._links if plain else span.links
        return {
            "_name": (self.scrubber.text(span.name), span.name),
            "_attributes": (self.attributes(attributes), attributes),
            "_events": (_each(self._event, events), events),
            "_links": (_each(self._link, links), links),
            "_status": (self._status(span.status), span.status),
            "_resource": (self.resource(span.resource), span.resource),
            "_instrumentation_scope": (self.scope(span.instrumentation_scope), span.instrumentation_scope),
        }

    def log(self, item: Any) -> Any:
        """`item` is what the SDK hands to exporters of logs: a `ReadableLogRecord`; before 1.39 a `LogData`."""
        record = item.log_record
        new_record = _with(
            record,
            body=None if self.metadata_only else self.scrubber.value(record.body),
            attributes=self.attributes(record.attributes),
            event_name=self._optional(getattr(record, "event_name", None)),
            severity_text=self._optional(record.severity_text),
            exception=None,  # its text is in the attributes
            resource=self.resource(getattr(record, "resource", None)),
        )
        return _with(
            item,
            log_record=new_record,
            resource=self.resource(getattr(item, "resource", None)),
            instrumentation_scope=self.scope(item.instrumentation_scope),
        )

    def metrics(self, data: Any) -> Any:
        """`data` is a `MetricsData`."""
        return _with(data, resource_metrics=_each(self._resource_metrics, data.resource_metrics))

    def attributes(self, attributes: Any) -> Any:
        """A mapping of attributes, or `None`."""
        if not attributes:
            return attributes
        plain: Mapping[str, Any] = getattr(attributes, "_dict", attributes)  # BoundedAttributes locks for each key
        new = self.scrubber.mapping(plain)
        if self.metadata_only:
            new = {key: value for key, value in new.items() if self._is_metadata(key, value)}
            new = plain if len(new) == len(plain) and all(new[key] is plain.get(key) for key in new) else new
        return attributes if new is plain else _like(attributes, new)

    def resource(self, resource: Resource | None) -> Resource | None:
        """All spans of a provider share one resource, and so do the scrubbed ones."""
        return self._once(resource, self._new_resource)

    def scope(self, scope: InstrumentationScope | None) -> InstrumentationScope | None:
        return self._once(scope, self._new_scope)

    def context(self, context: SpanContext | None) -> SpanContext | None:
        """A span's own context or its parent's, with a scrubbed trace state."""
        if not context or not context.trace_state:
            return context
        state = dict(context.trace_state.items())
        new: Mapping[str, str] = {} if self.metadata_only else self.scrubber.mapping(state)
        if new is state:
            return context
        kept = [(key, str(value)) for key, value in new.items() if key in state]  # a placeholder is no valid key
        return SpanContext(context.trace_id, context.span_id, context.is_remote, context.trace_flags, TraceState(kept))

    def _is_metadata(self, key: str, value: Any) -> bool:
        if isinstance(value, bool | int | float):
            return True
        return self.scrubber.keys.is_public(key) and key not in IDENTIFIERS

    def _optional(self, text: str | None) -> str | None:
        return self.scrubber.text(text) if text else text

    def _once(self, shared: Any, new: Callable[[Any], Any]) -> Any:
        """`new(shared)`, remembered for this very object, which is immutable."""
        if shared is None:
            return None
        known = self._shared.get(id(shared))
        if known is None or known[0] is not shared:
            if len(self._shared) >= 256:
                self._shared.clear()
            self._shared[id(shared)] = known = (shared, new(shared))
        return known[1]

    def _new_resource(self, resource: Resource) -> Resource:
        attributes, schema_url = self.attributes(resource.attributes), self.scrubber.text(resource.schema_url)
        if attributes is resource.attributes and schema_url == resource.schema_url:
            return resource
        return Resource(dict(attributes), schema_url)

    def _new_scope(self, scope: InstrumentationScope) -> InstrumentationScope:
        before = (scope.name, scope.version, scope.schema_url)
        name, version, schema_url = map(self._optional, before)
        attributes = self.attributes(scope.attributes)
        if attributes is scope.attributes and (name, version, schema_url) == before:
            return scope
        return InstrumentationScope(name or "", version, schema_url, attributes)

    def _event(self, event: Event) -> Event:
        name, attributes = self.scrubber.text(event.name), self.attributes(event.attributes)
        if name == event.name and attributes is event.attributes:
            return event
        return Event(name, attributes, event.timestamp)

    def _link(self, link: Link) -> Link:
        context, attributes = self.context(link.context), self.attributes(link.attributes)
        if context is link.context and attributes is link.attributes:
            return link
        return Link(context or link.context, attributes)

    def _status(self, status: Status) -> Status:
        if not status.description:
            return status
        description = None if self.metadata_only else self.scrubber.text(status.description)
        return status if description == status.description else Status(status.status_code, description)

    def _resource_metrics(self, part: Any) -> Any:
        return _with(
            part,
            resource=self.resource(part.resource),
            scope_metrics=_each(self._scope_metrics, part.scope_metrics),
            schema_url=self._optional(part.schema_url),
        )

    def _scope_metrics(self, part: Any) -> Any:
        return _with(
            part,
            scope=self.scope(part.scope),
            metrics=_each(self._metric, part.metrics),
            schema_url=self._optional(part.schema_url),
        )

    def _metric(self, metric: Any) -> Any:
        return _with(
            metric,
            name=self.scrubber.text(metric.name),
            description=self._optional(metric.description),
            unit=self._optional(metric.unit),
            data=_with(metric.data, data_points=_each(self._point, metric.data.data_points)),
        )

    def _point(self, point: Any) -> Any:
        return _with(
            point, attributes=self.attributes(point.attributes), exemplars=_each(self._exemplar, point.exemplars)
        )

    def _exemplar(self, exemplar: Any) -> Any:
        return _with(exemplar, filtered_attributes=self.attributes(exemplar.filtered_attributes))


class ScrubbedSpan(ReadableSpan):
    """A span without what is private, scrubbed when somebody first looks: not in the thread that ends the span.

    Whatever cannot be scrubbed is left out. It is a `ReadableSpan` also for those who read its underscored names.
    """

    _LAZY: Final = frozenset(
        {"_name", "_attributes", "_events", "_links", "_status", "_resource", "_instrumentation_scope"}
    )

    def __init__(self, source: ReadableSpan, records: Records) -> None:
        # Not super().__init__: names that are not set yet are what `__getattr__` waits for.
        self._source: ReadableSpan | None = source
        self._records = records
        self._context = records.context(source.get_span_context())
        self._parent = records.context(source.parent)
        self._kind = source.kind
        self._start_time, self._end_time = source.start_time, source.end_time
        self._dropped = (source.dropped_attributes, source.dropped_events, source.dropped_links)
        self._instrumentation_info = None  # deprecated, and its text is the scope's

    def __getattr__(self, name: str) -> Any:
        if name not in self._LAZY:
            raise AttributeError(name)
        self._fill()
        return self.__dict__[name]

    @property
    def dropped_attributes(self) -> int:
        return self._dropped[0]

    @property
    def dropped_events(self) -> int:
        return self._dropped[1]

    @property
    def dropped_links(self) -> int:
        return self._dropped[2]

    def filled(self, fields: dict[str, Any]) -> ScrubbedSpan:
        """This span with `fields`, which are scrubbed."""
        self.__dict__.update(fields)
        self._source = None
        return self

    def fill_untouched(self, records: Records) -> bool:
        """Fill the span now. False if somebody may have put something into it, so that it has to be scrubbed again."""
        if records is not self._records or not self._LAZY.isdisjoint(self.__dict__):
            return False
        self._fill()
        return True

    def _fill(self) -> None:
        source = self._source
        if source is None:  # another thread was faster
            return
        try:
            fields = {name: value for name, (value, _) in self._records.span_fields(source).items()}
        except Exception as error:  # noqa: BLE001 - a foreign object inside the span may raise anything
            report("scrubbing a span", error)
            self._records.scrubber.stats.dropped += 1
            fields = _unreadable(source)
        for name, value in fields.items():
            self.__dict__.setdefault(name, value)  # what a processor has set stays, and is scrubbed before export
        self._source = None


def _unreadable(span: ReadableSpan) -> dict[str, Any]:
    """The fields of a span of which only the time is known."""
    return {
        "_name": UNREADABLE,
        "_attributes": {},
        "_events": (),
        "_links": (),
        "_status": Status(span.status.status_code),
        "_resource": Resource.get_empty(),
        "_instrumentation_scope": None,
    }


def _each(scrub: Callable[[Any], Any], items: Iterable[Any] | None) -> Any:
    """Each item scrubbed; `items` itself if none was changed."""
    if not items:
        return items
    before = tuple(items)
    after = tuple(map(scrub, before))
    return items if all(a is b for a, b in zip(after, before, strict=True)) else after


def _with(record: Any, **fields: Any) -> Any:
    """`record` with these fields; itself if all are what they were. A field that it does not have is left out."""
    changes = {name: value for name, value in fields.items() if getattr(record, name, None) is not value}
    if not changes:
        return record
    if is_dataclass(record) and not isinstance(record, type):
        return replace(record, **changes)
    new = copy.copy(record)
    for name, value in changes.items():
        setattr(new, name, value)
    return new


def _like(original: Any, attributes: Mapping[str, Any]) -> Any:
    """`attributes` in the type of `original`, with its count of dropped ones."""
    if not isinstance(original, BoundedAttributes):
        return dict(attributes)
    new = BoundedAttributes(maxlen=original.maxlen, immutable=False)
    new._dict.update(attributes)
    new.dropped = original.dropped
    new._immutable = original._immutable
    return new
