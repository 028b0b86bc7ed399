"""Values that are called a password, a key or a token by what stands directly before them."""

# ruff: noqa: E501 - tables of patterns and examples, one item a line

from __future__ import annotations

import re

from hardened_detectors.entry import Entry

from .randomness import entropy, is_stand_in

_PASSWORD = ("password", "passwd", "passphrase", "passwort", "kennwort", "contraseña", "pwd", "_pw", " pw", "-pw")
_KEYS = (
    "secret", "token", "api key", "access key", "auth key", "account key", "private key", "signing key", "encryption key", "master key", "client key",
    "license key", "credential", "_key", "-key",
)  # fmt: skip

# What the name may go on with, then quotes, then a sign or a word of assignment (or one space). Atomic, so that where
# the value begins does not depend on what the value is.
_TAIL = r"(?>[\w.-]{0,20}[\"'`\]\\]{0,4}(?:\s{0,3}(?:=>|:=|={1,3}|:|is\b|are\b)\s{0,3}|[ \t,])[\"'`\\\[(]{0,4})"
_VALUE = r"[!#-&*+./0-9:=?-Z^_a-z~-]"


def _spellings(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name.replace(" ", gap) for name in names for gap in (["", " ", "_", "-"] if " " in name else [""]))


def _lead(names: tuple[str, ...]) -> str:
    return f"(?:{'|'.join(name.replace(' ', '[ _-]?') for name in names)}){_TAIL}"


# What stands after such names in code and prose and is no credential: words, identifiers, dotted names, paths,
# versions, numbers, dates, UUIDs.
_WORDS = r"[a-z]+(?:[_.:/-][a-z]+)*|[A-Z][A-Z_]*|[A-Za-z]+(?:[./:_-][A-Za-z_]+)+|[A-Za-z]?[a-z]+(?:[A-Z][a-z]+)+"
_NUMBERS = r"[\d.,:/_-]+|v?\d+\.\d+.*|\d{4}-\d\d-\d\d[T:\d.Z+-]*|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
_PATHS = r"[./~].*|https?://.*"
_ORDINARY = re.compile(f"{_WORDS}|{_NUMBERS}|{_PATHS}")
# An identifier that ends in a number is no key either; as a password it would be an ordinary one.
_NUMBERED = re.compile(rf"(?:{_WORDS})\d{{1,3}}")
_REFERENCE = re.compile(
    r"\$|%|process\.env|os\.|env\.|self\.|this\.|config|settings|secrets?\.|var\.|null|none|true|false|undefined|str\b|string|int\b|get_|my_|test|fake|todo|hidden",
    re.IGNORECASE,
)


def _classes(value: str) -> int:
    return sum(bool(re.search(kind, value)) for kind in ("[a-z]", "[A-Z]", r"\d", r"[^\w.-]"))


def _is_possible(value: str) -> bool:
    return not (_ORDINARY.fullmatch(value.rstrip(".?!,")) or _REFERENCE.match(value) or is_stand_in(value))


def _is_password(value: str) -> bool:
    """People choose passwords, so little randomness is enough if the characters are mixed."""
    mixed = _classes(value)
    return (
        _is_possible(value) and mixed >= 2 and (any(c.isdigit() for c in value) or mixed >= 3) and entropy(value) >= 2.5
    )


def _is_key(value: str) -> bool:
    """Keys are made by machines: long, with digits, and random."""
    return (
        _is_possible(value)
        and len(value) >= 16
        and any(c.isdigit() for c in value)
        and _classes(value) >= 2
        and entropy(value) >= 3.0
        and not _NUMBERED.fullmatch(value)
    )


ENTRIES = (
    Entry(
        category="password",
        before="",
        lead=_lead(_PASSWORD),
        lead_longest=50,
        body=_VALUE + "{6,128}(?<![.?,:])",
        after="",
        longest=128,
        literals=_PASSWORD,
        ignore_case=True,
        check=_is_password,
        score=0.8,
        examples=("password: «hunter2!» ok", 'DB_PASSWORD="«Tr0ub4dor&3x»"', "my password is «c0rrecthorse9».", "{{'pwd': '«aB3$dE6fgh»'}}"),
        counterexamples=("password: YOUR_PASSWORD", "password reset", "password = os.environ", "password: ********", "password must be 12 characters",
                         "pwd=/home/me", "password_hash_rounds=12", "password is required", "passwordless123 login"),
    ),
    Entry(
        category="generic_secret",
        before="",
        lead=_lead(_KEYS),
        lead_longest=52,
        body=_VALUE + "{8,200}(?<![.?,:])",
        after="",
        longest=200,
        literals=_spellings(_KEYS),
        ignore_case=True,
        check=_is_key,
        score=0.75,
        examples=("client_secret = «{b62:40}»", 'X-API-Key: «{hex:40}»', '"apiKey": "«{b62:32}»"', "aws_secret_access_key=«{b64:40}»"),
        counterexamples=("token_count=12345678901234567890", "secret santa 2024", "API_KEY=<your key>", "max_tokens: 4096", "token: process.env.TOKEN",
                         "secret_name=arn:aws:iam", "api key {uuid}"),
    ),
)  # fmt: skip
