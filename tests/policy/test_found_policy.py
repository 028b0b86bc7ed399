"""A policy that was only found in the working directory does not say where keys and data of the user go."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hardened.errors import PolicyError
from hardened.policy.load import load
from hardened.policy.schema import Policy
from hardened.telemetry import notice
from hardened.telemetry.langfuse_export import DEFAULT_HOST, langfuse_settings

Write = Callable[..., Path]

REFUSED = {
    "routes": "targets: {a: {provider: openai, base_url: 'https://x.example', api_key: k}}\nroutes: {default: [a]}",
    "store.url": "store: {url: 'redis://x.example/0'}",
    "store.url ": "store: {url: '/home/user/notes'}",
    "store.url  ": "store: {url: ../notes}",
    "store.url   ": "store: {url: ~/notes}",
    "spend.alerts.webhook": "spend: {alerts: {webhook: 'https://x.example/hook'}}",
    "kill.file": "kill: {file: /home/user/notes}",
}
"""Texts of policies, by the setting that is ignored."""

HARMLESS = {
    "routes": "targets: {a: {provider: openai, model: gpt-4o}}\nroutes: {default: [a]}",
    "store.url": "store: {url: env:HARDENED_REDIS}",
    "store.url ": "store: {url: .hardened/own.db}",
    "store.url  ": "store: {url: memory}",
    "spend.alerts.webhook": "spend: {alerts: {webhook: env:HARDENED_HOOK}}",
    "kill.file": "kill: {file: ops/kill}",
}

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


def said(policy: Policy, setting: str) -> Any:
    value: Any = policy
    for step in setting.strip().split("."):
        value = getattr(value, step)
    return value


@pytest.mark.parametrize("setting", REFUSED)
def test_data_goes_nowhere_that_nobody_chose(write: Write, caplog: pytest.LogCaptureFixture, setting: str) -> None:
    file = write(REFUSED[setting] + "\nservice_name: shop")
    found = load(env={})
    assert said(found, setting) == said(Policy(), setting)
    assert found.service_name == "shop"  # all else holds
    [record] = caplog.records
    assert f"{setting.strip()} is ignored" in record.getMessage()
    assert "name it in HARDENED_POLICY or configure()" in record.getMessage()
    assert not any(word in caplog.text for word in ("x.example", "notes"))
    for chosen in (load(str(file), env={}), load(env={"HARDENED_POLICY": str(file)})):
        assert said(chosen, setting) != said(Policy(), setting)
    assert len(caplog.records) == 1


@pytest.mark.parametrize("setting", HARMLESS)
def test_what_stays_or_comes_from_a_variable_holds(
    write: Write, caplog: pytest.LogCaptureFixture, setting: str
) -> None:
    write(HARMLESS[setting])
    assert said(load(env={}), setting) != said(Policy(), setting)
    assert not caplog.records


@pytest.mark.parametrize(
    "text", ["store: 3", "store: {url: [a]}", "kill: {file: 7}", "spend: {alerts: []}", "routes: x"]
)
def test_what_is_wrong_is_reported_as_it_was_said(write: Write, text: str) -> None:
    write(text)
    with pytest.raises(PolicyError, match=r"hardened\.yaml, line 1"):
        load(env={})


def test_a_variable_stands_above_it(write: Write) -> None:
    write(REFUSED["store.url"])
    url = load(env={"HARDENED_STORE_URL": "redis://own.example/0"}).store.url
    assert url is not None
    assert url.get_secret_value() == "redis://own.example/0"
