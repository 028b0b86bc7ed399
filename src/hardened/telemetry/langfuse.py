"""Our spans as Langfuse reads them.

The conventions' attributes alone leave columns of Langfuse empty or fill them wrongly, so a span that goes to Langfuse
is translated on its way out; other destinations never see a `langfuse.*` attribute. Langfuse 4 keeps no record of a
trace as a whole: what belongs to the trace (feature, user, session, tags, …) has to stand on every span.

| column of Langfuse  | attribute `langfuse.…`                   | from                                           |
|---------------------|------------------------------------------|------------------------------------------------|
| trace name          | `trace.name`                             | `hardened.feature`                             |
| tags                | `trace.tags`                             | `hardened.tags`, and `feature:<feature>`       |
| metadata of trace   | `trace.metadata.<key>`                   | `hardened.metadata.<key>`, tenant              |
| environment         | `environment`                            | setting, else `deployment.environment.name`    |
| release             | `release`                                | setting                                        |
| version             | `version`                                | prompt version that is no integer, or its hash |
| root of the trace   | `internal.is_app_root`                   | told by the exporter                           |
| type                | `observation.type`                       | `gen_ai.operation.name`                        |
| level, status       | `observation.level`, `.status_message`   | guard decisions; errors from the span's status |
| input, output       | `observation.input`, `.output`           | messages, as chat JSON                         |
| metadata of a guard | `observation.metadata.<key>`             | `hardened.guard.*`                             |
| cost                | `observation.cost_details`               | `hardened.cost.*`                              |
| time to first token | `observation.completion_start_time`      | start and `time_to_first_chunk`                |
| prompt              | `observation.prompt.name`, `.version`    | prompt name and version, if an integer         |

User (`user.id`), session (`session.id`, else the conversation), model, parameters, tools and token counts are read
from the conventions' attributes as they are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from json import JSONDecodeError, dumps, loads
from typing import Any, cast

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace.status import StatusCode

from hardened.telemetry import semconv
from hardened.telemetry.faults import report
from hardened.telemetry.rewrite import is_ours, with_attributes, without_content

Attributes = dict[str, Any]

TYPES: Mapping[str, str] = {
    semconv.CHAT: "generation",
    semconv.TEXT_COMPLETION: "generation",
    semconv.GENERATE_CONTENT: "generation",
    semconv.EMBEDDINGS: "embedding",
    "invoke_agent": "agent",
    "create_agent": "agent",
    "execute_tool": "tool",
    "retrieval": "retriever",
}
"""`gen_ai.operation.name` -> type of the observation. Langfuse takes an operation that it does not know for a span."""

LEVELS: Mapping[str, str] = {
    "blocked": "ERROR",
    "redacted": "WARNING",
    "flagged": "WARNING",
    "error": "WARNING",
    "timeout": "WARNING",
}
"""Outcome of a guard -> level of the observation."""

_MAX_PROMPT_VERSION = 65535  # Langfuse's column is a 16-bit integer
_MAX_ENVIRONMENT = 40
_CACHE_WRITE = "gen_ai.usage.cache_write.input_tokens"


def translate(
    span: ReadableSpan, *, environment: str | None = None, release: str | None = None, app_root: bool = False
) -> ReadableSpan:
    """The span with the attributes that Langfuse reads.

    `app_root` is for the uppermost span that Langfuse gets of a trace. Translating twice changes nothing. A span that
    cannot be translated goes as it is, without content.
    """
    try:
        return with_attributes(span, _translated(span, environment, release, app_root))
    except Exception as error:  # noqa: BLE001 - one strange span must not cost the others of its batch
        report("translating a span for Langfuse", error)
        return without_content(span)


def _translated(span: ReadableSpan, environment: str | None, release: str | None, app_root: bool) -> Attributes:
    attributes = dict(span.attributes or {})
    found = _trace_attributes(span, attributes, environment, release)
    if app_root:
        found["langfuse.internal.is_app_root"] = True
    if is_ours(span):
        found.update(_observation_attributes(span, attributes))
    _use_known_usage_names(attributes)
    return found | attributes  # what the application has set for Langfuse itself stands


def _trace_attributes(
    span: ReadableSpan, attributes: Attributes, environment: str | None, release: str | None
) -> Attributes:
    """What Langfuse shows for the whole trace; it has to be on every span."""
    found: Attributes = {}
    feature = attributes.get(semconv.FEATURE)
    tags: list[object] = list(attributes.get(semconv.TAGS) or ())
    if feature:
        found["langfuse.trace.name"] = feature
        tags.append(f"feature:{feature}")
    if tags:
        found["langfuse.trace.tags"] = tuple(tags)
    for key, value in attributes.items():
        if key.startswith(semconv.METADATA_PREFIX):
            found[f"langfuse.trace.metadata.{key.removeprefix(semconv.METADATA_PREFIX)}"] = value
    if semconv.TENANT in attributes:
        found["langfuse.trace.metadata.tenant"] = attributes[semconv.TENANT]
    resource = span.resource.attributes
    environment = environment or _text(
        resource.get("deployment.environment.name") or resource.get("deployment.environment")
    )
    if environment:
        found["langfuse.environment"] = environment_name(environment)
    if release:
        found["langfuse.release"] = release
    return found


def environment_name(name: str) -> str:
    """The name in the form that Langfuse takes; any other it would replace by `default`."""
    return re.sub(r"^(langfuse|[-_])+", "", re.sub(r"[^a-z0-9_-]+", "-", name.lower()))[:_MAX_ENVIRONMENT] or "default"


def _observation_attributes(span: ReadableSpan, attributes: Attributes) -> Attributes:
    """What Langfuse shows for one span of ours."""
    operation = _text(attributes.get(semconv.OPERATION_NAME))
    if semconv.GUARD_DETECTOR in attributes:
        return _guard_attributes(attributes)
    found: Attributes = {"langfuse.observation.type": TYPES.get(operation, "span")}
    found.update(_level(span, attributes))
    found.update(_messages(attributes))
    if TYPES.get(operation) == "generation":
        found.update(_prompt(attributes))
    cost = {
        "input": attributes.get(semconv.COST_INPUT_USD),
        "output": attributes.get(semconv.COST_OUTPUT_USD),
        "total": attributes.get(semconv.COST_USD),
    }
    if cost["total"] is not None:
        found["langfuse.observation.cost_details"] = dumps({k: float(v) for k, v in cost.items() if v is not None})
    waited = attributes.get(semconv.RESPONSE_TIME_TO_FIRST_CHUNK)
    if isinstance(waited, int | float) and waited >= 0 and span.start_time:
        found["langfuse.observation.completion_start_time"] = _iso(span.start_time + int(waited * 1e9))
    return found


def _guard_attributes(attributes: Attributes) -> Attributes:
    """A check that was not passed: how grave it is, and what was decided."""
    stage, detector, action, outcome = (
        _text(attributes.get(key))
        for key in (semconv.GUARD_STAGE, semconv.GUARD_DETECTOR, semconv.GUARD_ACTION, semconv.GUARD_OUTCOME)
    )
    categories = ", ".join(attributes.get(semconv.GUARD_CATEGORIES) or ())
    enforced = attributes.get(semconv.GUARD_ENFORCED, True)
    reasons = "; ".join(attributes.get(semconv.GUARD_REASONS) or ())
    return {
        "langfuse.observation.type": "guardrail",
        "langfuse.observation.level": LEVELS.get(outcome, "DEFAULT") if enforced else "WARNING",
        "langfuse.observation.status_message": f"{outcome} at {stage} by {detector}"
        + (f": {categories}" if categories else "")
        + ("" if enforced else " (not enforced)"),
        "langfuse.observation.metadata.decision": action,
        "langfuse.observation.metadata.stage": stage,
        "langfuse.observation.metadata.detector": detector,
        "langfuse.observation.metadata.outcome": outcome,
        "langfuse.observation.metadata.categories": categories,
        "langfuse.observation.metadata.enforced": enforced,
        **({"langfuse.observation.metadata.reasons": reasons} if reasons else {}),
    }


def _level(span: ReadableSpan, attributes: Attributes) -> Attributes:
    """A call that went well but whose texts did not; an error is read from the status of the span."""
    outcome = _text(attributes.get(semconv.GUARD_OUTCOME))
    if span.status.status_code is StatusCode.ERROR or outcome not in LEVELS:
        return {}
    return {
        "langfuse.observation.level": "WARNING",
        "langfuse.observation.status_message": f"guards: {outcome}",
    }


def _prompt(attributes: Attributes) -> Attributes:
    """The prompt's name and version, if the version is one that Langfuse can keep: it reads `3fa9c1d` as version 3.

    Any other version, or the hash of an unversioned prompt, becomes the version of the observation.
    """
    name, version = _text(attributes.get(semconv.PROMPT_NAME)), _text(attributes.get(semconv.PROMPT_VERSION))
    if name and re.fullmatch("[0-9]{1,5}", version) and 1 <= int(version) <= _MAX_PROMPT_VERSION:
        return {"langfuse.observation.prompt.name": name, "langfuse.observation.prompt.version": int(version)}
    found: Attributes = {"langfuse.observation.metadata.prompt_name": name} if name else {}
    if version or semconv.PROMPT_HASH in attributes:
        found["langfuse.version"] = version or attributes[semconv.PROMPT_HASH]
    return found


def _use_known_usage_names(attributes: Attributes) -> None:
    """Langfuse adds any `gen_ai.usage.*` that it does not know to the total, and it does not know the newer name."""
    written = attributes.pop(_CACHE_WRITE, None)
    if written is not None:
        attributes.setdefault(semconv.USAGE_CACHE_CREATION_INPUT_TOKENS, written)


def _iso(nanoseconds: int) -> str:
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _text(value: object) -> str:
    return "" if value is None else str(value)


# --- messages


def _messages(attributes: Attributes) -> Attributes:
    """Input and output as the chat JSON that Langfuse renders; the conventions' form it shows as a table."""
    found: Attributes = {}
    messages = [
        *_system(attributes.pop(semconv.SYSTEM_INSTRUCTIONS, None)),
        *_chat(attributes.pop(semconv.INPUT_MESSAGES, None)),
    ]
    if messages:
        found["langfuse.observation.input"] = dumps(messages, ensure_ascii=False)
    answers = _chat(attributes.pop(semconv.OUTPUT_MESSAGES, None))
    if answers:
        found["langfuse.observation.output"] = dumps(answers[0] if len(answers) == 1 else answers, ensure_ascii=False)
    return found


def _system(text: object) -> list[Attributes]:
    parts = _parsed(text)
    return [{"role": "system", "content": _content(_dicts(parts))}] if parts else []


def _chat(text: object) -> list[Attributes]:
    """The conventions' messages as OpenAI's; what does not parse is kept as one message of text."""
    parsed = _parsed(text)
    if isinstance(parsed, str):
        return [{"role": "user", "content": parsed}]
    return [message for item in _dicts(parsed) for message in _chat_message(item)]


def _chat_message(message: Attributes) -> list[Attributes]:
    """One message of the conventions; each tool result in it is a message of its own in OpenAI's form."""
    parts = _dicts(message.get("parts"))
    results = [part for part in parts if part.get("type") == "tool_call_response"]
    calls = [part for part in parts if part.get("type") == "tool_call"]
    reasoning = [part for part in parts if part.get("type") == "reasoning"]
    rest = [part for part in parts if part not in (*results, *calls, *reasoning)]
    found: list[Attributes] = [
        {"role": "tool", "tool_call_id": part.get("id"), "content": _as_text(part.get("response"))} for part in results
    ]
    if rest or calls or reasoning or not results:
        chat: Attributes = {"role": message.get("role"), "content": _content(rest)}
        if reasoning:
            chat["reasoning_content"] = "".join(_text(part.get("content")) for part in reasoning)
        if calls:
            chat["tool_calls"] = [
                {
                    "id": part.get("id"),
                    "type": "function",
                    "function": {"name": part.get("name"), "arguments": _as_text(part.get("arguments"))},
                }
                for part in calls
            ]
        found.append(chat)
    return found


def _content(parts: list[Attributes]) -> object:
    """One text as text, anything else as a list of parts."""
    if all(part.get("type") == "text" for part in parts):
        texts = [_text(part.get("content")) for part in parts]
        return texts[0] if len(texts) == 1 else [{"type": "text", "text": text} for text in texts] or None
    return [
        {"type": "text", "text": _text(part.get("content"))} if part.get("type") == "text" else part for part in parts
    ]


def _parsed(text: object) -> object:
    """Content is JSON text; what is not stays text."""
    if not isinstance(text, str):
        return text
    try:
        return loads(text)
    except JSONDecodeError:
        return text


def _dicts(value: object) -> list[Attributes]:
    if isinstance(value, str):
        return [{"type": "text", "content": value}]
    if not isinstance(value, list):
        return []
    return [cast("Attributes", item) for item in cast("list[object]", value) if isinstance(item, dict)]


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else dumps(value, ensure_ascii=False)
