"""The kill switch: variable, file and store, each enough; known again when it matters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from budget_bench import MODEL, Bench, Configure
from callers import CALLERS, STREAMS
from shapes import ASK, CLAUDE
from traces import KEY, Traces

import hardened
from hardened.spend import kill
from hardened.store import current as store_module
from hardened.store.api import StoreError
from hardened.store.sqlite import SqliteStore
from hardened.store.values import Mark

BUDGETS: dict[str, Any] = {"global": {"day": "1 USD"}}


def refused(bench: Bench, **more: Any) -> str | None:
    """Which scope of the switch refused a call."""
    before = len(bench.provider.requests)
    try:
        bench.ask(**more)
    except hardened.KilledError as error:
        assert len(bench.provider.requests) == before
        return error.scope
    return None


@pytest.mark.parametrize(
    ("value", "scope"),
    [
        ("", None),
        ("off", None),
        ("0", None),
        ("on", "all"),
        ("1", "all"),
        ("feature:chat", "feature"),
        ("user:ann", "user"),
        (f"model:{MODEL}", "model"),
        ("model:gpt-4*", "model"),
        ("user:*", None),
        ("feature:other, user:ann", "user"),
        ("feature:other,model:claude*", None),
        ("please stop", "all"),
    ],
)
def test_the_variable_works_at_once(
    configure: Configure, monkeypatch: pytest.MonkeyPatch, value: str, scope: str | None
) -> None:
    bench = configure()
    with hardened.context(user_id="ann", feature="chat"):
        assert refused(bench) is None
        monkeypatch.setenv("HARDENED_KILL", value)
        assert refused(bench) == scope


@pytest.mark.parametrize(
    ("text", "scope"), [("", "all"), ("all\n", "all"), ("# why\nfeature:chat\n", "feature"), ("feature:x\n", None)]
)
def test_the_file_works_without_any_configuration(
    configure: Configure, tmp_path: Path, text: str, scope: str | None
) -> None:
    bench = configure()
    with hardened.context(feature="chat"):
        assert refused(bench) is None
        (tmp_path / ".hardened").mkdir(exist_ok=True)
        (tmp_path / ".hardened" / "kill").write_text(text)
        kill.forget()  # what a second does
        assert refused(bench) == scope
        (tmp_path / ".hardened" / "kill").unlink()
        kill.forget()
        assert refused(bench) is None


def test_what_was_read_holds_for_a_second_and_no_longer(
    configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = configure()
    now = [1000.0]
    monkeypatch.setattr(kill.time, "monotonic", lambda: now[0])
    assert refused(bench) is None
    kill.write_file(tmp_path / ".hardened" / "kill", ["all"])
    now[0] += 0.9
    assert refused(bench) is None
    now[0] += 0.2
    assert refused(bench) == "all"


def test_the_store_reaches_other_processes(configure: Configure, tmp_path: Path) -> None:
    bench = configure(budgets=BUDGETS)
    bench.ask()
    other = SqliteStore(tmp_path / ".hardened" / "state.db")  # as another process opens it
    other.run(Mark(kill.GROUP, "all", True))
    kill.forget()
    assert refused(bench) == "all"
    other.run(Mark(kill.GROUP, "all", False))
    kill.forget()
    assert refused(bench) is None


def test_once_seen_it_stays_on_while_the_store_is_away(
    configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = configure(budgets=BUDGETS)
    SqliteStore(tmp_path / ".hardened" / "state.db").run(Mark(kill.GROUP, "model:gpt*", True))
    assert refused(bench) == "model"

    def away(*_: object) -> None:
        raise StoreError("away")

    monkeypatch.setattr(store_module.current()._store, "run", away)  # type: ignore[attr-defined]
    kill.forget()
    assert refused(bench) == "model"
    (tmp_path / ".hardened" / "kill").write_text("all")
    kill.forget()
    assert refused(bench, model="claude-sonnet-4-6") == "all"


def test_no_message_names_who_was_stopped(configure: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = configure()
    monkeypatch.setenv("HARDENED_KILL", "user:ann@example.org")
    with hardened.context(user_id="ann@example.org"), pytest.raises(hardened.KilledError) as caught:
        bench.ask("secret question")
    assert "ann" not in str(caught.value)
    assert "hardened kill" in str(caught.value)


def test_variable_and_file_work_while_the_store_never_answered(
    configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "no directory").write_text("")
    bench = configure(store={"url": str(tmp_path / "no directory" / "state.db")})
    assert refused(bench) is None
    monkeypatch.setenv("HARDENED_KILL", "on")
    assert refused(bench) == "all"
    monkeypatch.delenv("HARDENED_KILL")
    kill.write_file(tmp_path / ".hardened" / "kill", ["model:gpt*"])
    kill.forget()
    assert refused(bench) == "model"


# --- A text in place of an error

SORRY = "We are closed."


@pytest.fixture
def stopped(configure: Configure, monkeypatch: pytest.MonkeyPatch) -> Bench:
    bench = configure(kill={"static": {"default": SORRY, "shop": "The shop is closed."}})
    monkeypatch.setenv("HARDENED_KILL", "on")
    return bench


@pytest.mark.parametrize("callers", [CALLERS, STREAMS])
@pytest.mark.parametrize("name", CALLERS)
def test_a_text_is_the_answer_in_every_shape(name: str, callers: Any, stopped: Bench, tmp_path: Path) -> None:
    assert callers[name].call(stopped.provider) == SORRY
    assert stopped.provider.requests == []
    span = Traces(tmp_path / "traces").call()
    assert (span.attributes["hardened.served_by"], span.attributes["hardened.degraded"]) == ("kill_switch", True)
    assert (span.cost_usd, span.error_type) == (None, None)


def test_who_answered_is_said(stopped: Bench) -> None:
    raw = stopped.openai.chat.completions.with_raw_response.create(model=MODEL, messages=ASK)
    assert (raw.headers["x-hardened-served-by"], raw.parse().choices[0].message.content) == ("kill_switch", SORRY)
    assert hardened.last_call() == hardened.CallOutcome("kill_switch", degraded=True, attempts=0)
    assert stopped.openai.responses.create(model=MODEL, input="hi").output_text == SORRY


def test_features_may_have_texts_of_their_own(stopped: Bench) -> None:
    with hardened.context(feature="shop"):
        assert stopped.ask().choices[0].message.content == "The shop is closed."


def test_what_no_text_can_answer_is_refused(stopped: Bench) -> None:
    assert refused(stopped, response_format={"type": "json_object"}) == "all"
    assert refused(stopped, tools=[{"type": "function", "function": {"name": "f"}}], tool_choice="required") == "all"
    with pytest.raises(hardened.KilledError):
        stopped.openai.embeddings.create(model="text-embedding-3-small", input="hi")
    with pytest.raises(hardened.KilledError):
        stopped.openai.models.list()
    structured = {"format": {"type": "json_schema", "schema": {"type": "object"}}}
    with pytest.raises(hardened.KilledError):
        stopped.anthropic.messages.create(
            model=CLAUDE, max_tokens=9, messages=ASK, extra_body={"output_config": structured}
        )
    assert stopped.provider.requests == []


def test_a_text_that_is_json_answers_who_wants_json(configure: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = configure(kill={"static": {"default": '{"closed": true}'}})
    monkeypatch.setenv("HARDENED_KILL", "on")
    answer = bench.ask(response_format={"type": "json_object"})
    assert answer.choices[0].message.content == '{"closed": true}'


def test_no_guard_is_passed_by(configure: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = configure(kill={"static": {"default": f"ask with {KEY}"}}, detectors={"secrets": {"input": "block"}})
    monkeypatch.setenv("HARDENED_KILL", "on")
    assert KEY not in bench.ask().choices[0].message.content
    with pytest.raises(hardened.BlockedError):
        bench.ask(f"my key is {KEY}")


def test_a_text_costs_nothing(configure: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = configure(kill={"static": {"default": SORRY}}, budgets={"global": {"day": "1 USD, 10 requests"}})
    monkeypatch.setenv("HARDENED_KILL", "on")
    bench.ask()
    assert bench.counts() == {}
