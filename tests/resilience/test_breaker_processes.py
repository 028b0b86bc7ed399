"""A breaker that one process has opened is open for all that share its store."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis_server
from programs import Program

from hardened.testing import FakeProvider, Reply

CALLS = """
for _ in range({calls}):
    ask()
print(hardened.last_call().served_by)
"""


@pytest.fixture(params=["sqlite", "redis"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield str(tmp_path / "state.db")
    elif not redis_server.found():
        pytest.skip(redis_server.MISSING)
    else:
        with redis_server.running(tmp_path) as address:
            yield address


def test_the_next_process_does_not_ask_a_target_that_is_down(
    url: str, provider: FakeProvider, other: FakeProvider, tmp_path: Path
) -> None:
    provider.default = Reply(status=503)
    policy = {
        "store": {"url": url, "timeout_ms": 10_000},  # this machine may be busy
        "targets": {"backup": {"provider": "openai", "base_url": other.openai_base_url, "api_key": "k"}},
        "routes": {"default": ["backup"]},
        "resilience": {"breaker": {"probe": 600, "recovery": 600}},
    }
    file = tmp_path / "policy.yaml"
    file.write_text(json.dumps(policy))  # JSON is YAML
    program = Program(tmp_path, provider, {"HARDENED_POLICY": str(file)})
    assert program.run(CALLS.format(calls=6)).stdout == "backup\n"
    asked = len(provider.requests)
    assert asked == 5, "it opens at the fifth failure"
    assert program.run(CALLS.format(calls=2)).stdout == "backup\n"
    assert len(provider.requests) == asked
    assert len(other.requests) == 8
