"""What the documentation says about secrets follows from the entries; what is no credential is left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from hardened_detectors import secrets
from hardened_detectors.examples import expand
from hardened_detectors.secrets import kinds

GUIDE = Path(__file__).parents[2] / "docs" / "detectors.md"
DETECTOR = secrets.create()


def test_the_documented_table_is_current() -> None:
    assert kinds.table() in GUIDE.read_text("utf-8"), "update it with: python -m hardened_detectors.secrets.kinds"


def test_every_kind_is_in_the_table() -> None:
    assert all(entry.category in kinds.table() for entry in secrets.ENTRIES)


ORDINARY = [
    '"minipass": "^7.0.3"',
    "await fill('#password', 'Password')",
    'password = input("Password: ")',
    "passwords must be at least 12 characters",
    "def set_password(self, password: Password) -> None:",
    "LIB_KEY *X400_BOOK_CTX_get0_entry(ctx)",
    "token = tokenizer.next_token()",
    "cacheKey = {hex:32}",
    "ETag: {hex:32}",
    "partition_key: {uuid}",
    "request_id={uuid}",
    "next_page_token={b62:40}",
    "2000 tokens = $0.24/image",
    "key: docs/guides/getting-started-2024.md",
    "https://[[username]:[password]]@host/",
    "https://user:${{TOKEN}}@host/",
    "export TOKEN=$(vault read secret/x)",
    "curl -H 'Authorization: Bearer $TOKEN'",
    "client_secret: {{{{ .Values.secret }}}}",
    "api_key = os.getenv('API_KEY')",
    "api_key = 'YOUR_API_KEY'",
    "token: <your token here>",
    "password: ************",
    "docker run -u 1000:1000 image",
    "the secret of success is practice, practice, practice",
    "git commit {hex:40}",
    "datadog trace {hex:32}",
]


@pytest.mark.parametrize("template", ORDINARY)
def test_what_is_no_credential(template: str) -> None:
    text = expand(template)
    assert not [finding.category for finding in DETECTOR.detect(text)], text
