"""Structured output: what a model writes as JSON is judged decoded, stays JSON, and streams as it is checked whole."""

from __future__ import annotations

import json
import random
from itertools import pairwise, product
from typing import Any

import pytest
from guard_detectors import fenced, growing, guards, number_match
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hardened.errors import BlockedError
from hardened.guards.engine import Guards
from hardened.guards.plan import Plan, Rule
from hardened.guards.stream import StreamGuard, repeat
from hardened.guards.verdict import STAGES, Verdict

REDACTING = guards(
    {growing(): "redact", growing("number", number_match): "redact", growing("block", fenced(40)): "redact"}
)
BLOCKING = guards({growing(): "block"})
KEYS_REDACTED = guards({growing(): "redact"})
BUILT_IN = Guards(
    Plan(rules=dict.fromkeys(STAGES, (Rule("secrets", "redact", "closed"), Rule("pii", "redact", "closed"))))
)

_random = random.Random(5)


def made_up(length: int) -> str:
    return "".join(_random.choice("abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789") for _ in range(length))


GITHUB = "ghp" + "_" + made_up(36)
PASSWORD = "S3cr3t" + "_Passw0rd!x"
PLANTED = {
    "github": GITHUB,
    "bearer": "Bearer " + GITHUB,
    "password": PASSWORD,
    "url": "postgres://bob:" + made_up(12) + "@db.acme.io/x",
    "mail": "jane.doe" + "@" + "acme-mail.com",
    "card": "4111" + " 1111" * 3,
    "ssn": "536-22" + "-8417",
    "pem": "-----BEGIN " + "PRIVATE KEY-----\n" + (made_up(60) + "\n") * 3 + "-----END " + "PRIVATE KEY-----",
}


def streamed(judge: Guards, chunks: list[str], whole: Verdict) -> str:
    """The joined output, after each piece of which everything must still be as the whole has it."""
    stream = StreamGuard(judge, "output")
    out = ""
    for chunk in chunks:
        out += stream.feed(chunk)
        assert whole.text.startswith(out)
        assert stream.released == len(out)
    out += stream.finish()
    assert stream.held == 0
    assert stream.decisions == whole.decisions
    return out


def pieces(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


def cut_at(text: str, cuts: list[int]) -> list[str]:
    return [text[start:end] for start, end in pairwise([0, *sorted(min(cut, len(text)) for cut in cuts), len(text)])]


def fully_escaped(text: str) -> str:
    """JSON with every character of its strings as `\\uXXXX`."""
    units = text.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


# Any document, any spelling, any cut.

words = st.lists(
    st.sampled_from(
        [
            "k-abc",
            "k-",
            "12 34",
            "1234",
            "<<",
            ">>",
            " ",
            "a",
            "\n",
            "\t",
            "\b",
            '"',
            "\\",
            "/",
            "é",
            "🙂",
            "\ud83d",
            "]",
            ",",
            "\\n",
            "\\u00e9",
        ]
    ),
    max_size=5,
).map("".join)
leaves: st.SearchStrategy[Any] = (
    words | st.none() | st.booleans() | st.integers(-(10**7), 10**7) | st.floats(allow_nan=False, allow_infinity=False)
)
documents = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=3)
).filter(lambda value: isinstance(value, list | dict))
spellings = st.sampled_from(
    [
        {"ensure_ascii": True},
        {"ensure_ascii": False},
        {"indent": 1},
        {"separators": (",", ":")},
        {"separators": (" ,", ": \n"), "indent": 1},
    ]
)
cuts = st.lists(st.integers(0, 200), max_size=12)


def shape(value: Any) -> Any:
    """What an application relies on: containers, lengths, and kinds, but for numbers, which may have become strings."""
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    if isinstance(value, dict):
        return [shape(inner) for inner in value.values()]
    return None if isinstance(value, int | float | str) and not isinstance(value, bool) else value


def pairs(text: str) -> Any:
    """Parsed, with all members of objects, also those whose redacted names are the same."""
    return json.loads(text, object_pairs_hook=lambda members: ["object", *(inner for _, inner in members)])


@settings(max_examples=250)
@given(documents, spellings, cuts, st.sampled_from(["", " \n"]), st.sampled_from(["", "\n "]))
@example([1234, 56], {"separators": (",", ":")}, [3], "", "")
@example({"12": 34}, {}, [], "", "")
@example(["<<", 1234, ">>"], {}, [9], "", "")
def test_a_stream_of_json_is_its_redaction_and_stays_json(
    document: Any, spelling: dict[str, Any], at: list[int], before: str, behind: str
) -> None:
    text = before + json.dumps(document, **spelling) + behind
    verdict = REDACTING.check(text, "output")
    assert streamed(REDACTING, cut_at(text, at), verdict) == verdict.text
    assert streamed(REDACTING, list(text), verdict) == verdict.text
    assert shape(pairs(verdict.text)) == shape(pairs(text))
    assert repeat(REDACTING, "output", text) == (verdict.text, verdict.decisions)


@settings(max_examples=250)
@given(documents, cuts, st.integers(0, 60), words)
@example(["1234 5"], [], 3, "")
@example([12], [], 3, " 34]")
@example([], [], 1, "k-abc](k-abc)")
@example([True], [4], 3, "ial k-abc")
def test_json_that_is_cut_off_or_is_none_streams_as_it_is_checked(
    document: Any, at: list[int], kept: int, then: str
) -> None:
    text = json.dumps(document)[:kept] + then
    verdict = REDACTING.check(text, "output")
    assert streamed(REDACTING, cut_at(text, at), verdict) == verdict.text
    assert streamed(REDACTING, list(text), verdict) == verdict.text


@settings(max_examples=250)
@given(st.lists(words | st.sampled_from(["\\u00", "\\ud83d", "\\ude42", "\\r"]), max_size=6).map("".join), cuts)
def test_prose_with_escapes_streams_as_it_is_checked(text: str, at: list[int]) -> None:
    text = "x" + text
    verdict = REDACTING.check(text, "output")
    assert streamed(REDACTING, cut_at(text, at), verdict) == verdict.text
    assert streamed(REDACTING, list(text), verdict) == verdict.text


@settings(max_examples=200)
@given(documents, spellings, cuts)
def test_json_is_blocked_on_a_stream_exactly_when_it_is_as_a_whole(
    document: Any, spelling: dict[str, Any], at: list[int]
) -> None:
    text = json.dumps(document, **spelling)
    stream = StreamGuard(BLOCKING, "output")
    out = ""
    try:
        for chunk in cut_at(text, at):
            out += stream.feed(chunk)
        out += stream.finish()
    except BlockedError as error:
        assert not BLOCKING.check(text, "output").ok
        assert error.released_chars == len(out)
        assert KEYS_REDACTED.check(text, "output").text.startswith(out)
    else:
        assert BLOCKING.check(text, "output").ok
        assert out == text


# What the detectors of the package find.

BEFORE = ["", "a ", "line\n", "\n\n", "tab\t", "\r", "\b", "\f", 'q"', "é", "b\\", "/", "🙂", "key:\n"]
BEHIND = ["", "\nnext", '"q', "\\", "\t"]


@pytest.mark.parametrize("name", PLANTED)
def test_what_stands_behind_an_escape_is_found_in_json(name: str) -> None:
    value = PLANTED[name]
    for before, behind, key in product(BEFORE, BEHIND, ("text", "password", "card_number")):
        document = {key: before + value + behind, "z": 1}
        alone = BUILT_IN.check("x " + before + value + behind, "output").outcome == "redacted"
        for text in (json.dumps(document), json.dumps(document, ensure_ascii=False, indent=1)):
            verdict = BUILT_IN.check(text, "output")
            after = json.loads(verdict.text)
            assert after["z"] == 1 and after.keys() == document.keys()
            assert not alone or value not in after[key], (before, behind, key)
            assert streamed(BUILT_IN, pieces(text, 5), verdict) == verdict.text


@pytest.mark.parametrize("name", ["github", "mail", "card", "pem"])
def test_what_is_spelled_in_escapes_is_found(name: str) -> None:
    written = fully_escaped(PLANTED[name])
    for text in ('{"a": "x ' + written + '", "b": 2}', f"The JSON is:\n```\n{written}\n```", f'Say "{written}"'):
        verdict = BUILT_IN.check(text, "output")
        assert verdict.outcome == "redacted" and written not in verdict.text
        for size in (1, 5, 7):
            assert streamed(BUILT_IN, pieces(text, size), verdict) == verdict.text


@pytest.mark.parametrize("escape", ["\\n", "\\r", "\\t", "\\b", "\\f", '\\"', "\\\\", "\\/", "\\u00e9", "\\n\\n"])
def test_in_prose_an_escape_hides_nothing_and_stays_whole(escape: str) -> None:
    for value in (PLANTED["github"], PLANTED["mail"]):
        text = 'Here it is: ```json\n{"a": "your key:' + escape + value + escape + 'ok"}\n```'
        verdict = BUILT_IN.check(text, "output")
        assert value not in verdict.text and "\\[" not in verdict.text.replace("\\\\", "")
        for size in (1, 5):
            assert streamed(BUILT_IN, pieces(text, size), verdict) == verdict.text


def test_a_redaction_never_begins_within_an_escape() -> None:
    text = "The file has\n" + json.dumps({"password": "é" + PASSWORD, "then": "a\n" + PASSWORD})
    verdict = BUILT_IN.check(text, "output")
    assert PASSWORD not in json.loads(verdict.text.partition("\n")[2])["password"]
    assert streamed(BUILT_IN, list(text), verdict) == verdict.text


@pytest.mark.parametrize("text", ['{"text": 4111111111111111, "z": 1}', '{"a": [4111111111111111]}'])
def test_a_number_becomes_a_string(text: str) -> None:
    verdict = BUILT_IN.check(text, "output")
    assert '"[CREDIT_CARD]"' in verdict.text
    json.loads(verdict.text)
    assert streamed(BUILT_IN, list(text), verdict) == verdict.text


def test_json_in_json_is_found_at_both_depths() -> None:
    inner = json.dumps({"key": "here:\n" + GITHUB})
    verdict = BUILT_IN.check(text := json.dumps({"arguments": inner}), "output")
    assert GITHUB not in verdict.text
    json.loads(json.loads(verdict.text)["arguments"])
    assert streamed(BUILT_IN, pieces(text, 3), verdict) == verdict.text


def test_json_flows_while_it_is_written() -> None:
    stream = StreamGuard(BUILT_IN, "output")
    assert stream.feed('{"title": "A long walk in the hills", "text": "We') == (
        '{"title": "A long walk in the hills", "text": "'
    )


def test_what_is_undecided_for_too_long_leaves_json() -> None:
    stream = StreamGuard(guards({growing("block", fenced(5000)): "redact"}), "output", max_hold=100)
    text = json.dumps({"a": "x <<" + "y" * 300, "b": [123456, "z" * 6000], "c": "end"})
    out = "".join([*map(stream.feed, pieces(text, 50)), stream.finish()])
    assert json.loads(out)["a"].startswith("x [REDACTED]")
    assert json.loads(out)["c"] == "end"


def test_a_verdict_does_not_show_its_text() -> None:
    assert "jane" not in repr(BUILT_IN.check("jane was here", "output"))
