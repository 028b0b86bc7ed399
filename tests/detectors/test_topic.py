from __future__ import annotations

import pytest

from hardened_detectors.registry import create

BILLING = {
    "examples": [
        "I have a question about my invoice",
        "Why was my credit card charged twice?",
        "Please refund my last payment",
        "When is the next invoice due?",
        "How can I change my payment method?",
    ],
    "keywords": ["invoice", "refund"],
}
POLITICS = {
    "examples": ["Who should win the next election?", "What do you think of the president?"],
    "keywords": ["election"],
}


def categories(text: str, **options: object) -> list[str]:
    return [f.category for f in create("topic", **options).detect(text)]


def test_nothing_configured_nothing_found() -> None:
    assert categories("Who should win the next election?") == []


def test_denied_by_keyword_and_by_example() -> None:
    assert categories("any news on the ELECTION results", deny={"politics": POLITICS}) == ["topic:politics"]
    assert categories("what do you think about our president", deny={"politics": POLITICS}) == ["topic:politics"]
    assert categories("how do I bake bread", deny={"politics": POLITICS}) == []
    assert categories("selections and elections", deny={"politics": {"keywords": ["election"]}}) == []


def test_outside_of_the_allowed() -> None:
    assert categories("please change the payment method", allow={"billing": BILLING}) == []
    assert categories("write a poem about the sea", allow={"billing": BILLING}) == ["topic:off_list"]
    assert categories("  ", allow={"billing": BILLING}) == []


def test_a_finding_is_the_whole_text() -> None:
    (finding,) = create("topic", deny={"politics": POLITICS}).detect("the election")
    assert (finding.start, finding.end, finding.score) == (0, 12, 1.0)


def test_the_threshold() -> None:
    text = "what do you think about our president"
    assert categories(text, deny={"politics": POLITICS}, threshold=0.95) == []
    with pytest.raises(ValueError, match="threshold"):
        create("topic", threshold=0)
    with pytest.raises(ValueError, match="example"):
        create("topic", deny={"x": {"example": []}})
