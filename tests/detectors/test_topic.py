"""Topics: denied, allowed, unclear, in turns."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardened_detectors import topic
from hardened_detectors.api import Around, ContextualDetector, ScoringDetector
from hardened_detectors.registry import create
from hardened_detectors.topic.calibration import UNCALIBRATED, calibrate
from hardened_detectors.topic.detector import Topic, Topics
from hardened_detectors.topic.features import pieces, tokens, weighted, word
from hardened_detectors.topic.similarity import Similarity

BILLING = {
    "examples": [
        "I have a question about my invoice",
        "Why was my credit card charged twice?",
        "Please refund my last payment",
        "When is the next invoice due?",
        "How can I change my payment method?",
        "I was charged the wrong amount",
    ],
    "keywords": ["invoice", "refund"],
}
POLITICS = {
    "examples": [
        "Who should win the next election?",
        "What do you think of the president?",
        "Which party has the better tax policy?",
        "Is the government doing a good job?",
        "Should the parliament vote for the new law?",
    ],
    "keywords": ["election"],
}
SURE = 0.6


def findings(text: str, **options: object) -> dict[str, float]:
    return {one.category: one.score for one in create("topic", **options).detect(text) if one.score >= SURE}


def test_nothing_configured_nothing_found() -> None:
    assert findings("Who should win the next election?") == {}


def test_denied_by_keyword_and_by_example() -> None:
    deny = {"politics": POLITICS}
    assert findings("any news on the ELECTION results", deny=deny) == {"topic:politics": 1.0}
    assert findings("what do you think about our president", deny=deny).keys() == {"topic:politics"}
    assert findings("how do I bake bread", deny=deny) == {}
    assert findings("selections and elections", deny={"politics": {"keywords": ["election"]}}) == {}


def test_outside_of_the_allowed() -> None:
    allow = {"billing": BILLING}
    assert findings("please change the payment method", allow=allow) == {}
    assert findings("is my refund there", allow=allow) == {}
    assert findings("write a poem about the sea", allow=allow).keys() == {"topic:off_list"}
    assert findings("  ", allow=allow) == {}


def test_denied_beats_allowed() -> None:
    both = {"allow": {"billing": BILLING}, "deny": {"politics": POLITICS}}
    assert findings("Please refund my payment to the president's election campaign", **both) == {"topic:politics": 1.0}
    assert findings("write a poem about the sea", **both).keys() == {"topic:off_list"}


def test_other_forms_of_a_word_are_near() -> None:
    assert findings("refunding of payments", allow={"billing": {"examples": BILLING["examples"]}}) == {}


def test_a_long_text_is_found_by_the_part_that_is_about_it() -> None:
    weather = "In the morning it rained and in the afternoon the sun shone on the wet roofs of the town. " * 30
    text = f"{weather} What do you think of the president? Is the government doing a good job? {weather}"
    without = {"politics": {"examples": POLITICS["examples"]}}
    assert findings(text, deny=without).keys() == {"topic:politics"}
    assert findings(weather, deny=without) == {}


def test_the_reason_names_the_example_and_not_the_text() -> None:
    (finding,) = create("topic", deny={"politics": POLITICS}).detect("is our government doing a good job")
    assert finding.reason == "example 4"
    assert (finding.start, finding.end) == (0, 34)
    (finding,) = create("topic", deny={"politics": POLITICS}).detect("the election")
    assert finding.reason == "keyword"
    (finding,) = create("topic", allow={"billing": BILLING}).detect("an astronaut")
    assert finding.reason.startswith(("nearest: billing, example", "like no example"))


def test_what_is_unclear_has_a_score_in_the_middle() -> None:
    text = "my payment and the garden fence with the lamp"
    examples = Topics([Topic("billing", tuple(BILLING["examples"]))], None)
    detector = create("topic", allow={"billing": BILLING}, threshold=examples.matches(text)[0].similarity)
    assert isinstance(detector, ScoringDetector)
    (finding,) = detector.detect(text)
    assert finding.score == 0.5
    assert finding.reason.startswith("unclear; ")


def test_a_threshold_that_is_given_stands() -> None:
    text = "what do you think about our president"
    deny = {"politics": POLITICS}
    assert findings(text, deny=deny, threshold=0.95) == {}
    with pytest.raises(ValueError, match="threshold"):
        create("topic", threshold=0)
    with pytest.raises(ValueError, match="unknown keys: example"):
        create("topic", deny={"x": {"example": []}})
    with pytest.raises(ValueError, match="examples is not a list"):
        create("topic", deny={"x": {"examples": "one sentence"}})


def test_a_short_follow_up_is_read_with_what_was_said_before() -> None:
    allowing = create("topic", allow={"billing": BILLING})
    denying = create("topic", deny={"politics": POLITICS})
    assert isinstance(allowing, ContextualDetector)
    follow_up = "and what about the other one?"
    assert findings(follow_up, allow={"billing": BILLING}).keys() == {"topic:off_list"}
    assert not [
        one for one in allowing.detect_within(follow_up, Around(("Please refund my payment",))) if one.score >= SURE
    ]
    (finding,) = denying.detect_within(follow_up, Around(("hello", "Who should win the next election?")))
    assert (finding.category, finding.start, finding.end) == ("topic:politics", 0, len(follow_up))
    long = "write a long poem about the sea in autumn with many waves and no people"
    assert allowing.detect_within(long, Around(("Please refund my payment",)))[0].category == "topic:off_list"


def test_few_examples_are_warned_about_once(caplog: pytest.LogCaptureFixture) -> None:
    topic._warned.clear()
    with caplog.at_level(logging.WARNING, logger="hardened.detectors"):
        for _ in range(3):
            create("topic", deny={"very private name": {"examples": ["one", "two"]}})
            create("topic", deny={"only words": {"keywords": ["one"]}})
    assert [record.getMessage().count("fewer than 5 examples") for record in caplog.records] == [1]
    assert "private" not in caplog.text


def test_an_embedder_counts_half() -> None:
    rulers = ("emperor", "queen", "king", "sultan", "duchess", "tsar")

    def embed(texts: Sequence[str]) -> list[list[float]]:
        return [[1.0, 0.0] if set(rulers) & set(text.split()) else [0.0, 1.0] for text in texts]

    sentences = ["the emperor is old", "where did our queen live", "a sultan has died", "tell us of some duchess"]
    deny = {"rulers": {"examples": [*sentences, "which tsar built ships"]}}
    assert findings("long live that king", deny=deny) == {}
    assert findings("long live that king", deny=deny, embedder=embed).keys() == {"topic:rulers"}
    assert findings("peel four big onions", deny=deny, embedder=embed) == {}
    with pytest.raises(LookupError, match="no embedder is called 'none-such'"):
        create("topic", embedder="none-such")


def test_the_threshold_is_where_the_fewest_are_wrong() -> None:
    found = calibrate([0.5, 0.6, 0.7, 0.8], [0.0, 0.1, 0.2, 0.3])
    assert found.threshold == 0.4
    assert found.sureness(0.4) == 0.5
    assert found.sureness(0.8) > 0.85
    assert found.sureness(0.0) < 0.15
    assert calibrate([0.5], [0.1]).threshold == UNCALIBRATED
    assert calibrate([0.5] * 9, [0.1] * 9, threshold=0.3).threshold == 0.3


@given(st.text(max_size=300))
def test_any_text_has_a_score(text: str) -> None:
    detector = create("topic", allow={"billing": BILLING}, deny={"politics": POLITICS})
    score = detector.score(text)
    assert 0 <= score <= 1
    assert all(one.score <= score + 1e-12 and one.end == len(text) for one in detector.detect(text))


@given(
    st.lists(
        st.sampled_from(["the", "invoice", "Refund!", "payment,", "due;", "карта", "請求書の支払い"]),
        min_size=1,
        max_size=30,
    )
)
def test_the_similarity_of_a_text_to_itself_is_the_highest(words: list[str]) -> None:
    text = " ".join(words)
    similar = Similarity([text, "something else entirely different"])
    for window in similar.windows(text):
        assert window[0] == max(window.values())


def test_words_pieces_and_weights() -> None:
    assert list(map(word, tokens("Why, (my) INVOICE?!"))) == ["why", "my", "invoice"]
    assert pieces("ab") == ["<ab>", "<ab", "ab>"]
    assert list(tokens("请求书ok")) == ["请求", "求书", "ok"]
    assert weighted("the") == {}
    assert len(word("x" * 500)) == 32


def test_other_scripts_are_compared_too() -> None:
    deny = {
        "选举": {
            "examples": [
                "谁会赢得下一次选举",
                "你怎么看总统",
                "哪个政党的税收政策更好",
                "政府做得好吗",
                "议会应该投票吗",
            ]
        }
    }
    assert findings("你觉得总统怎么样，选举谁会赢", deny=deny).keys() == {"topic:选举"}


def test_it_tells_topics_apart_on_our_own_intents() -> None:
    """A floor under the quality; `bench/topics/run.py` measures it properly."""
    known: dict[str, list[str]] = {}
    for line in (Path(__file__).parents[2] / "bench/topics/intents.txt").read_text().splitlines():
        if line.startswith("# "):
            sentences = known.setdefault(line[2:], [])
        elif line:
            sentences.append(line)
    allowed = sorted(known)[::2]
    detector = create("topic", allow={name: {"examples": known[name][:9]} for name in allowed})
    inside = [detector.score(text) for name in allowed for text in known[name][9:]]
    outside = [detector.score(text) for name in known if name not in allowed for text in known[name]]
    right = sum(score < 0.5 for score in inside) / len(inside) + sum(score >= 0.5 for score in outside) / len(outside)
    assert right / 2 > 0.6
