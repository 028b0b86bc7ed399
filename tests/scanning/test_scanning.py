"""Long texts are found and scrubbed as if they were looked at whole."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardened.guards.redaction import as_placeholder, redact, spans
from hardened.policy.load import load_with_source
from hardened.scanning import finder as finders
from hardened.scanning.finder import AFTER, Finder, lines, windows
from hardened.scanning.scan import scan_text
from hardened.scanning.scrub import Form, Scrubber
from hardened_detectors.examples import expand

FINDER = Finder(["secrets", "pii"], load_with_source("balanced"))
KEY = "AKIA" + "Z7QXM2KLP4RTW6VY"
PEM = expand("-----BEGIN {-}RSA PRIVATE KEY-----\n" + "{b64:64}\n" * 24 + "{b64:20}==\n-----END RSA PRIVATE KEY-----\n")
FILLER = "The quick brown fox jumps over the lazy dog, again and again.\n"


def scrubbed(text: str, form: Form = "text", fields: Sequence[str] = ()) -> tuple[str, Scrubber]:
    scrubber = Scrubber(FINDER.find, as_placeholder, fields)
    target = io.BytesIO()
    scrubber.scrub(form, io.BytesIO(text.encode("utf-8", "surrogateescape")), target, lambda count: None)
    return target.getvalue().decode("utf-8", "surrogateescape"), scrubber


@settings(max_examples=60)
@given(st.text(max_size=4000), st.integers(1, 900), st.integers(1, 700))
def test_windows_cover_a_text_once(text: str, block: int, piece: int) -> None:
    given_in = [text[at : at + piece] for at in range(0, len(text), piece)]
    long = [part * 20 for part in given_in]  # longer than what is looked at behind a window
    seen = [window.text[window.first : window.last] for window in windows(long, block)]
    assert "".join(seen) == "".join(long)


@pytest.mark.parametrize("shift", range(-30, 31, 6))
def test_values_across_the_ends_of_windows(shift: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finders.windows, "__defaults__", (2048,))
    before = (FILLER * 80)[: 2048 + shift]
    text = f"{before} {KEY} {FILLER}{PEM}{FILLER * 400}{KEY}"
    assert len(text) > AFTER + 2048
    whole = spans(FINDER.find(text))
    assert scrubbed(text)[0] == redact(text, whole, as_placeholder)
    found = [(one.line, one.column, one.category) for one in scan_text(FINDER, "f", [text])]
    assert found == [
        (text.count("\n", 0, span.start) + 1, span.start - text.rfind("\n", 0, span.start), span.category)
        for span in whole
    ]
    assert [category for *_, category in found] == ["aws_access_key_id", "private_key", "aws_access_key_id"]


def test_lines_end_where_json_lines_end() -> None:
    text = 'a\u2028b\r\nc\x85d\n\n"e'
    for size in (1, 2, 100):
        assert list(lines(text[at : at + size] for at in range(0, len(text), size))) == [
            "a\u2028b\r\n",
            "c\x85d\n",
            "\n",
            '"e',
        ]


def walk(value: object) -> Iterator[object]:
    yield type(value)
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from walk(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from walk(inner)


TEXTS = st.sampled_from([KEY, f"mail a.b@example.com {KEY}", "ö\u2028"]) | st.text(max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "text"]), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=80)
@given(
    st.dictionaries(st.sampled_from(["text", "x"]), JSON, max_size=2), st.booleans(), st.sampled_from([(), ("text",)])
)
def test_json_stays_json(row: dict[str, object], ascii: bool, fields: tuple[str, ...]) -> None:
    text = json.dumps(row, ensure_ascii=ascii)
    cleaned, _ = scrubbed(text + "\n", "jsonl", fields)
    after = json.loads(cleaned)
    assert cleaned.endswith("\n")
    assert [one for one in walk(after) if isinstance(one, str)] == [one for one in walk(row) if isinstance(one, str)]
    looked_at = after if not fields else after.get("text")
    assert KEY not in json.dumps(looked_at)
    if fields and "x" in row:
        assert after["x"] == row["x"]


def test_a_row_that_is_not_json_is_scrubbed_as_text() -> None:
    cleaned, scrubber = scrubbed(f'{{"text": "{KEY}"\nplain {KEY}\n', "jsonl", ["text"])
    assert cleaned == '{"text": "[AWS_ACCESS_KEY_ID]"\nplain [AWS_ACCESS_KEY_ID]\n'
    assert scrubber.report.not_json == 2


def test_bytes_that_are_no_utf8_and_the_mark_stay() -> None:
    source = b"\xef\xbb\xbfa \xff\xfe a.b@example.com\r\n\xc3"
    scrubber = Scrubber(FINDER.find, as_placeholder)
    target = io.BytesIO()
    scrubber.scrub("text", io.BytesIO(source), target, lambda count: None)
    assert target.getvalue() == b"\xef\xbb\xbfa \xff\xfe [EMAIL]\r\n\xc3"


def test_csv() -> None:
    source = 'id,password,note\r\n1,hunter2!,"two\nlines, a.b@example.com"\r\n2,,=1+1\r\n'
    cleaned, scrubber = scrubbed(source, "csv")
    assert cleaned == 'id,password,note\r\n1,[PASSWORD],"two\nlines, [EMAIL]"\r\n2,,=1+1\r\n'
    assert (scrubber.report.rows, scrubber.report.changed) == (2, 1)
    only, _ = scrubbed(source, "csv", ["note"])
    assert "hunter2!" in only
    assert "a.b@example.com" not in only


def test_a_cell_does_not_become_a_formula() -> None:
    scrubber = Scrubber(FINDER.find, lambda span, value: "=evil()")
    target = io.BytesIO()
    scrubber.scrub("csv", io.BytesIO(b"mail,sum\na.b@example.com,=1+1\n"), target, lambda count: None)
    assert target.getvalue() == b"mail,sum\n'=evil(),=1+1\n"
