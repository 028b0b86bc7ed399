"""Whether a text is about one of the topics that a policy names.

Thin: keywords, and similarity in words to a few example sentences. It knows no synonyms that the examples do not
contain and no language that they are not written in. Without configured topics it finds nothing.
"""

from __future__ import annotations

import math
import re
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from .api import Finding

_WORD = re.compile(r"\w+")
_BUCKETS = 1 << 18
_LONGEST = 20_000
"""Characters that are read; a topic shows long before."""

# Words that say nothing about a topic: function words of the languages in which examples are most often written.
_FUNCTION_WORDS = """
a an and are as at be but by can do for from has have how i if in is it me my of on or our that the this to was we what
when which who will with you your
der die das und ist ein eine zu den mit für auf le la les de des et un une pour que el los en y es por con
"""
_STOP = frozenset(_FUNCTION_WORDS.split())

Vector = Mapping[int, float]


def _vector(text: str) -> Vector:
    """Words and pairs of neighbouring words, hashed, weighted by 1 + log count, of length one."""
    words = [word for word in _WORD.findall(text[:_LONGEST].lower()) if word not in _STOP]
    grams = [*words, *(f"{first} {second}" for first, second in pairwise(words))]
    counts = Counter(zlib.crc32(gram.encode()) % _BUCKETS for gram in grams)
    weights = {bucket: 1 + math.log(count) for bucket, count in counts.items()}
    norm = math.sqrt(sum(weight * weight for weight in weights.values())) or 1.0
    return {bucket: weight / norm for bucket, weight in weights.items()}


def _cosine(first: Vector, second: Vector) -> float:
    if len(first) > len(second):
        first, second = second, first
    return sum(weight * second.get(bucket, 0.0) for bucket, weight in first.items())


class _Topic:
    def __init__(self, name: str, spec: Mapping[str, Any]) -> None:
        unknown = sorted(set(spec) - {"examples", "keywords"})
        if unknown:
            raise ValueError(f"topic {name!r} has unknown keys: {', '.join(unknown)}; known: examples, keywords")
        self.name = name
        self._examples = [_vector(example) for example in spec.get("examples", ())]
        keywords: Sequence[str] = spec.get("keywords", ())
        self._keywords = (
            re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, keywords))})(?!\w)", re.IGNORECASE) if keywords else None
        )

    def score(self, text: str, vector: Vector) -> float:
        """1 for a keyword, else the similarity to the nearest example."""
        if self._keywords is not None and self._keywords.search(text):
            return 1.0
        return max((_cosine(vector, example) for example in self._examples), default=0.0)


class TopicDetector:
    """Finds denied topics, and texts outside of the allowed ones (`topic:off_list`); a finding is the whole text."""

    name = "topic"

    def __init__(self, allow: Sequence[_Topic], deny: Sequence[_Topic], threshold: float) -> None:
        self._allow = allow
        self._deny = deny
        self._threshold = threshold

    def detect(self, text: str) -> Sequence[Finding]:
        """One finding for each denied topic that the text is about, and one if it is about none of the allowed."""
        if not (self._allow or self._deny) or not text.strip():
            return []
        vector = _vector(text)
        found = [(topic.name, score) for topic in self._deny if (score := topic.score(text, vector)) >= self._threshold]
        if self._allow:
            nearest = max(topic.score(text, vector) for topic in self._allow)
            if nearest < self._threshold:
                found.append(("off_list", 1.0 - nearest))
        return [Finding(self.name, f"topic:{name}", 0, len(text), min(1.0, score)) for name, score in found]


def create(
    *,
    stage: str = "input",
    allow: Mapping[str, Mapping[str, Any]] | None = None,
    deny: Mapping[str, Mapping[str, Any]] | None = None,
    threshold: float = 0.3,
) -> TopicDetector:
    """The detector `topic`. `allow` and `deny` map a name to `{"examples": [sentences], "keywords": [words]}`.

    `threshold` is the cosine similarity (0 to 1) from which a text belongs to a topic. Raises `ValueError` for an
    unknown key or a threshold out of range.
    """
    del stage
    if not 0 < threshold <= 1:
        raise ValueError("threshold must be greater than 0 and at most 1")
    return TopicDetector(
        [_Topic(name, spec) for name, spec in (allow or {}).items()],
        [_Topic(name, spec) for name, spec in (deny or {}).items()],
        threshold,
    )
