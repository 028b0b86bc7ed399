from __future__ import annotations

from hardened.guards.memory import Known, VerdictMemory
from hardened.guards.verdict import Decision
from hardened_detectors.api import Finding


def test_what_was_used_longest_ago_is_forgotten_first() -> None:
    memory = VerdictMemory(max_entries=2)
    passed = Known("passed", ())
    memory.put("a", passed)
    memory.put("b", passed)
    assert memory.get("a") is passed
    memory.put("c", passed)
    assert (memory.get("a"), memory.get("b"), memory.get("c")) == (passed, None, passed)


def found(number: int) -> Known:
    findings = tuple(Finding("key", "key_found", at, at + 1) for at in range(number))
    return Known("redacted", (Decision("key", "redact", "redacted", findings),))


def test_findings_are_bounded_in_all_and_replacing_an_entry_frees_its_space() -> None:
    memory = VerdictMemory(max_findings=10)
    for _ in range(5):
        memory.put("a", found(6))
    memory.put("b", found(4))
    assert memory.get("a") and memory.get("b")
    memory.put("c", found(1))
    assert memory.get("a") is None
    assert memory.get("b") and memory.get("c")


def test_a_verdict_larger_than_all_the_space_is_not_kept() -> None:
    memory = VerdictMemory(max_findings=10)
    memory.put("small", found(1))
    memory.put("big", found(11))
    assert memory.get("big") is None
    assert memory.get("small") is not None


def test_hashes_differ_between_texts_and_between_processes() -> None:
    one, other = VerdictMemory(), VerdictMemory()
    assert one.digest("text") == one.digest("text") != one.digest("texT")
    assert one.digest("text") != other.digest("text")
