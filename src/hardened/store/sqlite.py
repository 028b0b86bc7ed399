"""The store of one machine: a SQLite file that all processes share, and that survives their being killed.

* One connection for each process, one operation at a time: threads queue at a lock of ours, which is fair enough,
  where SQLite's own waiting starves writers for seconds (measured: 2.5 s of 16 writers, against 0.25 s).
* `BEGIN IMMEDIATE`: what is read in a transaction cannot change until it is committed.
* WAL, `synchronous=NORMAL`: a killed process loses nothing, a power cut may lose the last moments (`FULL` does not).
* A file that was deleted or replaced is noticed and opened anew; one that is damaged is put aside, and a new one begun.
"""

from __future__ import annotations

import fcntl
import logging
import os
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from pydantic_core import from_json, to_json

from hardened.own_files import check_own, own_directory
from hardened.store.api import Operation, StoreBusy, StoreError

T = TypeVar("T")

_log = logging.getLogger("hardened.store")

PATIENCE: Final = 1.0
"""Seconds for which an operation waits for other writers."""

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS rows (key TEXT PRIMARY KEY, value TEXT NOT NULL, until REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS ends ON rows (until);
"""

MOST_AT_ONCE: Final = 500
"""So many rows are read with one statement; SQLite allows 999 parameters, or more."""

_ABSENT: Final[tuple[Any, float]] = (None, 0.0)

_NETWORK: Final = ("nfs", "cifs", "smb", "9p", "afs", "ceph", "gluster", "lustre", "fuse.sshfs", "gpfs", "beegfs")
"""How the names of file systems begin whose locks and shared memory do not reach other machines."""

_MOUNTS: Final = Path("/proc/self/mountinfo")

Durability = Literal["normal", "full"]


class SqliteStore:
    """Runs operations in a SQLite file, readable by its owner only. Opened with the first operation, and after a fork.

    Args:
        path: the file, relative to the working directory of now.
        durability: `full` waits for the disk at every commit (slow), so that a power cut loses nothing.
        clock: seconds since the epoch.
    """

    inline = False
    has_twin = False

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        durability: Durability = "normal",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._path = Path(path).expanduser().absolute()
        self.name = str(self._path)
        self._durability = durability
        self._clock = clock
        self._connection: sqlite3.Connection | None = None
        self._inode = (0, 0)
        self._inherited: list[sqlite3.Connection] = []  # never touched: their files belong to the parent
        self._lock = threading.Lock()
        os.register_at_fork(after_in_child=self._forked)

    def run(self, operation: Operation[T]) -> T:
        """Run an operation in one transaction. Waits up to a second for others. Raises StoreError."""
        deadline = time.monotonic() + PATIENCE
        if not self._lock.acquire(timeout=PATIENCE):
            raise StoreBusy(f"{self.name}: threads of this process have kept it busy for {PATIENCE:g} s")
        try:
            return self._run(operation, deadline)
        except (sqlite3.Error, OSError) as error:
            raise self._failed(error) from None
        finally:
            self._lock.release()

    async def arun(self, operation: Operation[T]) -> T:
        raise NotImplementedError("a file has no asyncio client: use `run` in a thread")

    def close(self) -> None:
        with self._lock:
            self._drop()

    def _run(self, operation: Operation[T], deadline: float) -> T:
        connection = self._open(deadline)
        with _transaction(connection, deadline):
            rows = _Transaction(connection, self._clock())
            rows.read(operation.keys())
            answer = operation.apply(rows)
            rows.write()
            return answer

    def _failed(self, error: sqlite3.Error | OSError) -> StoreError:
        """The connection is given up, so that the next operation begins anew; a damaged file is put aside before."""
        if isinstance(error, sqlite3.DatabaseError) and _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            with suppress(OSError):
                self._put_aside()
        elif _is_busy(error):
            return StoreBusy(f"{self.name}: {error}")
        else:
            self._drop()
        # SQLite's messages name tables and files, an OSError's the file: never a value.
        return StoreError(f"{self.name}: {error}")

    def _open(self, deadline: float) -> sqlite3.Connection:
        connection = self._connection
        if connection is not None:
            with suppress(OSError):
                found = os.stat(self._path)  # noqa: PTH116 - a path's method costs twice as much
                if (found.st_dev, found.st_ino) == self._inode:
                    return connection
            self._drop()
        _refuse_network(self._path)
        found = _own_file(self._path)
        connection = sqlite3.connect(self._path, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            _patient(lambda: connection.execute("PRAGMA journal_mode=WAL"), deadline)
            connection.execute(f"PRAGMA synchronous={self._durability.upper()}")
            with _transaction(connection, deadline):
                for statement in _SCHEMA.strip().split(";\n"):
                    connection.execute(statement)
        except BaseException:
            connection.close()
            raise
        self._connection, self._inode = connection, (found.st_dev, found.st_ino)
        return connection

    def _drop(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def _put_aside(self) -> None:
        """Rename the file that is damaged, unless another process has already done so, and put a new one in place."""
        damaged = self._inode if self._connection is not None else None
        self._drop()
        with own_directory(self._path.parent) as directory:
            fcntl.flock(directory, fcntl.LOCK_EX)  # ends with the descriptor
            found = self._path.stat()
            if damaged not in (None, (found.st_dev, found.st_ino)):
                return
            aside = f"{self._path.name}.damaged-{time.time_ns()}"
            self._path.rename(self._path.with_name(aside))
            for suffix in ("-wal", "-shm"):
                with suppress(FileNotFoundError):
                    self._path.with_name(self._path.name + suffix).rename(self._path.with_name(aside + suffix))
        _log.error(
            "hardened: %s is damaged. It was put aside as %s and a new one is begun: what was counted so far, such as "
            "the spend of this day and month, begins at zero again.",
            self.name,
            aside,
        )

    def _forked(self) -> None:
        if self._connection is not None:
            self._inherited.append(self._connection)
            self._connection = None
        self._lock = threading.Lock()


def _own_file(path: Path) -> os.stat_result:
    """The file, created if it is missing. One that is there is not opened: closing it would end the locks on it."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with own_directory(path.parent) as directory:
        with suppress(FileExistsError):
            os.close(os.open(path.name, flags, 0o600, dir_fd=directory))
        found = os.stat(path.name, dir_fd=directory, follow_symlinks=False)
        check_own(found, str(path))
        if found.st_mode & 0o077:
            os.chmod(path.name, 0o600, dir_fd=directory)  # made by something else, before us
    return found


@contextmanager
def _transaction(connection: sqlite3.Connection, deadline: float) -> Generator[None]:
    _patient(lambda: connection.execute("BEGIN IMMEDIATE"), deadline)
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def _patient(execute: Callable[[], object], deadline: float) -> None:
    """Try until no other process is in the way. Short random pauses: nobody waits long because others came later."""
    while True:
        try:
            execute()
        except sqlite3.OperationalError as error:
            if not _is_busy(error) or time.monotonic() > deadline:
                raise
            time.sleep(random.uniform(0.0002, 0.002))  # noqa: S311 - no secret
        else:
            return


def _code(error: sqlite3.Error) -> int:
    """SQLite's primary result code, 0 if there is none."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _is_busy(error: Exception) -> bool:
    return isinstance(error, sqlite3.OperationalError) and _code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


class _Transaction:
    """`Rows` in the table, at one time. What was read is kept, what is changed is written at the end: two statements
    instead of dozens."""

    def __init__(self, connection: sqlite3.Connection, now: float) -> None:
        self._connection = connection
        self._execute = connection.execute
        self._known: dict[str, tuple[Any, float]] = {}  # a row that is not there ends at 0
        self._changed: dict[str, None] = {}
        self.now = now

    def read(self, keys: Iterable[str]) -> None:
        """Read these rows at once."""
        wanted = [key for key in keys if key not in self._known]
        for begin in range(0, len(wanted), MOST_AT_ONCE):
            some = wanted[begin : begin + MOST_AT_ONCE]
            self._known.update(dict.fromkeys(some, _ABSENT))
            marks = ",".join("?" * len(some))
            found = self._execute(f"SELECT key, value, until FROM rows WHERE key IN ({marks})", some)  # noqa: S608
            self._known.update((key, (from_json(value), until)) for key, value, until in found)

    def write(self) -> None:
        """Write what was changed."""
        gone = [(key,) for key in self._changed if self._known[key] is _ABSENT]
        if gone:
            self._connection.executemany("DELETE FROM rows WHERE key = ?", gone)
        changed = [(key, *self._known[key]) for key in self._changed]
        kept = [(key, to_json(value).decode(), until) for key, value, until in changed if until]
        if kept:
            self._connection.executemany(
                "INSERT INTO rows VALUES (?, ?, ?) "
                "ON CONFLICT (key) DO UPDATE SET value = excluded.value, until = excluded.until",
                kept,
            )

    def get(self, key: str, *, late: bool = False) -> Any:
        if key not in self._known:
            self.read((key,))
        value, until = self._known[key]
        return value if late or until > self.now else None

    def put(self, key: str, value: Any, until: float) -> None:
        self._known[key] = value, until
        self._changed[key] = None

    def delete(self, key: str) -> None:
        self._known[key] = _ABSENT
        self._changed[key] = None

    def due(self, most: int) -> list[tuple[str, Any]]:
        found = self._execute("SELECT key, value FROM rows WHERE until <= ? LIMIT ?", (self.now, most))
        return [(key, from_json(value)) for key, value in found.fetchall()]

    def scan(self, prefix: str) -> list[tuple[str, Any]]:
        found = self._execute(
            "SELECT key, value FROM rows WHERE key >= ? AND key < ? AND until > ? ORDER BY key",
            (prefix, prefix + "\U0010ffff", self.now),
        )
        return [(key, from_json(value)) for key, value in found.fetchall()]


def _refuse_network(path: Path) -> None:
    """Raises StoreError where the file would lie on a network file system: WAL shares memory, which ends there."""
    kind = file_system(path.parent, _MOUNTS)
    if kind.startswith(_NETWORK):
        raise StoreError(
            f"{path} lies on a network file system ({kind}), where SQLite cannot be shared safely. "
            "Set store.url (HARDENED_STORE_URL) to a file on a local disk, or to redis://…"
        )


def file_system(directory: Path, mounts: Path) -> str:
    """The type of the file system that a directory lies on, or will lie on; empty where that cannot be said."""
    try:
        lines = mounts.read_text().splitlines()
    except OSError:  # not Linux
        return ""
    place = directory.resolve()
    best, kind = -1, ""
    for line in lines:  # "36 35 98:0 /root /mount/point options - type source options"
        fields = line.split(" ")
        mounted = Path(fields[4].encode().decode("unicode_escape"))
        if len(mounted.parts) > best and (mounted == place or mounted in place.parents):
            best, kind = len(mounted.parts), fields[fields.index("-") + 1]
    return kind
