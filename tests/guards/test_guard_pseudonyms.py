"""There and back again: pseudonyms, the vault that knows them, and their restoration, also piece by piece."""

from __future__ import annotations

import copy
import json
import pickle
import re
import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import hardened
from hardened.guards.current import use
from hardened.guards.engine import Guards
from hardened.guards.plan import Operator, Plan, Replacement, Rule
from hardened.guards.restoration import Restoration, restore
from hardened.guards.vault import Sessions, Vault
from hardened.guards.verdict import STAGES
from hardened_detectors.registry import from_function

VALUE = re.compile(r"<[^<>]+>")


def marked(text: str) -> list[tuple[int, int, str]]:
    """Everything in angle brackets is a value, whatever characters it has; long ones have another category."""
    return [(*match.span(), "us_ssn" if len(match[0]) > 6 else "name") for match in VALUE.finditer(text)]


def guards(**replacement: Any) -> Guards:
    rules = dict.fromkeys(STAGES, (Rule("marked", "redact"),))
    plan = Plan(
        rules=rules, stream="buffer", replacement=Replacement({"marked": {"": Operator("pseudonym")}}, **replacement)
    )
    return Guards(plan, lambda name, stage: from_function(name, marked))


JUDGE = guards()

PIECES = st.sampled_from(
    [
        *("[NAME_1]", "[US_SSN_2]", "NAME_1", "[", "]", "\\", "_", "1", "name", "US", " ", "[Name 1", '"', "\n"),
        *("<a>", "<b\\>", '<"q">', "<\\u00e9>", "<longer one>", "<日本>"),
        *("{", "}", ":", ",", '{"k": "', '"}', "é", "\ud83d"),
    ]
)
TEXTS = st.lists(PIECES | st.text(max_size=3), max_size=14).map("".join)


def there(text: str) -> tuple[str, Vault]:
    judge = JUDGE.for_call()
    judge.expect([text])
    assert judge.vault is not None
    return judge.check(text, "input").text, judge.vault


@given(TEXTS)
@example("[NAME_1] <a>")
@example("Name_1<a>NAME_2")
@example("<a>_1 [<a>] <a>1")
def test_what_was_given_is_given_back(text: str) -> None:
    sent, vault = there(text)
    if JUDGE.check(text, "input").outcome == "redacted" and not text.lstrip().startswith(("{", "[")):
        assert not any(value in sent for value in VALUE.findall(text))
        assert vault.restore(sent) == text


JSON = st.recursive(
    TEXTS | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
).filter(lambda value: isinstance(value, (list, dict)) and value)


@given(JSON, st.booleans())
def test_json_comes_back_as_json(value: Any, ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only)
    judge = JUDGE.for_call()
    judge.expect([text, *strings(value)])
    sent = judge.check(text, "input").text
    assert judge.vault is not None
    assert json.loads(judge.vault.restore(sent)) == value


def strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for key, inner in value.items() for text in (key, *strings(inner))]
    if isinstance(value, list):
        return [text for inner in value for text in strings(inner)]
    return [value] if isinstance(value, str) else []


@given(TEXTS, st.lists(st.integers(1, 9), min_size=1, max_size=30))
@example('{"k": "NAME_1', [1])
@example("[NAME_1", [1])
@example("  [1, 2", [1])
def test_pieces_are_restored_as_the_whole_is(text: str, sizes: list[int]) -> None:
    vault = Vault()
    for value in ('<"\\>', "two\n"):
        vault.give("NAME", value)
        vault.give("US_SSN", value)
    field, out, at, longest = Restoration(vault), "", 0, 0
    for size in sizes * (len(text) // sum(sizes) + 1):
        out += field.feed(text[at : at + size])
        at += size
        longest = max(longest, len(field._held))
    if text.strip() and not text.lstrip().startswith(("{", "[")):
        assert longest < 40 + len(text) - len(text.lstrip())
    assert out + field.finish() == restore(text, vault)


@pytest.mark.parametrize(
    "written",
    [
        *("[EMAIL_1]", "[email_1]", "[Email_1]", "[EMAIL 1]", "[Email-1]", "[EMAIL1]", "[ EMAIL_1 ]"),
        *("EMAIL_1", "Email_1", "\\[EMAIL\\_1\\]", "[EMAIL\\_1]", "EMAIL\\_1"),
    ],
)
@pytest.mark.parametrize(
    "around", ["{}", "a {} b", '"{}"', "`{}`", "**{}**", "({})", "<{}>", "{}.", "{}'s", "{}, {}", "是{}吗"]
)
def test_models_write_it_differently(written: str, around: str) -> None:
    vault = Vault()
    vault.give("EMAIL", "j@x.org")
    assert vault.restore(around.format(written, written)) == around.format("j@x.org", "j@x.org")
    assert json.loads(vault.restore(json.dumps([around.format(written, written)]))) == [
        around.format("j@x.org", "j@x.org")
    ]


@pytest.mark.parametrize(
    "text",
    [
        *("[EMAIL_2]", "[EMAIL_01]", "[EMAIL_1000000]", "email_1", "MY_EMAIL_1", "EMAIL_1a", "EMAIL_12"),
        *("[EMAIL]", "EMAIL 1", "[PHONE_1]", "[EMAIL_1F]", "[EMAIL_ENC_1]", "xEMAIL_1", "[E-MAIL_1]"),
    ],
)
def test_what_was_never_given_stays(text: str) -> None:
    vault = Vault()
    vault.give("EMAIL", "j@x.org")
    assert vault.restore(text) == text


def test_labels_of_several_words() -> None:
    vault = Vault()
    vault.give("US_SSN", "1")
    vault.give("US", "2")
    assert vault.restore("[us ssn 1] US\\_SSN\\_1 US_1 [US-SSN-1] [US_1]") == "1 1 2 1 2"


class TestVault:
    def test_it_shows_nothing_and_stays_where_it_is(self) -> None:
        vault = Vault()
        vault.give("EMAIL", "jane@example.com", secret=True)
        assert repr(vault) == str(vault) == "<Vault of 1 values>"
        assert "jane" not in repr(vault.known("EMAIL", 1))
        actions: list[Callable[[Vault], object]] = [pickle.dumps, copy.copy, copy.deepcopy]
        for action in actions:
            with pytest.raises(TypeError, match="memory"):
                action(vault)

    def test_what_is_too_much_gets_no_pseudonym(self) -> None:
        judge = guards(max_values=2).for_call()
        assert judge.check("<a> <b> <c> <a>", "input").text == "[NAME_1] [NAME_2] [NAME] [NAME_1]"

    def test_threads_get_one_number_for_one_value(self) -> None:
        vault = Vault()
        found: list[list[str | None]] = []

        def give() -> None:
            found.append([vault.give("EMAIL", str(number)) for number in range(300)])

        threads = [threading.Thread(target=give) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(vault) == len(set(found[0])) == 300
        assert all(numbers == found[0] for numbers in found)

    def test_a_text_must_be_text(self) -> None:
        with pytest.raises(TypeError, match="not bytes"):
            Vault().restore(b"[EMAIL_1]")  # type: ignore[arg-type]


class TestSessions:
    def test_they_are_forgotten_some_time_after_their_last_use(self) -> None:
        now = 0.0
        sessions = Sessions(clock=lambda: now)
        first = sessions.vault(("a",), 3600, 9)
        now = 3000.0
        assert sessions.vault(("a",), 3600, 9) is first
        now = 6000.0
        assert sessions.vault(("a",), 3600, 9) is first
        now = 9600.0
        sessions.sweep()
        assert len(sessions) == 0
        assert sessions.vault(("a",), 3600, 9) is not first

    def test_of_too_many_the_one_used_longest_ago_is_forgotten(self) -> None:
        sessions = Sessions(max_sessions=2)
        first, second = sessions.vault(("a",), 60, 9), sessions.vault(("b",), 60, 9)
        assert sessions.vault(("a",), 60, 9) is first
        sessions.vault(("c",), 60, 9)
        assert sessions.vault(("a",), 60, 9) is first
        assert sessions.vault(("b",), 60, 9) is not second

    def test_an_idle_process_forgets_too(self) -> None:
        forgotten = threading.Event()

        class Watched(Sessions):
            def sweep(self) -> None:
                super().sweep()
                if not len(self):
                    forgotten.set()

        Watched().vault(("a",), 0.001, 9)
        assert forgotten.wait(10)


class TestFunctions:
    @pytest.fixture(autouse=True)
    def pseudonymising(self, own_guards: None) -> None:
        use(guards())

    def test_a_call_of_a_guarded_function_is_one_call(self) -> None:
        seen: list[Any] = []

        @hardened.guard(stage="input")
        def ask(question: str, more: list[str]) -> None:
            seen.append((question, more))

        ask("<a> and <b>", more=["<b>", "[NAME_1]"])
        ask("<b>", more=[])
        assert seen == [("[NAME_2] and [NAME_3]", ["[NAME_3]", "[NAME_1]"]), ("[NAME_1]", [])]

    def test_generators_know_the_vault_around_them(self) -> None:
        @hardened.guard(stage="output")
        def answer() -> Any:
            yield from ("<a", "> <z>")

        with hardened.pseudonyms() as vault:
            assert hardened.check("<a>").text == "[NAME_1]"
            assert "".join(answer()) == "[NAME_1] [NAME]"
            assert vault.restore("".join(answer())) == "<a> [NAME]"

    def test_threads_that_are_told_share_it(self) -> None:
        found: list[str] = []
        with hardened.pseudonyms():
            hardened.check("<a>")
            target = hardened.propagate(lambda: found.append(hardened.check("<b>").text))
            thread = threading.Thread(target=target)
            thread.start()
            thread.join()
        assert found == ["[NAME_2]"]

    def test_a_verdict_that_is_known_already_follows_the_call(self) -> None:
        assert hardened.check("<a>").text == "[NAME_1]"
        with hardened.pseudonyms(max_values=1):
            hardened.check("<b>")
            assert hardened.check("<a>").text == "[NAME]"
        assert hardened.check("<a>").text == "[NAME_1]"
