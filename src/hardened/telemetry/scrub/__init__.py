"""Nothing private leaves the process: spans, log records and metrics are scrubbed on their way to every exporter."""

from hardened.telemetry.scrub.boundary import install, missing, scrub_text, scrubbed, set_span_filter, stats, uninstall
from hardened.telemetry.scrub.stdlib_logs import LogFilter
from hardened.telemetry.scrub.values import Scrubber, Stats

__all__ = [
    "LogFilter",
    "Scrubber",
    "Stats",
    "install",
    "missing",
    "scrub_text",
    "scrubbed",
    "set_span_filter",
    "stats",
    "uninstall",
]
