"""`hardened traces`"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., tuple[int, str, str]]
TRACES = Path(".hardened/traces")
BEGIN = 1_790_000_000  # seconds since the epoch


def attribute(key: str, value: Any) -> dict[str, Any]:
    kinds = {bool: "boolValue", int: "intValue", float: "doubleValue", str: "stringValue"}
    if isinstance(value, list):
        return {"key": key, "value": {"arrayValue": {"values": [{"stringValue": item} for item in value]}}}
    return {"key": key, "value": {kinds[type(value)]: str(value) if type(value) is int else value}}


def span(trace: str, id: str, name: str, parent: str = "", at: float = 0, seconds: float = 1, **attributes: Any):
    begin = int((BEGIN + at) * 1e9)
    return {
        "traceId": trace * 32,
        "spanId": id * 16,
        "parentSpanId": parent * 16,
        "name": name,
        "startTimeUnixNano": str(begin),
        "endTimeUnixNano": str(begin + int(seconds * 1e9)),
        "attributes": [attribute(key.replace("__", "."), value) for key, value in attributes.items()],
    }


def write(*spans: dict[str, Any], torn: str = "") -> None:
    TRACES.mkdir(parents=True, exist_ok=True)
    day = datetime.fromtimestamp(BEGIN, UTC).date()
    with (TRACES / f"traces-{day}.jsonl").open("a") as file:
        for one in spans:
            file.write(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [one]}]}]}) + "\n")
        file.write(torn)


CHAT = {"gen_ai__operation__name": "chat", "gen_ai__request__model": "gpt-4o-mini"}
USAGE = {"gen_ai__usage__input_tokens": 1200, "gen_ai__usage__output_tokens": 30}
COST = {"hardened__cost__usd": 0.0123, "hardened__cost__known": True}


@pytest.fixture
def three_traces() -> None:
    agent = span("a", "1", "agent run", seconds=3)
    first = span("a", "2", "chat gpt-4o-mini", "1", at=0.5, **CHAT, **USAGE, **COST, hardened__feature="support")
    second = span("a", "3", "chat gpt-4o-mini", "1", at=2, **CHAT, **USAGE, hardened__cost__known=False)
    guarded = span(
        "b",
        "4",
        "chat gpt-4o-mini",
        at=60,
        **CHAT,
        gen_ai__response__model="gpt-4o-mini-2024-07-18",
        gen_ai__response__time_to_first_chunk=0.25,
        user__id="u-17",
        gen_ai__prompt__name="support",
        gen_ai__prompt__version="3",
        hardened__tags=["beta"],
        hardened__guard__decisions=[
            "input:pii:warn:flagged:email",
            "output:secrets:redact:redacted:openai_api_key",
        ],
        gen_ai__output__messages=json.dumps(
            [{"role": "assistant", "parts": [{"type": "text", "content": "Hi \x1b[2J"}]}]
        ),
    )
    guard = span("b", "5", "run_guardrail secrets", "4", at=60.5, seconds=0.001)
    failed = span("c", "6", "chat gpt-4o-mini", at=120, **CHAT, error__type="429")
    write(agent, first, second, guarded, guard, failed, torn='{"resourceSp\n')


def test_list(three_traces: None, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    code, printed, errors = run("traces")
    header, *rows = printed.splitlines()
    assert code == 0
    assert header.split() == ["started", "call", "feature", "decision", "tokens", "cost", "time", "trace"]
    assert "agent run +2" in rows[0]
    assert "support" in rows[0]
    assert "2,400→60" in rows[0]
    assert "≥ $0.0123" in rows[0], "one of the two prices is not known"
    assert "redacted openai_api_key in output; flagged email in input" in rows[1], "the gravest first"
    assert "error 429" in rows[2], "the newest last, next to the prompt"
    assert "1 lines could not be read" in errors


def test_list_options(three_traces: None, run: Run) -> None:
    assert [line.split()[-1] for line in run("traces", "--limit", "2")[1].splitlines()[1:]] == ["bbbbbbbb", "cccccccc"]
    assert [line.split()[-1] for line in run("traces", "--guarded")[1].splitlines()[1:]] == ["bbbbbbbb"]
    assert run("traces", "--since", "2026-09-23")[0] == 1
    file = next(TRACES.iterdir())
    assert run("traces", "--path", str(file))[0] == 0


def test_list_as_json(three_traces: None, run: Run) -> None:
    code, printed, _ = run("traces", "--json")
    newest, guarded, agent = json.loads(printed)
    assert code == 0
    assert (newest["error_type"], newest["outcome"]) == ("429", None)
    assert guarded["outcome"] == "redacted"
    assert guarded["decisions"][1]["categories"] == ["openai_api_key"]
    assert (agent["input_tokens"], agent["cost_usd"], agent["cost_known"]) == (2400, 0.0123, False)
    assert agent["duration_s"] == 3.0


def test_show_why_a_guard_found_something(run: Run) -> None:
    why = span("c", "6", "run_guardrail topic", "5", hardened__guard__reasons=["example 4", "keyword\x1b[2J"])
    write(span("c", "5", "chat gpt-4o-mini", **CHAT), why)
    _, printed, _ = run("traces", "show", "c")
    assert "because: example 4; keyword[2J" in printed


def test_show_a_tree(three_traces: None, run: Run) -> None:
    code, printed, _ = run("traces", "show", "b")
    assert code == 0
    assert printed.splitlines()[1:] == [
        "└─ chat gpt-4o-mini  (gpt-4o-mini-2024-07-18)  1.00 s  first chunk 0.25 s",
        "   │  user u-17  prompt support v3  tags beta",
        "   │  flagged email in input, by pii warn",
        "   │  redacted openai_api_key in output, by secrets redact",
        "   └─ run_guardrail secrets  1.0 ms",
    ]
    _, printed, _ = run("traces", "show", "a" * 32)
    assert [line.split("  ")[0] for line in printed.splitlines()[1:] if "─" in line] == [
        "└─ agent run",
        "",
        "",
    ]
    assert "   ├─ chat gpt-4o-mini  1.00 s  1,200→30 tokens  $0.0123" in printed
    assert "   └─ chat gpt-4o-mini  1.00 s  1,200→30 tokens  unknown" in printed


def test_show_the_newest_by_default(three_traces: None, run: Run) -> None:
    for arguments in (["show"], ["show", "last"]):
        assert run("traces", *arguments)[1].startswith("trace " + "c" * 32)


def test_show_messages_without_control_characters(three_traces: None, run: Run) -> None:
    _, printed, _ = run("traces", "show", "b", "--messages")
    assert "assistant: Hi [2J" in printed
    assert "\x1b" not in printed


def test_show_as_json(three_traces: None, run: Run) -> None:
    code, printed, _ = run("traces", "show", "b", "--json")
    shown = json.loads(printed)
    assert code == 0
    assert [one["name"] for one in shown["spans"]] == ["chat gpt-4o-mini", "run_guardrail secrets"]
    assert shown["spans"][0]["output_messages"][0]["role"] == "assistant"
    assert shown["spans"][0]["start"] == "2026-09-21 14:14:20+00:00"


def test_an_id_that_fits_several_or_none(three_traces: None, run: Run) -> None:
    write(span("a", "7", "other", at=5) | {"traceId": "a" * 31 + "b"})
    code, _, errors = run("traces", "show", "aaaa")
    assert (code, "2 traces begin with aaaa" in errors) == (1, True)
    code, _, errors = run("traces", "show", "f")
    assert (code, "No trace that begins with f" in errors) == (1, True)


def test_no_more_files_are_read_than_it_takes(three_traces: None, run: Run) -> None:
    newest = next(TRACES.iterdir())
    older = newest.with_name("traces-2026-09-20.jsonl")
    older.write_text("not read\n")
    assert run("traces", "--limit", "3")[2].startswith("1 lines")
    assert run("traces", "--limit", "4")[2].startswith("2 lines")


def test_a_trace_that_began_in_an_older_file(three_traces: None, run: Run) -> None:
    newest = next(TRACES.iterdir())
    newest.rename(newest.with_name("traces-2026-09-20.jsonl"))
    write(span("c", "8", "embeddings", at=130, gen_ai__operation__name="embeddings"))
    printed = run("traces", "show", "last")[1]
    assert printed.startswith("trace " + "c" * 32)
    assert "chat gpt-4o-mini" in printed
    assert "embeddings" in printed


def test_options_before_and_after_show(three_traces: None, run: Run) -> None:
    TRACES.rename("elsewhere")
    assert run("traces", "--path", "elsewhere", "show", "b")[0] == 0
    assert run("traces", "show", "b", "--path", "elsewhere")[0] == 0


def test_nothing_there(run: Run) -> None:
    code, printed, errors = run("traces")
    assert (code, printed) == (3, "")
    assert errors == "hardened: no traces at .hardened/traces: there is no such file or directory\n"
    TRACES.mkdir(parents=True)
    code, _, errors = run("traces")
    assert (code, "import hardened.auto" in errors) == (1, True)
    assert run("traces", "--json")[:2] == (1, "[]\n")


@pytest.mark.parametrize("arguments", [["--since", "soon"], ["--limit", "0"], ["--limit", "many"], ["--colour"]])
def test_wrong_arguments(arguments: list[str], run: Run) -> None:
    code, printed, errors = run("traces", *arguments)
    assert (code, printed) == (3, "")
    assert errors.startswith("usage: hardened")


def test_the_policy_says_where(three_traces: None, run_apart: Run) -> None:
    TRACES.rename("elsewhere")
    assert run_apart("traces", HARDENED_TELEMETRY_FILE_PATH="elsewhere")[0] == 0


EVERY_WAY = (["traces"], ["traces", "--json"], ["traces", "show", "--messages"], ["traces", "show", "--json"])


def chain(length: int) -> list[dict[str, Any]]:
    return [
        {**span("a", "1", f"span {at}"), "spanId": f"{at:016x}", "parentSpanId": f"{at - 1:016x}" if at else ""}
        for at in range(length)
    ]


ODD_TREES: dict[str, list[dict[str, Any]]] = {
    "its own parent": [span("a", "1", "span 0", "1")],
    "a circle beside a tree": [
        span("a", "1", "span 0", "2"),
        span("a", "2", "span 1", "1"),
        span("a", "3", "span 2"),
        span("a", "4", "span 3", "3"),
    ],
    "ids that come twice": [
        span("a", id, f"span {at}", parent) for at, (id, parent) in enumerate(["1 ", "1 ", "21", "21", "32", "32"])
    ],
    "three thousand levels": chain(3000),
}


@pytest.mark.parametrize("tree", ODD_TREES)
def test_every_span_is_shown_once_whatever_the_spans_say_of_each_other(tree: str, run: Run) -> None:
    write(*ODD_TREES[tree])
    assert [run(*way)[0] for way in EVERY_WAY] == [0, 0, 0, 0]
    printed = run("traces", "show")[1]
    shown = sorted(int(line.split("span ")[1].split()[0]) for line in printed.splitlines()[1:])
    assert shown == list(range(len(ODD_TREES[tree])))
    assert max(map(len, printed.splitlines())) < 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"traceId": None},
        {"traceId": 5},
        {"traceId": ["a"]},
        {"spanId": {"a": 1}},
        {"spanId": None},
        {"parentSpanId": [1]},
        {"startTimeUnixNano": str(-(10**30))},
        {"endTimeUnixNano": str(10**22)},
        {"endTimeUnixNano": str(10**400)},
        {"attributes": [{"key": "gen_ai.usage.input_tokens", "value": {"intValue": "9" * 400}}]},
        {"attributes": [{"key": "gen_ai.usage.input_tokens", "value": {"doubleValue": "Infinity"}}]},
        {"attributes": {"a": 1}},
        {"status": 5},
    ],
    ids=str,
)
def test_a_bad_span_counts_as_a_skipped_line(wrong: dict[str, Any], run: Run) -> None:
    bad, good = {**span("b", "2", "bad"), **wrong}, span("a", "1", "good")
    write(torn=json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [bad, good]}]}]}) + "\n")
    for way in EVERY_WAY:
        code, printed, errors = run(*way)
        assert code == 0
        assert "good" in printed
        assert "bad" not in printed
        assert ("1 lines could not be read" in errors) == ("show" not in way)


@pytest.mark.parametrize(
    "messages",
    [
        '[5, "x", {"role": 5, "parts": 5}, {"parts": ["x", 5]}, null, [1]]',
        '[{"role": "user", "parts": {"a": 1}}]',
        "[" * 5000 + "]" * 5000,
        "{}",
    ],
    ids=["mixed", "parts", "deep", "mapping"],
)
@pytest.mark.parametrize("name", [5, None])
def test_names_and_messages_of_any_kind(messages: str, name: Any, run: Run) -> None:
    write({**span("a", "1", "", **CHAT, gen_ai__input__messages=messages), "name": name})
    assert [run(*way)[0] for way in EVERY_WAY] == [0, 0, 0, 0]


@pytest.mark.parametrize("letter", ["x", "é", "語", "\u0301", "\x9b"])
def test_of_a_huge_name_only_the_beginning_is_looked_at(letter: str, run: Run) -> None:
    write(span("a", "1", letter * 4_000_000, hardened__feature=letter * 4_000_000))
    for way in (["traces"], ["traces", "show"]):
        code, printed, _ = run(*way)
        assert code == 0
        assert len(printed) < 10_000


def test_an_id_cannot_reach_the_terminal_as_it_is(run: Run) -> None:
    one = {**span("a", "1", "call"), "traceId": "\x9b2Ja"}
    TRACES.mkdir(parents=True)
    request = {"resourceSpans": [{"scopeSpans": [{"spans": [one]}]}]}
    (TRACES / "traces-2026-09-21.jsonl").write_text(json.dumps(request, ensure_ascii=False) + "\n")
    for way in EVERY_WAY:
        assert "\x9b" not in run(*way)[1]


@pytest.mark.parametrize("since", ["9" * 9 + "d", "9" * 30 + "d", "9" * 5000 + "d", "0001-01-01T00:00:00+14:00"])
def test_longer_ago_than_there_are_dates(since: str, run: Run) -> None:
    code, _, errors = run("traces", "--since", since)
    assert code == 3
    assert "expected 30m" in errors
