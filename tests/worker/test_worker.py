"""The background thread: it runs everything once, survives failures, and forks leave nobody waiting."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import textwrap
import threading

import pytest

from hardened.worker import Worker


def test_tasks_run_in_order_and_flush_waits() -> None:
    worker, seen = Worker(), []
    for number in range(50):
        worker.post(lambda number=number: seen.append(number))
    assert worker.flush(10)
    assert seen == list(range(50))


def test_flush_waits_for_what_tasks_post_in_turn() -> None:
    worker, seen, begin = Worker(), [], threading.Barrier(2)
    worker.post(lambda: (begin.wait(10), worker.post(lambda: worker.post(lambda: seen.append("settled")))))
    worker.post(lambda: None)
    begin.wait(10)
    assert worker.flush(10)
    assert seen == ["settled"]


def test_flush_gives_up_in_time() -> None:
    worker, release = Worker(), threading.Event()
    worker.post(lambda: release.wait(30))
    assert not worker.flush(0.05)
    release.set()
    assert worker.flush(10)


def test_flush_from_the_worker_itself_does_not_wait_for_itself() -> None:
    worker, seen = Worker(), []
    worker.post(lambda: seen.append(worker.flush(30)))
    assert worker.flush(10)
    assert seen == [True]


def test_a_failing_task_is_logged_by_type_and_the_next_runs(caplog: pytest.LogCaptureFixture) -> None:
    worker, seen = Worker(), []
    with caplog.at_level(logging.ERROR):
        worker.post(lambda: {}["jane"])
        worker.post(lambda: seen.append(1))
        assert worker.flush(10)
    assert seen == [1]
    assert "KeyError" in caplog.text and "jane" not in caplog.text


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_has_a_worker_of_its_own_and_a_fork_waits_for_the_task_in_hand() -> None:
    code = """
        import os, threading, time
        from hardened.worker import Worker
        worker, begun, done = Worker(), threading.Event(), []
        def task():
            begun.set()
            time.sleep(0.2)
            done.append(1)
        worker.post(task)
        begun.wait()
        child = os.fork()
        if child == 0:
            seen = []
            worker.post(lambda: seen.append(1))
            os._exit(0 if worker.flush(10) and seen == [1] and done == [1] else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert done == [1]
        assert worker.flush(10)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True, timeout=60)
