"""Scrubs what the SDKs of providers write with `logging`: at DEBUG whole requests, and their HTTP libraries URLs.

The application's own log records are its own affair and are left alone.

A filter acts on the records of its own logger only, not on those of the loggers below (`openai` does not see what
`openai._base_client` logs), so each logger of these families gets one: those that exist, and those that come later,
because `getLogger` is watched. The alternatives are worse: a record factory costs every record of the application and
is lost when another library sets its own; a handler on `openai` makes `logging` believe that its warnings are printed.
"""

from __future__ import annotations

import logging
from typing import Any, Final

from hardened.telemetry.faults import report
from hardened.telemetry.scrub.values import Scrubber

FAMILIES: Final = ("openai", "anthropic", "groq", "httpx", "httpx2", "httpcore", "httpcore2")
"""The first part of the loggers' names."""

_FORMATTER = logging.Formatter()


class LogFilter(logging.Filter):
    """Scrubs the message, the traceback and the stack of a log record, in place, and lets it pass.

    Attach it to a handler to scrub everything that the handler writes, or to one logger. A record that it changes has
    no `args` and no `exc_info` any more; the traceback is in `exc_text`, which is what formatters print.
    """

    def __init__(self, scrubber: Scrubber | None = None) -> None:
        super().__init__()
        self._scrubber = scrubber or Scrubber()

    def filter(self, record: logging.LogRecord) -> bool:
        try:
            self._scrub(record)
        except Exception as error:  # noqa: BLE001 - `str` of a foreign argument may raise anything
            report("scrubbing a log record", error)
            record.msg, record.args = "[SCRUB_FAILED]", None
            record.exc_info = record.exc_text = record.stack_info = None
        return True

    def _scrub(self, record: logging.LogRecord) -> None:
        scrub = self._scrubber.text
        message = record.getMessage()
        if (new := scrub(message)) != message:
            record.msg, record.args = new, None
        if record.exc_info and not record.exc_text:
            text = _FORMATTER.formatException(record.exc_info)
            if (new := scrub(text)) != text:
                record.exc_info, record.exc_text = None, new
        elif record.exc_text:
            record.exc_text = scrub(record.exc_text)
        if record.stack_info:
            record.stack_info = scrub(record.stack_info)


class _Watch:
    """Takes the place of `getLogger` of the manager of all loggers."""

    def __init__(self, log_filter: LogFilter) -> None:
        self._filter = log_filter
        self._manager = logging.Logger.manager
        self._get: Any = self._manager.getLogger

    def __call__(self, name: str) -> logging.Logger:
        logger: logging.Logger = self._get(name)
        if _is_watched(name):
            logger.addFilter(self._filter)  # does nothing the second time
        return logger

    def start(self) -> None:
        for name in [name for name in self._manager.loggerDict if _is_watched(name)]:
            self(name)
        for family in FAMILIES:
            self(family)
        self._manager.getLogger = self

    def stop(self) -> None:
        for logger in list(self._manager.loggerDict.values()):
            if isinstance(logger, logging.Logger):
                logger.removeFilter(self._filter)
        if self._manager.__dict__.get("getLogger") is self:
            del self._manager.getLogger


_watch: _Watch | None = None


def install(scrubber: Scrubber) -> None:
    """Scrub the log records of `FAMILIES` with `scrubber`, in the place of an earlier one."""
    global _watch
    uninstall()
    _watch = _Watch(LogFilter(scrubber))
    _watch.start()


def uninstall() -> None:
    """Remove all filters that `install` has added."""
    global _watch
    if _watch is not None:
        _watch.stop()
        _watch = None


def _is_watched(name: object) -> bool:
    return isinstance(name, str) and name.partition(".")[0] in FAMILIES
