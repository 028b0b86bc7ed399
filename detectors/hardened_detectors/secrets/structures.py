"""Credentials that are known by their shape: signed tokens, private keys, headers, addresses with a password."""

from __future__ import annotations

import base64
import re

from hardened_detectors.entry import Entry
from hardened_detectors.lazy import lazy

from .randomness import entropy, is_stand_in, looks_random

_WORD = r"(?:[A-Z0-9]{1,12} ){0,3}"
_HEADER = rf"-----BEGIN {_WORD}PRIVATE KEY(?: BLOCK)?-----"
_FOOTER = rf"-----END {_WORD}PRIVATE KEY(?: BLOCK)?-----"
# Lines of a key, its headers, line ends also where they are written as `\n`, and quotes and signs between the pieces of
# a string in code. Hyphens, but not the five of a footer.
_BODY = r"(?:[A-Za-z0-9+/=\s\\:,.()@\"'_]|-(?!----)){0,8192}+"
# Without a footer only what is certainly key: runs that are longer than words.
_BREAK = r"(?:\s|\\[nr]|[\"'+,])"
_RUN = r"[A-Za-z0-9+/=]{16,64}"
_TRUNCATED = rf"{_BREAK}{{0,8}}{_RUN}(?:[A-Za-z0-9+/=]{{1,64}}|{_BREAK}{{1,8}}{_RUN}){{0,110}}+"

_BASE64_RUN = lazy(r"[A-Za-z0-9+/]{16}")


def _has_key_material(value: str) -> bool:
    return _BASE64_RUN.search(value) is not None


def _is_jwt(value: str) -> bool:
    """The first part is a JSON object (RFC 7519), and it is not the token that documentation prints."""
    if is_stand_in(value[-48:]):
        return False
    header = value.split(".", 1)[0]
    try:
        return base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)).lstrip().startswith(b"{")
    except ValueError:
        return False


_NO_PASSWORDS = frozenset({"password", "pass", "passwd", "pwd", "secret", "token", "user", "port", "pw"})


def _is_userinfo(value: str) -> bool:
    """`user:password` as in an address (RFC 3986, section 3.2.1); not `host:port`."""
    password = value.rpartition(":")[2]
    return len(password) > 3 and not is_stand_in(password) and password.lower().strip("[]") not in _NO_PASSWORDS


def _is_chosen_userinfo(value: str) -> bool:
    """The same where less says that it is one: not two numbers, and no plain word as the password."""
    password = value.partition(":")[2].strip("\"'")
    return (
        _is_userinfo(f":{password}")
        and len(set(password)) >= 5
        and re.search(r"[a-z].*\d|\d.*[a-z]|[^\w.-]", password, re.I) is not None
    )


def _is_basic(value: str) -> bool:
    """User and password in base64 (RFC 7617); a word of lower-case letters only is taken for a word."""
    try:
        return not value.islower() and b":" in base64.b64decode(value + "=" * (-len(value) % 4))
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
        lead="://",
        lead_longest=3,
        body=r"[!#%&(-.0-9;=?-Z\[-z|~]{0,80}+:[!-.0-9:;=?A-Za-z\[-`|~]{3,120}+",
        after=r"(?=@[A-Za-z0-9._\[-])",
        longest=201,
        literals=("://",),
        check=_is_userinfo,
        score=0.93,
        examples=(
            "postgres://«app:s3cr3tPw»@db.internal:5432/x",
            "redis://«:hunter2hunter2»@cache:6379",
            "smtps://«me@mail.example:KtW47MQx»@smtp.mail.example",
        ),
        counterexamples=(
            "https://example.com:8080/path",
            "postgres://user:password@host",
            "postgres://user:${{DB_PASS}}@host",
            "http://a/b:c@d",
        ),
    ),
    Entry(
        category="command_password",
        before=r"(?<![\w-])",
        lead=r"(?:--user|--proxy-user|-u|-U)[= ]{1,2}[\"']?",
        lead_longest=15,
        body=r"[\w.@+{}-]{1,64}[\"']?:[\"']?[!#-&(-~]{4,128}",
        after="",
        longest=196,
        literals=("--user ", "--user=", "--proxy-user ", "-u ", "-U "),
        check=_is_chosen_userinfo,
        score=0.85,
        examples=("curl --user «kevin:'zQd4kW8m2T7v»' -X PUT", "curl -u «me:s3cr3t!pw» https://host"),
        counterexamples=("docker run -u 1000:1000 image", "curl -u user:password host", "chown -u www-data:www-data"),
    ),
    Entry(
        category="sql_password",
        before=r"(?<![a-z])",
        lead=r"identified (?:by|with [\"'`]?\w{1,40}[\"'`]? (?:by|as))(?: password)? [\"'`\\]{0,2}",
        lead_longest=80,
        body=r"[!#-&(-:<-\[\]-_a-~]{6,128}",
        after="",
        longest=128,
        literals=("identified by ", "identified with "),
        ignore_case=True,
        check=lambda value: not is_stand_in(value) and re.search(r"[\d!@#$%^&*]", value) is not None,
        score=0.85,
        examples=(
            "CREATE USER x IDENTIFIED BY '«DbAcc3ssKx9»'",
            "IDENTIFIED WITH 'mysql_native_password' AS '«*{HEX:40}»'",
        ),
        counterexamples=("a user is identified by username", "IDENTIFIED BY '${{PASSWORD}}'", "identified by their id"),
    ),
    Entry(
        category="password_hash",
        before=r"(?<![\w$])",
        body=r"\$2[abxy]?\$\d\d\$[./A-Za-z0-9]{53}|\$(?:1|5|6|7|8|9|y|apr1|sha1)\$(?:rounds=\d{1,9}\$)?[./A-Za-z0-9]{1,32}\$[./A-Za-z0-9]{20,90}|"
        r"\$(?:argon2(?:id|i|d)|scrypt|pbkdf2(?:-sha\d{1,3})?)\$[\w=,$.+/-]{40,250}|\$krb5(?:asrep|tgs)\$[\w*$@./-]{40,4000}",
        after="",
        longest=4012,
        gate=r"\$(?:2[abxy]?|[156789y]|apr1|sha1|argon2(?:id|i|d)|scrypt|pbkdf2(?:-sha\d+)?|krb5(?:asrep|tgs))\$",
        check=lambda value: len(set(value)) > 14,
        score=0.9,
        examples=(
            "root:«$6$saltsaltsa1t${b62:86}»:19000:0",
            "«$2b$12${b62:53}»",
            "«$argon2id$v=19$m=65536,t=3,p=4${b64:22}${b64:43}»",
        ),
        counterexamples=("$1$ and $2", "costs $5$ or $6$ in total"),
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
