"""Allowed and denied topics: which of them a text is about."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from math import sqrt
from typing import Final, NamedTuple

from hardened_detectors.api import Around, Finding

from .background import SENTENCES
from .calibration import Calibration, calibrate
from .similarity import Similarity

OFF_LIST: Final = "off_list"
UNCLEAR: Final = 0.4
"""Findings from here on are told; below 0.6 they are marked as unclear, see `presets`."""

SURE: Final = 0.6
SHORT: Final = 8
"""Words: so short a text may be a follow-up that means nothing without what was said before it."""

ALLOWED_FROM: Final = 0.1
DENIED_FROM: Final = 0.16
"""The least thresholds that examples can ask for. One rare word in common gives about 0.15: it may let a text pass, and
is not enough to deny one."""

Embed = Callable[[Sequence[str]], Sequence[Sequence[float]]]
"""Texts to vectors, one for each."""


class Topic(NamedTuple):
    """What a policy says of one topic."""

    name: str
    examples: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()


class Match(NamedTuple):
    """How near a text is to the nearest topic of a list, and to which of its examples."""

    similarity: float
    topic: Topic | None = None
    example: int = 0  # from 1 on; 0: a keyword


class Topics:
    """A list of topics with which texts are compared."""

    def __init__(self, topics: Sequence[Topic], embed: Embed | None) -> None:
        self.topics = tuple(topics)
        self.examples = [example for topic in topics for example in topic.examples]
        self._owner = [index for index, topic in enumerate(topics) for _ in topic.examples]
        self._number = [number for topic in topics for number in range(1, len(topic.examples) + 1)]
        self._similarity = Similarity(self.examples)
        self._embed = embed
        self._vectors = [_unit(vector) for vector in embed(self.examples)] if embed and self.examples else []
        self._keywords = [_keywords(topic.keywords) for topic in topics]

    def matches(self, text: str, left_out: int | None = None) -> dict[int, Match]:
        """The topics that have something in common with `text`, by their number.

        The similarity to a topic is half that to its nearest example and half the mean of those to all of them, in the
        window of the text where that is highest. `left_out` is an example that is not looked at.
        """
        found: dict[int, Match] = {}
        for cosines in self._cosines(text):
            nearest: dict[int, tuple[float, int]] = {}
            total: dict[int, float] = {}
            for example, cosine in cosines.items():
                if example == left_out:
                    continue
                owner = self._owner[example]
                total[owner] = total.get(owner, 0.0) + cosine
                if owner not in nearest or cosine > nearest[owner][0]:
                    nearest[owner] = (cosine, example)
            for owner, (cosine, example) in nearest.items():
                topic = self.topics[owner]
                count = len(topic.examples) - (left_out is not None and self._owner[left_out] == owner)
                similarity = min(1.0, 0.5 * cosine + 0.5 * total[owner] / count)
                if owner not in found or similarity > found[owner].similarity:
                    found[owner] = Match(similarity, topic, self._number[example])
        return found

    def by_keyword(self, text: str) -> Match | None:
        """The first topic of which a keyword stands in `text`."""
        for topic, keywords in zip(self.topics, self._keywords, strict=True):
            if keywords is not None and keywords.search(text):
                return Match(1.0, topic)
        return None

    def left_out_in_turn(self) -> list[float]:
        """For each example of a topic with others how near it is to the nearest topic without it."""
        return [
            _nearest(self.matches(example, index)).similarity
            for index, example in enumerate(self.examples)
            if len(self.topics[self._owner[index]].examples) > 1
        ]

    def of_others(self, texts: Sequence[str]) -> list[float]:
        """How near each of some texts is to the nearest topic."""
        return [_nearest(self.matches(text)).similarity for text in texts]

    def of_other_topics(self) -> list[float]:
        """For each example the highest similarity to a topic that is not its own."""
        found: list[float] = []
        for index, example in enumerate(self.examples):
            matches = self.matches(example, index)
            matches.pop(self._owner[index], None)
            found.append(_nearest(matches).similarity)
        return found

    def _cosines(self, text: str) -> Sequence[Mapping[int, float]]:
        windows = list(self._similarity.windows(text))
        if not self._embed or not self._vectors:
            return windows
        vector = _unit(self._embed([text])[0])
        meant = [max(0.0, sum(map(float.__mul__, vector, other))) for other in self._vectors]
        return [
            {example: (window.get(example, 0.0) + cosine) / 2 for example, cosine in enumerate(meant)}
            for window in windows or [{}]
        ]


class TopicDetector:
    """Finds denied topics, and texts outside of the allowed ones (`topic:off_list`); a finding is the whole text.

    A denied topic counts also where the text is about an allowed one as well. Scores say how sure it is, one half where
    it cannot tell.
    """

    name = "topic"

    def __init__(
        self, allow: Sequence[Topic], deny: Sequence[Topic], threshold: float | None, embed: Embed | None
    ) -> None:
        self._allow = Topics(allow, embed) if allow else None
        self._deny = Topics(deny, embed) if deny else None
        self._allowing = _calibration(self._allow, self._deny, threshold, ALLOWED_FROM)
        self._denying = _calibration(self._deny, self._allow, threshold, DENIED_FROM)

    def detect(self, text: str) -> Sequence[Finding]:
        """One finding for each denied topic that the text is about; else one if it is about none of the allowed."""
        return self._findings(text, len(text))

    def detect_within(self, text: str, around: Around) -> Sequence[Finding]:
        """As `detect`; a short text is read together with what the same speaker said before it."""
        if not around.before or len(text.split()) > SHORT:
            return self.detect(text)
        return self._findings("\n".join((*around.before, text)), len(text))

    def score(self, text: str) -> float:
        """How sure it is that something is to be found in `text`."""
        return max((finding.score for finding in self._findings(text, len(text), 0.0)), default=0.0)

    def _findings(self, text: str, length: int, least: float = UNCLEAR) -> list[Finding]:
        if not text.strip():
            return []
        found = self._denied(text, length, least)
        if self._allow is None or any(finding.score >= SURE for finding in found):
            return found
        return [*found, *self._off_list(self._allow, text, length, least)]

    def _denied(self, text: str, length: int, least: float) -> list[Finding]:
        if self._deny is None:
            return []
        matches = {match.topic: match for match in self._deny.matches(text).values()}
        keyword = self._deny.by_keyword(text)
        if keyword is not None:
            matches[keyword.topic] = keyword
        return [
            self._finding(topic.name, length, score, _which(match))
            for topic, match in matches.items()
            if topic and (score := 1.0 if not match.example else self._denying.sureness(match.similarity)) >= least
        ]

    def _off_list(self, allowed: Topics, text: str, length: int, least: float) -> list[Finding]:
        if allowed.by_keyword(text) is not None:
            return []
        match = _nearest(allowed.matches(text))
        score = 1 - self._allowing.sureness(match.similarity)
        nearest = f"nearest: {match.topic.name}, {_which(match)}" if match.topic else "like no example"
        return [self._finding(OFF_LIST, length, score, nearest)] if score >= least else []

    def _finding(self, topic: str, length: int, score: float, reason: str) -> Finding:
        reason = reason if score >= SURE else f"unclear; {reason}"
        return Finding(self.name, f"topic:{topic}", 0, length, score, reason)


def _calibration(topics: Topics | None, others: Topics | None, threshold: float | None, least: float) -> Calibration:
    if topics is None:
        return calibrate((), ())
    outside = topics.of_others([*SENTENCES, *(others.examples if others else ())])
    outside += topics.of_other_topics()
    return calibrate(topics.left_out_in_turn(), outside, threshold, least)


def _nearest(matches: Mapping[int, Match]) -> Match:
    return max(matches.values(), key=lambda match: match.similarity, default=Match(0.0))


def _which(match: Match) -> str:
    return f"example {match.example}" if match.example else "keyword"


def _keywords(keywords: Sequence[str]) -> re.Pattern[str] | None:
    words = "|".join(map(re.escape, keywords))
    return re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE) if words else None


def _unit(vector: Sequence[float]) -> list[float]:
    length = sqrt(sum(value * value for value in vector)) or 1.0
    return [float(value / length) for value in vector]
