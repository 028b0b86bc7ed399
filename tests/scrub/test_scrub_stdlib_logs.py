"""What the SDKs of providers log at DEBUG does not leave; what the application logs is its own."""

from __future__ import annotations

import io
import logging
import logging.config
from collections.abc import Iterator

import pytest
from scrub_canaries import CANARIES, leaks

from hardened.telemetry import scrub
from hardened.testing import FakeProvider

EMAIL = CANARIES["email"]


@pytest.fixture
def stream(installed: scrub.Scrubber) -> Iterator[io.StringIO]:
    """What a handler of the application writes, at DEBUG."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(name)s %(message)s"))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield stream
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.mark.parametrize("name", ["openai", "openai._base_client", "anthropic._response", "httpx", "httpcore.http11"])
def test_loggers_of_sdks(stream: io.StringIO, name: str) -> None:
    log = logging.getLogger(name)
    log.debug("Request options: %s", {"json_data": {"messages": [{"content": f"I am {EMAIL}"}]}, "n": 1})
    log.info("HTTP Request: %s %s", "GET", "https://u:p@host.example/?token=abc&page=2")
    log.debug("headers %r", [(b"set-cookie", b"sid=abc"), (b"x", b"y")])
    log.debug("%(who)s", {"who": EMAIL})
    output = stream.getvalue()
    assert f"{name} Request options: {{'json_data'" in output and "'n': 1" in output
    assert "GET https://host.example/?token=[REDACTED]&page=2" in output
    assert "sid=" not in output and "(b'x', b'y')" in output
    assert not leaks(EMAIL, output)


def test_the_real_sdks_at_debug(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    anthropic, openai = pytest.importorskip("anthropic"), pytest.importorskip("openai")
    messages = [{"role": "user", "content": f"I am {EMAIL}"}]
    with FakeProvider() as provider:
        for name, value in provider.env().items():
            monkeypatch.setenv(name, value)
        with anthropic.Anthropic() as client:
            client.messages.create(model="claude-opus-5", max_tokens=10, messages=messages)
        with openai.OpenAI() as client:
            client.chat.completions.create(model="gpt-5-mini", messages=messages, user=EMAIL)
    output = stream.getvalue()
    assert "anthropic._base_client" in output and "openai._base_client" in output and "I am [EMAIL]" in output
    assert not leaks(EMAIL, output)


def test_loggers_that_exist_already(scrubber: scrub.Scrubber, caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("openai.made_before")
    scrub.install(scrubber)
    try:
        log.warning("for %s", EMAIL)
    finally:
        scrub.uninstall()
    log.warning("after %s", "it")
    assert caplog.messages == ["for [EMAIL]", "after it"]


def test_tracebacks_and_stacks(stream: io.StringIO) -> None:
    try:
        raise ValueError(f"no answer for {EMAIL}")
    except ValueError:
        logging.getLogger("openai.x").exception("failed", stack_info=True)
    output = stream.getvalue()
    assert "ValueError: no answer for [EMAIL]" in output and "Stack (most recent call last)" in output
    assert not leaks(EMAIL, output)


def test_a_clean_record_is_left_as_it_is(stream: io.StringIO, caplog: pytest.LogCaptureFixture) -> None:
    argument = {"method": "post"}
    logging.getLogger("openai.x").debug("options %s", argument)
    (record,) = [r for r in caplog.records if r.name == "openai.x"]
    assert record.msg == "options %s" and record.args == argument


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError(EMAIL)


def test_a_record_that_cannot_be_read(stream: io.StringIO, capsys: pytest.CaptureFixture[str]) -> None:
    log = logging.getLogger("openai.x")
    log.debug("%s", Unprintable())
    log.debug("%d %s", *[EMAIL])
    assert stream.getvalue().count("openai.x [SCRUB_FAILED]") == 2
    assert not leaks(EMAIL, capsys.readouterr().err)


def test_the_application_s_own_records_are_not_touched(stream: io.StringIO) -> None:
    logging.getLogger("app").info("mail %s", EMAIL)
    logging.getLogger("openai_app").info("mail %s", EMAIL)
    assert stream.getvalue().count(EMAIL) == 2
    assert logging.getLogger("app").filters == [] and logging.getLogger("openai_app").filters == []


def test_a_configuration_of_logging_does_not_remove_it(installed: scrub.Scrubber) -> None:
    stream = io.StringIO()
    configuration = {
        "version": 1,
        "incremental": False,
        "disable_existing_loggers": False,
        "handlers": {"own": {"class": "logging.StreamHandler", "stream": stream}},
        "loggers": {"openai": {"handlers": ["own"], "level": "DEBUG"}, "openai.deep": {"level": "DEBUG"}},
    }
    logging.config.dictConfig(configuration)
    try:
        logging.getLogger("openai.deep").debug("for %s", EMAIL)
        assert stream.getvalue() == "for [EMAIL]\n"
    finally:
        logging.getLogger("openai").handlers.clear()
        for name in ("openai", "openai.deep"):
            logging.getLogger(name).setLevel(logging.NOTSET)


def test_for_a_handler_of_one_s_own(scrubber: scrub.Scrubber) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(scrub.LogFilter(scrubber))
    log = logging.Logger("app")
    log.addHandler(handler)
    log.warning("for %s", EMAIL)
    assert stream.getvalue() == "for [EMAIL]\n"
