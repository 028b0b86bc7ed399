"""`hardened doctor`"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., tuple[int, str, str]]
TRACES = Path(".hardened/traces")


def findings(printed: str) -> dict[str, dict[str, str]]:
    return {f"{one['area']} {one['name']}": one for one in json.loads(printed)}


def test_all_well(run_apart: Run) -> None:
    TRACES.mkdir(parents=True, mode=0o700)
    code, printed, errors = run_apart("doctor", "--json")
    found = findings(printed)
    assert (code, errors) == (0, "")
    assert found["seams openai"]["state"] == found["seams anthropic"]["state"] == "ok"
    assert found["policy source"]["text"] == "zero configuration"
    assert found["traces file"]["state"] == "ok"
    assert "traces permissions" not in found
    assert found["traces otlp"]["state"] == found["traces langfuse"]["state"] == "off"


def test_what_is_wrong_is_named_and_nothing_secret(run_apart: Run) -> None:
    TRACES.mkdir(parents=True)
    TRACES.chmod(0o755)
    Path("hardened.yaml").write_text("modes: shadow\n")
    secret = "sk-lf-" + "not-to-be-shown"
    with socket.socket() as unused:  # bound, but it does not listen: connections are refused
        unused.bind(("127.0.0.1", 0))
        address = f"http://user:password@127.0.0.1:{unused.getsockname()[1]}/path?key=hidden"
        code, printed, errors = run_apart(
            "doctor",
            "--json",
            HARDENED_DISABLE="openai,groq",
            OTEL_EXPORTER_OTLP_ENDPOINT=address,
            LANGFUSE_SECRET_KEY=secret,
        )
    found = findings(printed)
    assert code == 1
    assert "line 1: unknown key 'modes'; did you mean 'mode'?" in found["policy policy"]["text"]
    assert found["seams groq"]["state"] == "off"
    assert found["traces permissions"]["advice"].startswith("chmod 700")
    assert "does not answer: Connection refused" in found["traces otlp"]["text"]
    assert found["traces langfuse"]["state"] == "problem"
    for hidden in (secret, "password", "hidden"):
        assert hidden not in printed + errors


def test_strict_without_a_budget_is_a_problem(run_apart: Run) -> None:
    Path("hardened.yaml").write_text("preset: strict\n")
    code, printed, _ = run_apart("doctor", "--json")
    assert code == 1
    found = findings(printed)["policy policy"]
    assert found["state"] == "problem"
    assert "preset strict needs a budget in USD for all calls together" in found["text"]


def test_a_destination_that_answers(run_apart: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        variables = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": address, "HARDENED_DISABLE": "openai,anthropic,groq"}
        _, printed, _ = run_apart("doctor", "--json", **variables)
    assert findings(printed)["traces otlp"]["state"] == "ok"


@pytest.mark.parametrize("place", ["a file", "a link"])
def test_a_place_where_no_traces_can_be_written(place: str, run_apart: Run) -> None:
    if place == "a file":
        Path("traces").write_text("")
    else:
        Path("elsewhere").mkdir()
        Path("traces").symlink_to("elsewhere")
    variables = {"HARDENED_TELEMETRY_FILE_PATH": "traces", "HARDENED_DISABLE": "openai,anthropic,groq"}
    code, printed, _ = run_apart("doctor", HARDENED_MODE="shadow", **variables)
    assert code == 1
    assert "FAIL  file" in printed
    assert "→ set telemetry.file.path" in printed
    assert "shadow: no guard changes or blocks anything" in printed


UNPATCHED = {"HARDENED_DISABLE": "openai,anthropic,groq"}


def test_without_configuration_nothing_stops_a_call_and_nothing_is_made(run_apart: Run) -> None:
    _, printed, _ = run_apart("doctor", "--json", **UNPATCHED)
    found = findings(printed)
    assert found["spend kill switch"]["state"] == "ok"
    for area in ("spend store", "spend budgets", "targets fallbacks"):
        assert found[area]["state"] == "off"
    assert not Path(".hardened/state.db").exists()


def test_what_may_stop_a_call_and_who_can_answer_it(run_apart: Run) -> None:
    secret = "sk-" + "not-to-be-shown"
    Path("hardened.yaml").write_text(
        """
store: {url: state.db}
budgets:
  request: 1 USD
  user: {day: 5 USD, minute: "60 requests, 100k tokens", named: {mia: {day: 50 USD}}}
kill: {file: stop}
targets:
  elsewhere: {provider: openai, base_url: "https://llm.example.eu/v1", api_key: env:HARDENED_KEY}
  cheaper: {provider: openai, model: gpt-4o-mini}
  sorry: {static: Not now.}
routes: {default: [elsewhere, cheaper], search: [cheaper]}
"""
    )
    variables = {**UNPATCHED, "HARDENED_POLICY": "hardened.yaml", "HARDENED_KEY": secret}
    before = findings(run_apart("doctor", "--json", **variables)[1])
    assert before["spend store"]["text"] == "state.db, made when it is first needed"
    assert before["spend kill switch"]["state"] == "ok"
    assert run_apart("kill", "on", "--model", "gpt-4*", **variables)[0] == 0
    code, printed, errors = run_apart("doctor", "--json", HARDENED_KILL="feature:search", **variables)
    found = findings(printed)
    assert code == 0
    assert found["spend store"]["text"].endswith("state.db answers")
    assert found["spend budgets.request"]["text"] == "$1.00"
    assert (
        found["spend budgets.user"]["text"]
        == "100,000 tokens a minute, 60 requests a minute, $5.00 a day, other ones for 1 by name"
    )
    assert found["spend kill switch"]["state"] == "warning"
    for said in ("feature:search (says HARDENED_KILL)", "model:gpt-4* (says stop)", "model:gpt-4* (says the store)"):
        assert said in found["spend kill switch"]["text"]
    assert found["targets elsewhere"]["text"] == "openai, at llm.example.eu, a key of its own; for default"
    assert (
        "no api_key: calls of openai ask it with the client's own; for default, search"
        in found["targets cheaper"]["text"]
    )
    assert found["targets sorry"]["state"] == "warning"
    assert secret not in printed + errors
    code, printed, _ = run_apart("doctor", "--json", **{**variables, "HARDENED_KEY": ""})
    assert code == 1
    assert "targets.elsewhere: the variable of its api_key is not set" in findings(printed)["policy policy"]["text"]


@pytest.mark.parametrize("store", ["a file", "redis"])
def test_a_store_that_does_not_answer_is_a_problem(store: str, run_apart: Run) -> None:
    if store == "redis":
        pytest.importorskip("redis")
    Path("broken").write_text("this is no database, " * 100)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"redis://me:hidden@127.0.0.1:{unused.getsockname()[1]}/0"
        where = "broken" if store == "a file" else address
        code, printed, errors = run_apart("doctor", "--json", HARDENED_STORE_URL=where, **UNPATCHED)
    found = findings(printed)["spend store"]
    assert (code, found["state"]) == (1, "problem")
    assert "store.budgets_when_down" in found["advice"]
    assert "hidden" not in printed + errors
    assert Path("broken").read_text().startswith("this is no database"), "who only looks repairs nothing"
