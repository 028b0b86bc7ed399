"""Events of OpenTelemetry: log records with a name, for an application that exports logs."""

from __future__ import annotations

from collections.abc import Mapping

from hardened.telemetry import semconv
from hardened.version import __version__


def emit_warning(name: str, body: str, attributes: Mapping[str, str | float]) -> None:
    """Tell the application's logger provider; without one nothing happens."""
    from opentelemetry._logs import LogRecord, SeverityNumber, get_logger

    record = LogRecord(
        event_name=name,
        severity_number=SeverityNumber.WARN,
        severity_text="WARN",
        body=body,
        attributes=dict(attributes),
    )
    get_logger(semconv.SCOPE, __version__).emit(record)
