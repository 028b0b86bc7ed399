"""Local trace files: what is on the disk, whatever happens to the process, the disk and the directory."""

from __future__ import annotations

import json
import logging
import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from export_support import make_span
from opentelemetry.sdk.trace.export import SpanExportResult

from hardened.telemetry.file import FileSpanExporter

DAY = 86400.0
NOON = 1_780_000_000.0 // DAY * DAY + DAY / 2  # 2026-05-28, 12:00 UTC
TODAY = "traces-2026-05-28"

not_root = pytest.mark.skipif(os.geteuid() == 0, reason="root may write to a read-only directory")


def exporter(path: Path, now: float = NOON, **options: Any) -> FileSpanExporter:
    return FileSpanExporter(path, clock=lambda: now, **options)


def write(target: FileSpanExporter, *names: str) -> None:
    for name in names:
        assert target.export([make_span(name)]) is SpanExportResult.SUCCESS


def span_names(file: Path) -> list[str]:
    """Names of the spans in the lines of a file that are whole."""
    names: list[str] = []
    for line in file.read_bytes().split(b"\n"):
        try:
            request = json.loads(line)
        except ValueError:
            continue
        names += [span["name"] for r in request["resourceSpans"] for s in r["scopeSpans"] for span in s["spans"]]
    return names


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_only_the_owner_and_no_git_sees_the_traces(tmp_path: Path) -> None:
    previous = os.umask(0)
    try:
        write(exporter(tmp_path / ".hardened" / "traces"), "a")
    finally:
        os.umask(previous)
    traces = tmp_path / ".hardened" / "traces"
    assert mode(tmp_path / ".hardened") == mode(traces) == 0o700
    assert mode(traces / f"{TODAY}.jsonl") == 0o600
    assert (tmp_path / ".hardened" / ".gitignore").read_text() == "*\n"
    assert (traces / ".gitignore").read_text() == "*\n"


def test_a_directory_of_the_user_is_left_as_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    write(exporter(tmp_path), "a")
    assert mode(tmp_path) == 0o755
    assert not (tmp_path / ".gitignore").exists()


def test_a_relative_path_stays_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    target = FileSpanExporter("traces", clock=lambda: NOON)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    write(target, "a")
    assert span_names(tmp_path / "traces" / f"{TODAY}.jsonl") == ["a"]


def test_a_batch_is_one_line(tmp_path: Path) -> None:
    target = exporter(tmp_path)
    target.export([make_span("a"), make_span("b")])
    target.export([make_span("c")])
    target.export([])
    assert len((tmp_path / f"{TODAY}.jsonl").read_bytes().splitlines()) == 2
    assert span_names(tmp_path / f"{TODAY}.jsonl") == ["a", "b", "c"]


def test_a_full_file_is_followed_by_the_next(tmp_path: Path) -> None:
    target = exporter(tmp_path, max_bytes=1000)
    write(target, *"abcde")  # about 400 bytes each
    files = {file.name: span_names(file) for file in tmp_path.iterdir()}
    assert files == {f"{TODAY}.jsonl": ["a", "b"], f"{TODAY}.1.jsonl": ["c", "d"], f"{TODAY}.2.jsonl": ["e"]}
    assert all(file.stat().st_size <= 1000 for file in tmp_path.iterdir())


def test_a_batch_larger_than_a_file_is_not_lost(tmp_path: Path) -> None:
    target = exporter(tmp_path, max_bytes=10)
    write(target, "a", "b")
    assert sorted(file.name for file in tmp_path.iterdir()) == [f"{TODAY}.1.jsonl", f"{TODAY}.jsonl"]


def test_a_new_day_is_a_new_file(tmp_path: Path) -> None:
    now = NOON
    target = FileSpanExporter(tmp_path, clock=lambda: now)
    write(target, "a")
    now += DAY
    write(target, "b")
    assert span_names(tmp_path / "traces-2026-05-28.jsonl") == ["a"]
    assert span_names(tmp_path / "traces-2026-05-29.jsonl") == ["b"]


def test_old_files_of_ours_are_deleted_and_nothing_else(tmp_path: Path) -> None:
    kept = [
        "traces-2026-05-14.jsonl",
        "traces-2026-05-14.3.jsonl",
        "notes.txt",
        "traces-old.jsonl",
        "x2020-01-01.jsonl",
    ]
    for name in [*kept, "traces-2026-05-13.jsonl", "traces-2026-05-13.7.jsonl"]:
        (tmp_path / name).write_text("{}\n")
    (tmp_path / "traces-2020-01-01.jsonl").mkdir()
    outside = tmp_path / "outside"
    outside.write_text("{}\n")
    (tmp_path / "traces-2020-01-02.jsonl").symlink_to(outside)
    write(exporter(tmp_path, retention_days=14), "a")
    left = {file.name for file in tmp_path.iterdir()}
    assert left == {*kept, f"{TODAY}.jsonl", "traces-2020-01-01.jsonl", "traces-2020-01-02.jsonl", "outside"}


def test_files_deleted_under_us_come_back(tmp_path: Path) -> None:
    target = exporter(tmp_path / "traces")
    write(target, "a")
    (tmp_path / "traces" / f"{TODAY}.jsonl").unlink()
    write(target, "b")
    assert span_names(tmp_path / "traces" / f"{TODAY}.jsonl") == ["b"]
    subprocess.run(["rm", "-r", tmp_path / "traces"], check=True)
    write(target, "c")
    assert span_names(tmp_path / "traces" / f"{TODAY}.jsonl") == ["c"]


def test_a_torn_line_spoils_no_other(tmp_path: Path) -> None:
    target = exporter(tmp_path)
    write(target, "a", "b")
    file = tmp_path / f"{TODAY}.jsonl"
    file.write_bytes(file.read_bytes()[:-50])  # as a killed process leaves it
    write(target, "c")
    assert span_names(file) == ["a", "c"]


KILLED_WRITER = """
import sys
sys.path.insert(0, sys.argv[2])
from export_support import make_span
from hardened.telemetry.file import FileSpanExporter
target = FileSpanExporter(sys.argv[1])
batch = [make_span(f"s{i}", {"text": "x" * 20_000}) for i in range(50)]
while True:
    target.export(batch)
    print("batch", flush=True)
"""


def test_a_killed_process_leaves_its_earlier_batches(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED_WRITER, str(tmp_path), str(Path(__file__).parent)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    confirmed = sum(1 for _ in zip(range(5), process.stdout, strict=False))
    process.send_signal(signal.SIGKILL)  # most likely in the middle of a write
    process.stdout.close()
    process.wait()
    assert FileSpanExporter(tmp_path).export([make_span("next run")]) is SpanExportResult.SUCCESS
    (file,) = tmp_path.glob("traces-*.jsonl")
    names = span_names(file)
    assert names[-1] == "next run"
    assert len(names) - 1 >= 50 * confirmed
    assert (len(names) - 1) % 50 == 0


CONCURRENT_WRITER = """
import sys
sys.path.insert(0, sys.argv[2])
from export_support import make_span
from hardened.telemetry.file import FileSpanExporter
target = FileSpanExporter(sys.argv[1], max_bytes=20_000, clock=lambda: 1_780_000_000.0)
for i in range(60):
    assert target.export([make_span(f"{sys.argv[3]}-{i}")]).name == "SUCCESS"
"""


def test_several_processes_write_to_one_directory(tmp_path: Path) -> None:
    here = str(Path(__file__).parent)
    processes = [
        subprocess.Popen([sys.executable, "-c", CONCURRENT_WRITER, str(tmp_path), here, str(number)])
        for number in range(4)
    ]
    assert [process.wait() for process in processes] == [0] * 4
    files = list(tmp_path.glob("traces-*.jsonl"))
    assert all(file.stat().st_size <= 20_000 for file in files)
    written = [name for file in files for name in span_names(file)]
    assert sorted(written) == sorted(f"{number}-{i}" for number in range(4) for i in range(60))
    assert sum(len(file.read_bytes().splitlines()) for file in files) == 240


def test_threads_share_one_exporter(tmp_path: Path) -> None:
    target = exporter(tmp_path, max_bytes=5000)
    threads = [threading.Thread(target=write, args=(target, *(f"{n}-{i}" for i in range(20)))) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({name for file in tmp_path.iterdir() for name in span_names(file)}) == 80


def test_a_child_of_a_fork_goes_on(tmp_path: Path) -> None:
    target = exporter(tmp_path)
    write(target, "parent")
    child = os.fork()
    if child == 0:
        os._exit(0 if target.export([make_span("child")]) is SpanExportResult.SUCCESS else 1)
    assert os.waitpid(child, 0)[1] == 0
    write(target, "parent again")
    assert span_names(tmp_path / f"{TODAY}.jsonl") == ["parent", "child", "parent again"]


FULL_DISK = """
import resource, signal, sys
sys.path.insert(0, sys.argv[2])
from export_support import make_span
from hardened.telemetry.file import FileSpanExporter
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # writing beyond the limit then fails, like on a full disk
resource.setrlimit(resource.RLIMIT_FSIZE, (3000, resource.RLIM_INFINITY))
target = FileSpanExporter(sys.argv[1], clock=lambda: 1_780_000_000.0)
print([target.export([make_span(f"s{i}")]).name for i in range(12)])
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(target.export([make_span("later")]).name)
"""


def test_a_full_disk_costs_batches_but_no_earlier_line(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path), str(Path(__file__).parent)],
        capture_output=True,
        text=True,
        check=True,
    )
    results, later = run.stdout.splitlines()
    written = results.count("SUCCESS")
    assert 0 < written < 12
    assert later == "SUCCESS"
    (file,) = tmp_path.glob("traces-*.jsonl")
    assert span_names(file) == [*(f"s{i}" for i in range(written)), "later"]
    assert len(file.read_bytes().splitlines()) == written + 1  # what was written in part was taken back
    assert run.stderr.count("hardened: traces cannot be written to") == 1


def one_warning(caplog: pytest.LogCaptureFixture) -> str:
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("hardened.telemetry", logging.WARNING)
    return record.getMessage()


def fails(target: FileSpanExporter) -> None:
    for _ in range(3):
        assert target.export([make_span()]) is SpanExportResult.FAILURE


def test_a_path_that_is_a_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "traces"
    path.write_text("mine")
    fails(exporter(path))
    message = one_warning(caplog)
    assert str(path) in message
    assert "telemetry.file.path" in message
    assert path.read_text() == "mine"


@not_root
def test_a_read_only_directory(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tmp_path.chmod(0o500)
    fails(exporter(tmp_path / "traces"))
    assert "Permission denied" in one_warning(caplog)


def test_a_read_only_file_system(caplog: pytest.LogCaptureFixture) -> None:
    fails(exporter(Path("/proc/hardened-traces")))  # nothing can be created there, not even by root
    assert "/proc/hardened-traces" in one_warning(caplog)


def test_it_works_again_when_the_directory_does(tmp_path: Path) -> None:
    path = tmp_path / "traces"
    path.write_text("in the way")
    target = exporter(path)
    fails(target)
    path.unlink()
    write(target, "a")


@pytest.mark.parametrize("linked", [".hardened", ".hardened/traces"])
def test_a_linked_directory_is_refused(tmp_path: Path, linked: str, caplog: pytest.LogCaptureFixture) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    link = tmp_path / linked
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(elsewhere)
    fails(exporter(tmp_path / ".hardened" / "traces"))
    assert f"{link} is a symbolic link" in one_warning(caplog)
    assert list(elsewhere.iterdir()) == []


def test_a_linked_file_is_refused(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / f"{TODAY}.jsonl").symlink_to(victim)
    fails(exporter(tmp_path))
    assert victim.read_text() == "precious"


def test_a_file_with_a_second_name_is_refused(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    victim.chmod(0o644)
    (tmp_path / f"{TODAY}.jsonl").hardlink_to(victim)
    fails(exporter(tmp_path))
    assert f"{TODAY}.jsonl has a second name" in one_warning(caplog)
    assert (victim.read_text(), mode(victim)) == ("precious", 0o644)


@pytest.mark.parametrize("readable", [0o644, 0o640, 0o606])
def test_a_file_that_others_can_read_is_closed_to_them(tmp_path: Path, readable: int) -> None:
    file = tmp_path / f"{TODAY}.jsonl"
    file.touch()
    file.chmod(readable)
    write(exporter(tmp_path), "a")
    assert mode(file) == 0o600
    assert span_names(file) == ["a"]


def test_a_pipe_in_the_place_of_a_file_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / f"{TODAY}.jsonl")
    fails(exporter(tmp_path))


def test_a_lock_that_is_never_given_back_stops_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    monkeypatch.setattr("hardened.telemetry.file._LOCK_TIMEOUT", 0.05)
    target = exporter(tmp_path)
    write(target, "a")
    with (tmp_path / f"{TODAY}.jsonl").open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        fails(target)
    write(target, "b")
    assert span_names(tmp_path / f"{TODAY}.jsonl") == ["a", "b"]


def test_a_fork_during_a_write_does_not_keep_the_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The child holds a copy of the open, locked file for as long as it lives."""
    children: list[int] = []
    original = os.pread

    def fork_now(*arguments: Any) -> bytes:
        child = os.fork()
        if child == 0:
            signal.pause()
        children.append(child)
        return original(*arguments)

    target = exporter(tmp_path)
    write(target, "a")
    monkeypatch.setattr("hardened.telemetry.file.os.pread", fork_now)
    write(target, "b")
    monkeypatch.undo()
    try:
        write(target, "c")
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    assert span_names(tmp_path / f"{TODAY}.jsonl") == ["a", "b", "c"]


def test_no_file_stays_open(tmp_path: Path) -> None:
    target = exporter(tmp_path)
    write(target, "a")
    before = list(Path("/dev/fd").iterdir())
    write(target, *"bcdefgh")
    assert len(list(Path("/dev/fd").iterdir())) == len(before)


def test_a_working_directory_that_is_gone_is_only_the_files_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    exporter = FileSpanExporter("traces")
    with caplog.at_level(logging.WARNING):
        assert exporter.export([make_span()]) is SpanExportResult.FAILURE
        assert exporter.export([make_span()]) is SpanExportResult.FAILURE
    assert len(caplog.records) == 1
