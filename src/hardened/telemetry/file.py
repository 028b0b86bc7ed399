"""Traces in local files: one OTLP/JSON request per line, in `traces-YYYY-MM-DD.jsonl` (UTC days).

Any number of processes may write to one directory. Nothing is ever renamed and no file is kept open: each batch opens
the directory and the newest file of the day, locks it, appends, and closes. So rotation, a new day, a deleted file or
directory, a fork and a second process need no code of their own.

* When a file is full the next one of the day is begun: `traces-2026-11-21.1.jsonl`, `traces-2026-11-21.2.jsonl`, …
* A batch is one `write` of whole lines. A process that is killed loses at most the batch in flight; the torn line that
  it may leave is ended by the next writer, so it spoils no other line.
* What could not be written whole (full disk) is taken back.
* Files older than the retention are deleted, ours only.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import re
import stat
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from hardened.own_files import check_own, own_directory
from hardened.telemetry.otlp_json import encode_request

_log = logging.getLogger("hardened.telemetry")

DEFAULT_PATH = ".hardened/traces"
DEFAULT_MAX_BYTES = 64 * 1024 * 1024
DEFAULT_RETENTION_DAYS = 14

_NAME = re.compile(r"traces-(\d{4}-\d\d-\d\d)(?:\.(\d{1,9}))?\.jsonl")
_FILE_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_LOCK_TIMEOUT = 2.0  # seconds; writers hold the lock for one write, so only a stopped process makes us wait
_LOCK_POLL = 0.005  # seconds


class FileSpanExporter(SpanExporter):
    """Appends spans to the trace files in `path`.

    The directory is created for its owner only (0700, files 0600), with a `.gitignore` of its own. Links are not
    followed: neither the directory nor its files may be symbolic links, and no file may have a second name. When the
    files cannot be written, one warning says where and what to do, `export` returns FAILURE, and every later batch is
    tried again.

    Args:
        path: the directory, relative to the working directory of now (a later `chdir` does not move it).
        max_bytes: size at which the next file is begun; a single batch larger than this gets a file of its own.
        retention_days: files of days before that are deleted.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] = DEFAULT_PATH,
        max_bytes: int = DEFAULT_MAX_BYTES,
        retention_days: int = DEFAULT_RETENTION_DAYS,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.path = Path(path).expanduser()
        with suppress(FileNotFoundError):  # the working directory is gone: then every write fails, and says so once
            self.path = self.path.absolute()
        self._max_bytes = max_bytes
        self._retention = timedelta(days=retention_days)
        self._clock = clock
        self._cleaned_on = ""
        self._warned = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Append the spans as one line; SUCCESS only if the whole line is in the file."""
        if not spans:
            return SpanExportResult.SUCCESS
        try:
            self._append(encode_request(spans) + b"\n")
        except OSError as error:
            self._warn(error)
            return SpanExportResult.FAILURE
        return SpanExportResult.SUCCESS

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing is buffered here."""
        return True

    def shutdown(self) -> None:
        """Nothing is open between two batches."""

    def _append(self, lines: bytes) -> None:
        today = datetime.fromtimestamp(self._clock(), UTC).date()
        with own_directory(self.path) as directory:
            if self._cleaned_on != today.isoformat():
                self._cleaned_on = today.isoformat()
                _delete_before(directory, (today - self._retention).isoformat())
            with _locked_file(directory, today.isoformat(), len(lines), self._max_bytes) as (file, size):
                _write_whole(file, size, lines)

    def _warn(self, error: OSError) -> None:
        if self._warned:
            return
        self._warned = True
        _log.warning(
            "hardened: traces cannot be written to %s: %s. The application goes on; its traces are dropped and counted "
            "until the directory can be written. Make it a directory that this user can write to, with free space, "
            "or set telemetry.file.path (HARDENED_TELEMETRY_FILE_PATH) to another one, or telemetry.file.enabled to "
            "false.",
            self.path,
            error.strerror or type(error).__name__,
        )


@contextmanager
def _locked_file(directory: int, day: str, room: int, max_bytes: int) -> Generator[tuple[int, int]]:
    """The newest file of the day that has room, locked for us alone, and its size."""
    index = _newest_index(directory, day)
    while True:
        descriptor = os.open(_file_name(day, index), _FILE_FLAGS, 0o600, dir_fd=directory)
        try:
            _lock(descriptor)
            found = os.fstat(descriptor)
            check_own(found, _file_name(day, index))
            if found.st_nlink == 0:
                continue  # deleted between opening and locking; the name is free again
            if found.st_mode & 0o077:
                os.fchmod(descriptor, 0o600)  # made by something else, before us
            if found.st_size and found.st_size + room > max_bytes:
                index += 1
                continue
            yield descriptor, found.st_size
            return
        finally:
            # Closing is not enough: a child forked meanwhile holds the same open file, and with it the lock.
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            os.close(descriptor)


def _file_name(day: str, index: int) -> str:
    return f"traces-{day}.{index}.jsonl" if index else f"traces-{day}.jsonl"


def _newest_index(directory: int, day: str) -> int:
    names = (_NAME.fullmatch(name) for name in os.listdir(directory))
    return max((int(name[2] or 0) for name in names if name and name[1] == day), default=0)


def _lock(descriptor: int) -> None:
    """Wait for the lock, within bounds: a stopped process that holds it must not stop ours."""
    deadline = time.monotonic() + _LOCK_TIMEOUT
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise TimeoutError(errno.ETIMEDOUT, "another process holds the lock of the trace file") from None
            time.sleep(_LOCK_POLL)


def _write_whole(file: int, size: int, lines: bytes) -> None:
    """Append the lines, all of them or none."""
    if size and os.pread(file, 1, size - 1) != b"\n":
        lines = b"\n" + lines  # ends the torn line of a process that was killed while it wrote
    written = 0
    try:
        while written < len(lines):  # one write, unless the disk is full
            written += os.write(file, lines[written:])
    except OSError:
        os.ftruncate(file, size)
        raise


def _delete_before(directory: int, day: str) -> None:
    """Delete the trace files of days before `day`; what is not ours, or cannot be deleted, stays."""
    for name in os.listdir(directory):
        matched = _NAME.fullmatch(name)
        if matched and matched[1] < day:
            try:
                found = os.stat(name, dir_fd=directory, follow_symlinks=False)
                if stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid():
                    os.unlink(name, dir_fd=directory)
            except OSError:
                _log.debug("old trace file %s could not be deleted", name)
