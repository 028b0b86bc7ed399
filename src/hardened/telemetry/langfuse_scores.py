"""Guard decisions as Langfuse scores, on the observation of the guard.

* `guardrail.<detector>`, BOOLEAN: 1 if the detector found something, 0 if it failed or was skipped.
* `guardrail.<detector>.action`, CATEGORICAL: what the policy decided.

A score's id follows from the span, so sending it again overwrites it.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Mapping
from json import dumps
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import format_span_id, format_trace_id

from hardened.telemetry import semconv
from hardened.telemetry.http_post import Poster
from hardened.telemetry.rewrite import is_guard

_log = logging.getLogger("hardened.telemetry")

_PATH = "/api/public/scores"
_TRIGGERED = frozenset({"flagged", "redacted", "blocked"})

Score = dict[str, Any]


class ScoreSender:
    """Posts scores, several in one request where the server takes that. Never raises; counts what did not arrive."""

    def __init__(self, poster: Poster) -> None:
        self._poster = poster
        self._one_by_one = False  # servers before 4.59 take one object per request and answer a list with 400
        self._complained = False
        self.sent = 0
        self.failed = 0

    def send(self, scores: list[Score]) -> None:
        """Post the scores."""
        if not scores:
            return
        if not self._one_by_one:
            status = self._post(scores)
            if status != 400:
                self._count(len(scores), status)
                return
        for done, score in enumerate(scores):
            status = self._post(score)
            if status == 0:  # nobody answers; do not wait for each of the others too
                self._count(len(scores) - done, status)
                return
            self._one_by_one = self._one_by_one or status < 300
            self._count(1, status)

    def _post(self, body: object) -> int:
        """The status of the answer, 0 if there was none."""
        try:
            return self._poster.post(_PATH, dumps(body).encode(), "application/json")
        except OSError:
            return 0

    def _count(self, scores: int, status: int) -> None:
        if 200 <= status < 300:
            self.sent += scores
            return
        self.failed += scores
        if not self._complained:
            self._complained = True
            _log.warning(
                "hardened: guard scores could not be sent to Langfuse: %s",
                f"status {status}" if status else "no answer",
            )


def scores_of(spans: Iterable[ReadableSpan], environment: str | None = None) -> list[Score]:
    """The scores for the guards among the spans."""
    return [score for span in spans if is_guard(span) for score in _scores(span, environment)]


def _scores(span: ReadableSpan, environment: str | None) -> list[Score]:
    attributes: Mapping[str, Any] = span.attributes or {}
    name = f"guardrail.{attributes.get(semconv.GUARD_DETECTOR)}"
    triggered = attributes.get(semconv.GUARD_OUTCOME) in _TRIGGERED
    return [
        _score(span, attributes, environment, name, "BOOLEAN", int(triggered)),
        _score(span, attributes, environment, f"{name}.action", "CATEGORICAL", attributes.get(semconv.GUARD_ACTION)),
    ]


def _score(
    span: ReadableSpan, attributes: Mapping[str, Any], environment: str | None, name: str, data_type: str, value: Any
) -> Score:
    context = span.context
    trace_id, span_id = (format_trace_id(context.trace_id), format_span_id(context.span_id)) if context else ("", "")
    categories = list(attributes.get(semconv.GUARD_CATEGORIES) or ())
    score: Score = {
        "id": hashlib.sha256(f"{trace_id}:{span_id}:{name}".encode()).hexdigest()[:32],
        "traceId": trace_id,
        "observationId": span_id,
        "name": name,
        "dataType": data_type,
        "value": value,
        "comment": ", ".join(categories),
        "metadata": {
            "stage": attributes.get(semconv.GUARD_STAGE),
            "outcome": attributes.get(semconv.GUARD_OUTCOME),
            "enforced": attributes.get(semconv.GUARD_ENFORCED, True),
            "categories": categories,
        },
    }
    return score | ({"environment": environment} if environment else {})
