"""Redaction within JSON: strings and numbers are judged decoded, and JSON stays JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from guard_detectors import Failing, Whole, guards
from hypothesis import given, settings
from hypothesis import strategies as st

from hardened.guards.plan import Rule
from hardened.guards.redaction import FAILED
from hardened_detectors.api import Finding

JUDGE = guards({Whole("mail", r"\w+@\w+"): "redact", Whole("long", r"-?\d{6,}"): "redact"})


def redacted(text: str) -> str:
    return JUDGE.check_json(text, "tool_call").text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"to": "jane@mail now", "n": 1}', '{"to": "[MAIL_FOUND] now", "n": 1}'),
        ('{"to": "jane\\u0040mail"}', '{"to": "[MAIL_FOUND]"}'),
        ('{"a": "\\n\\ud83d\\ude42 jane@mail\\t\\"é"}', '{"a": "\\n\\ud83d\\ude42 [MAIL_FOUND]\\t\\"é"}'),
        ('{"card": 12345678, "small": 12}', '{"card": "[LONG_FOUND]", "small": 12}'),
        ("[-1234567, 1.5e3, 7654321]", '["[LONG_FOUND]", 1.5e3, "[LONG_FOUND]"]'),
        ('{"jane@mail": {"x@y" : ["p@q"]}}', '{"[MAIL_FOUND]": {"[MAIL_FOUND]" : ["[MAIL_FOUND]"]}}'),
        ('"jane@mail"', '"[MAIL_FOUND]"'),
        ("12345678", '"[LONG_FOUND]"'),
        (
            '{ "kept":\n 1.0, "kept": [true, null, 1e400] , "to": "a@b"}',
            '{ "kept":\n 1.0, "kept": [true, null, 1e400] , "to": "[MAIL_FOUND]"}',
        ),
        ("", ""),
        ("{}", "{}"),
        ('{"cut": "jane@mail', '{"cut": "[MAIL_FOUND]'),
    ],
)
def test_only_what_was_found_changes(text: str, expected: str) -> None:
    assert redacted(text) == expected


def test_findings_are_positions_in_the_json_text() -> None:
    text = '{"a": "\\u00e9 jane\\u0040mail!"}'
    (decision,) = JUDGE.check_json(text, "tool_call").decisions
    assert [text[found.start : found.end] for found in decision.findings] == ["jane\\u0040mail"]


def test_a_name_helps_to_see_what_its_value_is_and_stays() -> None:
    judge = guards({Whole("ssn", r"ssn: \d+"): "redact"})
    assert judge.check_json('{"ssn": "123", "n": "123"}', "input").text == '{"ssn": "[SSN_FOUND]", "n": "123"}'


def test_a_finding_over_several_strings_is_taken_out_of_each() -> None:
    judge = guards({Whole("block", r"(?s)BEGIN.*END"): "redact"})
    assert judge.check_json('["a BEGIN", 5, "x", "END b"]', "input").text == (
        '["a [BLOCK_FOUND]", "[BLOCK_FOUND]", "[BLOCK_FOUND]", "[BLOCK_FOUND] b"]'
    )


def test_a_verdict_on_the_whole_of_an_empty_document_counts() -> None:
    class Always(Whole):
        def detect(self, text: str) -> list[Finding]:
            return [Finding(self.name, "always", 0, len(text))]

    assert not guards({Always("always", ""): "block"}).check_json("{}", "tool_call").ok
    assert guards({Always("always", ""): "redact"}).check_json("[true]", "tool_call").text == "[true]"


def test_every_one_of_many_findings_is_taken_out() -> None:
    text = json.dumps({"list": ["a@b"] * 5000, "text": "a@b \n" * 5000})
    assert "@" not in redacted(text)


def test_too_deep_or_too_large_for_the_parser_is_judged_as_text() -> None:
    for text in ("[" * 200_000 + '"a@b"', "1" * 5000):
        verdict = JUDGE.check_json(text, "input")
        assert verdict.outcome == "redacted"
        assert "a@b" not in verdict.text and "111111" not in verdict.text


def test_arguments_that_could_not_be_judged_are_still_json_of_their_kind() -> None:
    judge = guards({Failing(): Rule("broken", "redact", "closed")})
    assert json.loads(judge.check_json('{"a": 1}', "input").text) == {"redacted": FAILED}
    assert json.loads(judge.check_json('["a"]', "input").text) == FAILED
    assert judge.check_json("no json", "input").text == FAILED


leaves: st.SearchStrategy[Any] = (
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["a@b", "x a@b\n", '"q" a@b \\', "é a@b 🙂", "\u2028"])
    | st.text(max_size=8)
)
documents = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["k", "a@b", "é\n"]), inner, max_size=3)
    ),
)


def expected(value: Any) -> Any:
    """The redaction of parsed JSON, leaf by leaf."""
    if isinstance(value, dict):
        return {expected(key): expected(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [expected(inner) for inner in value]
    if isinstance(value, str):
        return JUDGE.check(value, "output").text
    if isinstance(value, int | float) and not isinstance(value, bool):
        written = json.dumps(value)
        redaction = JUDGE.check(written, "output")
        return "[LONG_FOUND]" if redaction.outcome == "redacted" else value
    return value


@settings(max_examples=200)
@given(documents, st.booleans(), st.sampled_from([None, 2]))
def test_json_stays_json_and_is_redacted_leaf_by_leaf(document: Any, ascii_only: bool, indent: int | None) -> None:
    text = json.dumps(document, ensure_ascii=ascii_only, indent=indent)
    assert json.loads(JUDGE.check_json(text, "output").text) == expected(document)
