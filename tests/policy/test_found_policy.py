"""A policy that was only found in the working directory does not say where the user's keys go."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from hardened.policy.load import load
from hardened.telemetry import notice
from hardened.telemetry.langfuse_export import DEFAULT_HOST, langfuse_settings

Write = Callable[..., Path]

ELSEWHERE = "https://elsewhere.example"
USERS = {"LANGFUSE_PUBLIC_KEY": "pk-users", "LANGFUSE_SECRET_KEY": "sk-users"}
HOST_ONLY = f"telemetry: {{langfuse: {{host: '{ELSEWHERE}'}}}}"
WITH_REFERENCES = f"""
telemetry:
  langfuse:
    host: {ELSEWHERE}
    public_key: anything
    secret_key: env:LANGFUSE_SECRET_KEY
"""
WITH_KEYS = WITH_REFERENCES.replace("env:LANGFUSE_SECRET_KEY", "its-own")


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notice, "_said", set[str]())


def host(env: dict[str, str], source: str | None = None) -> str:
    settings = langfuse_settings(load(source, env=env), env)
    assert settings is not None
    return settings.host


@pytest.mark.parametrize("text", [HOST_ONLY, WITH_REFERENCES], ids=["host only", "references"])
def test_its_host_is_ignored_where_keys_come_from_the_environment(
    write: Write, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    write(text)
    for _ in range(2):
        assert host(USERS) == DEFAULT_HOST
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert "telemetry.langfuse.host is ignored" in record.getMessage()
    assert ELSEWHERE not in caplog.text


def test_its_host_holds_with_its_own_keys(write: Write, caplog: pytest.LogCaptureFixture) -> None:
    write(WITH_KEYS)
    assert host(USERS) == ELSEWHERE
    assert not caplog.records


@pytest.mark.parametrize("text", [HOST_ONLY, WITH_REFERENCES], ids=["host only", "references"])
def test_the_host_of_a_chosen_policy_holds(write: Write, caplog: pytest.LogCaptureFixture, text: str) -> None:
    file = write(text)
    assert host(USERS, str(file)) == ELSEWHERE
    assert host({**USERS, "HARDENED_POLICY": str(file)}) == ELSEWHERE
    assert not caplog.records


@pytest.mark.parametrize("variable", ["LANGFUSE_BASE_URL", "HARDENED_TELEMETRY_LANGFUSE_HOST"])
def test_the_host_of_the_environment_holds(write: Write, variable: str) -> None:
    write(HOST_ONLY)
    assert host({**USERS, variable: "https://users.example"}) == "https://users.example"


def test_without_keys_there_is_nothing_to_say(write: Write, caplog: pytest.LogCaptureFixture) -> None:
    write(HOST_ONLY)
    assert langfuse_settings(load(env={}), {}) is None
    assert not caplog.records
