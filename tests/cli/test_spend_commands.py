"""`hardened spend`, `limits`, `breakers` and `kill`, on a store that other processes have written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from hardened.spend.calendar import Calendar
from hardened.store.amounts import Bucket, Line, Reserve, Settle, Tally
from hardened.store.breaker import Breaker, BreakerRule
from hardened.store.sqlite import SqliteStore

Run = Callable[..., tuple[int, str, str]]

POLICY = """
budgets:
  global: {day: 10 USD}
  user:
    minute: 60 requests
    named:
      ann: {day: 5 USD}
"""


@pytest.fixture
def store() -> SqliteStore:
    """One call of 2 USD by ann, for the feature chat; another one holds 3 USD."""
    Path("hardened.yaml").write_text(POLICY)
    day = Calendar().current("day")
    made = SqliteStore(".hardened/state.db")
    lines = tuple(
        Line(f"{scope}/day/usd/{day.name}/{who}", 3 * 10**9, 10**10, day.end)
        for scope, who in (("global", "*"), ("user", "ann"))
    )
    books = tuple(
        Tally(f"{day.name}/{dimension}", member, (2 * 10**9, 1000, 1), day.end + 1e6)
        for dimension, member in (("total", "all"), ("feature", "chat"), ("user", "ann"), ("prompt", "greet@3"))
    )
    bucket = Bucket("user/minute/requests/rate/ann", 1, 60, 60.0)
    made.run(Reserve("a", lines, (bucket,)))
    made.run(Settle("a", {line.key: 2 * 10**9 for line in lines}, books))
    made.run(Reserve("b", lines))
    return made


def test_spend(run: Run, store: SqliteStore) -> None:
    code, printed, _ = run("spend")
    assert code == 0
    lines = [line.split() for line in printed.splitlines()]
    assert lines[0] == ["feature", "today", "calls", "month", "calls", "tokens", "forecast"]
    assert lines[1][:6] == ["chat", "$2.00", "1", "$2.00", "1", "1,000"]
    assert lines[2][:2] == ["total", "$2.00"]


@pytest.mark.parametrize(("by", "member"), [("feature", "chat"), ("user", "ann"), ("prompt", "greet@3")])
def test_spend_as_json(run: Run, store: SqliteStore, by: str, member: str) -> None:
    code, printed, _ = run("spend", "--by", by, "--json")
    shown = json.loads(printed)
    assert code == 0
    assert shown["total"]["month"] == {"usd": 2.0, "tokens": 1000, "calls": 1}
    assert shown["total"]["forecast_usd"] >= 2.0
    assert [one[by] for one in shown["accounts"]] == [member]


def test_limits(run: Run, store: SqliteStore) -> None:
    code, printed, _ = run("limits")
    assert code == 0
    rows = [line.split() for line in printed.splitlines()[1:]]
    assert ["global", "*", "day", "$2.00", "$3.00", "$10.00", "50"] in [row[:7] for row in rows]
    assert ["user", "ann", "day", "$2.00", "$3.00", "$5.00", "100"] in [row[:7] for row in rows]
    code, printed, _ = run("limits", "--json")
    rate = next(row for row in json.loads(printed) if row["window"] == "minute")
    assert (rate["identity"], rate["unit"], rate["cap"]) == ("ann", "requests", 60)


def test_limits_that_nobody_has_used_yet(run: Run) -> None:
    Path("hardened.yaml").write_text(POLICY)
    code, printed, _ = run("limits")
    assert code == 0
    rows = [line.split() for line in printed.splitlines()[1:]]
    assert [row[:5] for row in rows] == [
        ["user", "each", "minute", "requests", "0"],
        ["global", "*", "day", "$0.0000", "$10.00"],
        ["user", "ann", "minute", "requests", "0"],
        ["user", "ann", "day", "$0.0000", "$5.00"],
    ]
    code, printed, _ = run("limits", "--json")
    budget = next(row for row in json.loads(printed) if row["scope"] == "global")
    assert (budget["used"], budget["held"], budget["cap"]) == (0, 0, 10)
    assert 0 < budget["resets_in_seconds"] <= 25 * 3600
    assert not Path(".hardened").exists()


def test_a_limit_that_somebody_has_used_is_not_shown_again_for_each(run: Run, store: SqliteStore) -> None:
    shown = json.loads(run("limits", "--json")[1])
    named = [(row["scope"], row["identity"], row["window"]) for row in shown]
    assert sorted(named) == [("global", "*", "day"), ("user", "ann", "day"), ("user", "ann", "minute")]
    assert "each" not in run("limits")[1]


def test_counts_of_memory_are_not_shown(run: Run) -> None:
    Path("hardened.yaml").write_text(POLICY + "store: {url: memory}\n")
    assert run("limits")[:2] == (1, "The counts are in the memory of each process: set store.url to share them.\n")


@pytest.mark.parametrize("command", ["spend", "limits"])
def test_without_anything_counted_it_says_why_and_creates_nothing(run: Run, command: str) -> None:
    code, printed, _ = run(command)
    assert (code, "no budget is configured" in printed) == (1, True)
    assert run(command, "--json")[0] == 1
    assert not Path(".hardened").exists()


def test_before_anything_was_spent(run: Run) -> None:
    Path("hardened.yaml").write_text(POLICY)
    assert run("spend")[:2] == (1, "Nothing was counted yet.\n")
    assert run("spend", "--json")[0] == 1
    assert not Path(".hardened").exists()


def test_a_store_that_cannot_be_read_is_said(run: Run, store: SqliteStore) -> None:
    store.close()
    Path(".hardened/state.db").unlink()
    Path(".hardened/state.db").mkdir()
    for command in ("spend", "limits", "breakers"):
        code, _, errors = run(command)
        assert code == 3
        assert "state.db" in errors


@pytest.mark.parametrize("command", ["spend", "limits", "breakers"])
def test_a_damaged_store_is_said_and_left_as_it_is(run: Run, store: SqliteStore, command: str) -> None:
    store.close()
    file = Path(".hardened/state.db")
    file.write_bytes(b"no database " * 1000)
    code, _, errors = run(command)
    assert code == 3
    assert "file is not a database" in errors
    assert file.read_bytes() == b"no database " * 1000
    assert not list(file.parent.glob("*damaged*"))


def test_breakers(run: Run, store: SqliteStore) -> None:
    assert run("breakers") == (0, "No breaker has anything to tell.\n", "")
    rule = BreakerRule(failures=1)
    store.run(Breaker("openai/gpt-4o", "fail", rule, "a"))
    store.run(Breaker("openai/gpt-4o-mini", "ok", rule, "a"))
    code, printed, _ = run("breakers")
    assert code == 1
    assert ["openai/gpt-4o", "open"] in [line.split() for line in printed.splitlines()]
    assert json.loads(run("breakers", "--json")[1]) == {"openai/gpt-4o": "open", "openai/gpt-4o-mini": "closed"}


def test_kill_on_and_off(run: Run) -> None:
    assert run("kill") == (0, "Nothing is stopped.\n", "")
    assert run("kill", "on", "--feature", "chat")[:2] == (0, "feature:chat  (file)\n")
    assert run("kill", "on")[0] == 0
    assert Path(".hardened/kill").read_text() == "all\nfeature:chat\n"
    code, printed, _ = run("kill", "--json")
    assert (code, json.loads(printed)["stopped"]) == (1, ["all", "feature:chat"])
    assert run("kill", "off", "--feature", "chat")[1] == "all  (file)\n"
    assert run("kill", "off")[:2] == (0, "Nothing is stopped.\n")
    assert not Path(".hardened/kill").exists()


@pytest.mark.parametrize("option", ["--feature", "--user", "--model"])
def test_kill_without_a_name_stops_nothing_and_says_so(run: Run, option: str) -> None:
    code, _, said = run("kill", "on", option, " ")  # a variable of the shell that is not set
    assert code == 3
    assert f"argument {option}: the name is empty" in said
    assert not Path(".hardened/kill").exists()


def test_kill_off_says_what_was_not_stopped(run: Run, store: SqliteStore) -> None:
    run("kill", "on", "--feature", "support")
    assert run("kill", "off", "--feature", "suport") == (
        0,
        "feature:support  (file)\nfeature:support  (store)\n",
        "hardened: feature:suport was not stopped\n",
    )
    Path(".hardened/kill").unlink()  # as on another machine
    assert run("kill", "off", "--feature", "support")[1:] == ("Nothing is stopped.\n", "")


def test_kill_reaches_the_store(run: Run, store: SqliteStore) -> None:
    from hardened.store.values import Marks

    run("kill", "on", "--model", "gpt-4*")
    assert store.run(Marks("kill")) == {"model:gpt-4*"}
    run("kill", "on", "--user", "ann")
    run("kill", "off")
    assert store.run(Marks("kill")) == frozenset()


def test_kill_with_a_store_that_is_away_switches_the_file(run: Run, store: SqliteStore) -> None:
    store.close()
    Path(".hardened/state.db").unlink()
    Path(".hardened/state.db").mkdir()
    code, printed, errors = run("kill", "on")
    assert code == 1
    assert printed == "all  (file)\n"
    assert "only the file was switched" in errors


def test_kill_with_a_broken_policy_switches_the_file(run: Run, tmp_path: Path) -> None:
    (tmp_path / "hardened.yaml").write_text("presett: balanced\n")
    code, _, said = run("kill", "on", "--feature", "refunds")
    assert code == 1
    assert "did you mean 'preset'" in said
    assert (tmp_path / ".hardened" / "kill").read_text() == "feature:refunds\n"
    assert run("kill", "off")[0] == 1
    assert not (tmp_path / ".hardened" / "kill").exists()


def test_kill_names_the_variable(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARDENED_KILL", "on")
    assert run("kill")[:2] == (1, "all  (variable)\n")
    assert "HARDENED_KILL is set" in run("kill", "off")[2]


def test_only_one_thing_at_a_time(run: Run) -> None:
    assert run("kill", "on", "--user", "a", "--model", "b")[0] == 3
