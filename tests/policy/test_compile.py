"""From a policy to the rules that the guards follow."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hardened.errors import PolicyError
from hardened.guards.plan import Operator, Plan, Rule
from hardened.guards.verdict import STAGES, Stage
from hardened.policy.compile import compile
from hardened.policy.load import load, load_with_source
from hardened.policy.schema import Policy
from hardened.policy.summary import describe
from hardened.version import __version__
from hardened_detectors import registry

Write = Callable[..., Path]


def rules(plan: Plan, stage: Stage) -> list[tuple[str, str]]:
    return [(rule.detector, rule.action) for rule in plan.rules[stage]]


def plan(policy: dict[str, Any]) -> Plan:
    return compile(load(policy, env={}))


@pytest.fixture
def ticket_id() -> Any:
    """A detector of the application's own."""
    registry.register("ticket_id", lambda **_: registry.from_function("ticket_id", lambda text: "T-" in text))
    yield
    registry.unregister("ticket_id")


class TestPresets:
    def test_zero_configuration(self) -> None:
        compiled = compile(Policy())
        both = [("secrets", "redact"), ("pii", "warn")]
        leaks = [("canary", "warn"), ("prompt_leak", "warn")]
        assert {stage: rules(compiled, stage) for stage in STAGES} == {
            "input": [*both, ("injection", "warn")],
            "output": [*both, *leaks],
            "retrieval": [*both, ("injection", "warn")],
            "tool_call": [*both, *leaks],
            "tool_result": [*both, ("injection", "warn")],
        }
        assert (compiled.mode, compiled.stream, dict(compiled.options)) == ("enforce", "incremental", {})

    def test_observe_changes_nothing(self) -> None:
        compiled = plan({"preset": "observe"})
        assert {action for stage in STAGES for _, action in rules(compiled, stage)} == {"warn"}
        assert [name for name, _ in rules(compiled, "input")] == ["secrets", "pii", "injection"]

    def test_strict(self) -> None:
        compiled = plan({"preset": "strict"})
        assert rules(compiled, "input") == [("secrets", "block"), ("pii", "redact"), ("injection", "warn")]
        private = [("secrets", "redact"), ("pii", "redact")]
        assert rules(compiled, "output") == [*private, ("canary", "block"), ("prompt_leak", "warn")]
        for stage in ("retrieval", "tool_result"):
            assert [rule for rule in compiled.rules[stage] if rule.detector == "injection"] == [
                Rule("injection", "block", "closed", None, 0.9),
                Rule("injection", "warn", "closed", None, 0.5),
            ]

    def test_what_keeps_private_data_in_fails_closed_and_strict_closes_all(self) -> None:
        topic = {"topic": {"options": {"deny": {"sport": {"keywords": ["football"]}}}}}
        balanced = {rule.detector: rule.on_error for rule in plan({"detectors": topic}).rules["input"]}
        assert balanced == {"secrets": "closed", "pii": "closed", "injection": "open", "topic": "open"}
        strict = plan({"preset": "strict", "detectors": topic})
        assert {rule.on_error for stage in STAGES for rule in strict.rules[stage]} == {"closed"}


class TestDetectors:
    def test_what_the_policy_says_stands_above_the_preset(self) -> None:
        pii = {"input": "redact", "output": "allow", "on_error": "open", "timeout_ms": 250, "min_score": 0.5}
        compiled = plan({"preset": "strict", "detectors": {"pii": pii}})
        assert Rule("pii", "redact", "open", 0.25, 0.5) in compiled.rules["input"]
        assert "pii" not in [name for name, _ in rules(compiled, "output")]
        assert ("pii", "redact") in rules(compiled, "tool_call")

    def test_switched_off(self) -> None:
        off = {name: {"enabled": False} for name in ("pii", "canary", "prompt_leak")}
        compiled = plan({"detectors": {**off, "injection": {"enabled": False, "input": "block"}}})
        assert {name for stage in STAGES for name, _ in rules(compiled, stage)} == {"secrets"}

    def test_injection_blocks_only_when_it_is_sure(self) -> None:
        compiled = plan({"detectors": {"injection": {"input": "block", "min_score": 0.6, "block_score": 0.8}}})
        assert [(rule.action, rule.min_score) for rule in compiled.rules["input"] if rule.detector == "injection"] == [
            ("block", 0.8),
            ("warn", 0.6),
        ]

    def test_a_least_score_above_the_blocking_one_is_the_blocking_one(self) -> None:
        compiled = plan({"detectors": {"injection": {"input": "block", "min_score": 0.95}}})
        assert [(rule.action, rule.min_score) for rule in compiled.rules["input"] if rule.detector == "injection"] == [
            ("block", 0.95)
        ]

    def test_topics_only_when_some_are_given(self) -> None:
        assert "topic" not in [name for name, _ in rules(plan({"detectors": {"topic": {"input": "block"}}}), "input")]
        options = {"allow": {"billing": {"examples": ["Where is my invoice?"], "keywords": ["invoice"]}}}
        compiled = plan({"detectors": {"topic": {"input": "block", "options": options}}})
        assert rules(compiled, "input")[-1] == ("topic", "block")
        assert ("topic", "warn") in rules(compiled, "output")
        assert compiled.options["topic"] == options

    def test_own_detectors_run_where_the_policy_says_after_the_others(self, ticket_id: None) -> None:
        compiled = plan({"detectors": {"ticket_id": {"output": "redact"}}})
        assert compiled.rules["output"][-1] == Rule("ticket_id", "redact", "open")
        assert "ticket_id" not in [name for name, _ in rules(compiled, "input")]

    def test_an_unknown_one_is_refused_where_it_was_named(self, write: Write) -> None:
        file = write("detectors:\n  secret: {input: block}\n")
        with pytest.raises(PolicyError) as caught:
            compile(*load_with_source(env={}))
        assert str(caught.value) == f"{file.name}, line 2: no detector is called 'secret'; did you mean 'secrets'?"

    def test_unknown_ones_without_a_likely_meaning_list_what_there_is(self) -> None:
        with pytest.raises(
            PolicyError, match=r"no detector is called 'qqqq'; known are .*injection.*pii.*secrets.*topic"
        ):
            plan({"detectors": {"qqqq": {"input": "block"}}})

    def test_options_are_tried_when_they_are_given(self, write: Write) -> None:
        write("detectors:\n  pii:\n    options:\n      typs: [email]\n")
        with pytest.raises(PolicyError, match=r"hardened\.yaml, line 3: detectors\.pii\.options: not accepted .*typs"):
            compile(*load_with_source(env={}))

    def test_a_message_about_options_holds_names_but_no_values(self) -> None:
        private = "jane.doe" + "@" + "example.com"
        with pytest.raises(PolicyError, match=r"unknown categories: emial, …; known: .*email") as caught:
            plan({"detectors": {"pii": {"options": {"include": ["emial", private]}}}})
        assert private not in str(caught.value)

    def test_of_other_packages_detectors_only_the_kind_of_error_is_told(self) -> None:
        private = "a-" + "private-value"

        def factory(**options: Any) -> Any:
            raise ValueError(f"bad: {options}")

        registry.register("picky", factory)
        try:
            with pytest.raises(PolicyError, match=r"detectors\.picky\.options: .*: ValueError$") as caught:
                plan({"detectors": {"picky": {"input": "warn", "options": {"word": private}}}})
        finally:
            registry.unregister("picky")
        assert private not in str(caught.value)


class TestVersion:
    CHANGES: tuple[dict[str, Any], ...] = (
        {"preset": "strict"},
        {"mode": "shadow"},
        {"stream": "buffer"},
        {"detectors": {"pii": {"input": "redact"}}},
        {"detectors": {"pii": {"min_score": 0.5}}},
        {"detectors": {"pii": {"on_error": "open"}}},
        {"detectors": {"pii": {"timeout_ms": 10}}},
        {"detectors": {"pii": {"enabled": False}}},
        {"detectors": {"pii": {"options": {"include": ["email"]}}}},
    )

    def test_it_changes_with_everything_that_changes_a_verdict(self) -> None:
        versions = {plan(change).version for change in ({}, *self.CHANGES)}
        assert len(versions) == 1 + len(self.CHANGES)

    @pytest.mark.parametrize(
        "same",
        [
            {"preset": "balanced"},
            {"service_name": "shop", "telemetry": {"content": False}, "disable": ["openai"]},
            {"detectors": {"pii": {"input": "warn"}}},
            {"prices": {"m": {"input": 1, "output": 1}}},
        ],
    )
    def test_and_with_nothing_else(self, same: dict[str, Any]) -> None:
        assert plan(same).version == plan({}).version


class TestSummary:
    def test_zero_configuration(self) -> None:
        assert describe(Policy()) == (
            f"hardened {__version__}: balanced, enforce; "
            "secrets redact, pii warn, injection warn, canary warn, prompt_leak warn; traces → .hardened/traces"
        )

    def test_stages_that_differ(self) -> None:
        line = describe(load("strict", env={}))
        assert "secrets block input + redact output/retrieval/tool_call/tool_result, pii redact, injection warn" in line
        assert line.endswith("no message content")

    def test_switched_off(self) -> None:
        policy = load({"mode": "off", "telemetry": {"file": {"enabled": False}}}, env={})
        assert describe(policy) == f"hardened {__version__}: balanced, off; no detector runs; no local traces"


class TestOperators:
    def test_by_detector_and_category(self) -> None:
        said = {"pii": {"operator": "hash", "operators": {"email": "pseudonym", "iban": {"mask": {"keep_last": 4}}}}}
        replacement = compile(load({"detectors": said}, env={})).replacement
        assert replacement.operator("pii", "phone") == Operator("hash")
        assert replacement.operator("pii", "email") == Operator("pseudonym")
        assert replacement.operator("pii", "iban") == Operator("mask", keep_last=4)
        assert replacement.operator("secrets", "password") == Operator("replace")
        assert replacement.pseudonymises and replacement.keyed

    def test_the_key_and_the_operator_may_come_from_the_environment(self) -> None:
        env = {"HARDENED_REDACTION_KEY": "sixteen letters!", "HARDENED_DETECTORS_PII_OPERATOR": "ENCRYPT"}
        replacement = compile(load({}, env=env)).replacement
        assert replacement.key == b"sixteen letters!"
        assert replacement.operator("pii", "email") == Operator("encrypt")

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("detectors:\n  pii: {operator: encrypt}", ", line 2: detectors.pii.operator: encrypt needs a key: set "),
            (
                "detectors:\n  pii:\n    operators: {emial: hash}",
                ", line 3: detectors.pii.operators: no category 'emial'; did you mean 'email'?",
            ),
            (
                "detectors:\n  pii:\n    operators: {zzzz: hash}",
                ", line 3: detectors.pii.operators: no category 'zzzz'; ",
            ),
            (
                "detectors:\n  secrets:\n    operator: {mask: {keep_first: 3, keep_last: 2}}",
                ", line 3: detectors.secrets.operator: keep_first and keep_last: of a credential at most 4 characters",
            ),
            ("redaction:\n  key: short secret", ", line 2: redaction.key: must have at least 16 characters"),
        ],
    )
    def test_what_cannot_work_is_refused_where_it_was_said(self, write: Write, text: str, message: str) -> None:
        file = write(text)
        with pytest.raises(PolicyError) as caught:
            compile(*load_with_source(file, env={}))
        assert str(caught.value).startswith(f"{file}{message}")
        assert "short secret" not in str(caught.value)
