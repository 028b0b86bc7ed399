"""What playbooks for this job get wrong in their own code: each defect, and the tests that show ours without it.

`DEFECTS` is the index. Where a test of its own room shows it, that one is named; the others are below.
"""

from __future__ import annotations

import ast
import asyncio
import importlib
import random
import re
import socket
import statistics
import string
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anthropic
import groq
import httpx
import httpx2
import openai
import pytest
from callers import openai_client
from shapes import ASK, MODEL
from traces import Configure

import hardened
from hardened import errors
from hardened.policy.load import load
from hardened.resilience import backoff, functions, health, permits
from hardened.resilience.classify import NEVER_SENT, REMEDIES, TRANSPORT
from hardened.resilience.plan import Crowd
from hardened.resilience.targets import PRIMARY, Target
from hardened.spend.plan import UNITS, WINDOWS, make_plan
from hardened.store.memory import MemoryStore
from hardened.telemetry.context import Ambient
from hardened.testing import FakeProvider
from hardened_detectors.registry import create
from hardened_instrumentation.drive import acomplete

TESTS = Path(__file__).parents[1]

HERE = "resilience/test_seed_defects.py::"
AMOUNTS = "store/test_store_amounts.py::"
BUDGETS = "budgets/test_budgets.py::"
FAILOVER = "resilience/test_failover.py::"
CONCURRENCY = "resilience/test_concurrency.py::"

DEFECTS: dict[str, tuple[str, ...]] = {
    # A limiter in Redis
    "requests that were denied count, so who keeps asking never gets through": (
        AMOUNTS + "test_denied_requests_do_not_consume",
        BUDGETS + "test_a_rate_refuses_and_recovers",
    ),
    "Retry-After is a moment since 1970, not seconds": (BUDGETS + "test_a_rate_refuses_and_recovers",),
    "requests of the same moment count once": (AMOUNTS + "test_requests_at_the_same_moment_are_all_counted",),
    "check and addition are two steps": (
        BUDGETS + "test_a_cap_holds_for_many_at_once",
        BUDGETS + "test_threads_share_a_cap",
        "store/test_store_processes.py::test_used_is_what_was_settled_and_never_above_the_cap",
    ),
    # Logs
    "the arguments of a log record leak": ("scrub/test_scrub_stdlib_logs.py::test_loggers_of_sdks",),
    "logger.exception raises TypeError": ("scrub/test_scrub_stdlib_logs.py::test_tracebacks_and_stacks",),
    # Patterns
    "keys of today are not found": (HERE + "test_keys_of_today_are_found",),
    "only one brand of cards, without gaps, is found": (HERE + "test_cards_of_all_brands_are_found",),
    # Retries
    "full jitter is a tenth on top": (HERE + "test_pauses_are_drawn_from_all_of_the_interval",),
    "the exception for what is not to be sent again does not exist": (HERE + "test_every_name_that_we_rely_on_exists",),
    # Breakers
    "errors of the application open a breaker for all": (
        FAILOVER + "test_errors_of_clients_open_no_breaker",
        "resilience/test_functions.py::test_what_is_no_failure_is_raised_and_counts_for_nothing",
    ),
    "half open lets everybody through": (
        "store/test_store_breaker.py::test_one_probe_at_a_time",
        HERE + "test_many_at_once_are_one_probe",
    ),
    # Wrapped calls
    "max_tokens is given twice": ("resilience/test_request.py::test_what_the_application_says_stays",),
    "a budget is checked before and added to after the call": (
        BUDGETS + "test_a_cap_holds_for_many_at_once",
        BUDGETS + "test_a_call_that_does_not_fit_is_not_sent",
    ),
    # Queues
    "a queue with a limit of ten works on one at a time": (HERE + "test_as_many_work_at_once_as_may",),
    "the threshold of shedding can never be reached": (
        HERE + "test_what_is_too_much_is_refused_whatever_the_limit",
        CONCURRENCY + "test_too_many_are_refused_and_told_when_to_come_back",
    ),
    "a limit is configured and never read": (HERE + "test_every_budget_that_can_be_configured_is_applied",),
    "the first call of a window is not checked": (HERE + "test_the_first_call_of_a_window_is_checked",),
    # Time-outs
    "a call that lost the race goes on": (HERE + "test_a_request_that_is_given_up_is_hung_up",),
    "threads go on after the time-out, more and more of them": (  # nothing can interrupt one
        "resilience/test_functions.py::test_a_coroutine_function_ends_in_time",
        HERE + "test_functions_that_hang_do_not_pile_up",
    ),
    # Caches
    "a key names neither model nor tenant": (HERE + "test_no_state_is_shared_by_accident",),
    "all keys are listed by KEYS, which stops the server": (HERE + "test_no_command_goes_through_all_keys_at_once",),
}
"""Defect → the tests that show that ours does not have it, as pytest names them below `tests`."""


@pytest.mark.parametrize("defect", DEFECTS)
def test_every_defect_has_its_tests(defect: str) -> None:
    for named in DEFECTS[defect]:
        file, name = named.split("::")
        found = {node.name for node in ast.walk(ast.parse((TESTS / file).read_text())) if _is_function(node)}
        assert name in found, f"{named} is gone: name the test that shows it now"


def _is_function(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef)


# --- Patterns


@pytest.mark.parametrize(("begin", "more"), [("sk-", 48), ("sk-proj-", 80), ("sk-ant-api03-", 93)])
def test_keys_of_today_are_found(begin: str, more: int) -> None:
    key = begin + "".join(random.Random(begin).choices(string.ascii_letters + string.digits, k=more)) + "AA"
    found = create("secrets").detect(text := f"use {key} please")
    assert key in {text[one.start : one.end] for one in found}


@pytest.mark.parametrize("card", ["4111 1111 1111 1111", "5555-5555-5555-4444", "378282246310005", "4111111111111111"])
def test_cards_of_all_brands_are_found(card: str) -> None:
    found = create("pii").detect(text := f"my card is {card}")
    assert ("credit_card", card) in {(one.category, text[one.start : one.end]) for one in found}


# --- Retries


def test_pauses_are_drawn_from_all_of_the_interval() -> None:
    random.seed(1)
    for attempt, top in ((0, 0.5), (2, 2.0), (9, 8.0)):
        drawn = [backoff.pause(attempt) for _ in range(2000)]
        assert min(drawn) < 0.02 * top and max(drawn) > 0.98 * top
        assert statistics.mean(drawn) == pytest.approx(top / 2, rel=0.05)


def test_every_name_that_we_rely_on_exists() -> None:
    """Classes of others are known by their names, as nothing is imported for it: a misspelt one would never be seen."""
    theirs = {name for module in (openai, anthropic, groq, httpx, httpx2) for name in dir(module)}
    assert set(TRANSPORT) | NEVER_SENT <= theirs
    ours = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.CallError)]
    for kind in ours:
        assert {sdk for sdk in (openai, anthropic, groq) if not hasattr(sdk, kind.sdk_name)} == set()
    assert [name for name in hardened.__all__ if not hasattr(hardened, name)] == []
    assert set(REMEDIES) == {"throttle", "provider", "client", "policy", "transport", "invalid"}


# --- Breakers


def test_many_at_once_are_one_probe(monkeypatch: pytest.MonkeyPatch, waits: list[float]) -> None:
    now = [1000.0]
    store = MemoryStore(lambda: now[0])
    monkeypatch.setattr(health, "current", lambda: store)
    calls: list[str] = []

    @hardened.resilient("vector-db")
    async def search() -> str:
        calls.append("began")
        await asyncio.sleep(0)
        raise ConnectionError

    async def main() -> list[Any]:
        for _ in range(5):
            await asyncio.gather(search(), return_exceptions=True)
        now[0] += 40
        calls.clear()
        return await asyncio.gather(*(search() for _ in range(50)), return_exceptions=True)

    refused = [one for one in asyncio.run(main()) if isinstance(one, hardened.CircuitOpen)]
    assert (len(calls), len(refused)) == (1, 49)


# --- Queues


def test_as_many_work_at_once_as_may() -> None:
    places = permits.Permits()
    at_work: set[int] = set()
    most: list[int] = []

    async def one(number: int) -> None:
        leave = await acomplete(places.enter("x", Crowd(10, queue=50, wait=30), 2))
        at_work.add(number)
        most.append(len(at_work))
        await asyncio.sleep(0)
        at_work.remove(number)
        leave()

    async def main() -> None:
        await asyncio.gather(*map(one, range(40)))

    asyncio.run(main())
    assert (max(most), len(most)) == (10, 40)


@pytest.mark.parametrize(("limit", "queue"), [(4, 50), (1, 0), (10, 3)])
def test_what_is_too_much_is_refused_whatever_the_limit(limit: int, queue: int) -> None:
    places = permits.Permits()

    async def main() -> list[Any]:
        enter = (acomplete(places.enter("x", Crowd(limit, queue, wait=0.05), 2)) for _ in range(limit + queue + 7))
        return await asyncio.gather(*enter, return_exceptions=True)

    refused = [isinstance(one, hardened.Overloaded) for one in asyncio.run(main())]
    assert refused == [False] * limit + [True] * (queue + 7)


SCOPES = ("user", "feature", "tenant", "global")
AMOUNT = {"usd": "1 USD", "tokens": "1000 tokens", "requests": "10 requests"}
EVERYBODY = Ambient(user_id="u", feature="f", tenant="t", session_id="s", run_id="r")


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize(
    ("scope", "window"),
    [(scope, window) for scope in SCOPES for window in WINDOWS] + [("run", None), ("conversation", None)],
)
def test_every_budget_that_can_be_configured_is_applied(scope: str, window: str | None, unit: str) -> None:
    said = AMOUNT[unit]
    plan = make_plan(load({"budgets": {scope: {window: said} if window else said}}, env={}))
    (applied,) = plan.applied(EVERYBODY, "r")
    assert (applied.limit.scope, applied.limit.window, applied.limit.unit) == (scope, window, unit)
    assert plan.enforced and not plan.idle


@pytest.mark.parametrize("windows", [{"minute": "50 tokens"}, {"day": "50 tokens"}, {"day": "0.0000001 USD"}])
def test_the_first_call_of_a_window_is_checked(
    windows: dict[str, str], provider: FakeProvider, configure: Configure, tmp_path: Path
) -> None:
    configure(budgets={"global": windows}, store={"url": str(tmp_path / "state.db")})
    with pytest.raises(hardened.LimitError):
        openai_client(provider).chat.completions.create(model=MODEL, messages=ASK, max_tokens=60)
    assert provider.requests == []


# --- Time-outs


@contextmanager
def silent_server() -> Iterator[tuple[str, list[threading.Event]]]:
    """Takes requests and says nothing; an event for each connection that the client has hung up."""
    hung_up: list[threading.Event] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(connection: socket.socket, gone: threading.Event) -> None:
        with connection, suppress(OSError):
            while connection.recv(65_536):
                pass
        gone.set()

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                hung_up.append(threading.Event())
                threading.Thread(target=serve, args=(connection, hung_up[-1]), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1", hung_up
    finally:
        listener.close()


@pytest.mark.parametrize("kind", [openai.OpenAI, openai.AsyncOpenAI])
def test_a_request_that_is_given_up_is_hung_up(
    kind: Any, provider: FakeProvider, waits: list[float], configure: Configure
) -> None:
    """The one that a time-out of ours ended does not go on, and is not billed, behind the answer of the next."""
    with silent_server() as (url, hung_up):
        backup = {"provider": "openai", "base_url": provider.openai_base_url, "api_key": "k"}
        configure(targets={"backup": backup}, routes={"default": ["backup"]}, resilience={"attempt_timeout": 1})
        client = kind(base_url=url, api_key="test", timeout=30)
        call = partial(client.chat.completions.create, model=MODEL, messages=ASK)

        async def main() -> list[bool]:
            answer = call()
            if kind is openai.AsyncOpenAI:
                await answer
            return [one.wait(10) for one in hung_up]  # while the client is open

        assert asyncio.run(main()) == [True]
        assert len(provider.requests) == 1


def test_functions_that_hang_do_not_pile_up() -> None:
    go_on, begun = threading.Event(), list[int]()

    @hardened.resilient("hangs", timeout=0.001, breaker=False, failures=(TimeoutError,))
    def hangs() -> None:
        begun.append(1)
        go_on.wait(60)

    try:
        for _ in range(functions.THREADS + 10):
            with pytest.raises((TimeoutError, hardened.CallError)):
                hangs()
        assert len(begun) <= functions.THREADS
    finally:
        go_on.set()


# --- Shared state


def test_no_state_is_shared_by_accident() -> None:
    """Counts are those of one identity, breakers those of one service and model."""
    plan = make_plan(load({"budgets": {"tenant": {"day": "1 USD"}}}, env={}))
    assert len({one.key for tenant in ("a", "b", "a/b") for one in plan.applied(Ambient(tenant=tenant))}) == 3

    def name(**said: Any) -> str:
        facts = {"sdk": "openai", "server_address": "h", "server_port": 1, "body": {"model": "m"}} | said
        return Target(PRIMARY).health_name(SimpleNamespace(**facts))  # type: ignore[arg-type]

    others = (name(sdk="groq"), name(server_address="i"), name(server_port=2), name(body={"model": "n"}))
    assert len({name(), *others}) == 5


def test_no_command_goes_through_all_keys_at_once() -> None:
    """KEYS stops a Redis server for all its clients until it is done."""
    store = importlib.import_module("hardened.store.redis")
    folder = Path(str(store.__file__)).parent
    sources = {path: path.read_text() for path in (folder / "redis.py", *(folder / "lua").glob("*.lua"))}
    assert len(sources) > 5
    for path, source in sources.items():
        assert not re.search(r"""\.keys\(|['"]KEYS['"]|\bFLUSH|\.execute_command""", source), path
