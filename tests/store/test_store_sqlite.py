"""The file of the SQLite store: whose it is, and what happens when it is gone, damaged, full, busy or inherited."""

import os
import resource
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from hardened.store import sqlite
from hardened.store.amounts import Count, Counts, Line, Reserve, Settle
from hardened.store.api import Store, StoreError
from hardened.store.sqlite import SqliteStore, file_system
from hardened.store.values import Mark, Marks, Put

END = 4e9


def spend(store: Store, hold: str, amount: int) -> None:
    store.run(Reserve(hold, (Line("day", amount, 10**6, END),)))
    store.run(Settle(hold))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".hardened" / "state.db"


def test_nothing_is_created_before_the_first_operation(path: Path) -> None:
    store = SqliteStore(path)
    assert not path.parent.exists()
    spend(store, "h", 1)
    assert path.exists()


def test_only_the_owner_can_read_it(path: Path) -> None:
    before = os.umask(0)
    try:
        spend(SqliteStore(path), "h", 1)
    finally:
        os.umask(before)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert {mode for name, mode in modes.items() if name.startswith("state.db")} == {0o600}
    assert (path.parent / ".gitignore").read_text() == "*\n"


@pytest.mark.parametrize("kind", ["symbolic", "hard", "directory"])
def test_it_is_never_reached_through_a_link(path: Path, tmp_path: Path, kind: str) -> None:
    path.parent.mkdir()
    target = tmp_path / "target"
    if kind == "directory":
        path.mkdir()
    else:
        target.write_text("")
        (path.symlink_to if kind == "symbolic" else path.hardlink_to)(target)
    with pytest.raises(StoreError):
        spend(SqliteStore(path), "h", 1)
    assert kind == "directory" or target.read_text() == ""


def test_it_survives_the_process(path: Path) -> None:
    spend(SqliteStore(path), "h", 5)
    assert SqliteStore(path).run(Counts()) == {"day": Count(5, 0)}


def test_a_deleted_file_is_begun_anew_by_all(path: Path) -> None:
    one, two = SqliteStore(path), SqliteStore(path)
    spend(one, "a", 5)
    spend(two, "b", 5)
    for file in list(path.parent.iterdir()):
        file.unlink()
    spend(one, "c", 7)
    assert two.run(Counts()) == {"day": Count(7, 0)}


def test_a_damaged_file_is_put_aside_once(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    one, two = SqliteStore(path), SqliteStore(path)
    spend(one, "a", 5)
    spend(two, "b", 5)
    one.close()
    two.close()
    path.write_bytes(b"this is no database, " * 1000)
    for store in (one, two, one):
        try:
            spend(store, "c", 7)
        except StoreError as error:
            assert "not a database" in str(error)
    spend(two, "d", 2)
    assert len(list(path.parent.glob("state.db.damaged-*"))) == 1
    assert len([record for record in caplog.records if "damaged" in record.message]) == 1
    assert one.run(Counts())["day"].used >= 7


def test_a_damaged_page_is_noticed(path: Path) -> None:
    store = SqliteStore(path)
    for number in range(500):
        store.run(Mark(f"key-{number}", "x" * 100, True))
    store.close()
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))
    with pytest.raises(StoreError):
        for number in range(500):
            store.run(Marks(f"key-{number}"))
    spend(store, "a", 1)
    assert store.run(Counts()) == {"day": Count(1, 0)}


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"state\.db"):
        spend(SqliteStore(tmp_path / "file" / "state.db"), "h", 1)


def test_a_full_disk_fails_the_operation_and_no_more(path: Path) -> None:
    """In a process of its own, whose files may not grow beyond a limit."""
    program = f"""
import resource, signal
from hardened.store.api import StoreError
from hardened.store.sqlite import SqliteStore
from hardened.store.values import Mark, Marks
store = SqliteStore({str(path)!r})
store.run(Mark("before", "1", True))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (65536, hard))
for number in range(100):
    try:
        store.run(Mark(f"key-{{number}}", "x" * 10_000, True))
    except StoreError as error:
        print("failed")
        break
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
store.run(Mark("after", "2", True))
print(*store.run(Marks("before")), *store.run(Marks("after")))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["failed", "1", "2"], done.stderr
    assert resource.getrlimit(resource.RLIMIT_FSIZE)
    assert sqlite3.connect(path).execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_writer_that_does_not_end_is_waited_for_and_then_said(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "PATIENCE", 0.05)
    store = SqliteStore(path)
    spend(store, "a", 1)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked"):
        spend(store, "b", 1)
    other.execute("COMMIT")
    spend(store, "c", 1)
    assert store.run(Counts()) == {"day": Count(2, 0)}


def test_an_operation_that_fails_half_way_leaves_nothing(path: Path) -> None:
    class Broken(Mark):
        def apply(self, rows):  # type: ignore[no-untyped-def]
            super().apply(rows)
            raise ZeroDivisionError

    store = SqliteStore(path)
    with pytest.raises(ZeroDivisionError):
        store.run(Broken("k", "v", True))
    assert store.run(Marks("k")) == frozenset()


def test_after_one_that_failed_nothing_is_remembered_of_it(path: Path) -> None:
    store = SqliteStore(path)
    spend(store, "h", 7)

    class Broken(Mark):
        def apply(self, rows):  # pyright: ignore[reportIncompatibleMethodOverride]
            rows.put("count/day", [999, 0], END)
            raise OSError

    with pytest.raises(StoreError):
        store.run(Broken("k", "v", True))
    assert store.run(Reserve("h2", (Line("day", 1, 10**6, END),))).totals == (8,)


def test_what_others_write_is_seen_at_once(path: Path) -> None:
    """Rows are kept from one transaction to the next, and no longer than they are true."""
    one, other = SqliteStore(path), SqliteStore(path)
    spend(one, "a", 5)
    spend(other, "b", 6)
    one.run(Put("k", "old", 1e6))
    assert not other.run(Put("k", "new", 1e6, new=True))
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM rows WHERE key = 'value/k'")
    assert (one.run(Put("k", "new", 1e6, new=True)), other.run(Put("k", "newer", 1e6, new=True))) == (True, False)
    assert one.run(Reserve("c", (Line("day", 1, 12, END),))).totals == (12,)


def test_many_rows_are_not_kept_for_ever(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "KNOWN", 10)
    store = SqliteStore(path)
    for number in range(50):
        spend(store, f"h{number}", 1)
        store.run(Mark("k", str(number), True))
    assert store.run(Counts()) == {"day": Count(50, 0)}
    assert len(store._opened[1]._known) <= 13


def test_a_forked_child_opens_it_anew(path: Path) -> None:
    store = SqliteStore(path)
    spend(store, "a", 1)
    with store._lock:  # held by a thread that the child will not have
        child = os.fork()
        if child == 0:
            try:
                spend(store, "b", 10)
            finally:
                os._exit(0)
    os.waitpid(child, 0)
    spend(store, "c", 100)
    assert store.run(Counts()) == {"day": Count(111, 0)}


def test_threads_queue(path: Path) -> None:
    store = SqliteStore(path)

    def work(name: int) -> None:
        for number in range(20):
            spend(store, f"{name}-{number}", 1)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.run(Counts()) == {"day": Count(160, 0)}


def test_a_stopped_process_is_no_obstacle_between_transactions(path: Path) -> None:
    store = SqliteStore(path)
    spend(store, "a", 1)
    child = os.fork()
    if child == 0:
        try:
            spend(store, "b", 1)
            os.kill(os.getpid(), signal.SIGSTOP)
        finally:
            os._exit(0)
    os.waitpid(child, os.WUNTRACED)
    try:
        spend(store, "c", 1)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert store.run(Counts()) == {"day": Count(3, 0)}


def test_network_file_systems_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "22 1 254:0 / / rw - ext4 /dev/root rw\n"
        f"23 22 0:50 / {tmp_path} rw shared:1 - nfs4 server:/export rw\n"
        f"24 23 0:51 / {tmp_path}/local\\040disk rw - xfs /dev/vdb rw\n"
    )
    assert file_system(tmp_path / "a" / "b", mounts) == "nfs4"
    assert file_system(tmp_path / "local disk", mounts) == "xfs"
    assert file_system(Path("/etc"), mounts) == "ext4"
    assert file_system(Path("/etc"), tmp_path / "missing") == ""
    monkeypatch.setattr(sqlite, "_MOUNTS", mounts)
    with pytest.raises(StoreError, match="network file system"):
        spend(SqliteStore(tmp_path / "state.db"), "h", 1)
