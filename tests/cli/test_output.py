"""What reaches a terminal: harmless, in the space that there is, in colour only where it is wanted."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardened.cli import output
from hardened.cli.output import Cell, Column


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@given(st.text())
def test_clean_text_holds_nothing_that_a_terminal_obeys(text: str) -> None:
    cleaned = output.clean(text)
    assert cleaned.isprintable()
    assert output.clean(cleaned) == cleaned


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("plain ü 日本", "plain ü 日本"),
        ("two\nlines\tand tabs", "two lines and tabs"),
        ("\x1b[31mred\x1b[0m", "[31mred[0m"),
        ("\x9b31m\x07", "31m"),
        ("a\u202egnp.exe", "agnp.exe"),
        ("zero\u200bwidth", "zerowidth"),
    ],
)
def test_clean(text: str, cleaned: str) -> None:
    assert output.clean(text) == cleaned


def test_colours_only_on_a_terminal_that_wants_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert not output.colourful(io.StringIO())
    assert output.colourful(Terminal())
    monkeypatch.setattr("sys.stdout", Terminal())
    assert output.paint("x", "red") == "\x1b[31mx\x1b[0m"
    monkeypatch.setenv("TERM", "dumb")
    assert output.paint("x", "red") == "x"
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    assert output.paint("x", "red") == "x"


def printed(capsys: pytest.CaptureFixture[str], columns: list[Column], rows: list[list[str | Cell]]) -> list[str]:
    output.print_table(columns, rows)
    return capsys.readouterr().out.splitlines()


def test_table_fits_the_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    columns = [Column("name", least=8), Column("n", right=True), Column("text", least=10)]
    lines = printed(capsys, columns, [["x" * 30, "7", "y" * 50], ["short", "12345", "z"]])
    assert max(map(len, lines)) == 40
    assert lines[1].startswith("xxx")
    assert "…" in lines[1]
    assert "12345" in lines[2], "a column without `least` keeps its width"


def test_table_leaves_out_what_is_optional(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    columns = [Column("a", least=10), Column("b", optional=True), Column("c", optional=True), Column("d")]
    rows: list[list[str | Cell]] = [["a" * 20, "b" * 20, "c" * 20, "d" * 20]]
    for terminal, shown in ((86, "abcd"), (76, "abcd"), (75, "acd"), (54, "acd"), (53, "ad"), (40, "ad")):
        monkeypatch.setenv("COLUMNS", str(terminal))
        header, line = printed(capsys, columns, rows)
        assert "".join(header.split()) == shown
        assert len(line) <= terminal


def test_table_counts_what_a_terminal_counts(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, [Column("a"), Column("b")], [["日本", "x"], ["abcd", "y"], ["e\u0301fgh", "z"]])
    assert lines[1:] == ["日本  x", "abcd  y", "e\u0301fgh  z"]
    assert output.shorten("日本語", 5) == "日本…"


def test_json_is_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_json({"text": "\x1b[31m\x9b\u202eü"})
    printed = capsys.readouterr().out
    assert printed.isascii()
    assert "\x1b" not in printed
    assert json.loads(printed)["text"] == "\x1b[31m\x9b\u202eü"


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), (0.0004, "400 µs"), (0.004, "4.0 ms"), (0.04, "40 ms"), (0.0996, "0.10 s"), (12.345, "12.35 s")],
)
def test_seconds(value: float | None, text: str) -> None:
    assert output.seconds(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), (0.0, "$0.0000"), (0.00042, "$0.000420"), (0.0123, "$0.0123"), (12.5, "$12.50")],
)
def test_dollars(value: float | None, text: str) -> None:
    assert output.dollars(value) == text
