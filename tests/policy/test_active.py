"""The policy that holds in a process."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hardened.errors import PolicyError
from hardened.policy.active import active, active_plan, active_source, configure, on_change, set_active
from hardened.policy.schema import Policy
from hardened_detectors import registry

Write = Callable[..., Path]


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def test_nothing_chosen_is_found_once(write: Write) -> None:
    write("mode: shadow\n")
    first = active()
    assert first.mode == "shadow"
    assert active_source() == "hardened.yaml"
    write("mode: enforce\n")
    assert active() is first


class TestConfigure:
    def test_it_returns_what_holds(self) -> None:
        assert configure("observe") is active()
        assert active().preset == "observe"
        assert active_source() == "preset observe"

    def test_after_the_found_policy_it_is_silent(self, caplog: pytest.LogCaptureFixture) -> None:
        active()
        configure("observe")
        assert active().preset == "observe"
        assert not caplog.records

    def test_another_policy_wins_with_one_warning_that_names_both(
        self, write: Write, caplog: pytest.LogCaptureFixture
    ) -> None:
        file = write("mode: shadow\n", "other.yaml")
        configure("observe")
        configure(file)
        assert active() == Policy(mode="shadow")
        [warning] = warnings(caplog)
        assert "preset observe" in warning
        assert str(file) in warning

    def test_the_same_again_is_silent(self, caplog: pytest.LogCaptureFixture) -> None:
        told: list[Policy] = []
        configure("observe")
        on_change(told.append)
        configure({"preset": "observe"})
        set_active(Policy(preset="observe"), "elsewhere")
        assert not told
        assert not caplog.records

    def test_overrides_alone_change_what_was_chosen(self, caplog: pytest.LogCaptureFixture) -> None:
        configure("observe")
        configure(mode="shadow", detectors_pii_input="warn")
        assert (active().preset, active().mode, active().detectors["pii"].input) == ("observe", "shadow", "warn")
        assert active_source() == "preset observe"
        assert not caplog.records

    def test_overrides_alone_change_what_is_found(self, write: Write) -> None:
        write("preset: observe\n")
        configure(mode="shadow")
        assert (active().preset, active().mode) == ("observe", "shadow")

    def test_a_file_in_the_working_directory_does_not_weaken_it(self, write: Write) -> None:
        configure("observe")
        write("preset: balanced\nmode: off\n")
        configure(stream="buffer")
        assert (active().preset, active().mode, active().stream) == ("observe", "enforce", "buffer")

    def test_the_environment_has_the_last_word(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HARDENED_MODE", "off")
        assert configure("observe", mode="enforce").mode == "off"

    @pytest.mark.parametrize(
        ("policy", "overrides"),
        [
            ("missing.yaml", {}),
            ({"detectors": {"unknown": {"input": "warn"}}}, {}),
            (None, {"mode": "sometimes"}),
            (None, {"modus": "off"}),
        ],
    )
    def test_a_broken_one_raises_and_changes_nothing(self, policy: Any, overrides: dict[str, Any]) -> None:
        before = configure("observe")
        with pytest.raises(PolicyError):
            configure(policy, **overrides)
        assert active() is before
        assert active_source() == "preset observe"


class TestBroken:
    def test_a_safe_policy_stands_in_and_is_told_once(self, write: Write, caplog: pytest.LogCaptureFixture) -> None:
        write("preset: observe\nmodus: off\n")
        assert active().detectors["pii"].output == "redact"
        assert not active().captures_content
        active()
        active_plan()
        [record] = caplog.records
        assert record.levelno == logging.ERROR
        assert "hardened.yaml, line 2: unknown key 'modus'; did you mean 'mode'?" in record.getMessage()

    def test_the_kill_switch_still_works(self, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
        write("modus: off\n")
        monkeypatch.setenv("HARDENED_MODE", "off")
        assert active_plan().mode == "off"

    def test_an_operator_without_its_key(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setenv("HARDENED_DETECTORS_PII_OPERATOR", "encrypt")
        monkeypatch.setenv("HARDENED_DETECTORS_PII_OUTPUT", "warn")
        assert active_plan().replacement.operator("pii", "email").name == "replace"
        assert active().detectors["pii"].output == "warn"
        assert "encrypt needs a key" in caplog.text

    def test_a_detector_that_nobody_registered(self, write: Write, caplog: pytest.LogCaptureFixture) -> None:
        write("detectors:\n  ticket_id: {output: redact}\n")
        told: list[Policy] = []
        on_change(told.append)
        plan = active_plan()
        assert {rule.action for rule in plan.rules["input"]} == {"redact", "warn"}
        assert active_plan() is plan
        assert told == [active()]
        assert "hardened.yaml, line 2: no detector is called 'ticket_id'" in caplog.text


class TestPlan:
    def test_it_belongs_to_the_active_policy(self) -> None:
        first = active_plan()
        assert active_plan() is first
        configure(mode="shadow")
        assert active_plan().mode == "shadow"

    def test_own_detectors_may_be_registered_after_the_policy_was_found(self, write: Write) -> None:
        write("detectors:\n  ticket_id: {output: redact}\n")
        active()
        registry.register("ticket_id", lambda **_: registry.from_function("ticket_id", lambda text: "T-" in text))
        try:
            assert active_plan().rules["output"][-1].detector == "ticket_id"
        finally:
            registry.unregister("ticket_id")


class TestListeners:
    def test_they_are_told_until_they_stop(self) -> None:
        told: list[str] = []
        stop = on_change(lambda policy: told.append(policy.preset))
        configure("observe")
        stop()
        stop()
        configure("observe")
        assert told == ["observe"]

    def test_one_that_fails_does_not_keep_the_others_uninformed(self, caplog: pytest.LogCaptureFixture) -> None:
        told: list[Policy] = []

        def fails(_: Policy) -> None:
            raise RuntimeError("a-" + "private-value")

        on_change(fails)
        on_change(told.append)
        configure("observe")
        assert told == [active()]
        assert "hardened: a listener of the policy failed: RuntimeError" in caplog.text
        assert "private" not in caplog.text


def test_threads_find_one_policy(write: Write) -> None:
    write("mode: shadow\n")
    start = threading.Barrier(8)
    found: list[Policy] = []

    def ask() -> None:
        start.wait()
        found.append(active())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert all(policy is found[0] for policy in found)


def test_a_forked_child_does_not_wait_for_a_thread_that_it_does_not_have(tmp_path: Path) -> None:
    script = """
import os, signal, threading
from hardened.policy import active as module

held, done = threading.Event(), threading.Event()

def hold():
    with module._lock:
        held.set()
        done.wait()

threading.Thread(target=hold).start()
held.wait()
child = os.fork()
if child == 0:
    signal.alarm(20)  # ends a child that waits for ever
    os._exit(0 if module.configure("observe").preset == "observe" else 3)
status = os.waitpid(child, 0)[1]
done.set()
raise SystemExit(status)
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", script], cwd=tmp_path, check=False, timeout=60)
    assert done.returncode == 0


class TestStrict:
    """It promises that money has a limit."""

    def test_it_refuses_to_start_without_a_global_budget(self) -> None:
        with pytest.raises(PolicyError, match="preset strict needs a budget in USD"):
            configure("strict")
        with pytest.raises(PolicyError, match="preset strict"):
            configure("strict", budgets={"global": {"day": "100 requests"}, "user": {"day": "1 USD"}})
        assert configure("strict", budgets={"global": {"month": "800 USD"}}).preset == "strict"

    def test_where_nothing_is_enforced_it_needs_none(self) -> None:
        assert configure("strict", mode="shadow").preset == "strict"

    def test_one_that_was_only_found_is_replaced_by_a_safe_one(
        self, write: Write, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write("preset: strict\n")
        assert active_source() == "safe policy"
        assert "HARDENED_BUDGETS_GLOBAL_DAY" in caplog.text

    def test_a_variable_is_enough(self, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
        write("preset: strict\n")
        monkeypatch.setenv("HARDENED_BUDGETS_GLOBAL_DAY", "50 USD")
        assert active().preset == "strict"
