"""What goes wrong around an application: it goes on, says what is the matter, and nothing private leaves."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest
from programs import HEAD, Program
from traces import KEY

from hardened.testing import Fault

ASK_WITH_KEY = f"print(ask('my key is {KEY[:12]}' '{KEY[12:]}').choices[0].message.content)"


def lines(folder: Path) -> list[object]:
    return [json.loads(line) for file in folder.glob("*.jsonl") for line in file.read_text().splitlines()]


def test_a_broken_policy_in_the_working_directory(program: Program) -> None:
    (program.folder / "hardened.yaml").write_text("presett: strict\nmode: [off\n")
    done = program.run(ASK_WITH_KEY)
    assert "You said: my key is [OPENAI_API_KEY]" in done.stdout
    assert "hardened.yaml" in done.stderr and "the policy cannot be used, so a safe one holds" in done.stderr
    assert done.stderr.count("cannot be used") == 1 and "Traceback" not in done.stderr
    assert KEY.encode() not in program.provider.requests[-1].body


def test_traces_that_cannot_be_written(program: Program) -> None:
    (program.folder / ".hardened").write_text("a file, not a directory")
    done = program.run("for _ in range(3): print(ask().choices[0].message.content)")
    assert done.stdout.count("You said") == 3
    assert "Traceback" not in done.stderr
    assert 0 < len(done.stderr.splitlines()) <= 3 and ".hardened" in done.stderr


def test_a_full_disk(program: Program) -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000))\n"
    done = program.run("for _ in range(20): ask()\nhardened.flush()\nask()\nprint('went on')", head=limit + HEAD)
    assert "went on" in done.stdout
    assert "Traceback" not in done.stderr and 0 < len(done.stderr.splitlines()) <= 3


def test_debug_logging_of_the_sdk(program: Program) -> None:
    program.env["OPENAI_LOG"] = "debug"
    done = program.run(ASK_WITH_KEY)
    assert "DEBUG" in done.stderr
    assert KEY not in done.stderr


def test_without_any_sdk(program: Program) -> None:
    code = """
    import sys
    class Absent:
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] in ("openai", "anthropic", "groq"):
                raise ModuleNotFoundError(name=name)
    sys.meta_path.insert(0, Absent())
    import hardened.auto
    print(hardened.check("fine").outcome)
    """
    done = program.run(code, head="")
    assert done.stdout.strip() == "passed" and done.stderr == ""


def test_disabled_by_the_environment(program: Program) -> None:
    program.env["HARDENED_DISABLE"] = "openai"
    program.run(ASK_WITH_KEY)
    assert KEY.encode() in program.provider.requests[-1].body
    assert program.traces.calls() == []


# --- Processes


def test_workers_forked_after_the_import(program: Program) -> None:
    """As gunicorn does with `preload_app`. The connections of the parent are no good in a child, with or without us."""
    done = program.run(
        """
        import os, sys
        ask()
        children = []
        for _ in range(3):
            child = os.fork()
            if child == 0:
                client = openai.OpenAI(max_retries=0)
                for _ in range(3):
                    ask()
                sys.exit(0)
            children.append(child)
        print([os.waitpid(child, 0)[1] for child in children])
        ask()
        """
    )
    assert done.stdout.strip() == "[0, 0, 0]"
    spans = program.traces.calls()
    assert len(spans) == len({span.span_id for span in spans}) == 1 + 3 * 3 + 1


def test_a_fork_while_threads_are_calling(program: Program) -> None:
    done = program.run(
        """
        import os, signal, threading
        ask()  # what the SDK imports with its first call must not be in the middle of it at a fork
        over = threading.Event()
        def busy():
            while not over.is_set():
                ask("my mail is jane" + "@example.org")
        threads = [threading.Thread(target=busy) for _ in range(3)]
        for thread in threads: thread.start()
        codes = []
        for _ in range(4):
            child = os.fork()
            if child == 0:
                signal.alarm(20)
                client = openai.OpenAI(max_retries=0)
                ask(); list(ask(stream=True))
                hardened.flush()
                os._exit(0)
            codes.append(os.waitpid(child, 0)[1])
        over.set()
        for thread in threads: thread.join()
        print(codes)
        """
    )
    assert done.stdout.strip() == "[0, 0, 0, 0]"
    spans = program.traces.calls()
    assert len(spans) == len({span.span_id for span in spans}) == len(program.provider.requests)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_multiprocessing(method: str, program: Program) -> None:
    done = program.run(
        f"""
        import multiprocessing
        def work(_):
            return ask().choices[0].message.content
        if __name__ == "__main__":
            context = multiprocessing.get_context({method!r})
            children = [context.Process(target=work, args=(i,)) for i in range(2)]
            for child in children: child.start()
            for child in children: child.join()
            print([child.exitcode for child in children])
        """
    )
    assert done.stdout.strip() == "[0, 0]"
    assert len({span.span_id for span in program.traces.calls()}) == len(program.provider.requests) == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_killed_in_the_middle(number: signal.Signals, program: Program) -> None:
    running = program.start(
        """
        ask(); hardened.flush()
        stream = ask("word " * 500, stream=True)
        next(iter(stream))
        print("in the middle", flush=True)
        while True: ask()
        """
    )
    assert running.stdout is not None and running.stdout.readline() == "in the middle\n"
    running.send_signal(number)
    _, errors = running.communicate(timeout=60)
    assert running.returncode == -number
    assert "Traceback" not in errors
    assert program.traces.calls() and lines(program.traces.path)


def test_threads(program: Program) -> None:
    program.run(
        """
        from concurrent.futures import ThreadPoolExecutor
        with ThreadPoolExecutor(20) as pool:
            for future in [pool.submit(lambda: [ask() for _ in range(20)]) for _ in range(20)]:
                future.result()
        """
    )
    spans = program.traces.calls()
    assert len(spans) == len({span.span_id for span in spans}) == 400
    assert {span.cost_known for span in spans} == {True}


def test_trio(program: Program) -> None:
    program.provider.reply(text=f"the key is {KEY}", chunk_size=2)
    done = program.run(
        """
        import trio
        async def main():
            async with openai.AsyncOpenAI(max_retries=0) as client:
                stream = await client.chat.completions.create(model="gpt-4o-mini", messages=ASK, stream=True)
                print("".join([chunk.choices[0].delta.content or "" async for chunk in stream]))
        trio.run(main)
        """
    )
    assert done.stdout.strip() == "the key is [OPENAI_API_KEY]"
    assert program.traces.call().stream_outcome == "completed"


# --- Ends


def test_an_open_stream_at_the_end_of_the_program(program: Program) -> None:
    done = program.run("stream = ask('word ' * 500, stream=True)\nprint(next(iter(stream)).choices[0].index)")
    assert (done.stdout.strip(), done.stderr) == ("0", "")
    assert program.traces.call().stream_outcome == "aborted"


def test_an_open_async_stream_at_the_end_of_the_program(program: Program) -> None:
    done = program.run(
        """
        import asyncio
        async def main():
            client = openai.AsyncOpenAI(max_retries=0)
            messages = [{"role": "user", "content": "word " * 500}]
            stream = await client.chat.completions.create(model="gpt-4o-mini", messages=messages, stream=True)
            async for chunk in stream:
                print(chunk.choices[0].index)
                return
        asyncio.run(main())
        """
    )
    assert done.stdout.strip() == "0"
    assert "hardened" not in done.stderr  # httpx itself complains, with and without us
    assert program.traces.call().stream_outcome == "aborted"


def test_an_open_stream_belongs_to_the_process_that_opened_it(program: Program) -> None:
    done = program.run(
        """
        import os, sys
        stream = ask("word " * 500, stream=True)
        next(iter(stream))
        child = os.fork()
        if child == 0:
            sys.exit(0)
        print(os.waitpid(child, 0)[1], len(list(stream)) > 100)
        """
    )
    assert done.stdout.strip() == "0 True"
    assert program.traces.call().stream_outcome == "completed"


@pytest.mark.parametrize(("status", "fault"), [(400, None), (500, None), (200, "stall")])
def test_an_endpoint_of_telemetry_that_does_not_work(status: int, fault: Fault | None, program: Program) -> None:
    program.provider.when(
        lambda request: request.path == "/v1/traces", status=status, fault=fault, body={"a": "b" * 99}
    )
    program.env["OTEL_EXPORTER_OTLP_ENDPOINT"] = program.provider.url
    program.env["OTEL_METRICS_EXPORTER"] = "none"
    began = time.monotonic()
    done = program.run("for _ in range(3): print(ask().choices[0].message.content)")
    assert time.monotonic() - began < 20
    assert done.stdout.count("You said") == 3
    assert "Traceback" not in done.stderr and len(done.stderr.splitlines()) <= 3
    assert len(program.traces.calls()) == 3  # the local file has them all the same
