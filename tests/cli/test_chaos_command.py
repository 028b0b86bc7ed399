"""`hardened chaos`: a policy against a provider that fails, on this machine and nowhere else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import hardened.testing
from hardened import cli
from hardened.testing.chaos import CALL, caller, figures, only_loopback

ELSEWHERE = """
targets:
  backup: {provider: openai, base_url: "https://llm.invalid/v1", api_key: a-real-key, model: gpt-4o}
routes: {default: [backup]}
"""


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the command sets is taken back."""
    sdks = [f"{sdk}_{what}" for sdk in ("OPENAI", "ANTHROPIC") for what in ("BASE_URL", "API_KEY")]
    for name in ("NO_PROXY", "no_proxy", *sdks):
        monkeypatch.setenv(name, "")


def chaos(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, faults: Mapping[str, float], *options: str
) -> tuple[int, Any]:
    for name in (
        "NO_PROXY",
        "no_proxy",
        "OPENAI_BASE_URL",
        "OPENAI_API_KEY",
        "ANTHROPIC_BASE_URL",
        "ANTHROPIC_API_KEY",
    ):
        monkeypatch.setenv(name, "")  # what the command sets is taken back
    monkeypatch.setattr(hardened.testing, "COMMON", faults)
    code = cli.main(["chaos", "--calls", "6", "--json", *options])
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("sdk", ["openai", "anthropic"])
@pytest.mark.parametrize("stream", [[], ["--stream"]])
def test_a_bad_answer_that_nobody_notices_is_code_1(
    sdk: str, stream: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = {"end" if stream else "html": 1.0}
    code, found = chaos(capsys, monkeypatch, broken, "--policy", "observe", "--sdk", sdk, *stream)
    assert (code, found["bad"], found["ok"]) == (1, 6, 0)
    monkeypatch.setenv("HARDENED_RESILIENCE_RETRIES", "0")
    code, found = chaos(capsys, monkeypatch, broken, "--policy", "balanced", "--sdk", sdk, *stream)
    assert (code, found["bad"], found["errors"], found["typed"]) == (0, 0, 6, 6)


def test_targets_are_replaced_by_providers_on_this_machine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = tmp_path / "hardened.yaml"
    policy.write_text(ELSEWHERE, encoding="utf-8")
    faults = {"unauthorized": 1.0}  # the next target is asked at once
    code, found = chaos(capsys, monkeypatch, faults, "--policy", str(policy), "--sdk", "openai", "--fail-under", "99")
    assert (code, found["ok"], found["faults"]) == (0, 6, {"unauthorized": {"calls": 6, "ok": 6}})
    assert found["amplification"] == 1.0


def test_less_than_asked_for_is_code_1(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    code, _ = chaos(capsys, monkeypatch, {"bad_request": 1.0}, "--policy", "balanced", "--fail-under", "50")
    assert code == 1


def test_the_table_is_printed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardened.testing, "COMMON", {"bad_request": 1.0})
    assert cli.main(["chaos", "--calls", "3", "--policy", "balanced"]) == 0
    printed = capsys.readouterr().out
    assert "bad_request" in printed
    assert " ".join(printed.split()).count("errors with a type 100.0 %") == 1


@pytest.mark.parametrize(
    ("option", "text", "expected"),
    [
        ("--calls", "abc", "expected a whole number, at least 1"),
        ("--calls", "0", "expected a whole number, at least 1"),
        ("--outage", "long", "expected a number of seconds"),
        ("--rate", "nan", "expected a number of calls a second"),
        ("--timeout", "-1", "expected a number of seconds"),
        ("--fail-under", "101", "expected a number from 0 to 100"),
    ],
)
def test_a_number_that_is_none(option: str, text: str, expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        cli.main(["chaos", option, text])
    assert left.value.code == 3
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"hardened chaos: argument {option}: {expected}")


def test_a_kill_switch_that_is_on_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HARDENED_KILL", "on")
    assert cli.main(["chaos", "--calls", "3", "--policy", "balanced"]) == 0
    printed = capsys.readouterr().out
    assert "KilledError 3" in printed
    assert "The kill switch is on" in printed


@pytest.mark.parametrize("url", ["https://api.openai.com/v1", "http://192.168.0.1", "http://0.0.0.0", "nonsense"])
def test_only_this_machine(url: str) -> None:
    with pytest.raises(ValueError, match="loopback"):
        only_loopback(url)
    with pytest.raises(ValueError, match="loopback"):
        caller("openai", url, stream=False, timeout=1)


def test_figures_of_an_outage() -> None:
    from hardened.testing import Attempt, Request
    from hardened.testing.chaos import Outcome

    def attempt(at: float, number: int, fault: str | None) -> Attempt:
        return Attempt(1000 + at, Request("POST", "/", headers={CALL: str(number)}), fault)

    attempts = [attempt(0, 0, None), attempt(2, 1, "unavailable"), attempt(3, 1, "unavailable"), attempt(8.2, 3, None)]
    attempts += [attempt(9.5 + number, number, "html") for number in range(5, 15)]
    outcomes = [Outcome(0, "ok", 0.1), Outcome(1, "error", 0.2, False, "E")]
    outcomes += [Outcome(number, "ok", 0.3) for number in range(2, 15)]
    found = figures(outcomes, attempts, (2.0, 8.0))
    assert (found.during, found.attempts, found.typed) == (2, 14, 0)
    assert found.back == 6.5, "one call is a probe, ten in a row are not"
    assert found.faults["unavailable"].ok == 0
    assert found.faults["not asked"].calls == 2  # numbers 2 and 4
    assert figures(outcomes[:14], attempts[:13], (2.0, 8.0)).back is None
