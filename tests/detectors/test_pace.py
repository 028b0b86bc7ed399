"""Long work lets other threads run, unless it is the main thread's."""

from __future__ import annotations

from threading import Thread

import pytest

from hardened_detectors import pace
from hardened_detectors.pace import LONG, Pace
from hardened_detectors.registry import create
from hardened_detectors.scanner import Scanner


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The times slept; a clock that goes on by a millisecond whenever it is read."""
    found: list[float] = []
    ticks = iter(range(10_000_000))
    monkeypatch.setattr(pace.time, "perf_counter", lambda: next(ticks) / 1000)
    monkeypatch.setattr(pace.time, "sleep", found.append)
    return found


def aside(text: str) -> None:
    scanner = Scanner([create("pii")])
    thread = Thread(target=scanner.scan, args=(text,))
    thread.start()
    thread.join()


def test_a_long_text_in_a_thread_is_scanned_with_rests(naps: list[float]) -> None:
    aside("words and 4111 1111 1111 1111 and jane@example.com " * 400)
    assert len(naps) > 40


def test_short_texts_and_the_main_thread_do_not_rest(naps: list[float]) -> None:
    aside("x" * LONG)
    Scanner([create("pii")]).scan("words and 4111 1111 1111 1111 " * 1000)
    assert naps == []
    assert Pace(10 * LONG).rest() is None
