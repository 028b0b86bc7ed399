"""What is replaced in one value, what is left alone, and what happens if it cannot be judged."""

from __future__ import annotations

import copy
import json
import threading
import time
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scrub_canaries import CANARIES, DISGUISES, Payload, examples, leaks

from hardened.telemetry.scrub import Scrubber, default_scan
from hardened.telemetry.scrub.values import MAX_NESTING
from hardened_detectors import registry
from hardened_detectors.api import Finding

EMAIL = CANARIES["email"]


def no_findings(_text: str) -> Sequence[Finding]:
    return ()


def word_detector(*words: str, detector: str = "secrets") -> Any:
    """Finds these words."""

    def scan(text: str) -> list[Finding]:
        return [
            Finding(detector, word, at, at + len(word))
            for word in words
            for at in range(len(text))
            if text.startswith(word, at)
        ]

    return scan


@pytest.mark.parametrize("disguise", sorted(DISGUISES))
@pytest.mark.parametrize("canary", sorted(CANARIES))
def test_every_canary_in_every_disguise(scrubber: Scrubber, canary: str, disguise: str) -> None:
    payload = Payload.of(canary, disguise)
    assert leaks(payload.canary, payload.text)  # the test can see it
    for key in (None, "note"):
        new = scrubber.text(payload.text, key)
        assert leaks(payload.canary, new) == []
        assert scrubber.text(new, key) is new
        assert Scrubber().text(new, key) == new  # also in another process, which remembers nothing
        assert not disguise.startswith("json") or json.loads(new)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=30)
    | st.sampled_from(sorted(CANARIES.values())),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@examples(150)
@given(value=json_values, ascii_only=st.booleans(), indent=st.sampled_from([None, 2]))
def test_json_stays_json_and_what_is_benign_stays(
    scrubber: Scrubber, value: Any, ascii_only: bool, indent: int | None
) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    new = scrubber.text(text)
    assert scrubber.text(new) == new
    if isinstance(value, dict | list):
        json.loads(new)
    assert not any(canary in new for canary in CANARIES.values())
    direct = scrubber.value(value)
    assert scrubber.value(direct) == direct
    if direct is value and isinstance(value, dict | list):
        assert new is text


@examples(150)
@given(value=json_values)
def test_nothing_that_is_given_is_changed(scrubber: Scrubber, value: Any) -> None:
    before = copy.deepcopy(value)
    scrubber.value(value)
    assert value == before


def test_only_what_is_private_changes_in_json(scrubber: Scrubber) -> None:
    text = '{ "a":1.50,\n "mail" : "%s", "dup":1, "dup":"grün", "big":1e400, "esc":"\\u00fc\\/" }'
    assert scrubber.text(text % EMAIL) == text % "[EMAIL]"


def test_of_two_equal_keys_both_are_judged(scrubber: Scrubber) -> None:
    assert EMAIL not in scrubber.text(f'{{"a": "{EMAIL}", "a": "x"}}')


def test_numbers(scrubber: Scrubber) -> None:
    assert scrubber.text('{"n": 4111111111111111, "m": 41}') == '{"n": "[CREDIT_CARD]", "m": 41}'
    assert scrubber.value(4111111111111111) == "[CREDIT_CARD]"
    assert scrubber.value(1_795_257_739_657_547_585) == 1_795_257_739_657_547_585  # a time in nanoseconds
    assert scrubber.value(True) is True and scrubber.value(1.5) == 1.5 and scrubber.value(None) is None


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("http.request.header.authorization", ("Custom abc",), ("[REDACTED]",)),
        ("http.request.header.x-api-key", "abc", "[REDACTED]"),
        ("openai_api_key", "abc", "[REDACTED]"),
        ("clientSecret", "abc", "[REDACTED]"),
        ("DB_PASSWORD", b"abc", "[REDACTED]"),
        ("refresh-token", 123, "[REDACTED]"),
        ("credentials", {"user": "x"}, "[REDACTED]"),
        ("credentials", {}, {}),
        ("password", "", ""),
        ("secret", True, True),
        ("gen_ai.usage.input_tokens", 12, 12),
        ("gen_ai.token.type", "input", "input"),
        ("max_tokens", 4096, 4096),
        ("token_count", "17", "17"),
        ("password.length", 8, 8),
        ("keyboard", "qwerty", "qwerty"),
    ],
)
def test_sensitive_keys(key: str, value: Any, expected: Any) -> None:
    scrubber = Scrubber(no_findings)
    assert scrubber.mapping({key: value}) == {key: expected}
    if not isinstance(value, bytes):
        text = json.dumps({"outer": [{key: value}]})
        hidden = "[REDACTED]" if expected == ("[REDACTED]",) else expected
        assert json.loads(scrubber.text(text)) == {"outer": [{key: hidden}]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://user:p@ss@host.example/a", "https://host.example/a"),
        ("x postgresql://app:pw@db:5432/name y", "x postgresql://db:5432/name y"),
        ('"https:\\/\\/user:pw@host.example\\/a', '"https:\\/\\/host.example\\/a'),
        ("https://host.example/@name/a:b", "https://host.example/@name/a:b"),
        ("https://h.example/cb?code=abc&state=1#access_token=x", "https://h.example/cb?code=[REDACTED]&state=1#access_token=[REDACTED]"),
        ("https://h.example/?sig=a%2Fb&se=2026&x=1", "https://h.example/?sig=[REDACTED]&se=2026&x=1"),
        ("/path?api%5Fkey=abc", "/path?api%5Fkey=[REDACTED]"),
        ("token=abc&page=2", "token=[REDACTED]&page=2"),
        ("https://h.example/?country_code=de&page_key=2", "https://h.example/?country_code=de&page_key=2"),
        ("https://h.example/?X-Amz-Signature=abc&a=1", "https://h.example/?X-Amz-Signature=[REDACTED]&a=1"),
        ("{'api-key': 'a\\'b', 'x': 'y'}", "{'api-key': '[REDACTED]', 'x': 'y'}"),
        ("[('cookie', 'a=b'), ('x', 'y')]", "[('cookie', '[REDACTED]'), ('x', 'y')]"),
        ("['password', 'email']", "['password', 'email']"),
        ('cut off {"password": "hunt', 'cut off {"password": "[REDACTED]'),
        ('x {\\"pwd\\": \\"hunter\\", \\"a\\": \\"b\\"}', 'x {\\"pwd\\": \\"[REDACTED]\\", \\"a\\": \\"b\\"}'),
    ],
)  # fmt: skip
def test_values_by_their_names_in_text(text: str, expected: str) -> None:
    scrubber = Scrubber(no_findings)
    assert scrubber.text(text) == expected
    assert scrubber.text(expected) is expected


def test_identifiers_are_kept_unless_told_otherwise(scrubber: Scrubber) -> None:
    attributes = {"user.id": EMAIL, "enduser.id": EMAIL, "session.id": EMAIL, "hardened.tenant": EMAIL}
    assert scrubber.mapping(attributes) is attributes
    assert set(Scrubber(keep_identifiers=False).mapping(attributes).values()) == {"[EMAIL]"}
    assert scrubber.mapping({"user.email": EMAIL, "user": {"id": EMAIL}}) == {
        "user.email": "[EMAIL]",
        "user": {"id": "[EMAIL]"},
    }


@pytest.mark.parametrize("key", ["user.id", "gen_ai.request.model", "gen_ai.response.id", "service.name"])
def test_credentials_are_removed_everywhere(scrubber: Scrubber, key: str) -> None:
    assert scrubber.mapping({key: CANARIES["openai"]}) == {key: "[OPENAI_API_KEY]"}


def test_personal_data_is_looked_for_in_the_route() -> None:
    """It is made from the path of a URL, which holds what the application put there."""
    scan = word_detector("4155550100", detector="pii")
    assert Scrubber(scan).mapping({"hardened.route": "4155550100"}) == {"hardened.route": "[4155550100]"}


def test_personal_data_is_not_looked_for_under_public_keys() -> None:
    scan = word_detector("4155550100", detector="pii")
    assert Scrubber(scan).mapping({"gen_ai.response.id": "4155550100"}) == {"gen_ai.response.id": "4155550100"}
    assert Scrubber(scan).mapping({"ticket": "4155550100"}) == {"ticket": "[4155550100]"}
    assert Scrubber(scan, public_keys=["Ticket"]).mapping({"ticket": "4155550100"}) == {"ticket": "4155550100"}


def test_own_sensitive_keys() -> None:
    assert Scrubber(no_findings, sensitive_keys=["Diagnosis"]).mapping({"diagnosis": "flu"}) == {
        "diagnosis": "[REDACTED]"
    }


def test_a_short_value_is_read_with_its_key() -> None:
    seen: list[str] = []

    def scan(text: str) -> Sequence[Finding]:
        seen.append(text)
        return [Finding("pii", "us_ssn", 0, len(text))] if text.startswith("ssn: ") else []

    scrubber = Scrubber(scan)
    assert scrubber.mapping({"ssn": "078051120"}) == {"ssn": "[US_SSN]"}
    assert scrubber.mapping({"build": "078051120"}) == {"build": "078051120"}
    assert "ssn: 078051120" in seen


def test_keys_that_become_equal_stay_apart() -> None:
    scrubber = Scrubber(word_detector("alice1", "bob12"))
    attributes = scrubber.mapping({"alice1": 1, "alice1 ": 2})
    assert list(attributes.values()) == [1, 2] and "alice1" not in str(attributes)
    same = Scrubber(lambda text: [Finding("pii", "x", 0, len(text))] if "@" in text else [])
    assert same.mapping({"a@b": 1, "c@d": 2}) == {"[X]": 1, "[X] 2": 2}


def broken(_text: str) -> Sequence[Finding]:
    raise RuntimeError(f"the message holds {EMAIL}")


def late(_text: str) -> Sequence[Finding]:
    raise TimeoutError


@pytest.mark.parametrize("scan", [broken, late])
def test_a_text_that_cannot_be_judged_does_not_leave(scan: Any, caplog: pytest.LogCaptureFixture) -> None:
    scrubber = Scrubber(scan)
    assert scrubber.text("value 12345") == "[SCRUB_FAILED len=11]"
    assert scrubber.value({"a": "value 12345", "n": 1}) == {"a": "[SCRUB_FAILED len=11]", "n": 1}
    assert scrubber.stats.failed >= 2 and EMAIL not in caplog.text
    assert scrubber.text("[SCRUB_FAILED len=11]") == "[SCRUB_FAILED len=11]"


def test_a_broken_detector_of_the_default_ones_fails_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Breaks:
        name = "secrets"

        def detect(self, text: str) -> Sequence[Finding]:
            if text.startswith("value"):
                raise RuntimeError(text)
            return []

    monkeypatch.setattr(registry, "create", lambda name, **_options: Breaks())
    monkeypatch.setattr(default_scan, "_scan", None)
    assert Scrubber().text("value 12345") == "[SCRUB_FAILED len=11]"
    assert Scrubber().text("other 12345") == "other 12345"


def test_detectors_that_cannot_be_loaded_fail_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_such(name: str, **_options: object) -> None:
        raise LookupError(name)

    monkeypatch.setattr(registry, "create", no_such)
    monkeypatch.setattr(default_scan, "_scan", None)
    assert Scrubber().text("value 12345") == "[SCRUB_FAILED len=11]"


def test_too_long_too_deep_or_never_stable(scrubber: Scrubber) -> None:
    small = Scrubber(no_findings, max_chars=100)
    assert small.text("1" * 101) == "[SCRUB_FAILED len=101]" and small.text("1" * 100) == "1" * 100

    nested = EMAIL
    for _ in range(MAX_NESTING):
        nested = json.dumps({"a": nested})
    assert "[EMAIL]" in scrubber.text(nested)
    deeper = scrubber.text(json.dumps({"a": nested}))
    assert "SCRUB_FAILED" in deeper and EMAIL not in deeper and json.loads(deeper)

    assert scrubber.text("[" * 100_000).startswith("[SCRUB_FAILED") or scrubber.text("[" * 100_000) == "[" * 100_000
    assert scrubber.text("[" * 100_000 + "]" * 100_000) == "[SCRUB_FAILED len=200000]"
    growing = Scrubber(lambda text: [Finding("pii", "x", 0, 1)])
    assert growing.text("abc 123").startswith("[SCRUB_FAILED")

    self_containing: list[Any] = []
    self_containing.append(self_containing)
    assert "SCRUB_FAILED" in repr(scrubber.value(self_containing))


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError(EMAIL)


def test_objects_of_other_types(scrubber: Scrubber) -> None:
    assert scrubber.value(Unprintable()) == "[SCRUB_FAILED len=0]"
    assert scrubber.value(ValueError(f"for {EMAIL}")) == "for [EMAIL]"
    assert scrubber.value(bytearray(EMAIL.encode())) == b"[EMAIL]"
    assert scrubber.value(b"\xff\xfe" + EMAIL.encode()) == b"\xff\xfe[EMAIL]"
    image = bytes(range(256)) * 4
    assert scrubber.value(image) is image
    assert scrubber.value(EMAIL.encode("utf-16-le")) == b"[REDACTED]"
    assert scrubber.text("lone \ud800 surrogate 123") == "lone \ud800 surrogate 123"


def test_a_text_is_scanned_once() -> None:
    scanned: list[str] = []

    def scan(text: str) -> Sequence[Finding]:
        scanned.append(text)
        return ()

    scrubber = Scrubber(scan)
    for text in ("order 12345", "long text number 1 " * 20):
        for _ in range(3):
            assert scrubber.text(text) is text
    for text in ("gpt", "chat", "tool_calls", "Hello, world!"):
        scrubber.text(text)
    assert len(scanned) == 2


def test_what_is_private_is_not_remembered() -> None:
    scrubber = Scrubber(word_detector("hunter22"))
    for _ in range(2):
        assert scrubber.text("it is hunter22 indeed") == "it is [HUNTER22] indeed"
    remembered = {str(mark) for mark in scrubber._clean.new | scrubber._clean_of_secrets.new}
    assert remembered and not any("hunter22" in mark for mark in remembered)


def test_what_the_guards_have_judged_is_not_scanned_again() -> None:
    scrubber = Scrubber(broken, known_clean=lambda text: text == "judged text 1")
    assert scrubber.text(json.dumps({"content": "judged text 1"})) == '{"content": "judged text 1"}'
    assert "SCRUB_FAILED" in scrubber.text(json.dumps({"content": "other text 1"}))


HOSTILE = [
    *("\\" * 60_000 + "'", '{"a": "' + "\\\\" * 30_000, "b\\" * 30_000 + "'", "([" * 30_000, "[A]" * 20_000 + "x"),
    *(":/" * 30_000 + "@", "://a@" * 12_000, "?" * 60_000 + "=", "?" + "k" * 60_000 + "=", "?a=" * 20_000),
    *("'a':'" * 12_000, "\\'token\\':\\'" * 5000, ("'" + "k" * 64) * 900, "[" * 60_000, " " * 60_000 + "{"),
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:8]))
def test_hostile_texts_take_linear_time(text: str) -> None:
    scrubber = Scrubber(no_findings)
    before = time.process_time()
    scrubber.text(text)
    assert time.process_time() - before < 5  # seconds; it takes some hundredths, and would take half a minute


def test_threads() -> None:
    scrubber = Scrubber()
    wrong: list[str] = []

    def work(number: int) -> None:
        for turn in range(100):
            text = json.dumps({"n": f"{number}-{turn % 7} to {EMAIL}"})
            if (new := scrubber.text(text)) != json.dumps({"n": f"{number}-{turn % 7} to [EMAIL]"}):
                wrong.append(new)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_benign_text_is_left_alone(scrubber: Scrubber) -> None:
    for text in (
        "gpt-5-mini-2026-03-14",
        "chatcmpl-9aBcDeFgHiJkLmNoPqRsTuVwXyZ012",
        "Order 66 was shipped on Monday; the total is 12.50 EUR.",
        "The `key=value` syntax; see https://docs.example/page?page=2#top",
        "input:pii:redact:redacted:email",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "[EMAIL] and [REDACTED]",
        "",
    ):
        assert scrubber.text(text) is text
