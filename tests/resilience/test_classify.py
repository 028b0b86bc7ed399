"""Every status and body has its class, and the class its remedy."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardened.resilience import backoff
from hardened.resilience.classify import ERRORS, REMEDIES, STATUSES, of_body, of_error, of_status

AGAIN, NOT = True, False


TOO_LARGE = "Request too large for a-model in organization o on tokens per min (TPM): Limit 6000, Requested 9000."


def openai_error(code: str | None, kind: str = "invalid_request_error", message: str = "") -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def anthropic_error(kind: str, message: str = "") -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "r"}


@pytest.mark.parametrize(
    ("sdk", "status", "body", "kind", "again", "elsewhere", "counts"),
    [
        ("openai", 429, openai_error("rate_limit_exceeded"), "throttle", AGAIN, True, False),
        ("openai", 429, openai_error("insufficient_quota", "insufficient_quota"), "throttle", NOT, True, False),
        ("openai", 429, None, "throttle", AGAIN, True, False),
        ("openai", 429, openai_error("rate_limit_exceeded", "tokens", TOO_LARGE), "client", NOT, True, False),
        ("groq", 413, openai_error("rate_limit_exceeded", "tokens", TOO_LARGE), "client", NOT, True, False),
        ("openai", 400, openai_error("context_length_exceeded"), "client", NOT, True, False),
        ("openai", 400, openai_error(None), "client", NOT, False, False),
        ("openai", 400, openai_error("content_filter"), "policy", NOT, False, False),
        ("openai", 400, openai_error("content_policy_violation"), "policy", NOT, False, False),
        (
            "openai",
            400,
            {"error": {"code": "x", "innererror": {"code": "ResponsibleAIPolicyViolation"}}},
            "policy",
            NOT,
            False,
            False,
        ),
        ("openai", 401, openai_error("invalid_api_key"), "client", NOT, True, False),
        ("openai", 403, openai_error(None), "policy", NOT, False, False),
        ("openai", 404, openai_error("model_not_found"), "client", NOT, True, False),
        ("openai", 404, "<html>", "client", NOT, False, False),
        ("openai", 408, None, "transport", AGAIN, True, True),
        ("openai", 409, None, "throttle", AGAIN, True, False),
        ("openai", 413, None, "client", NOT, False, False),
        ("openai", 422, openai_error(None), "client", NOT, False, False),
        ("openai", 500, openai_error(None, "server_error"), "provider", AGAIN, True, True),
        ("openai", 502, "<html>bad gateway</html>", "provider", AGAIN, True, True),
        ("openai", 503, None, "provider", AGAIN, True, True),
        ("openai", 504, None, "provider", AGAIN, True, True),
        ("groq", 498, None, "throttle", AGAIN, True, False),
        ("anthropic", 429, anthropic_error("rate_limit_error"), "throttle", AGAIN, True, False),
        ("anthropic", 529, anthropic_error("overloaded_error"), "throttle", AGAIN, True, False),
        ("anthropic", 529, None, "throttle", AGAIN, True, False),
        ("anthropic", 500, anthropic_error("api_error"), "provider", AGAIN, True, True),
        ("anthropic", 400, anthropic_error("invalid_request_error"), "client", NOT, False, False),
        (
            "anthropic",
            400,
            anthropic_error("invalid_request_error", "Your credit balance is too low to"),
            "throttle",
            NOT,
            True,
            False,
        ),
        (
            "anthropic",
            400,
            anthropic_error("invalid_request_error", "prompt is too long: 210000 tokens"),
            "client",
            NOT,
            True,
            False,
        ),
        ("anthropic", 401, anthropic_error("authentication_error"), "client", NOT, True, False),
        ("anthropic", 402, anthropic_error("billing_error"), "throttle", NOT, True, False),
        ("anthropic", 403, anthropic_error("permission_error"), "policy", NOT, False, False),
        ("anthropic", 408, anthropic_error("invalid_request_error"), "transport", AGAIN, True, True),
        ("anthropic", 404, anthropic_error("not_found_error"), "client", NOT, False, False),
        ("anthropic", 413, anthropic_error("request_too_large"), "client", NOT, False, False),
    ],
)
def test_every_status_and_body(
    sdk: str, status: int, body: Any, kind: str, again: bool, elsewhere: bool, counts: bool
) -> None:
    found = of_status(sdk, status, body, {})
    assert (found.kind, found.again, found.elsewhere, found.counts) == (kind, again, elsewhere, counts)


def test_the_provider_has_the_last_word() -> None:
    assert not of_status("openai", 500, None, {"x-should-retry": "false"}).again
    assert of_status("openai", 400, None, {"x-should-retry": "true"}).again


def test_an_error_event_is_known_by_its_type_alone() -> None:
    found = of_body("anthropic", anthropic_error("overloaded_error"))
    assert found is not None and (found.kind, found.code) == ("throttle", "overloaded_error")
    found = of_body("openai", {"type": "response.failed", "response": {"error": {"code": "server_error"}}})
    assert found is not None and found.kind == "provider"
    found = of_body("anthropic", anthropic_error("invalid_request_error"))
    assert found is not None and (found.kind, found.again) == ("client", False)
    assert of_body("openai", {"choices": []}) is None


def test_exceptions_that_say_nothing_about_the_provider() -> None:
    assert of_error("openai", TypeError("of the application")) is None
    assert of_error("openai", KeyboardInterrupt()) is None


def test_tables_are_complete_and_without_shadowed_rows() -> None:
    assert {row.kind for rows in ERRORS.values() for row in rows} | {row.kind for row in STATUSES.values()} <= set(
        REMEDIES
    )
    for rows in ERRORS.values():
        wide: set[str] = set()
        for row in rows:
            assert not wide & set(row.codes), "an earlier row takes it all"
            wide |= set() if row.says else set(row.codes)


@given(st.recursive(st.none() | st.text() | st.integers(), lambda inner: st.dictionaries(st.text(), inner)))
def test_no_body_is_too_odd(body: Any) -> None:
    assert of_status("openai", 400, body, {}).kind == "client"


IN_AN_HOUR = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)


@pytest.mark.parametrize(
    ("headers", "low", "high"),
    [
        ({"retry-after": "3"}, 3, 3),
        ({"retry-after": "0.4"}, 0.4, 0.4),
        ({"retry-after-ms": "250"}, 0.25, 0.25),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9, 9),
        ({"retry-after": IN_AN_HOUR}, 1, 3600),
        ({"retry-after": "3600"}, 3600, 3600),
    ],
)
def test_retry_after(headers: dict[str, str], low: float, high: float) -> None:
    seconds = backoff.retry_after(headers)
    assert seconds is not None and low <= seconds <= high


@pytest.mark.parametrize(
    "value", ["", "soon", "-1", "0", "nan", "inf", "Wed, 21 Oct 2015 07:28:00 GMT", "99999999999999999999 Oct"]
)
def test_retry_after_that_makes_no_sense(value: str) -> None:
    assert backoff.retry_after({"retry-after": value}) is None


def test_when_a_limit_is_all_free_again_is_not_when_to_come_back() -> None:
    resets = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s"}
    assert backoff.retry_after(resets | {"anthropic-ratelimit-requests-reset": "2030-01-01T00:00:00Z"}) is None


@given(st.integers(min_value=0, max_value=10**6))
def test_pauses_are_bounded(attempt: int) -> None:
    assert 0 <= backoff.pause(attempt) <= min(backoff.CAP, backoff.BASE * 2.0 ** min(attempt, 100))
    assert 2.0 <= backoff.after(2.0) <= 2.2
