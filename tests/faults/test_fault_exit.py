"""The process ends as it would without us, whatever our threads are doing."""

from __future__ import annotations

import textwrap

import pytest
from programs import HEAD as ASK
from programs import Program

HEAD = """
import threading, time
import hardened.auto
import hardened

BIG = "some words, a@b.c 12 34 56 key=abc " * 30000

def forever(begun, work):
    begun.wait()
    while True:
        work()

def in_threads(work):
    begun = threading.Barrier(4)
    for _ in range(3):
        threading.Thread(target=forever, args=(begun, work), daemon=True).start()
    begun.wait()
"""

ENDINGS = {
    "checks in daemon threads": "in_threads(lambda: hardened.check(BIG, 'input'))",
    "checks that hang on after their timeout": """
        detectors = {name: {"timeout_ms": 1} for name in ("secrets", "pii")}
        hardened.configure("strict", budgets={"global": {"day": "50 USD"}}, detectors=detectors)
        for number in range(3):
            hardened.check(BIG + str(number), "input")
    """,
    "spans that are scrubbed in daemon threads": """
        from hardened.telemetry.scrub.default_scan import default_scan
        in_threads(lambda: default_scan(BIG))
    """,
    "worker threads of anyio": """
        import anyio

        async def main():
            async with anyio.create_task_group() as tasks:
                for _ in range(3):
                    tasks.start_soon(lambda: anyio.to_thread.run_sync(hardened.check, BIG, abandon_on_cancel=True))
                await anyio.sleep(0.01)
                tasks.cancel_scope.cancel()

        anyio.run(main)
    """,
    "a first check while the interpreter ends": """
        def late():
            threading.main_thread().join()
            while True:
                hardened.check(BIG, "input")
        for _ in range(3):
            threading.Thread(target=late, daemon=True).start()
        import atexit
        atexit.register(time.sleep, 0.5)
    """,
    "a check while handlers run at exit": """
        import atexit
        in_threads(lambda: hardened.check(BIG, "input"))
        atexit.register(lambda: hardened.check("a text", "input"))
    """,
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_our_threads_do_not_abort_the_exit(program: Program, ending: str) -> None:
    end = "\nprint('end', flush=True)\n"
    done = program.run(textwrap.dedent(ENDINGS[ending]) + end, HEAD, check=False)
    assert (done.returncode, done.stdout) == (0, "end\n"), done.stderr


def test_telemetry_is_delivered_before_the_fast_scans_end(program: Program) -> None:
    """Handlers run in reverse order: what registers first runs last."""
    head = (
        """
import atexit

registered = []
register = atexit.register

def note(function, *more, **named):
    registered.append((function.__module__, function.__name__))
    return register(function, *more, **named)

atexit.register = note
"""
        + ASK
    )
    code = """
        ask()
        native, delivery = ("hardened_detectors.native", "close"), ("hardened.telemetry.providers", "shutdown")
        print(registered.index(native) < registered.index(delivery))
    """
    assert program.run(code, head).stdout == "True\n"
