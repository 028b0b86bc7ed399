"""The kill switch: variable, file and store, each enough; known again when it matters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from budget_bench import MODEL, Bench, Configure

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
