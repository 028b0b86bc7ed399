"""One measurement in a process of its own: `python bench/measure.py calls|start|memory ...` prints one JSON object."""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

import provider

Case = Callable[[], object]
Results = dict[str, Any]


def rss_kb() -> int:
    """Resident memory; Linux."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


def cases() -> dict[str, Case]:
    """One call of each kind, by name. A stream is read to its end."""
    openai, anthropic = provider.client("openai"), provider.client("anthropic")

    def chat(text: str, **options: Any) -> Any:
        messages = [{"role": "system", "content": "You are helpful."}, {"role": "user", "content": text}]
        return openai.chat.completions.create(model="gpt-4o", messages=messages, **options)

    def responses(text: str, **options: Any) -> Any:
        return openai.responses.create(model="gpt-4o", instructions="You are helpful.", input=text, **options)

    def messages(text: str, **options: Any) -> Any:
        asked = [{"role": "user", "content": text}]
        model = "claude-haiku-4-5"
        return anthropic.messages.create(
            model=model, max_tokens=1024, system="You are helpful.", messages=asked, **options
        )

    def read(call: Callable[..., Any]) -> None:
        for _ in call(provider.text(1000), stream=True):
            pass

    found: dict[str, Case] = {}
    for call in (chat, responses, messages):
        found[f"{call.__name__} 1 kB"] = lambda call=call: call(provider.text(1000))
        found[f"{call.__name__} 20 kB"] = lambda call=call: call(provider.text(20_000))
        found[f"{call.__name__} stream"] = partial(read, call)
    found["chat 1 kB, personal data"] = lambda: chat(provider.text(1000, provider.PERSONAL))
    return found


class Spans:
    """Counts the spans of calls, as an exporter of the application."""

    def __init__(self) -> None:
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

        counted = self

        class Exporter(SpanExporter):
            def export(self, spans: Any) -> SpanExportResult:
                counted.calls += sum("gen_ai.operation.name" in (span.attributes or {}) for span in spans)
                return SpanExportResult.SUCCESS

        self.calls = 0
        self.provider = TracerProvider()
        self.provider.add_span_processor(BatchSpanProcessor(Exporter(), max_queue_size=1 << 16))
        trace.set_tracer_provider(self.provider)

    def settled(self) -> int:
        """How many there were, when nothing is on its way any more."""
        from hardened.worker import worker

        worker.flush(10)
        self.provider.force_flush()
        return self.calls


def reference() -> float:
    """Thread CPU µs of a fixed piece of work, timed beside every batch: what shares the machine slows both alike."""
    document = json.dumps(provider.ANSWERS["completions"]("word " * 160))
    began = time.thread_time()
    for _ in range(40):
        json.dumps({key: str(value) for key, value in json.loads(document).items()}).replace("a", "b").split(",")
    return (time.thread_time() - began) * 1e6


def batch(case: Case, calls: int) -> float:
    """Thread CPU µs for one call: what the caller pays. Export happens in other threads."""
    began = time.thread_time()
    for _ in range(calls):
        case()
    return (time.thread_time() - began) * 1e6 / calls


def measure_calls(pairs: int, size: float, warm: int, wanted: str) -> Results:
    """For each case, batches of about `size` seconds alternate between the bare SDK and the instrumented one."""
    spans = Spans()
    import hardened
    import hardened.auto

    results: Results = {}
    for name, case in cases().items():
        if wanted not in name:
            continue
        made, before = count(), spans.settled()

        def counted(case: Case = case, made: Any = made) -> None:
            next(made)
            case()

        batch(counted, warm)  # what happens only once does not belong to the call
        calls = max(1, int(size / (batch(counted, warm) / 1e6)))
        rows: list[tuple[float, float, float]] = []
        for _ in range(pairs):
            ours = batch(counted, calls)
            hardened.uninstrument()
            bare = batch(case, calls)
            hardened.auto.instrument()
            rows.append((bare, ours, reference()))
        usual = median(row[2] for row in rows)
        added = [(ours - bare) * usual / ref for bare, ours, ref in rows]
        results[name] = {
            "bare_us": median(row[0] for row in rows),
            "added_us": median(added),
            "ratio": median(ours / bare for bare, ours, _ in rows),
            "in_reference": median((ours - bare) / ref for bare, ours, ref in rows),
            "reference_us": usual,
            "spans_per_call": (spans.settled() - before) / next(made),
        }
    return results


def measure_start() -> Results:
    """What the import adds to a process that has both SDKs, and what the first calls add once."""
    calls = cases()
    for case in calls.values():
        case()
    memory, modules, began = rss_kb(), len(sys.modules), time.process_time()
    import opentelemetry.sdk.trace.export  # noqa: F401 - a known quantity, to compare machines by

    of_that = time.process_time() - began
    import hardened.auto  # noqa: F401
    from hardened.telemetry.runtime import runtime

    runtime().tracer()  # the providers and the local file
    imported = time.process_time() - began
    results: Results = {
        "import_ms": imported * 1e3,
        "of_that_opentelemetry_sdk_ms": of_that * 1e3,
        "import_kb": rss_kb() - memory,
        "import_modules": len(sys.modules) - modules,
    }
    from hardened.worker import worker

    began, inline = time.process_time(), time.thread_time()
    calls["chat 1 kB"]()
    results["first_call_ms"] = (time.thread_time() - inline) * 1e3
    worker.flush(10)
    results["first_call_all_threads_ms"] = (time.process_time() - began) * 1e3
    for case in calls.values():
        case()
    worker.flush(10)
    gc.collect()
    return {**results, "after_all_kinds_kb": rss_kb() - memory, "reference_us": reference()}


def measure_memory(name: str, calls: int) -> Results:
    """Resident memory after each tenth of `calls`; the slope is over the last eight."""
    spans = Spans()
    import hardened.auto  # noqa: F401

    case = cases()[name]
    points: list[int] = []
    for _ in range(10):
        batch(case, calls // 10)
        spans.settled()
        gc.collect()
        points.append(rss_kb())
    kept = points[2:]
    middle = (len(kept) - 1) / 2
    slope = sum((at - middle) * point for at, point in enumerate(kept)) / sum((at - middle) ** 2 for at in range(8))
    per_call = slope * 1024 / (calls // 10)
    return {"rss_kb": points, "bytes_per_call": per_call, "spans_per_call": spans.calls / (calls // 10 * 10)}


def main() -> None:
    os.environ["ANTHROPIC_OPEN_TELEMETRY"] = "false"  # else the bare SDK has the cost of a span of its own
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("calls", "start", "memory"))
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--size", type=float, default=0.03)
    parser.add_argument("--warm", type=int, default=20)
    parser.add_argument("--case", default="")
    parser.add_argument("--calls", type=int, default=20_000)
    given = parser.parse_args()
    if given.what == "calls":
        results = measure_calls(given.pairs, given.size, given.warm, given.case)
    else:
        results = measure_start() if given.what == "start" else measure_memory(given.case, given.calls)
    print(json.dumps(results))


if __name__ == "__main__":
    main()
