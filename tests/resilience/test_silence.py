"""No exception, log line or span of ours repeats what was asked, what was answered, or a credential."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import openai
import pytest
import redis_server
from callers import openai_client
from shapes import MODEL
from traces import Configure

import hardened
from hardened import errors
from hardened.policy.active import active
from hardened.resilience import plan
from hardened.spend import kill
from hardened.spend.alerts import Alert, tell
from hardened.store import current as store_module
from hardened.store.api import StoreError
from hardened.store.breaker import Breakers
from hardened.store.current import open_store
from hardened.testing import FakeProvider, Reply

ASKED = "my cat is called " + "Griselda"
ANSWERED = "the password of the vault is " + "Xanthippe"
OWN_KEY = "own-" + "credential-0815"
OTHER_KEY = "other-" + "credential-4711"
PASSWORD = "store-" + "password-0042"
TOKEN = "hook-" + "token-1337"
MISPLACED = "sk-" + "A1b2C3d4E5f6G7h8"
USER = "ann.user@" + "example.org"
SECRETS = ("Griselda", "Xanthippe", OWN_KEY, OTHER_KEY, PASSWORD, TOKEN, MISPLACED, USER)

PRICES = {MODEL: {"input": 1.0, "output": 10.0}}


def ask(provider: FakeProvider, **more: Any) -> Any:
    client = openai_client(provider, api_key=OWN_KEY, timeout=more.pop("timeout", 10))
    with hardened.context(user_id=USER):
        messages: Any = [{"role": "user", "content": ASKED}]
        answer = client.chat.completions.create(model=MODEL, messages=messages, max_tokens=50, **more)
        return list(answer) if more.get("stream") else answer


@pytest.fixture
def bench(provider: FakeProvider, other: FakeProvider, waits: list[float], configure: Configure, tmp_path: Path) -> Any:
    """Sets a policy that has every credential in it. Telemetry of contents is off: that is scrubbed, not silent."""

    def set_up(**policy: Any) -> Any:
        url = policy.pop("url", None) or str(tmp_path / "state.db")
        backup = {"provider": "openai", "base_url": other.openai_base_url, "api_key": OTHER_KEY}
        hook = f"http://127.0.0.1:{redis_server.free_port()}/services/{TOKEN}"
        given = {
            "targets": {"backup": backup},
            "routes": {"default": ["backup"]},
            "store": {"url": url},
            "prices": PRICES,
            "spend": {"alerts": {"webhook": hook, "at": [1]}},
            "telemetry": {"content": False},
        }
        return configure(**{**given, **policy})

    yield set_up
    store_module._current = None
    kill.forget()


def no_answer(provider: FakeProvider, other: FakeProvider, bench: Any) -> Any:
    provider.default = other.default = Reply(body=f"<html>{ANSWERED}</html>", headers={"content-type": "text/html"})
    bench()
    return lambda: ask(provider)


def interrupted(provider: FakeProvider, other: FakeProvider, bench: Any) -> Any:
    provider.default = Reply(text=ANSWERED, fault="end", fault_after=6)
    bench()
    return lambda: ask(provider, stream=True)


def late(provider: FakeProvider, other: FakeProvider, bench: Any) -> Any:
    provider.default = Reply(delay=30)
    bench(resilience={"deadline": 0.2})
    return lambda: ask(provider)


def overloaded(provider: FakeProvider, other: FakeProvider, bench: Any) -> Any:
    bench(resilience={"concurrency": {"limit": 1, "queue": 0}}, routes={})
    client = openai_client(provider, api_key=OWN_KEY)
    messages: Any = [{"role": "user", "content": ASKED}]
    stream = client.chat.completions.create(model=MODEL, messages=messages, stream=True)

    def second() -> None:
        with stream:
            ask(provider)

    return second


def open_circuit(provider: FakeProvider, other: FakeProvider, bench: Any) -> Any:
    bench()

    @hardened.resilient("silent-db")
    def search(question: str) -> str:
        raise ConnectionError(ANSWERED)

    for _ in range(5):
        with suppress(ConnectionError):
            search(ASKED)
    return lambda: search(ASKED)


def too_long(provider: FakeProvider, other: FakeProvider, bench: Any) -> Any:
    bench(resilience={"max_input_tokens": 1})
    return lambda: ask(provider)


def over_budget(provider: FakeProvider, other: FakeProvider, bench: Any) -> Any:
    bench(budgets={"user": {"day": "0.0000001 USD"}})
    return lambda: ask(provider)


def too_fast(provider: FakeProvider, other: FakeProvider, bench: Any) -> Any:
    bench(budgets={"user": {"minute": "1 requests"}})
    ask(provider)
    return lambda: ask(provider)


def without_price(provider: FakeProvider, other: FakeProvider, bench: Any) -> Any:
    bench(budgets={"user": {"day": "1 USD"}}, spend={"unknown_price": "deny"}, prices={})

    def call() -> None:
        messages: Any = [{"role": "user", "content": ASKED}]
        with hardened.context(user_id=USER):
            openai_client(provider, api_key=OWN_KEY).chat.completions.create(model="of-nobody", messages=messages)

    return call


def killed(provider: FakeProvider, other: FakeProvider, bench: Any) -> Any:
    bench()
    Path(active().kill.file).parent.mkdir(parents=True, exist_ok=True)
    kill.write_file(Path(active().kill.file), [f"user:{USER}"])
    kill.forget()
    return lambda: ask(provider)


def store_away(provider: FakeProvider, other: FakeProvider, bench: Any) -> Any:
    pytest.importorskip("redis")
    bench(url=f"redis://someone:{PASSWORD}@127.0.0.1:{redis_server.free_port()}/0", budgets={"user": {"day": "1 USD"}})
    return lambda: open_store(active()).run(Breakers())


PROVOKED: dict[type[Exception], Callable[..., Any]] = {
    errors.InvalidResponse: no_answer,
    errors.StreamInterrupted: interrupted,
    errors.DeadlineExceeded: late,
    errors.Overloaded: overloaded,
    errors.CircuitOpen: open_circuit,
    errors.InputTooLong: too_long,
    errors.BudgetExceeded: over_budget,
    errors.RateLimited: too_fast,
    errors.UnknownPrice: without_price,
    errors.KilledError: killed,
    StoreError: store_away,
}
"""Exception → what sets the scene for it; then it is raised with all of `SECRETS` around."""


def test_every_kind_of_call_and_limit_is_provoked() -> None:
    bases = (errors.CallError, errors.LimitError)
    ours = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, bases)}
    assert ours - set(bases) <= set(PROVOKED)


@pytest.mark.parametrize("kind", PROVOKED, ids=lambda kind: kind.__name__)
def test_what_is_raised_repeats_nothing(
    kind: type[Exception],
    provider: FakeProvider,
    other: FakeProvider,
    bench: Any,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    caplog.set_level(logging.DEBUG, logger="hardened")
    call = PROVOKED[kind](provider, other, bench)
    with pytest.raises(kind) as raised:
        call()
    error = raised.value
    said = [*_chain(error), *getattr(error, "__notes__", ())]
    assert hardened.flush()
    written = [record.getMessage() for record in caplog.records if record.name.startswith("hardened")]
    spans = b"".join(file.read_bytes() for file in (tmp_path / "traces").glob("*.jsonl")).decode()
    for secret in SECRETS:
        assert not [text for text in (*said, *written) if secret in text]
        assert secret not in spans or secret == USER  # who asked is on the span on purpose


def _chain(error: BaseException) -> list[str]:
    """The messages of what led to it, as a traceback prints them."""
    found: list[str] = []
    seen: BaseException | None = error
    while seen is not None:
        found += [str(seen), repr(seen)]
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return found


def test_an_outage_and_an_open_breaker_are_logged_without_credentials(
    provider: FakeProvider, other: FakeProvider, bench: Any, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("redis")
    caplog.set_level(logging.DEBUG, logger="hardened")
    bench(url=f"redis://someone:{PASSWORD}@127.0.0.1:{redis_server.free_port()}/0", budgets={"user": {"day": "1 USD"}})
    provider.default = other.default = Reply(status=503)
    for _ in range(6):
        with pytest.raises(openai.InternalServerError):
            ask(provider)
    said = [record.getMessage() for record in caplog.records if record.name.startswith("hardened")]
    assert any("store does not answer" in text for text in said) and any("breaker of" in text for text in said)
    shown = [repr(plan.current()), repr(active()), str(active()), repr(store_module.current().run(Breakers()))]
    assert not [text for text in (*said, *shown) if any(secret in text for secret in SECRETS)]


def test_an_alert_says_neither_user_nor_token(bench: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="hardened")
    bench()
    tell(Alert("used", "user", USER, "day", "usd", 1.0, 1.0, 100.0))  # the webhook refuses the connection
    for thread in threading.enumerate():
        if thread.name == "hardened-alert":
            thread.join()
    said = [record.getMessage() for record in caplog.records]
    assert any("could not be reached" in text for text in said)
    assert not [text for text in said if any(secret in text for secret in SECRETS)]


ADDRESSES: dict[str, tuple[dict[str, Any], str]] = {
    "a password with #": ({"store": {"url": f"redis://:{PASSWORD}#1@127.0.0.1:6379/0"}}, "store.url: cannot be read"),
    "a password with /": ({"store": {"url": f"redis://:{PASSWORD}/1@127.0.0.1:6379/0"}}, "store.url: cannot be read"),
    "no ://": ({"store": {"url": f"redis:{PASSWORD}@localhost"}}, "store.url: an address needs `://`"),
    "another database": ({"store": {"url": f"postgres://u:{PASSWORD}@h/db"}}, "store.url: expected memory, the path"),
    "sqlite://": ({"store": {"url": "sqlite:///state.db"}}, "store.url: expected memory, the path of a file"),
    "an option": ({"store": {"url": f"redis://h/0?max_connections={PASSWORD}"}}, "store.url: has an option after `?`"),
    "no variable": ({"store": {"url": "env:HARDENED_NOT_SET"}}, "store.url: the variable that it names is not set"),
    "a webhook in the clear": ({"webhook": f"http://example.org/{TOKEN}"}, "webhook: the address is neither https"),
    "a webhook with a port": ({"webhook": f"https://example.org:{TOKEN}/"}, "webhook: cannot be read as an address"),
    "a webhook with a blank": ({"webhook": f"https://example.org/ {TOKEN}"}, "webhook: cannot be read as an address"),
    "a webhook's variable": ({"webhook": "env:HARDENED_NOT_SET"}, "webhook: the variable that it names is not set"),
    "a user in an address": ({"base_url": f"https://u:{OTHER_KEY}@h/v1"}, "base_url: holds a user name or password"),
    "a key in an address": ({"base_url": f"https://h/v1?key={OTHER_KEY}"}, "base_url: must end with its path"),
    "a key as a port": ({"base_url": f"https://h:{OTHER_KEY}/v1"}, "base_url: cannot be read as an address"),
    "a key as a target": ({"routes": {"default": [MISPLACED]}}, "routes.default: there is no target"),
    "a key as a feature": ({"routes": {MISPLACED: ["nobody"]}}, "there is no target"),
    "a key as a name": ({"targets": {MISPLACED: {"provider": "openai"}}}, "it is the same as the client's own"),
}


@pytest.mark.parametrize("case", ADDRESSES)
def test_what_cannot_be_an_address_is_said_when_it_is_configured_and_never_repeated(case: str) -> None:
    policy, message = ADDRESSES[case]
    if "webhook" in policy:
        policy = {"spend": {"alerts": policy}}
    elif "base_url" in policy:
        policy = {"targets": {"backup": {"provider": "openai", "api_key": "k", **policy}}}
    with pytest.raises(hardened.PolicyError) as raised:
        hardened.configure(policy)
    assert message in str(raised.value)
    assert not [text for text in _chain(raised.value) if any(secret in text for secret in SECRETS)]
