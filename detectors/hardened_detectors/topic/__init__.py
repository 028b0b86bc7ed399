"""Whether a text is about one of the topics that a policy names, by example sentences and keywords.

It compares words and parts of words: it knows no synonyms that the examples do not contain, and no language that they
are not written in. Without topics it finds nothing. An embedder, if there is one, is asked as well and counts half.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from .detector import Embed, Topic, TopicDetector

EMBEDDERS: Final = "hardened.embedders"
"""The group of entry points under which packages offer embedders: functions from texts to vectors."""

FEW: Final = 5
"""With fewer examples than this a topic is hardly more than its keywords."""

_warned: set[str] = set()

Spec = Mapping[str, Mapping[str, Any]]


def create(
    *,
    stage: str = "input",
    allow: Spec | None = None,
    deny: Spec | None = None,
    threshold: float | None = None,
    embedder: str | Embed | None = None,
) -> TopicDetector:
    """The detector `topic`. `allow` and `deny` map a name to `{"examples": [sentences], "keywords": [words]}`.

    `threshold` is the similarity (0 to 1) at which a text is as likely about a topic as not; without it the examples
    decide. `embedder` is a function, or the name under which a package offers one. A topic with keywords alone, or
    fewer than five examples, is warned about once. Raises `ValueError` for an unknown key or a threshold out of range,
    `LookupError` for an embedder that is not installed.
    """
    del stage
    if threshold is not None and not 0 < threshold <= 1:
        raise ValueError("threshold must be greater than 0 and at most 1")
    return TopicDetector(_topics(allow), _topics(deny), threshold, _embedder(embedder))


def _topics(specs: Spec | None) -> list[Topic]:
    topics = [_topic(name, spec) for name, spec in (specs or {}).items()]
    few = [topic.name for topic in topics if 0 < len(topic.examples) < FEW and topic.name not in _warned]
    if few:
        import logging

        _warned.update(few)
        logging.getLogger("hardened.detectors").warning(
            "hardened: topics with fewer than %d examples are found by little more than their keywords: %d of them",
            FEW,
            len(few),
        )
    return topics


def _topic(name: str, spec: Mapping[str, Any]) -> Topic:
    unknown = sorted(set(spec) - {"examples", "keywords"})
    if unknown:
        raise ValueError(f"topic {name!r} has unknown keys: {', '.join(unknown)}; known: examples, keywords")
    return Topic(name, _texts(name, spec, "examples"), _texts(name, spec, "keywords"))


def _texts(name: str, spec: Mapping[str, Any], key: str) -> tuple[str, ...]:
    values: Any = spec.get(key) or ()
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise ValueError(f"topic {name!r}: {key} is not a list")
    return tuple(str(value) for value in cast(Sequence[object], values) if str(value).strip())


def _embedder(embedder: str | Embed | None) -> Embed | None:
    if not isinstance(embedder, str):
        return embedder
    from importlib.metadata import entry_points

    points = entry_points(group=EMBEDDERS)
    if embedder not in points.names:
        raise LookupError(f"no embedder is called {embedder!r}; installed: {', '.join(sorted(points.names)) or 'none'}")
    return cast(Embed, points[embedder].load())
