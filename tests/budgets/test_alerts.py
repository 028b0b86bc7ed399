"""Who spends fast is told about, once."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from budget_bench import Configure
from opentelemetry import _logs, metrics
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

import hardened
from hardened.spend import alerts, plan
from hardened.spend.alerts import Alert
from hardened.spend.calendar import Calendar
from hardened.store import current as store_module
from hardened.store.amounts import Charge, Tally
from hardened.telemetry import providers
from hardened.testing import Tokens

USAGE = Tokens(input=0, output=100)  # 0.001 USD


@pytest.fixture
def told() -> Iterator[list[Alert]]:
    found: list[Alert] = []
    stop = hardened.on_alert(found.append)
    yield found
    stop()


def spend(bench: Any, calls: int) -> None:
    for _ in range(calls):
        bench.provider.reply(usage=USAGE)
        bench.ask(max_tokens=20)
    bench.counts()


def test_at_80_and_100_percent_once_each(
    configure: Configure, told: list[Alert], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "hardened.spend")
    bench = configure(budgets={"global": {"month": "0.01 USD"}}, spend={"alerts": {"projected": False}})
    spend(bench, 7)
    assert told == []
    spend(bench, 1)
    assert [(alert.kind, alert.scope, alert.window, alert.value) for alert in told] == [("used", "global", "month", 80)]
    spend(bench, 2)
    assert [alert.value for alert in told] == [80, 100]
    assert (told[1].used, told[1].cap, told[1].unit) == (0.01, 0.01, "usd")
    assert [record.getMessage() for record in caplog.records] == [
        "hardened: 80 % of the budget of global of this month are used: 0.008 of 0.01 USD",
        "hardened: 100 % of the budget of global of this month are used: 0.01 of 0.01 USD",
    ]


def test_another_process_does_not_say_it_again(configure: Configure, told: list[Alert]) -> None:
    bench = configure(budgets={"global": {"month": "0.01 USD"}}, spend={"alerts": {"projected": False}})
    spend(bench, 8)
    alerts._Seen.told.clear()  # what another process does not know
    spend(bench, 1)
    assert len(told) == 1


def test_users_are_named_to_callbacks_only(
    configure: Configure, told: list[Alert], caplog: pytest.LogCaptureFixture
) -> None:
    bench = configure(budgets={"user": {"day": "2 requests"}})
    with hardened.context(user_id="ann@example.org"):
        spend(bench, 2)
    assert [alert.identity for alert in told] == ["ann@example.org"]
    assert "ann@" not in caplog.text


def test_a_day_that_will_not_last(configure: Configure, told: list[Alert], monkeypatch: pytest.MonkeyPatch) -> None:
    bench = configure(budgets={"global": {"day": "0.01 USD"}})
    begin = Calendar().current("day").begin
    monkeypatch.setattr(plan.current().calendar, "_clock", lambda: begin + 3 * 3600)
    spend(bench, 1)
    assert told == []  # 0.001 in three hours are 0.008 in a day
    spend(bench, 1)
    assert [(alert.kind, alert.used, alert.value) for alert in told] == [("projected", 0.002, pytest.approx(0.016))]
    spend(bench, 1)
    assert len(told) == 1


def test_a_day_that_is_not_like_the_others(configure: Configure, told: list[Alert]) -> None:
    bench = configure(spend={"track": True, "alerts": {"forecast": 3}})
    calendar = Calendar()
    tallies = tuple(
        Tally(f"{day}/total", "all", (1_000_000, 1, 1), 4e9) for day in calendar.days_before(calendar.now(), 5)
    )
    store_module.current().run(Charge("past", (), tallies))
    spend(bench, 2)
    assert told == []
    alerts._Seen.looked = float("-inf")  # a minute later
    spend(bench, 1)
    assert [(alert.kind, alert.used, alert.cap, alert.value) for alert in told] == [("forecast", 0.003, 0.001, 3.0)]


def test_a_forecast_needs_days_to_go_by(configure: Configure, told: list[Alert]) -> None:
    bench = configure(spend={"track": True, "alerts": {"forecast": 3}})
    calendar = Calendar()
    tallies = tuple(Tally(f"{day}/total", "all", (1, 1, 1), 4e9) for day in calendar.days_before(calendar.now(), 2))
    store_module.current().run(Charge("past", (), tallies))
    spend(bench, 1)
    assert told == []


def test_metric_and_event(configure: Configure, told: list[Alert], monkeypatch: pytest.MonkeyPatch) -> None:
    reader, logs = InMemoryMetricReader(), LoggerProvider()
    memory = InMemoryLogRecordExporter()
    logs.add_log_record_processor(SimpleLogRecordProcessor(memory))
    monkeypatch.setattr(metrics._internal, "_METER_PROVIDER", MeterProvider([reader]))
    monkeypatch.setattr(_logs._internal, "_LOGGER_PROVIDER", logs)
    providers.shutdown()
    bench = configure(budgets={"user": {"month": "0.01 USD"}}, spend={"alerts": {"projected": False}})
    with hardened.context(user_id="ann@example.org"):
        spend(bench, 9)
    (metric,) = [
        one
        for resource in json.loads(reader.get_metrics_data().to_json())["resource_metrics"]
        for scope in resource["scope_metrics"]
        for one in scope["metrics"]
        if one["name"] == "hardened.spend.alerts"
    ]
    (point,) = metric["data"]["data_points"]
    assert (point["value"], point["attributes"]) == (
        1,
        {"hardened.spend.alert": "used", "hardened.spend.scope": "user"},
    )
    (event,) = [one.log_record for one in memory.get_finished_logs()]
    assert (event.event_name, event.severity_text) == ("hardened.spend.alert", "WARN")
    assert event.body == "80 % of the budget of user of this month are used: 0.008 of 0.01 USD"
    assert dict(event.attributes) == {
        "hardened.spend.alert": "used",
        "hardened.spend.scope": "user",
        "hardened.spend.unit": "usd",
        "hardened.spend.window": "month",
        "hardened.spend.used": 0.008,
        "hardened.spend.cap": 0.01,
        "hardened.spend.value": 80.0,
    }


SPENDER = """
import sys
import hardened
from hardened.policy.active import set_active
from hardened.policy.load import load
from hardened.spend import alerts
from hardened.spend.ledger import take
from hardened.spend.plan import make_plan
from hardened.store.amounts import Line, Reserve, Settle
from hardened.store.current import current
from hardened.telemetry.context import Ambient

policy = load({"store": {"url": sys.argv[1]}, "budgets": {"global": {"day": "1000 requests"}}}, env={})
set_active(policy, "test")
hardened.on_alert(lambda alert: print(f"{alert.value:.0f}", flush=True))
rules, store = make_plan(policy), current()
(one,) = rules.applied(Ambient(), None)
for number in range(250):
    hold = f"{sys.argv[2]}-{number}"
    store.run(Reserve(hold, (take(one, 1, enforced=True),)))
    alerts.check(rules, store, [one], store.run(Settle(hold)).used)
"""


def test_of_many_processes_one_tells(tmp_path: Path) -> None:
    running = [
        subprocess.Popen(
            [sys.executable, "-c", SPENDER, tmp_path / "state.db", str(n)], stdout=subprocess.PIPE, text=True
        )
        for n in range(4)
    ]
    said = [line for process in running for line in process.communicate()[0].split()]
    assert [process.returncode for process in running] == [0] * 4
    assert sorted(said) == ["100", "80"]


def test_a_callback_that_fails_keeps_nobody_from_being_told(configure: Configure, told: list[Alert]) -> None:
    stop = hardened.on_alert(lambda _: 1 / 0)
    bench = configure(budgets={"global": {"day": "1 requests"}})
    hardened.on_alert(told.append)()
    stop_too = hardened.on_alert(told.append)
    spend(bench, 1)
    stop()
    stop_too()
    assert len(told) == 2


class Hook:
    """A web server that remembers what was posted."""

    def __init__(self, status: int = 200) -> None:
        self.posted: list[tuple[str, Any]] = []
        self.arrived = threading.Event()
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.posted.append((self.path, json.loads(body)))
                self.send_response(status)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()
                hook.arrived.set()

            def log_message(self, *_: object) -> None: ...

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/services/T0/x?y=1"


def post(address: str) -> None:
    alerts._post(address, Alert("used", "global", "*", "day", "usd", 8.0, 10.0, 80.0))


@pytest.mark.parametrize("status", [200, 302])
def test_a_webhook_gets_what_slack_understands_and_leads_nowhere_else(status: int) -> None:
    hook = Hook(status)
    post(hook.url)
    hook.server.shutdown()
    text = ":rotating_light: 80 % of the budget of global of this day are used: 8 of 10 USD"
    assert hook.posted == [("/services/T0/x?y=1", {"text": text})]


@pytest.mark.parametrize(
    "address",
    ["http://example.org/hook", "https://169.254.169.254/latest", "https://[fe80::1]/x", "ftp://localhost/x"],
)
def test_addresses_that_are_not_safe_are_refused(address: str, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            alerts.socket, "getaddrinfo", lambda host, _: [(0, 0, 0, "", (host if host[0] in "1f" else "127.0.0.1",))]
        )
        post(address)
    assert "is not used" in caplog.text


def test_a_webhook_of_the_policy_is_called(configure: Configure, told: list[Alert]) -> None:
    hook = Hook()
    bench = configure(budgets={"global": {"day": "1 requests"}}, spend={"alerts": {"webhook": hook.url}})
    spend(bench, 1)
    assert hook.arrived.wait(30)
    hook.server.shutdown()
    assert len(hook.posted) == 1
