"""One background thread for small work that must not run where it arises: in a finaliser, or on an event loop."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue

_log = logging.getLogger("hardened")

Task = Callable[[], object]

FORK_WAITS = 2.0
"""Seconds that a fork waits for the task in hand at most; the longest, reading the table of prices, takes 0.3."""

GENERATIONS = 4
"""How often a task's own task may post one: a stream's end looks for its price, then settles, then may alert."""


class Worker:
    """Runs tasks one after another in a daemon thread, started with the first task and again after a fork."""

    def __init__(self) -> None:
        self._start_anew()
        # A fork waits for the task in hand: a module that it is importing would stay locked in the child for ever.
        os.register_at_fork(before=self._pause, after_in_parent=self._resume, after_in_child=self._start_anew)

    def post(self, task: Task) -> None:
        """Run `task` soon. Safe in a finaliser: `SimpleQueue.put` is reentrant. A task that fails is logged by type."""
        self._tasks.put(task)
        if self._thread is None:
            self._start()

    def flush(self, timeout: float) -> bool:
        """Wait until all tasks posted so far have run, and what they posted in turn, at most `timeout` seconds.

        Returns whether they have.
        """
        if self._thread is None or self._thread is threading.current_thread():
            return True
        deadline = time.monotonic() + timeout
        for _ in range(GENERATIONS):
            done = threading.Event()
            self.post(done.set)
            if not done.wait(max(0.0, deadline - time.monotonic())):
                return False
        return True

    def _start_anew(self) -> None:
        self._tasks: SimpleQueue[Task] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.RLock()  # a finaliser may interrupt the thread that holds it
        self._busy = threading.RLock()
        self._paused = False

    def _pause(self) -> None:
        self._paused = self._busy.acquire(timeout=FORK_WAITS)

    def _resume(self) -> None:
        if self._paused:
            self._busy.release()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                arguments = (self._tasks, self._busy)
                self._thread = threading.Thread(target=self._run, args=arguments, name="hardened", daemon=True)
                try:
                    self._thread.start()
                except RuntimeError:  # the interpreter is shutting down: `flush` at exit has run
                    self._thread = None

    @staticmethod
    def _run(tasks: SimpleQueue[Task], busy: threading.RLock) -> None:
        while True:
            task = tasks.get()
            try:
                with busy:
                    task()
            except Exception as error:  # noqa: BLE001 - one task's fault must not end the others
                _log.error("hardened: a background task failed: %s", type(error).__name__)


worker = Worker()
