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
        assert configure("strict") is active()
        assert active().preset == "strict"
        assert active_source() == "preset strict"

    def test_after_the_found_policy_it_is_silent(self, caplog: pytest.LogCaptureFixture) -> None:
        active()
        configure("strict")
        assert active().preset == "strict"
        assert not caplog.records

    def test_another_policy_wins_with_one_warning_that_names_both(
        self, write: Write, caplog: pytest.LogCaptureFixture
    ) -> None:
        file = write("mode: shadow\n", "other.yaml")
        configure("strict")
        configure(file)
        assert active() == Policy(mode="shadow")
        [warning] = warnings(caplog)
        assert "preset strict" in warning
        assert str(file) in warning

    def test_the_same_again_is_silent(self, caplog: pytest.LogCaptureFixture) -> None:
        told: list[Policy] = []
        configure("strict")
        on_change(told.append)
        configure({"preset": "strict"})
        set_active(Policy(preset="strict"), "elsewhere")
        assert not told
        assert not caplog.records

    def test_overrides_alone_change_what_was_chosen(self, caplog: pytest.LogCaptureFixture) -> None:
        configure("strict")
        configure(mode="shadow", detectors_pii_input="warn")
        assert (active().preset, active().mode, active().detectors["pii"].input) == ("strict", "shadow", "warn")
        assert active_source() == "preset strict"
        assert not caplog.records

    def test_overrides_alone_change_what_is_found(self, write: Write) -> None:
        write("preset: strict\n")
        configure(mode="shadow")
        assert (active().preset, active().mode) == ("strict", "shadow")

    def test_a_file_in_the_working_directory_does_not_weaken_it(self, write: Write) -> None:
        configure("strict")
        write("preset: observe\nmode: off\n")
        configure(stream="buffer")
        assert (active().preset, active().mode, active().stream) == ("strict", "enforce", "buffer")

    def test_the_environment_has_the_last_word(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HARDENED_MODE", "off")
        assert configure("strict", mode="enforce").mode == "off"

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
        before = configure("strict")
        with pytest.raises(PolicyError):
            configure(policy, **overrides)
        assert active() is before
        assert active_source() == "preset strict"


class TestBroken:
    def test_a_safe_policy_stands_in_and_is_told_once(self, write: Write, caplog: pytest.LogCaptureFixture) -> None:
        write("preset: strict\nmodus: off\n")
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
        configure("strict")
        stop()
        stop()
        configure("observe")
        assert told == ["strict"]

    def test_one_that_fails_does_not_keep_the_others_uninformed(self, caplog: pytest.LogCaptureFixture) -> None:
        told: list[Policy] = []

        def fails(_: Policy) -> None:
            raise RuntimeError("a-" + "private-value")

        on_change(fails)
        on_change(told.append)
        configure("strict")
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
    os._exit(0 if module.configure("strict").preset == "strict" else 3)
status = os.waitpid(child, 0)[1]
done.set()
raise SystemExit(status)
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", script], cwd=tmp_path, check=False, timeout=60)
    assert done.returncode == 0
