"""Expected spans against findings."""

from __future__ import annotations

import pytest

from hardened.evaluation.metrics import Counts
from hardened.evaluation.rows import Expected
from hardened.evaluation.span_counts import SpanCounts
from hardened_detectors.api import Finding


def counted(
    expected: list[Expected], *findings: tuple[int, int, str], names: dict[str, str] | None = None
) -> SpanCounts:
    counts = SpanCounts(names or {})
    counts.add(expected, [Finding("test", category, start, end) for start, end, category in findings])
    return counts


EMAIL = Expected(10, 20, "EMAIL")


@pytest.mark.parametrize(
    ("finding", "total", "covered"),
    [
        ((10, 20, "email"), Counts(1, 0, 0), 1.0),
        ((10, 15, "email"), Counts(1, 0, 0), 0.0),  # half of the union, but only half is covered
        ((10, 14, "email"), Counts(0, 1, 1), 0.0),
        ((10, 30, "email"), Counts(1, 0, 0), 1.0),
        ((10, 31, "email"), Counts(0, 1, 1), 1.0),  # less than half of the union, all covered
        ((10, 20, "phone"), Counts(0, 0, 1), 1.0),  # the data names no phones: it cannot say that this is wrong
        ((30, 40, "phone"), Counts(0, 1, 1), 0.0),  # but here is nothing at all
        ((30, 40, "email"), Counts(0, 1, 1), 0.0),
    ],
)
def test_one_span(finding: tuple[int, int, str], total: Counts, covered: float) -> None:
    counts = counted([EMAIL], finding)
    assert counts.total() == total
    figure = counts.covered()
    assert figure is not None
    assert figure.value == covered


def test_another_type_is_wrong_where_the_data_names_it() -> None:
    counts = counted([EMAIL, Expected(30, 40, "PHONE")], (10, 20, "phone"), (30, 40, "phone"))
    assert counts.by_type() == {"phone": Counts(1, 1, 0), "email": Counts(0, 0, 1)}


def test_one_finding_is_one_span() -> None:
    assert counted([Expected(0, 10, "A"), Expected(5, 10, "A")], (0, 10, "a")).total() == Counts(1, 0, 1)


def test_names_of_types() -> None:
    expected = [Expected(0, 9, "US-SSN"), Expected(20, 29, "Social")]
    counts = counted(expected, (0, 9, "us_ssn"), (20, 29, "us_ssn"), names={"social": "us_ssn"})
    assert counts.by_type() == {"us_ssn": Counts(2, 0, 0)}


def test_spans_without_types_are_found_by_anything() -> None:
    counts = counted([Expected(0, 9, None)], (0, 9, "aws_key"), (20, 29, "github_token"))
    assert counts.by_type() == {"": Counts(1, 1, 0)}
    assert counts.total() == Counts(1, 1, 0)


def test_texts_without_spans_count_what_is_wrong() -> None:
    counts = counted([], (3, 5, "email"))
    assert counts.seen
    assert counts.total() == Counts(0, 1, 0)
    assert counts.covered() is None
