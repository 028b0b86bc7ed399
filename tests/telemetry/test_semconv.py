"""The names: the standard ones are spelled as in OpenTelemetry's package, none is private where that does harm."""

import importlib
from typing import Any

from hardened.telemetry import semconv

NAMES = {
    constant: value
    for constant, value in vars(semconv).items()
    if constant.isupper() and isinstance(value, str) and "." in value and not constant.startswith("_")
}
UNRELEASED = {
    "gen_ai.prompt.version",
    "gen_ai.request.reasoning.level",
    "gen_ai.request.previous_response.id",
}
"""In the conventions' repository and in opentelemetry-util-genai 1.3b0, not yet in the package of constants."""


def released() -> set[Any]:
    found: set[Any] = set()
    for name in ("gen_ai", "openai", "error", "server", "http", "user", "session"):
        module = importlib.import_module(f"opentelemetry.semconv._incubating.attributes.{name}_attributes")
        found.update(value for constant, value in vars(module).items() if constant.isupper())
    return found


def test_standard_names_are_those_of_the_conventions() -> None:
    standard = {name for name in NAMES.values() if not name.startswith("hardened.")}
    assert standard - released() == UNRELEASED


def test_no_name_stands_for_two_things() -> None:
    assert len(set(NAMES.values())) == len(NAMES)


def test_no_private_name_under_the_usage_that_langfuse_adds_up() -> None:
    usage = {name for name in NAMES.values() if name.startswith("gen_ai.usage.")}
    assert usage <= released()


def test_span_names_have_low_cardinality() -> None:
    assert semconv.call_span_name("chat", "chat/completions", "gpt-4o-mini") == "chat gpt-4o-mini"
    assert semconv.call_span_name("chat", "chat/completions", None) == "chat"
    assert semconv.call_span_name(None, "files/{id}", None) == "files/{id}"
    assert semconv.guard_span_name("pii") == "run_guardrail pii"
