"""Scrubbing switched on for one test, and a place where OTLP arrives."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from hardened.telemetry import scrub
from hardened.telemetry.scrub import boundary


@pytest.fixture(scope="session")
def scrubber() -> scrub.Scrubber:
    """The default scrubber with the real detectors, which are costly to load."""
    return scrub.Scrubber()


@pytest.fixture(autouse=True)
def nothing_installed() -> Iterator[None]:
    """What other tests have installed is there again afterwards."""
    records, span_filter = boundary._state.records, boundary._state.filter
    scrub.uninstall()
    scrub.set_span_filter(None)
    yield
    scrub.uninstall()
    scrub.set_span_filter(span_filter)
    if records is not None:
        scrub.install(records.scrubber)


@pytest.fixture
def installed(nothing_installed: None, scrubber: scrub.Scrubber) -> scrub.Scrubber:
    scrub.install(scrubber)
    return scrubber


class Sink:
    """A collector that keeps the bodies that it was sent."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                sink.bodies.append(gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body)
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def sink() -> Iterator[Sink]:
    running = Sink()
    yield running
    running.server.shutdown()
    running.server.server_close()
