"""A policy that cannot be used: the message says file, line, key and what would be right, and never a value."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardened.errors import PolicyError
from hardened.policy import yaml_file
from hardened.policy.load import load
from hardened.policy.schema import Langfuse, Policy, Telemetry, reveal

Write = Callable[..., Path]


SECRET = "sk-" + "lf-" + "5f2c9d1e-77aa"

# (what is written, the message after the file's name)
BROKEN = [
    ("preset: [balanced", ", line 1: not valid YAML"),
    ("disable: [openai\nmode: off", ", line 2: not valid YAML: expected ',' or ']', but got ':'"),
    ("mode: shadow\n  preset: strict", ", line 2: not valid YAML"),
    ("detectors:\n\tpii: {}", ", line 2: not valid YAML: a tab; indent with spaces"),
    ("mode: shadow\npreset: strict\nmode: off", ", line 3: key 'mode' is given twice; the first is in line 1"),
    ("detectors:\n  pii: {input: warn}\n  pii: {}", ", line 3: key 'pii' is given twice; the first is in line 2"),
    ("preset: balanced\n\nmodus: shadow", ", line 3: unknown key 'modus'; did you mean 'mode'?"),
    (
        "detectors:\n  pii:\n    inptu: redact",
        ", line 3: unknown key 'inptu' in detectors.pii; did you mean 'input'?",
    ),
    ("telemetry:\n  file:\n    pth: x", ", line 3: unknown key 'pth' in telemetry.file; did you mean 'path'?"),
    ("qqqqqq: 1", ", line 1: unknown key 'qqqqqq'; known are preset, mode, "),
    ("budgets:\n  session: 5 USD", ", line 2: unknown key 'session' in budgets; known are request, run, conversation"),
    (
        "budgets: {request: {day: 5 USD}}",
        ", line 1: unknown key 'day' in budgets.request; known are usd, tokens, requests",
    ),
    ("budgets: {global: {day: 50}}", ", line 1: budgets.global.day: expected an amount with its unit, such as 50 USD"),
    (
        "budgets: {user: 5 USD}",
        ", line 1: budgets.user: expected a mapping (`key: value` lines) with any of minute, hour, day",
    ),
    (
        "resilience: {breaker: off}",
        ", line 1: resilience.breaker: expected a mapping (`key: value` lines) with any of enabled,",
    ),
    ("targets: {a: {provder: openai}}", ", line 1: unknown key 'provder' in targets.a; did you mean 'provider'?"),
    ("targets: {a: {static: ''}}", ", line 1: targets.a.static: must not be empty"),
    (
        "targets: {a: {base_url: llm.example}}",
        ", line 1: targets.a.base_url: expected an address that begins with https:// or http://",
    ),
    (f"store: {{namespace: {'n' * 101}}}", ", line 1: store.namespace: is too long"),
    (
        "telemetry:\n  langfuse: {secret_key: 'env:AWS_SECRET_ACCESS_KEY'}",
        ", line 2: telemetry.langfuse.secret_key: `env:` may name only variables that begin with LANGFUSE_",
    ),
    (
        "telemetry:\n  langfuse: {public_key: 'env:OPENAI_API_KEY'}",
        ", line 2: telemetry.langfuse.public_key: `env:` may name only variables that begin with LANGFUSE_",
    ),
    ("mode: shadwo", ", line 1: mode: expected enforce, shadow or off"),
    ("\npreset: Strict", ", line 2: preset: expected observe, balanced or strict"),
    ("stream: segment", ", line 1: stream: expected incremental, buffer or observe"),
    ("detectors: {pii: {input: ask}}", ", line 1: detectors.pii.input: expected allow, warn, redact or block"),
    ("telemetry:\n  otlp: {enabled: perhaps}", ", line 2: telemetry.otlp.enabled: expected auto, true or false"),
    ("telemetry: {metrics: perhaps}", ", line 1: telemetry.metrics: expected true or false"),
    ("detectors: {pii: {timeout_ms: soon}}", ", line 1: detectors.pii.timeout_ms: expected a whole number"),
    ("detectors: {pii: {timeout_ms: 1.5}}", ", line 1: detectors.pii.timeout_ms: expected a whole number"),
    ("detectors: {pii: {timeout_ms: 0}}", ", line 1: detectors.pii.timeout_ms: must be above 0"),
    ("detectors: {pii: {timeout_ms: 3600001}}", ", line 1: detectors.pii.timeout_ms: must be at most 3600000"),
    ("telemetry: {max_content_bytes: 67108865}", ", line 1: telemetry.max_content_bytes: must be at most 67108864"),
    ("telemetry: {file: {max_bytes: 1e13}}", ", line 1: telemetry.file.max_bytes: must be at most 1099511627776"),
    ("telemetry: {file: {retention_days: 36501}}", ", line 1: telemetry.file.retention_days: must be at most 36500"),
    ('telemetry: {file: {path: "a\\0b"}}', ", line 1: telemetry.file.path: does not have the expected form"),
    ("detectors: {pii: {min_score: 1.1}}", ", line 1: detectors.pii.min_score: must be at most 1"),
    ("detectors: {pii: {min_score: -1}}", ", line 1: detectors.pii.min_score: must be at least 0"),
    ("detectors: {pii: {min_score: much}}", ", line 1: detectors.pii.min_score: expected a number"),
    ("detectors: {pii: {options: [email]}}", ", line 1: detectors.pii.options: expected a mapping"),
    ("detectors: [pii]", ", line 1: detectors: expected a mapping"),
    ("detectors:\n  pii: redact", ", line 2: detectors.pii: expected a mapping"),
    ("telemetry: on", ", line 1: telemetry: expected a mapping"),
    ("disable: openai", ", line 1: disable: expected a list"),
    ("disable:\n- openai\n- 3", ", line 1: disable[1]: expected text"),
    ("telemetry: {langfuse: {release: 1.10}}", ", line 1: telemetry.langfuse.release: expected text; put it in quotes"),
    (
        "telemetry: {langfuse: {host: me}}",
        ", line 1: telemetry.langfuse.host: expected an address that begins with https",
    ),
    ("telemetry: {file: {path: ''}}", ", line 1: telemetry.file.path: must not be empty"),
    ("prices:\n  gpt-4*: {input: 1}", ", line 2: prices.gpt-4*.output: is missing"),
    ("prices: {m: {input: 1, output: -1}}", ", line 1: prices.m.output: must be at least 0"),
    ("prices: {m: {input: 1, output: 1e999}}", ", line 1: prices.m.output: expected a finite number"),
    (
        "detectors: {pii: {operator: psuedonym}}",
        ", line 1: detectors.pii.operator: expected replace, redact, mask, hash, encrypt or pseudonym",
    ),
    ("detectors:\n  pii:\n    operators: {email: hsh}", ", line 3: detectors.pii.operators.email: expected replace, "),
    (
        "detectors:\n  pii:\n    operators:\n      email: {maks: {}}",
        ", line 4: detectors.pii.operators.email.mask: is missing",
    ),
    (
        "detectors: {pii: {operator: {mask: {keep_lst: 4}}}}",
        ", line 1: unknown key 'keep_lst' in detectors.pii.operator.mask; did you mean 'keep_last'?",
    ),
    (
        "detectors: {pii: {operator: {mask: {keep_last: -1}}}}",
        ", line 1: detectors.pii.operator.mask.keep_last: must be",
    ),
    ("detectors: {pii: {operator: {mask: {char: '[['}}}}", ", line 1: detectors.pii.operator.mask.char: does not have"),
    ("redaction: {key: 'env:AWS_SECRET_ACCESS_KEY'}", ", line 1: redaction.key: `env:` may name only variables"),
    ("redaction: {pseudonyms: {ttl_minutes: 0}}", ", line 1: redaction.pseudonyms.ttl_minutes: must be above 0"),
    ("redaction: {pseudonym: {}}", ", line 1: unknown key 'pseudonym' in redaction; did you mean 'pseudonyms'?"),
    ("- preset", ", line 1: expected a mapping"),
    ("strict", ", line 1: expected a mapping"),
    ("mode: !!python/object/apply:os.getcwd []", ", line 1: tags (`!…`) are not allowed"),
    ("mode: !env HOME", ", line 1: tags (`!…`) are not allowed"),
    ("detectors: !!set {pii}", ", line 1: tags (`!…`) are not allowed"),
    ("mode: !!int word", ", line 1: the value does not fit its tag"),
    ("a: &x {}\nb: *x", ", line 2: not valid YAML: aliases are not allowed"),
    ("a: *nothing", ", line 1: not valid YAML: aliases are not allowed"),
    ("? [a]\n: 1", ", line 1: a key must be a word"),
    ("mode: shadow\n---\nmode: off", ", line 2: not valid YAML"),
    ("mode: sha\x07dow", ", line 1: a control character"),
    ("a: " + "[" * 5000, ": nested too deeply"),
]


@pytest.mark.parametrize(("text", "message"), BROKEN, ids=[message[:60] for _, message in BROKEN])
def test_it_says_where_and_what(write: Write, text: str, message: str) -> None:
    file = write(text)
    with pytest.raises(PolicyError) as caught:
        load(file, env={})
    assert str(caught.value).startswith(f"{file}{message}")


def test_several_mistakes_are_told_at_once(write: Write) -> None:
    file = write("mode: a\nstream: b\n" + "".join(f"unknown{'x' * n}: 1\n" for n in range(12)))
    with pytest.raises(PolicyError) as caught:
        load(file, env={})
    lines = str(caught.value).splitlines()
    assert len(lines) == 11
    assert lines[0].endswith("mode: expected enforce, shadow or off")
    assert lines[-1] == "and 4 more"


class TestFiles:
    def test_missing(self) -> None:
        with pytest.raises(PolicyError, match=r"^missing\.yaml: there is no such file$"):
            load("missing.yaml", env={})

    def test_neither_file_nor_preset(self) -> None:
        with pytest.raises(PolicyError, match=r"policy: neither a file nor a preset \(.*\); did you mean 'strict'\?"):
            load("strickt", env={})
        with pytest.raises(PolicyError, match="environment variable HARDENED_POLICY: neither a file nor a preset"):
            load(env={"HARDENED_POLICY": "nothing-like-it"})

    def test_directory(self, tmp_path: Path) -> None:
        (tmp_path / "hardened.yaml").mkdir()
        with pytest.raises(PolicyError, match=r"hardened\.yaml: is a directory"):
            load(env={})

    @pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
    def test_unreadable(self, write: Write) -> None:
        file = write("mode: shadow")
        file.chmod(0)
        with pytest.raises(PolicyError, match="cannot be read: Permission denied"):
            load(file, env={})

    def test_unreadable_says_why(self, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
        def denied(*_: Any, **__: Any) -> Any:
            raise PermissionError(13, "Permission denied")

        file = write("mode: shadow")
        monkeypatch.setattr(Path, "open", denied)
        with pytest.raises(PolicyError, match=r"hardened\.yaml: cannot be read: Permission denied$"):
            load(file, env={})

    def test_not_a_regular_file(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe.yaml")
        with pytest.raises(PolicyError, match="is not a regular file"):
            load(tmp_path / "pipe.yaml", env={})

    def test_huge(self, write: Write) -> None:
        file = write("# " + "x" * yaml_file.MAX_BYTES)
        with pytest.raises(PolicyError, match="is larger than 1048576 bytes"):
            load(file, env={})

    @pytest.mark.parametrize("raw", [b"mode: shadow\nservice_name: caf\xe9\n", "mode: shadow\n".encode("utf-16")])
    def test_not_utf_8(self, tmp_path: Path, raw: bytes) -> None:
        (tmp_path / "hardened.yaml").write_bytes(raw)
        with pytest.raises(PolicyError, match=r"line \d: is not UTF-8 text"):
            load(env={})

    def test_a_link_to_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "hardened.yaml").symlink_to(tmp_path / "gone.yaml")
        with pytest.raises(PolicyError, match=r"hardened\.yaml: there is no such file"):
            load(env={})

    @pytest.mark.parametrize("path", [Path("a\0.yaml"), Path("x" * 5000 + ".yaml")], ids=["null", "long"])
    def test_a_name_that_no_file_can_have(self, path: Path) -> None:
        with pytest.raises(PolicyError, match=r"cannot be read|not the text of a policy"):
            load(path, env={})

    @pytest.mark.parametrize("text", [f"mode: {SECRET}", f"mode:\n  {SECRET}", SECRET * 100])
    def test_a_policy_is_not_taken_for_a_name(self, text: str) -> None:
        with pytest.raises(PolicyError, match="not the text of a policy") as caught:
            load(text, env={})
        assert SECRET not in str(caught.value)


# A secret in every place where a hand can slip.
SLIPS = [
    f"telemetry: {{langfuse: {{secret_key:{SECRET}}}}}",
    f"telemetry:\n  langfuse:\n    secret_key:{SECRET}",
    f"telemetry:\n  langfuse:\n    {SECRET}: secret_key",
    f"telemetry:\n  langfuse: {SECRET}",
    f"telemetry:\n  langfuse:\n    secret_key: [{SECRET}]",
    f"telemetry:\n  langfuse:\n    secret_key: {SECRET}\n    secret_key: {SECRET}",
    f"telemetry:\n  langfuse:\n    {SECRET}: 1\n    {SECRET}: 2",
    f"telemetry:\n  langfuse:\n    host: {SECRET}",
    f"telemetry:\n  langfuse:\n    secret_key: '{SECRET}",
    f"telemetry:\n  langfuse:\n    secret_key: *{SECRET}",
    f"telemetry:\n  langfuse:\n    secret_key: !{SECRET} x",
    f"telemetry:\n  langfuse:\n    secret_key: !{SECRET}!x y",
    f"telemetry:\n  langfuse:\n    secret_key: !!int {SECRET}",
    f"telemetry:\n  langfuse:\n    secret_key: @{SECRET}",
    f"telemetry:\n  langfuse:\n    secret_key: {SECRET}: x",
    f"mode: {SECRET}",
    f"detectors: {{pii: {{timeout_ms: {SECRET}, min_score: {SECRET}, input: {SECRET}}}}}",
    f"{SECRET}: 1",
    SECRET,
    f"[{SECRET}]",
]


class TestSecrets:
    @pytest.mark.parametrize("text", SLIPS)
    def test_no_message_holds_a_value(self, write: Write, text: str) -> None:
        with pytest.raises(PolicyError) as caught:
            load(write(text), env={})
        told = "".join(traceback.format_exception(caught.value))
        assert SECRET not in told
        assert "5f2c9d1e" not in told

    @given(text=st.text(alphabet="ab:{}[]'\"!&*?|>-#%@` \n\t", max_size=30), place=st.integers(0, 30))
    def test_whatever_stands_around_it(self, text: str, place: int) -> None:
        written = text[:place] + SECRET + text[place:]
        try:
            load(yaml_file.parse(written, "file")[0], env={})
        except PolicyError as error:
            assert "5f2c9d1e" not in "".join(traceback.format_exception(error))

    def test_no_representation_holds_the_key(self) -> None:
        policy = load({"telemetry": {"langfuse": {"secret_key": SECRET}}}, env={})
        for shown in (repr(policy), str(policy), policy.model_dump_json(), repr(policy.model_dump())):
            assert SECRET not in shown

    def test_variables_and_objects_are_as_silent(self) -> None:
        attempts: list[Any] = [
            lambda: load(env={"HARDENED_MODE": SECRET}),
            lambda: load({"mode": SECRET}, env={}),
            lambda: load({SECRET: "mode"}, env={}),
            lambda: load(env={"HARDENED_TELEMETRY_LANGFUSE_HOST": SECRET}),
        ]
        for attempt in attempts:
            with pytest.raises(PolicyError) as caught:
                attempt()
            assert SECRET not in "".join(traceback.format_exception(caught.value))

    def test_pydantic_itself_is_as_silent(self) -> None:
        with pytest.raises(ValueError, match="mode") as caught:
            Policy(mode=SECRET)  # type: ignore[arg-type]
        assert SECRET not in str(caught.value)

    def test_a_reference_is_resolved_when_it_is_used(self) -> None:
        policy = Policy(telemetry=Telemetry(langfuse=Langfuse(secret_key="env:LANGFUSE_KEY", public_key="pk")))  # type: ignore[arg-type]
        langfuse = policy.telemetry.langfuse
        assert reveal(langfuse.secret_key, {"LANGFUSE_KEY": SECRET}) == SECRET
        assert reveal(langfuse.secret_key, {}) is None
        assert reveal(langfuse.public_key, {}) == "pk"
        assert reveal(None, {}) is None
