"""The fixture for users' own tests."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest_plugins = ["pytester"]


def test_an_application_is_tested_against_faults(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    pytester.makepyfile("""
        import openai
        import pytest

        def answer():
            client = openai.OpenAI(max_retries=0)
            return client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hi"}])

        def test_good(hardened_provider):
            hardened_provider.reply(text="Hello")
            assert answer().choices[0].message.content == "Hello"

        def test_bad(hardened_provider):
            hardened_provider.reply(fault="unavailable")
            with pytest.raises(openai.InternalServerError):
                answer()
            assert [attempt.fault for attempt in hardened_provider.attempts] == ["unavailable"]
    """)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    result = pytester.runpytest_subprocess("-p", "hardened.pytest_plugin")
    result.assert_outcomes(passed=2)


def test_unused_it_imports_nothing() -> None:
    code = "import sys, pytest; had = set(sys.modules); import hardened.pytest_plugin; print(*set(sys.modules) - had)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) <= {"hardened", "hardened.version", "hardened.pytest_plugin"}
