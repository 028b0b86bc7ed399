"""Which policy holds: sources, their order, and the environment over them."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hardened.errors import PolicyError
from hardened.policy.load import load, load_safe, load_with_source
from hardened.policy.schema import DetectorPolicy, Policy
from hardened.policy.settings import Names, keyword, leaves
from hardened.policy.spend import Amount

Write = Callable[..., Path]


class TestSources:
    def test_without_anything_it_is_balanced_and_enforced(self) -> None:
        assert load(env={}) == Policy()
        assert (Policy().preset, Policy().mode) == ("balanced", "enforce")

    @pytest.mark.parametrize("name", ["hardened.yaml", "hardened.yml"])
    def test_a_file_in_the_working_directory_is_found(self, write: Write, name: str) -> None:
        write("mode: shadow\n", name)
        policy, source, _ = load_with_source(env={})
        assert policy.mode == "shadow"
        assert source.endswith(name)

    def test_the_working_directory_can_be_given(self, tmp_path: Path) -> None:
        (tmp_path / "app").mkdir()
        (tmp_path / "app" / "hardened.yaml").write_text("preset: strict")
        assert load(env={}, cwd=tmp_path / "app").preset == "strict"

    @pytest.mark.parametrize("value", ["strict", "elsewhere.yaml"])
    def test_the_variable_replaces_the_file_in_the_working_directory(self, write: Write, value: str) -> None:
        write("preset: observe\ndisable: [openai]\ntelemetry: {content: true}\n")
        write("preset: strict\n", "elsewhere.yaml")
        policy = load(env={"HARDENED_POLICY": value})
        assert policy.preset == "strict"
        assert policy.disable == ()
        assert not policy.captures_content

    @pytest.mark.parametrize(
        "source", ["strict", {"preset": "strict"}, Policy(preset="strict"), "elsewhere.yaml", Path("elsewhere.yaml")]
    )
    def test_an_explicit_source_is_used_alone(self, write: Write, source: Any) -> None:
        write("preset: observe\nmode: 'off'\n")
        write("preset: strict\n", "elsewhere.yaml")
        policy = load(source, env={"HARDENED_POLICY": "observe"})
        assert policy == Policy(preset="strict")

    def test_an_empty_file_is_zero_configuration(self, write: Write) -> None:
        write("# nothing yet\n")
        assert load(env={}) == Policy()

    def test_a_mapping_may_hold_models(self) -> None:
        policy = load(
            {"detectors": {"pii": DetectorPolicy(input="redact")}}, env={"HARDENED_DETECTORS_PII_OUTPUT": "warn"}
        )
        assert policy.detectors["pii"] == DetectorPolicy(input="redact", output="warn")

    def test_a_given_mapping_is_not_changed(self) -> None:
        given: dict[str, Any] = {"telemetry": {"file": {"enabled": True}}}
        load(given, env={"HARDENED_TELEMETRY_FILE_ENABLED": "false"})
        assert given == {"telemetry": {"file": {"enabled": True}}}

    def test_yaml_is_read_as_editors_read_it(self, write: Write) -> None:
        write("mode: off\ntelemetry: {otlp: {enabled: no}, metrics: on, file: {enabled: false}}\n")
        policy = load(env={})
        assert policy.mode == "off"
        assert policy.telemetry.otlp.enabled is False
        assert policy.telemetry.metrics is True
        assert policy.telemetry.file.enabled is False

    def test_a_file_may_begin_with_a_byte_order_mark(self, tmp_path: Path) -> None:
        (tmp_path / "hardened.yaml").write_bytes(b"\xef\xbb\xbfmode: shadow\n")
        assert load(env={}).mode == "shadow"


# Another value than the default for every setting that a variable can make.
SAMPLES = {
    "preset": ("strict", "strict"),
    "mode": ("shadow", "shadow"),
    "stream": ("buffer", "buffer"),
    "service_name": ("shop", "shop"),
    "disable": ("openai, anthropic", ("openai", "anthropic")),
    "providers": ("one, other", ("one", "other")),
    "enabled": ("off", False),
    "content": ("no", False),
    "metrics": ("0", False),
    "on_error": ("closed", "closed"),
    "timeout_ms": ("150", 150),
    "min_score": ("0.25", 0.25),
    "block_score": ("0.75", 0.75),
    "native_spans": ("keep", "keep"),
    "max_content_bytes": ("1000", 1000),
    "max_bytes": ("2000", 2000),
    "retention_days": ("3", 3),
    "operator": ("pseudonym", "pseudonym"),
    "scope": ("session", "session"),
    "ttl_minutes": ("5", 5),
    "max_values": ("7", 7),
    "tools": ("one, other", ("one", "other")),
    "host": ("https://traces.example", "https://traces.example"),
    "retries": ("4", 4),
    "retry_budget": ("0.2", 0.2),
    "deadline": ("20", 20.0),
    "attempt_timeout": ("5", 5.0),
    "first_token_timeout": ("4.5", 4.5),
    "stream_idle_timeout": ("9", 9.0),
    "validate_answers": ("no", False),
    "timezone": ("Europe/Berlin", "Europe/Berlin"),
    "unknown_price": ("deny", "deny"),
    "worst_case": ("on", True),
    "track": ("yes", True),
    "at": ("50, 90", (50, 90)),
    "forecast": ("3", 3),
    "projected": ("no", False),
    "durability": ("full", "full"),
    "replicas": ("4", 4),
    "budgets_when_down": ("closed", "closed"),
    "limits_when_down": ("open", "open"),
    "limit": ("20", 20),
    "queue": ("5", 5),
    "wait": ("2.5", 2.5),
    "max_input_tokens": ("5000", 5000),
    "max_message_chars": ("5000", 5000),
    "context_window": ("yes", True),
    "failures": ("7", 7),
    "ratio": ("0.4", 0.4),
    "window": ("30", 30.0),
    "recovery": ("10", 10.0),
    "probe": ("0.2", 0.2),
    "successes": ("2", 2),
}
SCALARS = [
    tuple("pii" if step == "*" else step for step in path)
    for path, _ in leaves()
    if ("*" not in path or path[0] == "detectors")
    and path[-1] not in ("options", "operators", "routes", "residency", "max_tokens", "pins", "static")
]


class TestEnvironment:
    @pytest.mark.parametrize("path", SCALARS, ids=".".join)
    def test_every_setting_has_a_variable(self, path: tuple[str, ...]) -> None:
        stages = dict.fromkeys(("input", "output", "retrieval", "tool_call", "tool_result"), ("redact", "redact"))
        text, expected = (SAMPLES | stages).get(path[-1], ("some text", "some text"))
        if path[0] == "budgets":
            text, expected = "5 USD, 20k tokens", Amount(usd=5, tokens=20_000)
        value: Any = load({}, env={"HARDENED_" + keyword(path).upper(): text})
        for step in path:
            value = value[step] if isinstance(value, dict) else getattr(value, step)
        assert getattr(value, "get_secret_value", lambda: value)() == expected

    def test_no_two_settings_share_a_variable(self) -> None:
        words = Names().all(["pii", "secrets"])
        assert len(words) == len(set(words))

    def test_it_stands_above_every_source(self, write: Write) -> None:
        write("mode: enforce\n")
        for source in (None, "strict", {"mode": "enforce"}, Policy(mode="enforce")):
            assert load(source, env={"HARDENED_MODE": "shadow"}).mode == "shadow"

    def test_it_changes_only_what_it_names(self, write: Write) -> None:
        write("detectors: {pii: {input: redact, output: redact}}\n")
        policy = load(env={"HARDENED_DETECTORS_PII_INPUT": "warn"})
        assert policy.detectors["pii"] == DetectorPolicy(input="warn", output="redact")

    def test_a_detector_is_found_however_it_is_spelled(self) -> None:
        policy = load(
            {"detectors": {"ticket-id": {"input": "warn"}}}, env={"HARDENED_DETECTORS_TICKET_ID_TOOL_CALL": "redact"}
        )
        assert policy.detectors == {"ticket-id": DetectorPolicy(input="warn", tool_call="redact")}

    def test_an_empty_variable_is_none(self) -> None:
        assert load(env={"HARDENED_MODE": "", "HARDENED_POLICY": ""}) == Policy()

    @pytest.mark.parametrize(
        ("variable", "hint"),
        [
            ("HARDENED_MODUS", "HARDENED_MODE?"),
            ("HARDENED_DETECTORS_PII_INPTU", "HARDENED_DETECTORS_PII_INPUT?"),
            ("HARDENED_DETECTORS_PIII_INPUT", "HARDENED_DETECTORS_PII_INPUT?"),
            ("HARDENED_PRICES", "no such setting"),
            ("HARDENED_QQQQQQ", "HARDENED_QQQQQQ: no such setting"),
        ],
    )
    def test_an_unknown_one_is_warned_about(self, caplog: pytest.LogCaptureFixture, variable: str, hint: str) -> None:
        assert load(env={variable: "a-" + "private-value"}) == Policy()
        [record] = caplog.records
        assert record.levelno == logging.WARNING
        assert record.getMessage().startswith(f"hardened: {variable}")
        assert hint in record.getMessage()
        assert "private" not in caplog.text

    def test_one_that_the_policy_refers_to_is_known(self, caplog: pytest.LogCaptureFixture) -> None:
        target = {"provider": "openai", "base_url": "https://llm.example/v1", "api_key": "env:HARDENED_SECOND_KEY"}
        load({"targets": {"second": target}}, env={"HARDENED_SECOND_KEY": "a-" + "key", "HARDENED_THIRD_KEY": "b"})
        assert [record.getMessage()[:28] for record in caplog.records] == ["hardened: HARDENED_THIRD_KEY"]

    @pytest.mark.parametrize("odd", ["\x1b[31m", "A\nHARDENED_", "\u202e", "\x9b", "X" * 10_000])
    def test_the_name_of_an_unknown_one_is_shown_as_names_only(
        self, caplog: pytest.LogCaptureFixture, odd: str
    ) -> None:
        assert load(env={f"HARDENED_{odd}": "on"}) == Policy()
        [record] = caplog.records
        assert record.getMessage() == "hardened: HARDENED_…: no such setting"

    def test_a_fixed_word_holds_in_any_case(self) -> None:
        env = {"HARDENED_MODE": "OFF", "HARDENED_DETECTORS_PII_INPUT": "Block", "HARDENED_SERVICE_NAME": "Off"}
        policy = load(env=env)
        assert (policy.mode, policy.detectors["pii"].input, policy.service_name) == ("off", "block", "Off")

    def test_a_wrong_value_names_the_variable(self) -> None:
        with pytest.raises(PolicyError) as caught:
            load(env={"HARDENED_DETECTORS_PII_INPUT": "reduct"})
        assert str(caught.value) == (
            "environment variable HARDENED_DETECTORS_PII_INPUT: "
            "detectors.pii.input: expected allow, warn, redact or block"
        )

    def test_it_does_not_hide_a_mistake_in_the_file(self, write: Write) -> None:
        write("telemetry: 3\n")
        with pytest.raises(PolicyError, match=r"hardened\.yaml, line 1: telemetry: expected a mapping"):
            load(env={"HARDENED_TELEMETRY_CONTENT": "true"})


class TestOverrides:
    def test_by_name_as_in_the_environment(self) -> None:
        overrides = {"mode": "shadow", "telemetry_file_path": "logs", "detectors_pii_input": "redact"}
        policy = load_with_source("strict", env={}, overrides=overrides).policy
        assert (policy.preset, policy.mode, policy.telemetry.file.path) == ("strict", "shadow", "logs")
        assert policy.detectors["pii"].input == "redact"

    def test_sections_are_merged(self) -> None:
        given = {"telemetry": {"content": True, "file": {"path": "logs"}}}
        policy = load_with_source(given, env={}, overrides={"telemetry": {"content": False}}).policy
        assert policy.telemetry.content is False
        assert policy.telemetry.file.path == "logs"

    def test_the_environment_stands_above(self) -> None:
        assert load_with_source(env={"HARDENED_MODE": "off"}, overrides={"mode": "enforce"}).policy.mode == "off"

    def test_an_unknown_one_is_refused(self) -> None:
        with pytest.raises(PolicyError, match=r"configure\(\): unknown setting 'mod'; did you mean 'mode'\?"):
            load_with_source(env={}, overrides={"mod": "shadow"})


class TestSafe:
    def test_it_keeps_private_data_in_and_blocks_nothing(self) -> None:
        policy = load_safe(env={}).policy
        assert not policy.captures_content
        for name in ("pii", "secrets"):
            actions = policy.detectors[name].model_dump(
                include={"input", "output", "retrieval", "tool_call", "tool_result"}
            )
            assert set(actions.values()) == {"redact"}

    def test_the_kill_switch_works_whatever_else_is_wrong(self) -> None:
        policy = load_safe(
            env={"HARDENED_MODE": "off", "HARDENED_STREAM": "nonsense", "HARDENED_DISABLE": "openai"}
        ).policy
        assert (policy.mode, policy.stream, policy.disable) == ("off", "incremental", ("openai",))


def test_zero_configuration_reads_no_yaml_and_no_package_metadata(tmp_path: Path) -> None:
    script = (
        "import sys, pydantic; before = set(sys.modules)\n"
        "from hardened.policy.active import active_plan; plan = active_plan()\n"
        "assert plan.rules['input'], plan\n"
        "print(sorted({'yaml', 'importlib.metadata', 'difflib'} & (set(sys.modules) - before)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env={}, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_what_is_no_source_is_refused() -> None:
    with pytest.raises(PolicyError, match=r"^policy: expected a file, .* or a Policy, not int$"):
        load(7)  # type: ignore[arg-type]


def test_a_path_as_the_directory_of_traces(tmp_path: Path) -> None:
    assert load({"telemetry": {"file": {"path": tmp_path}}}, env={}).telemetry.file.path == str(tmp_path)
