"""`hardened policy`"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., tuple[int, str, str]]


def test_show_what_holds(run: Run) -> None:
    Path("hardened.yaml").write_text("preset: strict\ndetectors:\n  pii:\n    input: block\n")
    code, printed, _ = run("policy", "show")
    lines = printed.splitlines()
    assert code == 0
    assert "strict, enforce" in lines[0]
    assert lines[1] == "policy: hardened.yaml"
    assert lines[2].split() == ["detector", "input", "output", "retrieval", "tool_call", "tool_result", "on", "error"]
    assert "pii block redact redact redact redact closed" in [" ".join(line.split()) for line in lines]


def test_show_another_and_as_json(run: Run) -> None:
    assert "preset observe" in run("policy", "show", "observe")[1]
    code, printed, _ = run("policy", "show", "--json")
    shown = json.loads(printed)
    assert code == 0
    assert shown["source"] == "zero configuration"
    assert shown["detectors"]["secrets"]["actions"]["input"] == "redact"
    assert shown["policy"]["mode"] == "enforce"


def test_show_keeps_secrets(run: Run) -> None:
    key = "sk-lf-" + "1234-not-to-be-shown"
    Path("hardened.yaml").write_text(f"telemetry:\n  langfuse:\n    secret_key: {key}\n")
    for arguments in (["show"], ["show", "--json"]):
        code, printed, _ = run("policy", *arguments)
        assert code == 0
        assert key not in printed


@pytest.mark.parametrize("command", [["show"], ["validate", "hardened.yaml"]])
def test_a_broken_policy(command: list[str], run: Run) -> None:
    Path("hardened.yaml").write_text("preset: strict\n\nmodes: shadow\n")
    code, printed, errors = run("policy", *command)
    assert code == (3 if command == ["show"] else 1)
    assert "hardened.yaml, line 3: unknown key 'modes'; did you mean 'mode'?" in errors
    assert printed == ""


def test_validate(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("good.yaml").write_text("preset: strict\nbudgets: {global: {day: 50 USD}}\n")
    Path("bad.yaml").write_text("detectors:\n  pi:\n    input: redact\n")
    assert run("policy", "validate", "good.yaml") == (0, "good.yaml is valid\n", "")
    monkeypatch.setenv("HARDENED_MODE", "nonsense")
    assert run("policy", "validate", "good.yaml")[0] == 0, "the file is judged, not the environment"
    assert json.loads(run("policy", "validate", "good.yaml", "--json")[1]) == {"valid": True, "problems": []}
    code, printed, _ = run("policy", "validate", "bad.yaml", "--json")
    assert code == 1
    assert "pi" in json.loads(printed)["problems"][0]
    assert run("policy", "validate", "missing.yaml")[0] == 3


def test_strict_needs_a_budget(run: Run) -> None:
    """In the words of `hardened.configure()`."""
    Path("strict.yaml").write_text("preset: strict\n")
    code, _, errors = run("policy", "validate", "strict.yaml")
    assert code == 1
    assert errors.startswith("strict.yaml: preset strict needs a budget in USD for all calls together, such as")
    Path("strict.yaml").write_text("preset: strict\nmode: shadow\n")
    assert run("policy", "validate", "strict.yaml")[0] == 0


def test_schema(run: Run) -> None:
    code, printed, _ = run("policy", "schema")
    assert code == 0
    assert {"preset", "mode", "detectors"} <= json.loads(printed)["properties"].keys()
