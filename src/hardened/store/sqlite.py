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
from functools import cache
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

KNOWN: Final = 4096
"""So many rows a process keeps in memory, about; then it begins anew."""

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
        mends: put a file that is damaged aside, and begin a new one.
        clock: seconds since the epoch.
    """

    inline = False
    has_twin = False

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        durability: Durability = "normal",
        mends: bool = True,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._path = Path(path).expanduser().absolute()
        self.name = str(self._path)
        self._durability = durability
        self._mends = mends
        self._clock = clock
        self._opened: tuple[sqlite3.Connection, _Table] | None = None
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
        connection, table = self._open(deadline)
        try:
            with _transaction(connection, deadline):
                table.begin(self._clock(), operation.keys)
                answer = operation.apply(table)
                table.write()
                return answer
        except BaseException:
            table.forget()
            raise

    def _failed(self, error: sqlite3.Error | OSError) -> StoreError:
        """The connection is given up, so that the next operation begins anew; a damaged file is put aside before."""
        damaged = isinstance(error, sqlite3.Error) and _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
        if damaged and self._mends:
            with suppress(OSError):
                self._put_aside()
        elif _is_busy(error):
            return StoreBusy(f"{self.name}: {error}")
        else:
            self._drop()
        # SQLite's messages name tables and files, an OSError's the file: never a value.
        return StoreError(f"{self.name}: {error}")

    def _open(self, deadline: float) -> tuple[sqlite3.Connection, _Table]:
        if self._opened is not None:
            with suppress(OSError):
                found = os.stat(self._path)  # noqa: PTH116 - a path's method costs twice as much
                if (found.st_dev, found.st_ino) == self._inode:
                    return self._opened
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
        self._opened, self._inode = (connection, _Table(connection)), (found.st_dev, found.st_ino)
        return self._opened

    def _drop(self) -> None:
        if self._opened is not None:
            with suppress(sqlite3.Error):
                self._opened[0].close()
            self._opened = None

    def _put_aside(self) -> None:
        """Rename the file that is damaged, unless another process has already done so, and put a new one in place."""
        damaged = self._inode if self._opened is not None else None
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
        if self._opened is not None:
            self._inherited.append(self._opened[0])
            self._opened = None
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


class _Table:
    """`Rows` in the table of one connection, from one transaction to the next.

    What was read or written is kept, and still so as long as no other connection writes, which SQLite tells: so a
    process that is alone reads a row once. What is changed is written at the end, with a statement for each kind.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._execute = connection.execute
        self._execute_many = connection.executemany
        self._known: dict[str, tuple[Any, float]] = {}  # a row that is not there ends at 0
        self._ends: dict[str, float] = {}  # of the rows that are known, as they stand in the table
        self._changed: set[str] = set()
        self._version = -1
        self.now = 0.0

    def begin(self, now: float, keys: Callable[[], Iterable[str]]) -> None:
        """A transaction has begun, which will read the rows of these keys."""
        self.now = now
        (version,) = self._execute("PRAGMA data_version").fetchone()
        if version != self._version or len(self._known) > KNOWN:
            self.forget()
            self._version = version
            self._read(keys())

    def forget(self) -> None:
        """Others may have written, or what was to be written was not."""
        self._known.clear()
        self._ends.clear()
        self._changed.clear()
        self._version = -1

    def write(self) -> None:
        """Write what was changed. Where a row ends when it did, its value alone: the index of ends stays as it is."""
        gone: list[tuple[str]] = []
        values: list[tuple[str, str]] = []
        rows: list[tuple[str, str, float]] = []
        for key in self._changed:
            value, until = self._known[key]
            if not until:
                gone.append((key,))
                del self._known[key]
                self._ends.pop(key, None)
            elif until == self._ends.get(key):
                values.append((to_json(value).decode(), key))
            else:
                rows.append((key, to_json(value).decode(), until))
                self._ends[key] = until
        self._changed.clear()
        if gone:
            self._execute_many("DELETE FROM rows WHERE key = ?", gone)
        if values:
            self._execute_many("UPDATE rows SET value = ? WHERE key = ?", values)
        if rows:
            self._execute_many(
                "INSERT INTO rows VALUES (?, ?, ?) "
                "ON CONFLICT (key) DO UPDATE SET value = excluded.value, until = excluded.until",
                rows,
            )

    def get(self, key: str, *, late: bool = False) -> Any:
        found = self._known.get(key)
        if found is None:
            self._read((key,))
            found = self._known[key]
        value, until = found
        return value if late or until > self.now else None

    def put(self, key: str, value: Any, until: float) -> None:
        self._known[key] = value, until
        self._changed.add(key)

    def delete(self, key: str) -> None:
        self._known[key] = _ABSENT
        self._changed.add(key)

    def due(self, most: int) -> list[tuple[str, Any]]:
        found = self._execute("SELECT key, value FROM rows WHERE until <= ? LIMIT ?", (self.now, most))
        return [(key, from_json(value)) for key, value in found.fetchall()]

    def scan(self, prefix: str) -> list[tuple[str, Any]]:
        found = self._execute(
            "SELECT key, value FROM rows WHERE key >= ? AND key < ? AND until > ? ORDER BY key",
            (prefix, prefix + "\U0010ffff", self.now),
        )
        return [(key, from_json(value)) for key, value in found.fetchall()]

    def _read(self, keys: Iterable[str]) -> None:
        known, wanted = self._known, list(keys)
        known.update(dict.fromkeys(wanted, _ABSENT))
        for begin in range(0, len(wanted), MOST_AT_ONCE):
            some = wanted[begin : begin + MOST_AT_ONCE]
            for key, value, until in self._execute(_select(len(some)), some):
                known[key] = from_json(value), until
                self._ends[key] = until


@cache
def _select(count: int) -> str:
    """The statement that reads so many rows."""
    return f"SELECT key, value, until FROM rows WHERE key IN ({','.join('?' * count)})"  # noqa: S608


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
