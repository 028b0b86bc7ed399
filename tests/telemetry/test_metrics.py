"""Metrics: the conventions' names, units, buckets and labels, and no label that grows with the number of users."""

from typing import Any

import pytest
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.semconv._incubating.metrics import gen_ai_metrics

from hardened.guards.verdict import Decision
from hardened.spend.prices import Cost
from hardened.telemetry.metrics import Metrics
from hardened_detectors.api import Finding
from hardened_instrumentation.calls import Usage

LABELS = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
    "server.address": "api.openai.com",
    "server.port": 443,
}
CALL: dict[str, Any] = {
    "operation": "chat",
    "provider": "openai",
    "request_model": "gpt-4o-mini",
    "response_model": "gpt-4o-mini-2024-07-18",
    "server_address": "api.openai.com",
    "server_port": 443,
    "duration": 1.5,
}


class Collected:
    """A meter with its reader."""

    def __init__(self) -> None:
        self._reader = InMemoryMetricReader()
        self.metrics = Metrics(MeterProvider([self._reader]).get_meter("hardened"))

    def all(self) -> dict[str, Any]:
        data = self._reader.get_metrics_data()
        if data is None:
            return {}
        return {metric.name: metric for metric in data.resource_metrics[0].scope_metrics[0].metrics}

    def points(self, name: str) -> list[Any]:
        return list(self.all()[name].data.data_points)


@pytest.fixture
def collected() -> Collected:
    return Collected()


def test_the_requests_of_a_call(collected: Collected) -> None:
    collected.metrics.record(**CALL, attempts=3)
    collected.metrics.record(**CALL, attempts=1)
    (sent,) = collected.points("hardened.attempts")
    assert (sent.value, dict(sent.attributes)) == (4, LABELS)


def test_a_call(collected: Collected) -> None:
    usage = Usage(input=400, output=90, cache_read=300)
    cost = Cost(0.002, 0.0015, 0.0005, "policy")
    collected.metrics.record(**CALL, time_to_first_chunk=0.4, usage=usage, cost=cost, feature="support")
    (duration,) = collected.points("gen_ai.client.operation.duration")
    (first,) = collected.points("gen_ai.client.operation.time_to_first_chunk")
    (dollars,) = collected.points("hardened.cost")
    tokens = {point.attributes["gen_ai.token.type"]: point for point in collected.points("gen_ai.client.token.usage")}
    assert (duration.sum, first.sum, dollars.sum) == (1.5, 0.4, 0.002)
    assert (tokens["input"].sum, tokens["output"].sum) == (400, 90)
    assert duration.attributes == first.attributes == LABELS
    assert tokens["input"].attributes == LABELS | {"gen_ai.token.type": "input"}
    assert dollars.attributes == LABELS | {"hardened.feature": "support"}


def test_names_and_units_are_those_of_the_conventions(collected: Collected) -> None:
    collected.metrics.record(**CALL, time_to_first_chunk=0.4, usage=Usage(input=1, output=1))
    units = {name: metric.unit for name, metric in collected.all().items()}
    assert units == {
        gen_ai_metrics.GEN_AI_CLIENT_OPERATION_DURATION: "s",
        gen_ai_metrics.GEN_AI_CLIENT_TOKEN_USAGE: "{token}",
        gen_ai_metrics.GEN_AI_CLIENT_OPERATION_TIME_TO_FIRST_CHUNK: "s",
    }


def test_buckets_are_those_of_the_conventions(collected: Collected) -> None:
    collected.metrics.record(**CALL, time_to_first_chunk=0.4, usage=Usage(input=1))
    seconds = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
    tokens = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864)
    assert collected.points("gen_ai.client.operation.duration")[0].explicit_bounds == seconds
    assert collected.points("gen_ai.client.operation.time_to_first_chunk")[0].explicit_bounds == seconds
    assert collected.points("gen_ai.client.token.usage")[0].explicit_bounds == tokens


def test_an_error_is_a_label_of_the_duration_only(collected: Collected) -> None:
    collected.metrics.record(**CALL, error_type="429", usage=Usage(input=5), cost=Cost(1, 1, 0, "policy"))
    (duration,) = collected.points("gen_ai.client.operation.duration")
    assert duration.attributes == LABELS | {"error.type": "429"}
    for name in ("gen_ai.client.token.usage", "hardened.cost"):
        assert all("error.type" not in point.attributes for point in collected.points(name))


def test_an_unknown_cost_and_unknown_tokens_are_not_zero(collected: Collected) -> None:
    collected.metrics.record(**CALL, usage=Usage(output=3))
    assert "hardened.cost" not in collected.all()
    assert [point.attributes["gen_ai.token.type"] for point in collected.points("gen_ai.client.token.usage")] == [
        "output"
    ]


def test_what_is_no_call_of_a_model_is_not_measured(collected: Collected) -> None:
    collected.metrics.record(operation=None, provider="openai", duration=1.0)
    assert collected.all() == {}


def test_guard_decisions(collected: Collected) -> None:
    decision = Decision("secrets", "redact", "redacted", (Finding("secrets", "openai_api_key", 0, 9),), enforced=False)
    collected.metrics.record_guard("output", decision, 0.002)
    collected.metrics.record_guard("output", decision)
    (count,) = collected.points("hardened.guard.decisions")
    (duration,) = collected.points("hardened.guard.duration")
    assert count.value == 2
    assert count.attributes == {
        "hardened.guard.stage": "output",
        "hardened.guard.detector": "secrets",
        "hardened.guard.action": "redact",
        "hardened.guard.outcome": "redacted",
        "hardened.guard.enforced": False,
    }
    assert (duration.count, duration.sum) == (1, 0.002)


def test_dropped_items(collected: Collected) -> None:
    collected.metrics.dropped(3)
    assert collected.points("hardened.telemetry.dropped")[0].value == 3


def test_without_a_meter_provider_nothing_happens() -> None:
    metrics = Metrics(NoOpMeterProvider().get_meter("hardened"))
    metrics.record(**CALL, usage=Usage(input=1, output=1), cost=Cost(1, 1, 0, "policy"))
    metrics.record_guard("input", Decision("pii", "warn", "flagged"))
