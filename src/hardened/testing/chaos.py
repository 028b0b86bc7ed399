"""Many calls to a provider that fails, and what became of them. Needs the standard library, and an SDK for `caller`."""

from __future__ import annotations

import asyncio
import importlib
import ipaddress
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from hardened.testing.provider import Attempt, FakeProvider
from hardened.testing.schedules import Outage, Schedule
from hardened.testing.script import Reply

WORDS: Final = tuple(f"word{number} " for number in range(60))
TEXT: Final = "".join(WORDS)
ANSWER: Final = Reply(chunks=WORDS)
"""The only right answer."""

CALL: Final = "x-hardened-call"
"""Header with the number of the call, so that the attempts of a call can be told."""

IN_A_ROW: Final = 10
"""So many calls in a row that are sent to a provider show that it is in use again."""

Sdk = Literal["openai", "anthropic"]
Ask = Callable[[int], Awaitable[str | None]]
"""Makes a call: the text of the answer, `None` for what is no answer, or an exception."""

Verdict = Literal["ok", "bad", "error", "late"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a call.

    Attributes:
        verdict: `ok`: the whole answer; `bad`: something else, without an exception; `error`: an exception; `late`:
            neither came while anybody would have waited.
        typed: whether the exception is one that the SDK documents.
        error: its class.
    """

    number: int
    verdict: Verdict
    seconds: float
    typed: bool = True
    error: str | None = None


@dataclass(frozen=True, slots=True)
class FaultFigures:
    """Of the calls whose first request met a fault: how many there were, and how many ended well."""

    calls: int
    ok: int


@dataclass(frozen=True, slots=True)
class Figures:
    """A run in numbers; times in seconds.

    Attributes:
        amplification: requests to the first provider for each call.
        during: requests to the first provider in the outage.
        back: from the end of an outage until ten calls in a row were sent to the first provider; `None` if they never
            were, and without an outage.
    """

    calls: int
    ok: int
    bad: int
    errors: int
    typed: int
    late: int
    p50: float
    p95: float
    attempts: int
    amplification: float
    during: int
    back: float | None
    kinds: dict[str, int]
    faults: dict[str, FaultFigures]


def only_loopback(url: str) -> None:
    """Raises `ValueError` unless `url` leads to this machine: faults are for nobody else."""
    host = urlsplit(url).hostname or ""
    try:
        local = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = False
    if not local:
        raise ValueError(f"{host or 'no host'} is not this machine: chaos runs against loopback addresses only")


def caller(sdk: Sdk, url: str, *, stream: bool, timeout: float, retries: int | None = None) -> Ask:
    """Calls through an async client of the SDK, as an application makes them.

    Raises `ValueError` if `url` is not on this machine, `ImportError` if the SDK is not installed.
    """
    only_loopback(url)
    module: Any = importlib.import_module(sdk)
    options: dict[str, Any] = {"base_url": url, "api_key": "fake-key-for-tests", "timeout": timeout}
    if retries is not None:
        options["max_retries"] = retries
    messages = [{"role": "user", "content": "Sixty words, please."}]
    if sdk == "openai":
        create = module.AsyncOpenAI(**options).chat.completions.create
        request: dict[str, Any] = {"model": "gpt-4o-mini", "messages": messages}
    else:
        create = module.AsyncAnthropic(**options).messages.create
        request = {"model": "claude-haiku-4-5", "messages": messages, "max_tokens": 500}
    text, piece = (_chat_text, _chat_piece) if sdk == "openai" else (_message_text, _message_piece)

    async def ask(number: int) -> str | None:
        answer = await create(**request, stream=stream, extra_headers={CALL: str(number)})
        if not stream:
            return text(answer)
        return "".join([piece(event) async for event in answer])

    return ask


def _chat_text(answer: Any) -> str | None:
    return answer.choices[0].message.content if getattr(answer, "choices", None) else None


def _chat_piece(chunk: Any) -> str:
    return chunk.choices[0].delta.content or "" if chunk.choices else ""


def _message_text(answer: Any) -> str | None:
    return answer.content[0].text if getattr(answer, "content", None) else None


def _message_piece(event: Any) -> str:
    return event.delta.text if event.type == "content_block_delta" else ""


async def run(
    ask: Ask,
    calls: int,
    *,
    typed: tuple[type[BaseException], ...],
    concurrency: int = 20,
    rate: float | None = None,
    patience: float = 8.0,
) -> list[Outcome]:
    """Makes so many calls, so many at once, or so many a second.

    Args:
        ask: makes one.
        calls: how many.
        typed: the exceptions that an application would expect.
        concurrency: most calls at once.
        rate: calls begun in a second; `None`: as soon as one can.
        patience: seconds that the caller of a call waits.
    """
    room = asyncio.Semaphore(concurrency)

    async def one(number: int) -> Outcome:
        if rate:
            await asyncio.sleep(number / rate)
        async with room:
            began = time.perf_counter()

            def ended(verdict: Verdict, error: Exception | None = None) -> Outcome:
                name = type(error).__name__ if error is not None else None
                known = error is None or isinstance(error, typed)
                return Outcome(number, verdict, time.perf_counter() - began, known, name)

            try:
                text = await asyncio.wait_for(ask(number), patience)
            except TimeoutError as error:
                return ended("error", error) if isinstance(error, typed) else ended("late")
            except Exception as error:  # noqa: BLE001 - whatever an application would see
                return ended("error", error)
            return ended("ok" if text == TEXT else "bad")

    return list(await asyncio.gather(*map(one, range(calls))))


def figures(outcomes: Sequence[Outcome], attempts: Sequence[Attempt], outage: tuple[float, float] | None) -> Figures:
    """What came of a run. `outage`: its begin and end in seconds after the first request."""
    first: dict[str, Attempt] = {}
    for attempt in attempts:
        first.setdefault(attempt.request.headers.get(CALL, ""), attempt)
    asked = [first.get(str(outcome.number)) for outcome in outcomes]
    met = [attempt.fault or "none" if attempt else "not asked" for attempt in asked]
    totals = Counter(met)
    good = Counter(fault for fault, outcome in zip(met, outcomes, strict=True) if outcome.verdict == "ok")
    verdicts = Counter(outcome.verdict for outcome in outcomes)
    times = sorted(outcome.seconds for outcome in outcomes)
    return Figures(
        calls=len(outcomes),
        ok=verdicts["ok"],
        bad=verdicts["bad"],
        errors=verdicts["error"],
        typed=sum(outcome.verdict == "error" and outcome.typed for outcome in outcomes),
        late=verdicts["late"],
        p50=times[len(times) // 2],
        p95=times[min(len(times) - 1, int(len(times) * 0.95))],
        attempts=len(attempts),
        amplification=len(attempts) / len(outcomes),
        during=_during(attempts, *outage) if outage and attempts else 0,
        back=_back(asked, attempts[0].time + outage[1]) if outage and attempts else None,
        kinds=dict(Counter(outcome.error for outcome in outcomes if outcome.error)),
        faults={fault: FaultFigures(totals[fault], good[fault]) for fault in sorted(totals)},
    )


def _during(attempts: Sequence[Attempt], begin: float, end: float) -> int:
    first = attempts[0].time
    return sum(begin <= attempt.time - first < end for attempt in attempts)


def _back(asked: Sequence[Attempt | None], end: float) -> float | None:
    """`asked`: the first request of each call to the first provider, by number, so in the order of their begin."""
    row: list[float] = []
    for attempt in asked:
        row = [*row, attempt.time] if attempt and attempt.time >= end else []
        if len(row) == IN_A_ROW:
            return row[0] - end
    return None


def storm(provider: FakeProvider, mix: Schedule, outage: tuple[float, float] | None) -> None:
    """Let `provider` give the right answer, and go wrong by `mix` and for the time of `outage`."""
    provider.default = ANSWER
    provider.disturb(*([Outage(*outage)] if outage else []), mix)
