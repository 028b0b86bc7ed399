"""What Langfuse gets of a span: the mapping table of `hardened.telemetry.langfuse`, column by column."""

from __future__ import annotations

import json
from typing import Any

import pytest
from export_support import RESOURCE, context_of, make_span
from opentelemetry.sdk.resources import Resource
from opentelemetry.trace.status import Status, StatusCode

from hardened.telemetry import semconv
from hardened.telemetry.langfuse import environment_name, translate

MESSAGES = [
    {"role": "user", "parts": [{"type": "text", "content": "What is the weather in Paris?"}]},
    {
        "role": "assistant",
        "parts": [{"type": "tool_call", "id": "call_1", "name": "weather", "arguments": {"city": "Paris"}}],
    },
    {"role": "tool", "parts": [{"type": "tool_call_response", "id": "call_1", "response": {"celsius": 21}}]},
]
ANSWER = [
    {
        "role": "assistant",
        "parts": [
            {"type": "reasoning", "content": "Simple."},
            {"type": "text", "content": "21 degrees."},
        ],
        "finish_reason": "stop",
    }
]

CALL: dict[str, Any] = {
    semconv.OPERATION_NAME: "chat",
    semconv.PROVIDER_NAME: "openai",
    semconv.REQUEST_MODEL: "gpt-5",
    semconv.RESPONSE_MODEL: "gpt-5-2026-01-01",
    semconv.REQUEST_TEMPERATURE: 0.5,
    semconv.USAGE_INPUT_TOKENS: 100,
    semconv.USAGE_OUTPUT_TOKENS: 20,
    semconv.USAGE_CACHE_READ_INPUT_TOKENS: 40,
    semconv.USAGE_CACHE_CREATION_INPUT_TOKENS: 10,
    semconv.USAGE_REASONING_OUTPUT_TOKENS: 5,
    semconv.RESPONSE_TIME_TO_FIRST_CHUNK: 0.25,
    semconv.COST_USD: 0.003,
    semconv.COST_INPUT_USD: 0.001,
    semconv.COST_OUTPUT_USD: 0.002,
    semconv.USER_ID: "u1",
    semconv.SESSION_ID: "s9",
    semconv.FEATURE: "support",
    semconv.TENANT: "acme",
    semconv.TAGS: ("beta",),
    f"{semconv.METADATA_PREFIX}plan": "pro",
    semconv.PROMPT_NAME: "support",
    semconv.PROMPT_VERSION: "3",
    semconv.SYSTEM_INSTRUCTIONS: json.dumps([{"type": "text", "content": "Be brief."}]),
    semconv.INPUT_MESSAGES: json.dumps(MESSAGES),
    semconv.OUTPUT_MESSAGES: json.dumps(ANSWER),
    semconv.TOOL_DEFINITIONS: json.dumps([{"type": "function", "name": "weather"}]),
}


def translated(attributes: dict[str, Any], **options: Any) -> dict[str, Any]:
    span_options = {key: options.pop(key) for key in ("status", "scope", "resource", "parent") if key in options}
    return dict(translate(make_span(attributes=attributes, **span_options), **options).attributes or {})


def test_a_call_fills_every_column() -> None:
    attributes = translated(CALL, environment="production", release="1.2.3", app_root=True)
    chat = {key: json.loads(attributes.pop(f"langfuse.observation.{key}")) for key in ("input", "output")}
    cost = json.loads(attributes.pop("langfuse.observation.cost_details"))
    assert attributes == {
        "langfuse.trace.name": "support",
        "langfuse.trace.tags": ("beta", "feature:support"),
        "langfuse.trace.metadata.plan": "pro",
        "langfuse.trace.metadata.tenant": "acme",
        "langfuse.environment": "production",
        "langfuse.release": "1.2.3",
        "langfuse.internal.is_app_root": True,
        "langfuse.observation.type": "generation",
        "langfuse.observation.prompt.name": "support",
        "langfuse.observation.prompt.version": 3,
        "langfuse.observation.completion_start_time": "2026-05-28T20:26:40.373457Z",
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-5",
        "gen_ai.response.model": "gpt-5-2026-01-01",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 20,
        "gen_ai.usage.cache_read.input_tokens": 40,
        "gen_ai.usage.cache_creation.input_tokens": 10,
        "gen_ai.usage.reasoning.output_tokens": 5,
        "gen_ai.response.time_to_first_chunk": 0.25,
        "hardened.cost.usd": 0.003,
        "hardened.cost.input_usd": 0.001,
        "hardened.cost.output_usd": 0.002,
        "user.id": "u1",
        "session.id": "s9",
        "hardened.feature": "support",
        "hardened.tenant": "acme",
        "hardened.tags": ("beta",),
        "hardened.metadata.plan": "pro",
        "gen_ai.prompt.name": "support",
        "gen_ai.prompt.version": "3",
        "gen_ai.tool.definitions": '[{"type": "function", "name": "weather"}]',
    }
    assert chat == {
        "input": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "What is the weather in Paris?"},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": "call_1",
                        "type": "function",
                        "function": {"name": "weather", "arguments": '{"city": "Paris"}'},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": '{"celsius": 21}'},
        ],
        "output": {"role": "assistant", "content": "21 degrees.", "reasoning_content": "Simple."},
    }
    assert cost == {"input": 0.001, "output": 0.002, "total": 0.003}


def test_the_original_span_is_untouched() -> None:
    span = make_span(attributes=CALL)
    translate(span, environment="production", app_root=True)
    assert dict(span.attributes or {}) == CALL


def test_translating_twice_changes_nothing() -> None:
    once = translate(make_span(attributes=CALL), environment="e", release="r")
    assert dict(translate(once, environment="e", release="r").attributes or {}) == dict(once.attributes or {})


def test_what_the_application_set_for_langfuse_stands() -> None:
    own = {"langfuse.trace.name": "mine", "langfuse.observation.type": "chain", "langfuse.environment": "theirs"}
    assert translated({**CALL, **own}, environment="ours").items() >= own.items()


@pytest.mark.parametrize(
    ("version", "linked", "shown"),
    [
        ("3", 3, None),
        ("65535", 65535, None),
        ("3fa9c1d", None, "3fa9c1d"),  # Langfuse would read it as version 3
        ("v2", None, "v2"),
        ("0", None, "0"),
        ("65536", None, "65536"),
        ("20261121", None, "20261121"),
    ],
)
def test_only_an_integer_that_fits_is_a_prompt_version(version: str, linked: int | None, shown: str | None) -> None:
    attributes = translated({**CALL, semconv.PROMPT_VERSION: version})
    assert attributes.get("langfuse.observation.prompt.version") == linked
    assert attributes.get("langfuse.observation.prompt.name") == ("support" if linked else None)
    assert attributes.get("langfuse.version") == shown


def test_the_hash_of_an_unversioned_prompt_is_the_version_of_the_observation() -> None:
    attributes = translated({semconv.OPERATION_NAME: "chat", semconv.PROMPT_HASH: "3fa9c1d00000"})
    assert attributes["langfuse.version"] == "3fa9c1d00000"
    assert "langfuse.observation.prompt.version" not in attributes


@pytest.mark.parametrize(
    ("operation", "type_"),
    [
        ("chat", "generation"),
        ("text_completion", "generation"),
        ("generate_content", "generation"),
        ("embeddings", "embedding"),
        ("invoke_agent", "agent"),
        ("execute_tool", "tool"),
        ("retrieval", "retriever"),
        ("anything new", "span"),
        (None, "span"),
    ],
)
def test_types(operation: str | None, type_: str) -> None:
    attributes = {semconv.OPERATION_NAME: operation} if operation else {}
    assert translated(attributes)["langfuse.observation.type"] == type_


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("production", "production"),
        ("Prod EU", "prod-eu"),
        ("langfuse-prod", "prod"),
        ("a" * 60, "a" * 40),
        ("ÄÖ", "default"),
    ],
)
def test_environment_names_that_langfuse_takes(name: str, kept: str) -> None:
    assert environment_name(name) == kept


def test_environment_of_the_resource() -> None:
    resource = RESOURCE.merge(Resource({"deployment.environment.name": "Staging"}))
    assert translated({}, resource=resource)["langfuse.environment"] == "staging"
    assert translated({}, resource=resource, environment="prod")["langfuse.environment"] == "prod"
    assert "langfuse.environment" not in translated({})


def test_no_cost_is_claimed_for_an_unknown_price() -> None:
    assert "langfuse.observation.cost_details" not in translated({**CALL, semconv.COST_USD: None})


def test_a_call_with_a_redaction_is_a_warning() -> None:
    attributes = translated({semconv.OPERATION_NAME: "chat", semconv.GUARD_OUTCOME: "redacted"})
    assert attributes["langfuse.observation.level"] == "WARNING"
    assert attributes["langfuse.observation.status_message"] == "guards: redacted"


def test_an_error_is_left_to_the_status_of_the_span() -> None:
    attributes = translated(
        {semconv.OPERATION_NAME: "chat", semconv.GUARD_OUTCOME: "blocked"}, status=Status(StatusCode.ERROR, "blocked")
    )
    assert "langfuse.observation.level" not in attributes


GUARD: dict[str, Any] = {
    semconv.GUARD_STAGE: "input",
    semconv.GUARD_DETECTOR: "pii",
    semconv.GUARD_ACTION: "redact",
    semconv.GUARD_OUTCOME: "redacted",
    semconv.GUARD_CATEGORIES: ("email", "phone"),
    semconv.GUARD_SCORE: 0.9,
    semconv.GUARD_REASONS: ("a rule", "another"),
    semconv.GUARD_ENFORCED: True,
}


def test_a_guard() -> None:
    added = {key: value for key, value in translated(GUARD).items() if key.startswith("langfuse.")}
    assert added == {
        "langfuse.observation.type": "guardrail",
        "langfuse.observation.level": "WARNING",
        "langfuse.observation.status_message": "redacted at input by pii: email, phone",
        "langfuse.observation.metadata.decision": "redact",
        "langfuse.observation.metadata.stage": "input",
        "langfuse.observation.metadata.detector": "pii",
        "langfuse.observation.metadata.outcome": "redacted",
        "langfuse.observation.metadata.categories": "email, phone",
        "langfuse.observation.metadata.enforced": True,
        "langfuse.observation.metadata.reasons": "a rule; another",
    }


@pytest.mark.parametrize(
    ("outcome", "enforced", "level"),
    [
        ("blocked", True, "ERROR"),
        ("redacted", True, "WARNING"),
        ("flagged", True, "WARNING"),
        ("blocked", False, "WARNING"),
    ],
)
def test_levels_of_guards(outcome: str, enforced: bool, level: str) -> None:
    attributes = translated({**GUARD, semconv.GUARD_OUTCOME: outcome, semconv.GUARD_ENFORCED: enforced})
    assert attributes["langfuse.observation.level"] == level


def test_spans_of_others_get_only_what_belongs_to_the_trace() -> None:
    theirs = {semconv.FEATURE: "support", semconv.INPUT_MESSAGES: json.dumps(MESSAGES), "gen_ai.operation.name": "chat"}
    attributes = translated(theirs, scope="openinference", environment="prod", parent=context_of(7))
    assert attributes == {
        **theirs,
        "langfuse.trace.name": "support",
        "langfuse.trace.tags": ("feature:support",),
        "langfuse.environment": "prod",
    }


def test_the_newer_name_of_cache_tokens_is_one_that_langfuse_would_add_up() -> None:
    attributes = translated({"gen_ai.usage.cache_write.input_tokens": 10}, scope="other")
    assert attributes == {"gen_ai.usage.cache_creation.input_tokens": 10}


def test_no_usage_of_our_own_is_added() -> None:
    usage = {key for key in translated(CALL) if key.startswith("gen_ai.usage.")}
    assert usage == {key for key in CALL if key.startswith("gen_ai.usage.")}


@pytest.mark.parametrize("text", ["not json", '"a string"', "{}", "[1, null]", "[]"])
def test_messages_in_another_form_do_no_harm(text: str) -> None:
    attributes = translated({**CALL, semconv.INPUT_MESSAGES: text, semconv.SYSTEM_INSTRUCTIONS: text})
    assert attributes["langfuse.observation.type"] == "generation"


def test_parts_that_are_no_text_are_kept() -> None:
    image = {"type": "uri", "modality": "image", "uri": "https://example.com/a.png"}
    message = {"role": "user", "parts": [{"type": "text", "content": "look"}, image]}
    attributes = translated({semconv.INPUT_MESSAGES: json.dumps([message])})
    assert json.loads(attributes["langfuse.observation.input"]) == [
        {"role": "user", "content": [{"type": "text", "text": "look"}, image]}
    ]


def test_a_span_that_cannot_be_translated_goes_without_content() -> None:
    broken = {**CALL, semconv.GUARD_DETECTOR: "pii", semconv.GUARD_CATEGORIES: (1, 2)}
    attributes = translated(broken)
    assert attributes[semconv.REQUEST_MODEL] == "gpt-5"
    assert semconv.INPUT_MESSAGES not in attributes
