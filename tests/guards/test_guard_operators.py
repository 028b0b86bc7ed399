"""What takes the place of a finding: each operator, with keys and tenants, in prose and in JSON."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hardened
from hardened.errors import PolicyError
from hardened.guards.current import use
from hardened.guards.engine import Guards
from hardened.guards.operators import Redaction, decrypt_all
from hardened.guards.plan import Operator, Plan, Replacement, Rule
from hardened.guards.redaction import Span, label
from hardened.guards.stream import StreamGuard
from hardened.guards.verdict import STAGES
from hardened.telemetry import notice
from hardened.telemetry.scrub import scrub_text

KEY = b"a key of a test, long enough"
MAIL = "jane.doe@example.com"
CATEGORIES = sorted(
    (name, entry.category)
    for name in ("pii", "secrets")
    for entry in import_module(f"hardened_detectors.{name}").ENTRIES
)


def guards(operators: Mapping[str, Mapping[str, Operator]], key: bytes | None = KEY) -> Guards:
    rules = (Rule("secrets", "redact"), Rule("pii", "redact"))
    return Guards(Plan(rules=dict.fromkeys(STAGES, rules), replacement=Replacement(operators, key)))


def of_all(name: Any, **parameters: Any) -> dict[str, dict[str, Operator]]:
    return {detector: {"": Operator(name, **parameters)} for detector in ("pii", "secrets")}


def test_operators_by_detector_and_category() -> None:
    judge = guards({"pii": {"": Operator("redact"), "email": Operator("mask", keep_first=2, keep_last=4, char="#")}})
    secret = "ghp_" + "x7Kp2Lm9Qr4St6Vw8Yz1Ab3Cd5Ef7Gh9Jk2L"
    text = f"{MAIL} 4111 1111 1111 1111 {secret}"
    assert judge.check(text, "input").text == "ja##############.com  [GITHUB_TOKEN]"


def test_json_stays_json_whatever_an_operator_makes() -> None:
    body = json.dumps({"to": f'"{MAIL}"\n', "card": 4111111111111111, MAIL: [MAIL]})
    for name in ("replace", "redact", "mask", "hash", "encrypt", "pseudonym"):
        redacted = json.loads(guards(of_all(name)).check(body, "input").text)
        assert MAIL not in json.dumps(redacted) and isinstance(redacted["card"], str)
    assert json.loads(guards(of_all("redact")).check(body, "input").text) == {"to": '""\n', "card": "", "": [""]}


@given(st.text(min_size=1, max_size=40), st.integers(0, 50), st.integers(0, 50), st.sampled_from(["pii", "secrets"]))
def test_a_mask_never_shows_more_than_half_nor_a_quarter_of_a_credential(
    value: str, first: int, last: int, detector: str
) -> None:
    plan = Replacement(of_all("mask", keep_first=first, keep_last=last, char="\0"))
    masked = Redaction(plan).render("input")(Span(0, len(value), "x", detector), value)
    assert len(masked) == len(value)
    shown = sum(character != "\0" for character in masked)
    assert shown <= min(first + last, len(value) // (4 if detector == "secrets" else 2))


def test_hashes_are_equal_for_equal_values_of_a_tenant_and_key() -> None:
    judge = guards(of_all("hash"))
    text = judge.check(f"{MAIL}, {MAIL}, b@example.com", "input").text
    first, again, other = text.split(", ")
    assert first == again != other
    with hardened.context(tenant="acme"):
        assert (acme := judge.check(MAIL, "input").text) not in (first, other)
    with hardened.context(tenant="globex"):
        assert judge.check(MAIL, "input").text not in (acme, first)
    assert guards(of_all("hash")).check(MAIL, "output").text == first
    assert guards(of_all("hash"), b"another key, long enough").check(MAIL, "input").text != first


def test_a_hash_without_a_key_agrees_within_the_process_and_says_so_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notice, "_said", set[str]())
    with caplog.at_level(logging.WARNING):
        assert guards(of_all("hash"), None).check(MAIL, "input") == guards(of_all("hash"), None).check(MAIL, "input")
    (record,) = caplog.records
    assert "HARDENED_REDACTION_KEY" in record.message and MAIL not in record.message


@settings(max_examples=50)
@given(st.text(max_size=60), st.text(max_size=8))
def test_what_is_encrypted_is_opened_with_the_key_and_for_the_tenant_only(value: str, tenant: str) -> None:
    plan = Replacement(of_all("encrypt"), KEY)
    with hardened.context(tenant=tenant):
        mark = Redaction(plan).render("input")(Span(0, len(value), "email", "pii"), value)
        expected = value.encode("utf-8", "replace").decode()
        assert decrypt_all(f"<{mark.lower()}>", plan) == (f"<{expected}>", 1, 0)
        assert json.loads(decrypt_all(json.dumps([mark]), plan)[0]) == [expected]
        assert decrypt_all(mark, Replacement(key=b"another key, long enough")) == (mark, 0, 1)
    with hardened.context(tenant=tenant + "x"):
        assert decrypt_all(mark, plan) == (mark, 0, 1)


def test_what_was_changed_is_not_opened() -> None:
    plan = Replacement(of_all("encrypt"), KEY)
    mark = guards(of_all("encrypt")).check(MAIL, "input").text
    for at in range(1, len(mark) - 1):
        for other in "AB":
            changed = mark[:at] + (other if mark[at] != other else "C") + mark[at + 1 :]
            assert MAIL not in decrypt_all(changed, plan)[0]
    relabelled = mark.replace("EMAIL", "PHONE")
    assert decrypt_all(relabelled, plan) == (relabelled, 0, 1)


def test_decrypt_uses_the_active_policy(own_guards: None) -> None:
    use(guards(of_all("encrypt")))
    assert hardened.decrypt(hardened.check(f"to {MAIL}").text) == f"to {MAIL}"
    use(guards({}, None))
    with pytest.raises(PolicyError, match="HARDENED_REDACTION_KEY"):
        hardened.decrypt("x")
    with pytest.raises(TypeError, match="not int"):
        hardened.decrypt(3)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["replace", "hash", "encrypt", "pseudonym"])
def test_what_an_operator_makes_is_no_finding_itself(name: str) -> None:
    judge = guards(of_all("replace"))
    render = Redaction(Replacement(of_all(name), KEY)).render("input")
    for detector, category in CATEGORIES:
        for value in ("one", "other" * 9):
            mark = render(Span(0, len(value), category, detector), value)
            assert label(category) in mark
            for text in (mark, f"{category}: {mark}", f'{{"{category}": "{mark}"}}', f"{category}={mark} {mark}"):
                assert judge.check(text, "input").outcome == "passed", (category, name)
            assert scrub_text(f"said {mark} and {mark}") == f"said {mark} and {mark}"


@pytest.mark.parametrize("name", ["redact", "mask", "hash", "pseudonym"])
def test_a_stream_says_what_the_whole_text_says(name: str) -> None:
    judge = guards(of_all(name, **({"keep_last": 4} if name == "mask" else {}))).for_call()
    judge.check(MAIL, "input")
    for text in (f"a {MAIL} b eve@example.com", json.dumps({"a": f"x {MAIL}", "n": [4111111111111111]})):
        whole = judge.check(text, "output").text
        assert MAIL not in whole
        for size in (1, 2, 3, 7):
            field = StreamGuard(judge, "output")
            pieces = [field.feed(text[at : at + size]) for at in range(0, len(text), size)]
            assert "".join([*pieces, field.finish()]) == whole


def test_no_representation_holds_the_key() -> None:
    judge = guards(of_all("encrypt"))
    for shown in (judge.plan, judge.plan.replacement, judge, judge.for_call(), Redaction(judge.plan.replacement)):
        assert "a key of a test" not in repr(shown)
