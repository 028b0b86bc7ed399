"""What the entries say about themselves is true; generated from the entries."""

from __future__ import annotations

import random
import re
from pathlib import Path
from re import _parser  # type: ignore[attr-defined]

import pytest

import hardened_detectors
from hardened_detectors import pii, secrets
from hardened_detectors.entry import AHEAD, Entry
from hardened_detectors.examples import expand, expected

DETECTORS = {"pii": pii.create(), "secrets": secrets.create()}
ENTRIES = [(name, entry) for name, detector in DETECTORS.items() for entry in detector.entries]
IDS = [f"{entry.category}-{number}" for number, (_, entry) in enumerate(ENTRIES)]
NAMES = re.compile(r"[a-z][a-z0-9_]*")

each_entry = pytest.mark.parametrize(("name", "entry"), ENTRIES, ids=IDS)


@each_entry
def test_examples_are_found_where_they_are(name: str, entry: Entry) -> None:
    assert entry.examples
    for template in entry.examples:
        text, spans = expected(template)
        found = {(f.start, f.end) for f in DETECTORS[name].detect(text) if f.category == entry.category}
        assert spans
        assert set(spans) <= found, text


@each_entry
def test_counterexamples_are_not_found(name: str, entry: Entry) -> None:
    for template in entry.counterexamples:
        text, _ = expected(template)
        assert entry.category not in {f.category for f in DETECTORS[name].detect(text)}, text


@each_entry
def test_declared_lengths_bound_the_pattern(name: str, entry: Entry) -> None:
    assert _parser.parse(entry.body).getwidth()[1] <= entry.longest
    assert _parser.parse(entry.lead).getwidth()[1] <= entry.lead_longest
    for look_ahead in re.findall(r"\(\?[!=](.*)\)", entry.after):
        assert _parser.parse(look_ahead).getwidth()[1] <= AHEAD
        assert not re.match(look_ahead, " x")


@each_entry
def test_a_body_without_white_space_has_none(name: str, entry: Entry) -> None:
    """What is not printable ASCII would end the run that `growing` holds."""
    allowed = {chr(code) for code in range(33, 127)} | ({" ", "\t", "\n", "\r", "\f", "\v"} if entry.spaced else set())
    for character in map(chr, [*range(33), *range(127, 256), 0x2003, 0x4E2D]):
        if character in allowed:
            continue
        for template in entry.examples:
            text, spans = expected(template)
            for start, end in spans:
                middle = (start + end) // 2
                broken = text[:middle] + character + text[middle:]
                assert not any(f.start < middle < f.end for f in DETECTORS[name].detect(broken)), repr(character)


@each_entry
def test_names_and_scores(name: str, entry: Entry) -> None:
    assert NAMES.fullmatch(entry.category)
    assert 0 < entry.score <= 1
    assert bool(entry.literals) + bool(entry.gate) + bool(entry.digits) + bool(entry.context) >= 1
    assert bool(entry.literals) + bool(entry.gate) + bool(entry.digits) <= 1
    assert entry.gate.isascii()
    assert all(literal == literal.lower() for literal in entry.literals) or not entry.ignore_case
    if entry.context:
        assert all(word.strip() for word in entry.context.words)


@each_entry
def test_damaged_examples_never_raise(name: str, entry: Entry) -> None:
    """Check digits see whatever the pattern lets through."""
    source = random.Random(entry.category)
    for template in entry.examples:
        text, spans = expected(template)
        for _ in range(60):
            characters = list(text)
            for _ in range(source.randint(1, 3)):
                at = source.randint(spans[0][0], spans[0][1] - 1)
                characters[at] = source.choice("0123456789ABCXYZabcxyz -._/+=")
            DETECTORS[name].detect("".join(characters))


def test_the_source_contains_no_credential() -> None:
    """Otherwise every scanner would take it for a leak."""
    for folder in (Path(hardened_detectors.__file__).parent, Path(__file__).parent):
        for file in folder.rglob("*.py"):
            found = [f for f in DETECTORS["secrets"].detect(file.read_text("utf-8")) if f.score > 0.93]
            assert not found, (file.name, found)


def test_expanding_an_example_gives_the_same_text_each_time() -> None:
    assert expand("a{b62:20}{-}{uuid}") == expand("a{b62:20}{-}{uuid}")
    assert "{" not in expand("a{b62:20}{-}{uuid}")


def test_the_built_in_categories() -> None:
    assert len({entry.category for entry in pii.ENTRIES}) >= 38
    assert len({entry.category for entry in secrets.ENTRIES}) >= 180


@pytest.mark.parametrize("module", [pii, secrets])
def test_categories_can_be_selected(module: object) -> None:
    create = module.create  # type: ignore[attr-defined]
    every = {entry.category for entry in create().entries}
    one = min(every)
    assert {entry.category for entry in create(include=[one]).entries} == {one}
    assert {entry.category for entry in create(exclude=[one]).entries} == every - {one}
    with pytest.raises(ValueError, match="no_such_category"):
        create(include=["no_such_category"])
    with pytest.raises(TypeError, match="no option treshold"):
        create(treshold=1)


ORDINARY = [
    "JIRA-48213 blocks PROJ-1 and INC0012345678",
    "order 4711-0815-2342, invoice 2024/000123, PO 4500012345",
    "commit 9fceb02d0ae598e95dc970b74767f19372d61af8 (HEAD)",
    "request_id=7f3b2c1e-9f0a-4b6d-8a2e-1c0d9e8f7a6b",
    "2024-05-17T10:22:33.123456Z 1715941353 1715941353123",
    "python 3.11.7, v1.2.3-rc.1, openssl 3.0.13, Chrome/124.0.6367.91",
    "$4,999.00 or 1.234.567,89 EUR or 12 345 678 people",
    "def f(x: int = 0x7fff_ffff) -> dict[str, Any]: return {'a': x << 3}",
    "tracking 1Z999AA10123456784, ISBN 978-3-16-148410-0",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "max_tokens=4096 temperature=0.7 top_p=1 token_count: 123456",
    "the token is invalid; your password must have 12 characters; the secret of success",
]


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert not [f.category for detector in DETECTORS.values() for f in detector.detect(text)]
