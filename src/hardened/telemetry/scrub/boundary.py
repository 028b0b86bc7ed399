"""Where telemetry leaves the process: the places in the OpenTelemetry SDK through which every exporter is reached.

* `BatchProcessor._exporter`, `SimpleSpanProcessor.span_exporter` and `SimpleLogRecordProcessor._exporter` become
  properties of the class that hand out the exporter in a wrapper whose `export` scrubs first. A property wins over what
  an instance holds, so processors made earlier, by anybody, on any provider, are covered too, and forked children.
* `Span._readable_span` returns a span that is scrubbed when it is read, for processors that export by themselves.
* `MetricReader._collect` hands out a callback whose result is scrubbed.

If the installed SDK lacks one of them, nothing is known about what leaves there: `missing()` names it, so that no
content is recorded, and what leaves through the other places is metadata only.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from importlib import import_module
from threading import Lock
from typing import Any, Final, NamedTuple

import wrapt
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from hardened.telemetry.faults import report
from hardened.telemetry.scrub import stdlib_logs
from hardened.telemetry.scrub.records import Records, ScrubbedSpan
from hardened.telemetry.scrub.values import Scrubber, Stats

SpanFilter = Callable[[SpanExporter, Sequence[ReadableSpan]], Sequence[ReadableSpan]]
"""Chooses what one exporter gets of scrubbed spans: `filter(exporter, spans) -> spans`."""

_log = logging.getLogger("hardened.telemetry")


class _Seam(NamedTuple):
    module: str  # the public one, which whoever uses the class has imported
    owner: str
    attribute: str
    used_in: str  # the method of the owner that sets or reads the attribute
    make: Callable[[str, Any], Any]  # from the attribute's name and what the class has there


class _State:
    """The one boundary of this process."""

    def __init__(self) -> None:
        self.records: Records | None = None  # None: nothing is installed, and every layer lets pass
        self.filter: SpanFilter | None = None
        self.missing: tuple[str, ...] = ()
        self.undo: list[Callable[[], None]] = []
        self.watched: set[str] = set()
        self.lock = Lock()


_state = _State()


def install(scrubber: Scrubber | None = None) -> None:
    """Scrub everything that any exporter of this process sends from now on, with the default scrubber if none is given.

    If it is installed already, `scrubber` takes the place of the present one. Also covers what the SDKs of providers
    and their HTTP libraries log (`LogFilter`).
    """
    with _state.lock:
        first = _state.records is None
        if not first and scrubber is None:
            return
        records = _state.records = Records(scrubber or Scrubber(), metadata_only=bool(_state.missing))
        stdlib_logs.install(records.scrubber)
        if first:
            for module in dict.fromkeys(seam.module for seam in _SEAMS):
                _watch(module)


def uninstall() -> None:
    """Put everything back: from now on, nothing is scrubbed."""
    with _state.lock:
        _state.records = None
        _state.missing = ()
        while _state.undo:
            _state.undo.pop()()
        stdlib_logs.uninstall()


def missing() -> tuple[str, ...]:
    """Places that this version of the SDK lacks. If there are any, no content may be recorded."""
    return _state.missing


def stats() -> Stats:
    """What has been done since `install`."""
    return _state.records.scrubber.stats if _state.records else Stats()


def scrub_text(text: str, key: str | None = None) -> str:
    """`text` as exporters would get it under the name `key`, for who must cut it before it is exported.

    As it is if nothing is installed.
    """
    return _state.records.scrubber.text(text, key) if _state.records else text


def set_span_filter(span_filter: SpanFilter | None) -> None:
    """Let `span_filter` choose what each exporter gets of scrubbed spans; `None`: everything.

    It sees the exporter as the application made it, not our wrapper. If it raises, the exporter gets metadata only.
    """
    _state.filter = span_filter


def scrubbed(exporter: Any) -> Any:
    """`exporter` behind a wrapper whose `export` scrubs; for who calls an exporter directly. Never wraps twice."""
    return exporter if exporter is None or type(exporter) is ScrubbingExporter else ScrubbingExporter(exporter)


class ScrubbingExporter(wrapt.ObjectProxy):  # pyright: ignore[reportUntypedBaseClass, reportMissingTypeArgument]
    """An exporter of spans or log records, except that it gets them scrubbed. Everything else is the exporter's own."""

    def export(self, batch: Sequence[Any], *args: Any, **kwargs: Any) -> Any:
        exporter = _unwrapped(self)
        records = _state.records
        if records is not None and batch:
            batch = _prepared(exporter, records, batch)
            if not batch:  # nothing is left to send, and that is as it should be
                return SpanExportResult.SUCCESS
        return exporter.export(batch, *args, **kwargs)


def _unwrapped(wrapper: Any) -> Any:
    return wrapper.__wrapped__


def _prepared(exporter: Any, records: Records, batch: Sequence[Any]) -> Sequence[Any]:
    """The batch as `exporter` may see it."""
    ready = tuple(_scrubbed_items(records, batch))
    if _state.filter is None or not all(isinstance(item, ReadableSpan) for item in ready):
        return ready
    try:
        return _state.filter(exporter, ready)
    except Exception as error:  # noqa: BLE001 - a filter that cannot decide must not open the way
        report("choosing what an exporter gets", error)
        bare = Records(records.scrubber, metadata_only=True)
        return tuple(_scrubbed_items(bare, ready))


def _scrubbed_items(records: Records, batch: Iterable[Any]) -> Iterable[Any]:
    """The items that could be scrubbed. Something that is neither span nor log record cannot."""
    for item in batch:
        try:
            yield records.span(item) if isinstance(item, ReadableSpan) else records.log(item)
        except Exception as error:  # noqa: BLE001 - a foreign object inside may raise anything
            records.scrubber.stats.dropped += 1
            report("scrubbing a span or log record", error)


class _InstanceAttribute:
    """Takes the place of a plain attribute. Instances go on keeping it in their `__dict__`, so it can be taken away."""

    def __init__(self, name: str, _original: Any) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: type) -> Any:
        if instance is None:
            return self
        try:
            value = instance.__dict__[self._name]
        except KeyError:
            raise AttributeError(self._name) from None
        return self.handed_out(instance, value)

    def __set__(self, instance: Any, value: Any) -> None:
        instance.__dict__[self._name] = _unwrapped(value) if type(value) is ScrubbingExporter else value

    def __delete__(self, instance: Any) -> None:
        instance.__dict__.pop(self._name, None)

    def handed_out(self, instance: Any, value: Any) -> Any:
        raise NotImplementedError


class _Exporter(_InstanceAttribute):
    """Hands out one and the same wrapper as long as the exporter is the same."""

    _WRAPPER: Final = "_hardened_exporter"

    def handed_out(self, instance: Any, value: Any) -> Any:
        wrapper = instance.__dict__.get(self._WRAPPER)
        if wrapper is None or _unwrapped(wrapper) is not value:
            instance.__dict__[self._WRAPPER] = wrapper = scrubbed(value)
        return wrapper


class _Collect(_InstanceAttribute):
    def handed_out(self, instance: Any, value: Any) -> Any:
        if value is None:
            return None

        def collect(*args: Any, **kwargs: Any) -> Any:
            data = value(*args, **kwargs)
            records = _state.records
            if records is None or data is None:
                return data
            try:
                return records.metrics(data)
            except Exception as error:  # noqa: BLE001 - a foreign object inside may raise anything
                records.scrubber.stats.dropped += 1
                report("scrubbing metrics", error)
                return None  # the reader takes this for "nothing to export"

        return collect


def _readable_span(_name: str, original: Callable[[Any], ReadableSpan]) -> Callable[[Any], ReadableSpan]:
    def _readable_span(self: Any) -> ReadableSpan:
        span = original(self)
        records = _state.records
        return span if records is None else ScrubbedSpan(span, records)

    return _readable_span


_SEAMS: Final = (
    _Seam("opentelemetry.sdk.trace", "Span", "_readable_span", "end", _readable_span),
    _Seam("opentelemetry.sdk.trace.export", "SimpleSpanProcessor", "span_exporter", "__init__", _Exporter),
    _Seam("opentelemetry.sdk.trace.export", "BatchProcessor", "_exporter", "__init__", _Exporter),
    _Seam("opentelemetry.sdk._logs.export", "SimpleLogRecordProcessor", "_exporter", "__init__", _Exporter),
    _Seam("opentelemetry.sdk.metrics.export", "MetricReader", "_collect", "collect", _Collect),
)


def _watch(module: str) -> None:
    """Set the seams of `module` now, or when somebody imports it: logs and metrics are costly to import for nothing."""
    if module.startswith("opentelemetry.sdk.trace") or module in _state.watched:
        _set_seams(import_module(module))
    if module not in _state.watched:
        _state.watched.add(module)
        wrapt.register_post_import_hook(_set_seams, module)  # pyright: ignore[reportUnknownMemberType]


def _set_seams(module: Any) -> None:
    if _state.records is None:
        return
    seams = [seam for seam in _SEAMS if seam.module == module.__name__]
    absent = [seam for seam in seams if not _set(seam, getattr(module, seam.owner, None))]
    if absent:
        _state.missing += tuple(f"{seam.module}.{seam.owner}.{seam.attribute}" for seam in absent)
        _state.records = Records(_state.records.scrubber, metadata_only=True)
        _warn()


def _set(seam: _Seam, owner: Any) -> bool:
    """False if this version of the SDK does not work as the seam needs it."""
    used_in = getattr(getattr(owner, seam.used_in, None), "__code__", None)
    if used_in is None or seam.attribute not in used_in.co_names:
        return False
    before = owner.__dict__.get(seam.attribute)
    if isinstance(before, _InstanceAttribute) or getattr(before, "__module__", None) == __name__:
        return True
    ours = seam.make(seam.attribute, before)
    setattr(owner, seam.attribute, ours)

    def undo() -> None:
        if owner.__dict__.get(seam.attribute) is ours:  # else somebody has patched over us: our layer lets pass
            with suppress(AttributeError):
                delattr(owner, seam.attribute)
            if before is not None:
                setattr(owner, seam.attribute, before)

    _state.undo.append(undo)
    return True


def _warn() -> None:
    _log.warning(
        "hardened: this version of opentelemetry-sdk lacks %s: what leaves there cannot be scrubbed. Message content "
        "is not recorded, and exporters get metadata only. Use a version that hardened supports, or report this.",
        ", ".join(_state.missing),
    )
