"""`hardened demo`: the example application, and what is seen of it afterwards."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from demo_run import Demo

from hardened.cli import demo as demo_module
from hardened.cli.demo_answers import made_up_key
from hardened.testing import FakeProvider

Run = Callable[..., tuple[int, str, str]]
DESTINATION = Path(".hardened/traces")


def replace_example(monkeypatch: pytest.MonkeyPatch, application: Path) -> None:
    policy = demo_module.example("hardened.yaml")
    monkeypatch.setattr(demo_module, "example", {"support_bot.py": application, "hardened.yaml": policy}.__getitem__)


@pytest.fixture
def small_application(tmp_path: Path) -> Path:
    application = tmp_path / "app.py"
    application.write_text(
        "import hardened.auto, openai\n"
        "answer = openai.OpenAI().responses.create(model='gpt-4o-mini', input='How to return a lamp?')\n"
        "print(answer.output_text)\n"
    )
    return application


def test_every_scene_is_one_call_or_two(demo: Demo) -> None:
    assert [call.feature for call in demo.calls] == [
        "question",
        "streamed-answer",
        "order-lookup",
        "order-lookup",
        "personal-data",
        "leaked-secret",
        "poisoned-document",
        "off-topic",
        "yearly-report",
    ]
    assert all(call.user == "u-17" and call.prompt_name == "support" for call in demo.calls)


def test_what_the_guards_decided(demo: Demo) -> None:
    decided = {
        call.feature: [(one.stage, one.detector, one.outcome) for one in call.guard_decisions]
        for call in demo.calls
        if call.guard_decisions
    }
    assert decided == {
        "personal-data": [("input", "pii", "redacted")],
        "leaked-secret": [("output", "secrets", "redacted")],
        "poisoned-document": [("retrieval", "injection", "blocked"), ("retrieval", "injection", "flagged")],
        "off-topic": [("input", "topic", "blocked")],
    }


def test_calls_are_timed_and_priced(demo: Demo) -> None:
    for feature in ("question", "streamed-answer", "personal-data", "yearly-report"):
        call = demo.call(feature)
        assert call.cost_known is True
        assert call.cost_usd > 0
        assert call.input_tokens > 0
        assert call.duration_s > 0.1
    dearest = max(demo.calls, key=lambda call: call.cost_usd or 0)
    assert dearest.feature == "yearly-report"
    assert demo.call("streamed-answer").ttft_s > 0.1
    assert demo.call("off-topic").cost_usd is None, "what is blocked is not sent"


def test_the_application_got_its_answers(demo: Demo) -> None:
    assert "your order 4711 arrives tomorrow" in demo.printed
    assert "clamp leaves most of a small desk free" in demo.printed
    assert "Sorry, I cannot help with that. (retrieval: prompt_injection)" in demo.printed
    assert "OPENAI_API_KEY=[OPENAI_API_KEY]\nKeep it safe!" in demo.printed


def test_nothing_private_is_left_anywhere(demo: Demo) -> None:
    written = "".join(file.read_text() for file in (demo.directory / DESTINATION).glob("*.jsonl"))
    for everything in (written, demo.printed):
        assert made_up_key() not in everything
        assert made_up_key()[:20] not in everything
        assert "jane.doe" not in everything
        assert "4111 1111" not in everything


def test_it_ends_with_a_table_and_the_way_on(demo: Demo) -> None:
    table = demo.printed[demo.printed.index("What happened") :].splitlines()
    assert table[2].split() == ["what", "model", "decision", "tokens", "cost", "first", "chunk", "time"]
    assert len(table[3 : table.index("", 3)]) == len(demo.calls)
    assert "The provider received: Please change my address: [EMAIL]. I paid with [CREDIT_CARD]." in demo.printed
    assert str(demo.directory / DESTINATION) in demo.printed
    assert "python -m hardened traces show " in demo.printed, "as the demo itself was called"


def test_json(run: Run, monkeypatch: pytest.MonkeyPatch, small_application: Path) -> None:
    replace_example(monkeypatch, small_application)
    code, printed, _ = run("demo", "--json")
    (call,) = json.loads(printed)
    assert (code, call["name"], call["status"]) == (0, "chat gpt-4o-mini", "unset")


def test_the_command_is_named_so_that_it_can_be_typed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = tmp_path / "venv/bin/hardened"
    script.parent.mkdir(parents=True)
    script.write_text("")
    script.chmod(0o755)
    monkeypatch.setattr("sys.argv", [str(script)])
    monkeypatch.setenv("PATH", str(script.parent))
    assert demo_module._command() == "hardened"
    monkeypatch.setenv("PATH", "")
    assert demo_module._command() == "venv/bin/hardened"
    monkeypatch.chdir("/")
    monkeypatch.setattr("sys.argv", ["venv/bin/hardened"])
    assert demo_module._command() == "venv/bin/hardened"


def test_live_goes_where_the_environment_says(
    run: Run, monkeypatch: pytest.MonkeyPatch, small_application: Path
) -> None:
    replace_example(monkeypatch, small_application)
    with FakeProvider() as real:
        for name, value in real.env().items():
            monkeypatch.setenv(name, value)
        code, printed, _ = run("demo", "--live")
        assert (code, len(real.requests)) == (0, 1)
    assert "against the real services" in printed
    assert "1 calls, $" in printed


def test_live_needs_keys(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "test")
    assert run("demo", "--live") == (3, "", "hardened: --live needs OPENAI_API_KEY in the environment\n")


def test_the_sdks_are_needed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    code, _, errors = run("demo")
    assert (code, "pip install 'hardened[openai,anthropic]'" in errors) == (3, True)


def test_an_application_that_fails(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "app.py"
    broken.write_text("raise SystemExit(7)")
    replace_example(monkeypatch, broken)
    code, _, errors = run("demo")
    assert (code, errors) == (7, "hardened: the application ended with an error, see above\n")


def test_the_example_is_an_ordinary_application() -> None:
    source = demo_module.example("support_bot.py").read_text()
    assert source.count("import hardened.auto  #") == 1
    assert "FakeProvider" not in source
    assert "base_url" not in source
