"""Long checks aside change how long others wait for the interpreter lock, for their own time only."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from threading import Barrier, Thread

import pytest
from guard_detectors import growing, guards

from hardened.guards import current
from hardened.guards.functions import LONG, acheck
from hardened.guards.yielding import INTERVAL, yielding


@pytest.fixture(autouse=True)
def usual() -> Iterator[float]:
    before = sys.getswitchinterval()
    yield before
    sys.setswitchinterval(before)


def test_others_wait_less_while_it_runs(usual: float) -> None:
    assert yielding(sys.getswitchinterval) == pytest.approx(INTERVAL, rel=0.01) != usual
    assert sys.getswitchinterval() == usual


def test_an_error_puts_it_back_too(usual: float) -> None:
    with pytest.raises(ZeroDivisionError):
        yielding(lambda: 1 // 0)
    assert sys.getswitchinterval() == usual


def test_the_last_of_several_puts_it_back(usual: float) -> None:
    both, one_left = Barrier(2), Barrier(2)
    thread = Thread(target=lambda: yielding(lambda: (both.wait(), one_left.wait())))
    thread.start()
    yielding(both.wait)
    assert sys.getswitchinterval() == pytest.approx(INTERVAL, rel=0.01)
    one_left.wait()
    thread.join()
    assert sys.getswitchinterval() == usual


def test_what_somebody_else_has_set_stays() -> None:
    yielding(lambda: sys.setswitchinterval(0.001))
    assert sys.getswitchinterval() == pytest.approx(0.001)
    sys.setswitchinterval(INTERVAL / 10)
    assert yielding(sys.getswitchinterval) == pytest.approx(INTERVAL / 10, rel=0.1)


def test_a_long_text_is_checked_like_that(own_guards: None) -> None:
    seen: list[float] = []
    detector = growing()
    detect = detector.detect
    detector.detect = lambda text: (seen.append(sys.getswitchinterval()), detect(text))[1]  # type: ignore[method-assign]
    current.use(guards({detector: "redact"}))
    asyncio.run(acheck("a " * LONG))
    assert seen
    assert max(seen) == pytest.approx(INTERVAL, rel=0.01)
