from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from hardened_detectors.api import Finding
from hardened_detectors.overlaps import resolve


def test_a_credential_wins_then_the_score_then_the_length() -> None:
    key = Finding("secrets", "password", 5, 15, 0.8)
    mail = Finding("pii", "email", 5, 15, 0.98)
    phone = Finding("pii", "phone", 5, 15, 0.75)
    longer = Finding("pii", "iban", 4, 15, 0.98)
    assert resolve([mail, key]) == [key]
    assert resolve([phone, mail]) == [mail]
    assert resolve([mail, longer]) == [longer]


def test_what_is_left_of_a_loser_stays_covered() -> None:
    key = Finding("secrets", "token", 4, 8)
    mail = Finding("pii", "email", 0, 12, 0.9)
    assert resolve([mail, key]) == [Finding("pii", "email", 0, 4, 0.9), key, Finding("pii", "email", 8, 12, 0.9)]


FINDINGS = st.builds(
    lambda detector, category, start, length, score: Finding(detector, category, start, start + length, score),
    st.sampled_from(["pii", "secrets"]),
    st.sampled_from(["a", "b"]),
    st.integers(0, 40),
    st.integers(1, 12),
    st.sampled_from([0.7, 0.9]),
)


def covered(findings: list[Finding]) -> set[int]:
    return {position for f in findings for position in range(f.start, f.end)}


@settings(max_examples=300)
@given(findings=st.lists(FINDINGS, max_size=12), order=st.randoms(use_true_random=False))
def test_disjoint_ordered_complete_and_independent_of_the_order(findings: list[Finding], order: object) -> None:
    result = resolve(findings)
    assert all(first.end <= second.start for first, second in pairwise(result))
    assert covered(result) == covered(findings)
    shuffled = list(findings)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    assert resolve(shuffled) == result
    assert resolve(result) == result


@settings(max_examples=200)
@given(left=st.lists(FINDINGS, max_size=6), right=st.lists(FINDINGS, max_size=6))
def test_clusters_do_not_influence_each_other(left: list[Finding], right: list[Finding]) -> None:
    moved = [Finding(f.detector, f.category, f.start + 100, f.end + 100, f.score) for f in right]
    assert resolve([*left, *moved]) == [*resolve(left), *resolve(moved)]
