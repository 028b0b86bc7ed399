"""Credentials that are known by their shape: signed tokens, private keys, headers, addresses with a password."""

from __future__ import annotations

import base64
import re

from hardened_detectors.entry import Entry

from .randomness import entropy, is_stand_in, looks_random

_WORD = r"(?:[A-Z0-9]{1,12} ){0,3}"
_HEADER = rf"-----BEGIN {_WORD}PRIVATE KEY(?: BLOCK)?-----"
_FOOTER = rf"-----END {_WORD}PRIVATE KEY(?: BLOCK)?-----"
# Lines of a key, its headers, and line ends also where they are written as `\n`. Hyphens, but not the five of a footer.
_BODY = r"(?:[A-Za-z0-9+/=\s\\:,.()@]|-(?!----)){0,8192}+"
# Without a footer only what is certainly key: runs that are longer than words.
_BREAK = r"(?:\s|\\[nr])"
_RUN = r"[A-Za-z0-9+/=]{16,64}"
_TRUNCATED = rf"{_BREAK}{{0,2}}{_RUN}(?:[A-Za-z0-9+/=]{{1,64}}|{_BREAK}{{1,2}}{_RUN}){{0,127}}+"

_BASE64_RUN = re.compile(r"[A-Za-z0-9+/]{16}")


def _has_key_material(value: str) -> bool:
    return _BASE64_RUN.search(value) is not None


def _is_jwt(value: str) -> bool:
    """The first part is a JSON object (RFC 7519)."""
    header = value.split(".", 1)[0]
    try:
        return base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)).lstrip().startswith(b"{")
    except ValueError:
        return False


def _is_password(value: str) -> bool:
    return not is_stand_in(value) and value.lower() not in (
        "password",
        "pass",
        "passwd",
        "pwd",
        "secret",
        "token",
        "user",
        "port",
    )


def _is_basic(value: str) -> bool:
    """User and password in base64 (RFC 7617)."""
    try:
        return b":" in base64.b64decode(value + "=" * (-len(value) % 4))
    except ValueError:
        return False


def _is_bearer(value: str) -> bool:
    return looks_random(value) and entropy(value) >= 3.2


ENTRIES = (
    Entry(
        category="jwt",
        before=r"(?<![A-Za-z0-9_-])",
        body=r"eyJ[A-Za-z0-9_-]{10,2000}\.[A-Za-z0-9_-]{10,6000}\.[A-Za-z0-9_-]{10,1000}",
        after="",
        longest=9010,
        literals=("eyJ",),
        check=_is_jwt,
        score=0.98,
        examples=("«eyJhbGciOiJIUzI1NiJ9.eyJ{url:120}.{url:43}» ok",),
        counterexamples=("eyJhbGciOiJIUzI1NiJ9", "eyJ0.eyJ0.x"),
    ),
    Entry(
        category="private_key",
        before="",
        body=rf"{_HEADER}(?:{_BODY}{_FOOTER}|{_TRUNCATED})",
        after="",
        longest=9000,
        literals=("-----BEGIN ",),
        spaced=True,
        spans="-----BEGIN ",
        check=_has_key_material,
        score=0.99,
        examples=(
            "«-----BEGIN {-}RSA PRIVATE KEY-----\n{b64:64}\n{b64:64}\n{b64:22}==\n-----END RSA PRIVATE KEY-----»\n",
            '"«-----BEGIN {-}PRIVATE KEY-----\\n{b64:64}\\n{b64:20}\\n-----END PRIVATE KEY-----»\\n"',
            "«-----BEGIN {-}OPENSSH PRIVATE KEY-----\n{b64:70}\n{b64:40}» and then it was cut",
        ),
        counterexamples=(
            "-----BEGIN {-}PRIVATE KEY----- is the header of such a file",
            "-----BEGIN CERTIFICATE-----\n{b64:64}\n-----END CERTIFICATE-----",
            "-----BEGIN {-}PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",
        ),
    ),
    Entry(
        category="url_password",
        before="",
        lead=r"://[^\s:/@\"'<>{}$]{0,80}:",
        lead_longest=84,
        body=r"[!-.0-9:;=?A-Za-z\[-`|~]{3,120}",
        after=r"(?=@[A-Za-z0-9._\[-])",
        longest=120,
        literals=("://",),
        check=_is_password,
        score=0.93,
        examples=("postgres://app:«s3cr3tPw»@db.internal:5432/x", "redis://:«hunter2hunter2»@cache:6379"),
        counterexamples=(
            "https://example.com:8080/path",
            "postgres://user:password@host",
            "postgres://user:${{DB_PASS}}@host",
            "http://a/b:c@d",
        ),
    ),
    Entry(
        category="authorization_header",
        before=r"(?<![A-Za-z])",
        lead=r"bearer[ \t]{1,2}",
        lead_longest=8,
        body=r"[A-Za-z0-9._~+/-]{20,2048}={0,2}",
        after="",
        longest=2050,
        literals=("bearer",),
        ignore_case=True,
        check=_is_bearer,
        score=0.92,
        examples=("Authorization: Bearer «{url:40}»", 'curl -H "authorization: bearer «{b62:64}»"'),
        counterexamples=("Bearer YOUR_ACCESS_TOKEN_GOES_HERE", "bearer of internationalization-responsibility"),
    ),
    Entry(
        category="authorization_header",
        before=r"(?<![A-Za-z])",
        lead=r"basic[ \t]{1,2}",
        lead_longest=7,
        body=r"[A-Za-z0-9+/]{8,512}={0,2}",
        after=r"(?![A-Za-z0-9+/=])",
        longest=514,
        literals=("basic",),
        ignore_case=True,
        check=_is_basic,
        score=0.92,
        examples=("Authorization: Basic «" + base64.b64encode(b"aladdin:open sesame").decode() + "»",),
        counterexamples=("basic understanding of", "Basic authentication"),
    ),
)
