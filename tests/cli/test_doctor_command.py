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
