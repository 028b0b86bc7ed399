"""What the entries say about themselves is true; generated from the entries."""

from __future__ import annotations

import random
import re
import string
from collections.abc import Iterable, Set
from pathlib import Path
from re import _parser  # type: ignore[attr-defined]
from typing import Any

import pytest

import hardened_detectors
from hardened_detectors import pii, secrets
from hardened_detectors.entry import AHEAD, FEWEST_DIGITS, Entry
from hardened_detectors.examples import expand, expected
from hardened_detectors.growing import LONG_WORD, QUIET

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
def test_a_match_is_loud(name: str, entry: Entry) -> None:
    """Otherwise a stream would let it pass as prose (`growing.quiet_until`)."""
    quiet = QUIET | {*string.ascii_uppercase} if entry.ignore_case else QUIET
    is_loud = Loudness(quiet, within_the_first_word=entry.spaced)
    lead = "" if is_loud.is_blank("SUBPATTERN", [_parser.parse(entry.lead)]) else entry.lead
    if not is_loud(_parser.parse(lead + entry.body + entry.after)):
        assert entry.check is not None
        assert not entry.spaced
        body = re.compile(entry.body, re.ASCII)
        source = random.Random(entry.category)
        for letters in (sorted(QUIET), string.ascii_lowercase):
            words = ("".join(source.choices(letters, k=length)) for length in range(6, LONG_WORD) for _ in range(200))
            assert not any(entry.check(match.group()) for word in words for match in body.finditer(word))


class Loudness:
    """Whether each match of a parsed expression has a character that is not quiet (in its first word)."""

    def __init__(self, quiet: Set[str], within_the_first_word: bool) -> None:
        self.quiet = quiet
        self.first = within_the_first_word

    def __call__(self, parsed: Iterable[Any]) -> bool:
        for op, value in parsed:
            if self.is_loud(str(op), value):
                return True
            if self.first and self.is_blank(str(op), value):
                return False
        return False

    def is_loud(self, op: str, value: Any) -> bool:
        if op == "LITERAL":
            return chr(value) not in self.quiet
        if op == "IN":
            return not any(character.isspace() or character in self.quiet for character in members(value))
        if op == "BRANCH":
            return all(map(self, value[1]))
        if op in ("SUBPATTERN", "ASSERT"):
            return (op == "SUBPATTERN" or value[0] == 1) and self(value[-1])
        return op.endswith("REPEAT") and value[0] > 0 and self(value[2])

    def is_blank(self, op: str, value: Any) -> bool:
        """Whether there may be white space in it with nothing loud before."""
        if op == "LITERAL":
            return chr(value).isspace()
        if op == "IN":
            return any(map(str.isspace, members(value)))
        if op == "BRANCH":
            return any(map(self.has_blank, value[1]))
        return self.has_blank(value[-1]) if op == "SUBPATTERN" else op.endswith("REPEAT") and self.has_blank(value[2])

    def has_blank(self, parsed: Iterable[Any]) -> bool:
        for op, value in parsed:
            if self.is_loud(str(op), value):
                return False
            if self.is_blank(str(op), value):
                return True
        return False


def members(alternatives: Any) -> set[str]:
    """The ASCII characters of a class."""
    found: set[str] = set()
    for kind, value in alternatives:
        if str(kind) == "LITERAL":
            found.add(chr(value))
        elif str(kind) == "RANGE":
            found.update(map(chr, range(value[0], value[1] + 1)))
        else:
            found.update(filter(re.compile(CLASSES[str(value)]).match, map(chr, range(128))))
    return found


CLASSES = {"CATEGORY_DIGIT": "[0-9]", "CATEGORY_WORD": r"\w", "CATEGORY_SPACE": r"\s"}


@each_entry
def test_a_number_consists_of_digits_and_gaps(name: str, entry: Entry) -> None:
    """As `growing` and the gate take for granted."""
    if not entry.digits:
        return
    gap = "[ .()/-]{0,2}"
    number = re.compile(rf"[+(]{{0,2}}\d(?:{gap}\d){{{entry.digits[0] - 1},{entry.digits[1] - 1}}}(?: ?x\d{{1,5}})?")
    assert entry.digits[0] >= FEWEST_DIGITS
    for template in entry.examples:
        text, spans = expected(template)
        assert all(number.fullmatch(text[start:end]) for start, end in spans)


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
