"""`hardened decrypt`"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

Run = Callable[..., tuple[int, str, str]]

EMAIL = "jane.doe@example.com"
POLICY = "detectors:\n  pii: {input: redact, operator: encrypt}\n"
KEY = {"HARDENED_REDACTION_KEY": "a key of a test, long enough"}


def test_what_was_closed_is_opened_by_who_has_the_key(run_apart: Run) -> None:
    Path("hardened.yaml").write_text(POLICY)
    code, printed, _ = run_apart("check", "--json", f"Write to {EMAIL}", **KEY)
    closed = json.loads(printed)["text"]
    assert code == 1 and EMAIL not in closed
    assert run_apart("decrypt", closed, **KEY) == (0, f"Write to {EMAIL}\n", "")
    lines = json.dumps({"text": closed}) + "\n" + closed.lower() + "\n"
    assert run_apart("decrypt", stdin=lines, **KEY)[1] == f'{{"text": "Write to {EMAIL}"}}\nwrite to {EMAIL}\n'
    code, printed, _ = run_apart("decrypt", "--json", closed, HARDENED_REDACTION_KEY="another key, long enough")
    assert (code, json.loads(printed)) == (1, {"text": closed, "opened": 0, "left": 1})
    assert run_apart("decrypt", "--tenant", "acme", closed, **KEY) == (1, closed + "\n", "")


def test_without_a_key_it_says_what_to_do(run: Run) -> None:
    code, printed, errors = run("decrypt", "x")
    assert (code, printed) == (3, "")
    assert "HARDENED_REDACTION_KEY" in errors
