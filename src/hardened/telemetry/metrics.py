"""The metrics of calls and of guards. Users, sessions and tenants are never labels: each would be a time series."""

from __future__ import annotations

from opentelemetry.metrics import Counter, Histogram, Meter
from opentelemetry.util.types import AttributeValue

from hardened.guards.verdict import Decision, Stage
from hardened.spend.prices import Cost
from hardened.telemetry import semconv
from hardened_instrumentation.calls import Usage

Labels = dict[str, AttributeValue]


class Metrics:
    """Our instruments on one meter. Without a meter provider, recording does next to nothing."""

    def __init__(self, meter: Meter) -> None:
        self._duration = _histogram(meter, semconv.OPERATION_DURATION)
        self._tokens = _histogram(meter, semconv.TOKEN_USAGE)
        self._first_chunk = _histogram(meter, semconv.TIME_TO_FIRST_CHUNK)
        self._cost = _histogram(meter, semconv.COST)
        self._attempts = _counter(meter, semconv.ATTEMPTS)
        self._breakers = _counter(meter, semconv.BREAKERS)
        self._decisions = _counter(meter, semconv.DECISIONS)
        self._check_duration = _histogram(meter, semconv.CHECK_DURATION)
        self._dropped = _counter(meter, semconv.DROPPED)
        self._refusals = _counter(meter, semconv.REFUSALS)
        self._alerts = _counter(meter, semconv.ALERTS)
        self._outages = _counter(meter, semconv.OUTAGES)

    def record(
        self,
        *,
        operation: str | None,
        provider: str,
        duration: float,
        request_model: str | None = None,
        response_model: str | None = None,
        server_address: str | None = None,
        server_port: int | None = None,
        error_type: str | None = None,
        time_to_first_chunk: float | None = None,
        usage: Usage | None = None,
        cost: Cost | None = None,
        feature: str | None = None,
        attempts: int = 0,
    ) -> None:
        """A call has ended, after so many requests. Times are in seconds.

        What is no call of a model (`operation` is None) is not measured.

        The labels are those of the conventions: `error.type` on the duration only. Cost also has the feature, if set.
        """
        if operation is None:
            return
        labels: Labels = {semconv.OPERATION_NAME: operation, semconv.PROVIDER_NAME: provider}
        if request_model:
            labels[semconv.REQUEST_MODEL] = request_model
        if response_model:
            labels[semconv.RESPONSE_MODEL] = response_model
        if server_address:
            labels[semconv.SERVER_ADDRESS] = server_address
            if server_port:
                labels[semconv.SERVER_PORT] = server_port
        self._duration.record(duration, {**labels, semconv.ERROR_TYPE: error_type} if error_type else labels)
        if attempts:
            self._attempts.add(attempts, labels)
        if time_to_first_chunk is not None:
            self._first_chunk.record(time_to_first_chunk, labels)
        if usage is not None:
            for kind, count in (
                (semconv.TOKEN_TYPE_INPUT, usage.input),
                (semconv.TOKEN_TYPE_OUTPUT, usage.output),
            ):
                if count is not None:
                    self._tokens.record(count, {**labels, semconv.TOKEN_TYPE: kind})
        if cost is not None:
            self._cost.record(cost.total, {**labels, semconv.FEATURE: feature} if feature else labels)

    def record_guard(self, stage: Stage, decision: Decision, duration: float | None = None) -> None:
        """A guard has decided; `duration` is how many seconds the check took, if it was measured."""
        labels: Labels = {
            semconv.GUARD_STAGE: stage,
            semconv.GUARD_DETECTOR: decision.detector,
            semconv.GUARD_ACTION: decision.action,
            semconv.GUARD_OUTCOME: decision.outcome,
            semconv.GUARD_ENFORCED: decision.enforced,
        }
        self._decisions.add(1, labels)
        if duration is not None:
            self._check_duration.record(
                duration, {semconv.GUARD_STAGE: stage, semconv.GUARD_DETECTOR: decision.detector}
            )

    def record_refusal(self, scope: str, unit: str) -> None:
        """A budget or limit had no room for a call."""
        self._refusals.add(1, {semconv.SPEND_SCOPE: scope, semconv.SPEND_UNIT: unit})

    def record_alert(self, kind: str, scope: str) -> None:
        """An alert about spend was given."""
        self._alerts.add(1, {semconv.SPEND_ALERT: kind, semconv.SPEND_SCOPE: scope})

    def record_outage(self) -> None:
        """The store has gone away."""
        self._outages.add(1)

    def breaker(self, target: str, state: str) -> None:
        """The breaker of a target is in another state now."""
        self._breakers.add(1, {semconv.TARGET: target, semconv.BREAKER_STATE: state})

    def dropped(self, count: int) -> None:
        """So many spans, logs or scores could not be exported."""
        self._dropped.add(count)


def _histogram(meter: Meter, instrument: semconv.Instrument) -> Histogram:
    return meter.create_histogram(
        instrument.name,
        instrument.unit,
        instrument.description,
        explicit_bucket_boundaries_advisory=instrument.buckets,
    )


def _counter(meter: Meter, instrument: semconv.Instrument) -> Counter:
    return meter.create_counter(instrument.name, instrument.unit, instrument.description)
