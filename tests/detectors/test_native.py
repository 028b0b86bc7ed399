"""Native code runs only while the interpreter does."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import cast

import pytest

from hardened_detectors import native
from hardened_detectors.gate import Gate, Signal

SIGNALS = [Signal(literals=("Alpha",), ignore_case=False), Signal(pattern=r"\d{3}")]
TEXT = "Alpha 123"


@pytest.fixture(autouse=True)
def reopen() -> Iterator[None]:
    yield
    native._closed = False


def test_a_closed_door_leads_to_the_same_answer_by_the_standard_library() -> None:
    gate = Gate(SIGNALS)
    assert list(gate.hits(TEXT)) == [0, 1]
    gate._automaton = None
    assert native.close()
    assert list(gate.hits(TEXT)) == [0, 1]
    assert gate._automaton is None


def test_the_exit_waits_for_threads_that_are_inside() -> None:
    entered, finish = threading.Event(), threading.Event()

    def work() -> None:
        assert native.enter()
        entered.set()
        finish.wait()
        native.leave()

    thread = threading.Thread(target=work)
    thread.start()
    entered.wait()
    assert not native.close(patience=0)
    assert not native.enter()
    finish.set()
    assert native.close(patience=60)
    thread.join()


def test_a_search_that_fails_has_left() -> None:
    gate = Gate(SIGNALS)

    def work() -> None:
        with pytest.raises(AttributeError):
            gate.hits(cast(str, None))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert native.close(patience=0)


def test_whoever_closes_does_not_wait_for_itself() -> None:
    assert native.enter()
    assert native.close(patience=0)
    native.leave()


@pytest.mark.parametrize("name", ["secrets", "injection"])
def test_daemon_threads_that_search_do_not_abort_the_exit(name: str) -> None:
    program = f"""
import threading
from hardened_detectors.registry import create

detector = create({name!r}, stage="input")
text = "some words, a@b.c 12 34 56 key=abc " * 30000
begun = threading.Barrier(4)

def work():
    begun.wait()
    while True:
        detector.detect(text)

for _ in range(3):
    threading.Thread(target=work, daemon=True).start()
begun.wait()
print("end", flush=True)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "end\n", "")


def test_who_is_first_while_the_interpreter_ends_finds_the_door_closed() -> None:
    program = """
import threading

def work():
    threading.main_thread().join()
    from hardened_detectors import native
    print(native.enter())

threading.Thread(target=work).start()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "False\n", "")
