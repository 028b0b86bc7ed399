"""Values that are called a password, a key or a token by what stands directly before them."""

# ruff: noqa: E501 - tables of patterns and examples, one item a line

from __future__ import annotations

import re
from functools import partial

from hardened_detectors.entry import Entry
from hardened_detectors.lazy import lazy

from .randomness import entropy, is_shuffled, is_stand_in

_PASSWORD = (
    "password", "passwd", "passphrase", "passcode", "passwort", "passwor", "passwrd", "pasword", "psword", "pssword", "pswd", "paswd", "kennwort",
    "contraseña", "securestring", "pwd",
)  # fmt: skip
# Names that are too common within words to be looked for without the sign that follows them.
_SIGNS = (":", "=", " =", " :", '"', "'", ">", ")")
_SIGN_FOLLOWS = r"(?=[:=\"'>)]| [=:])"


def _signed(*names: str) -> tuple[str, ...]:
    return tuple(name + sign for name in names for sign in _SIGNS)


_KEYS = (
    "secret", "token", "api key", "access key", "auth key", "account key", "private key", "signing key", "encryption key", "master key", "client key",
    "license key", "credential", "unseal", "authorization", "authentication", "_bearer",
)  # fmt: skip

# A name that ends in one of these is not the name of a credential.
_OF = (
    r"(?![\w.-]{0,20}?(?:ids?|names?|types?|counts?|size|len|length|limit|urls?|uri|path|file|hash|ref|arn|version|expir\w{1,9}|ttl|policy|fields?|format|rounds|"
    r"prefix|regex|pattern|rules?|hint|label|min|max|usage|used|budget|cost|price|scopes?|mgr\w{0,20}|py|js|ts|json|md|txt|html|yaml)(?![a-z]))"
)
_QUOTES = r"[\"'`\\]{0,4}"
# What the name may go on with, then quotes, then a sign or a word of assignment (or one space). Atomic, so that where
# the value begins does not depend on what the value is.
_SIGN = r"\s{0,8}(?:=>|:=|->|[=!]?={1,2}|:|is\b|are\b)\s{0,8}"
_TAIL = (
    rf"{_OF}(?>[\w.-]{{0,20}}(?: \d{{1,2}}(?=[:=]))?[\"'`\]\\)]{{0,4}}"
    rf"(?:{_SIGN}|>|[ \t](?:for|of)[ \t][\w.@-]{{1,20}}[ \t]?[:=][ \t]?|\s?,\s?|(?:[ \t]|(?<=\\)t){{1,4}})[\"'`\\\[(]{{0,4}}"
    r"(?:(?:basic|bearer|token|apikey)[ \t])?)"
)
# Between name and value: another attribute, element or key that says "value", or an expression whose last resort is the
# value.
_VALUE_WORD = r"(?:value|default|content|text)"
_BRIDGE = (
    rf"{_OF}(?>[\w.-]{{0,20}}{_QUOTES}(?:\s?[,{{]?\s{{0,16}}{_QUOTES}{_VALUE_WORD}{_QUOTES}{_SIGN}|</\w{{1,10}}>\s{{0,16}}<{_VALUE_WORD}>|"
    r"\)\s(?:or|\|\||\?\?)\s(?=[\"'`])|\s?:?=\s?[\w.]{0,20}\(?[\"'\w.-]{0,24}\)?(?:\s(?:or|\|\||\?\?)|,)\s?(?=[\"'`]))[\"'`\\\[(]{0,4})"
)
_LEAD_LONGEST = 120
_VALUE = r"(?:[!#-%*+./0-9:=?-Z^_a-z~-]|&(?![\w.-]{1,24}=))"


def _spellings(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name.replace(" ", gap) for name in names for gap in (["", " ", "_", "-"] if " " in name else [""]))


def _either(names: tuple[str, ...]) -> str:
    return "|".join(name.replace(" ", "[ _-]?") for name in names)


_PASSWORD_NAME = rf"(?:{_either(_PASSWORD)}|(?:(?<!by)(?<!com)pass|(?<![a-z0-9])pw){_SIGN_FOLLOWS})"
_PASSWORD_LITERALS = (*_PASSWORD, *_signed("pass", "pw"))
_KEY_NAME = f"(?:{_either(_KEYS)}|auth{_SIGN_FOLLOWS})"
_KEY_LITERALS = (*_spellings(_KEYS), *_signed("auth"))

# What stands after such names in code and prose and is no credential: words, identifiers, dotted names, paths,
# versions, numbers, dates.
_WORDS = r"[A-Z]?[a-z]+(?:[_.:/-][A-Z]?[a-z]+)*|[A-Z][A-Z_]*|[A-Za-z]+(?:[./:_=-][A-Za-z_]+)+|[A-Za-z]?[a-z]+(?:[A-Z][a-z]+)+"
_NUMBERS = r"[\d.,:/_-]{1,23}|[v^~=<>]{0,2}\d+\.\d+.*|\d{4}-\d\d-\d\d[T:\d.Z+-]*"
_PATHS = r"[./~].*|(?:[\w-]+/)+[\w-]+\.[a-z]{1,5}|\w{2,8}://.*|arn:.*|(?:[\w-]+\.)+[a-z]{2,6}(?::\d+)?(?:/.*)?"
_ORDINARY = lazy(f"{_WORDS}|{_NUMBERS}|{_PATHS}")
# Identifiers with numbers in them are no keys either; as a password each would be an ordinary one.
_PART = r"[A-Za-z]{0,16}\d{0,3}[A-Za-z]{0,16}"
_NUMBERED = lazy(rf"[*&]?(?:(?:{_WORDS})\d{{1,3}}|{_PART}(?:[_./:-]{{1,2}}{_PART})+)")
_REFERENCE = lazy(
    r"\$(?:[{(]|\w+$|\d+\.)|%(?:\(|\w+%|s\b)|\[+[\w:.-]+\]|process\.env|os\.|env\.|self\.|this\.|config|settings|secrets?\.|var\.|null|none|true|false|undefined|str\b|string|int\b",
    re.IGNORECASE,
)
_INVENTED = lazy("get_|my_|test|fake|todo|hidden", re.IGNORECASE)
_HEX = lazy(r"[0-9a-f]{20,}|[0-9A-F]{20,}")
_UUID = lazy(r"[0-9a-z]{8}-(?:[0-9a-z]{4}-){3}[0-9a-z]{12}", re.IGNORECASE)
_TRIVIAL = frozenset({"secret", "admin", "root", "postgres", "mysql", "guest", "default", "required", "optional"})


def _classes(value: str) -> int:
    return sum(bool(re.search(kind, value)) for kind in ("[a-z]", "[A-Z]", r"\d", r"[^\w.-]"))


def _is_possible(value: str) -> bool:
    if _REFERENCE.match(value) or is_stand_in(value) or (len(value) < 24 and _INVENTED.match(value)):
        return False
    return _ORDINARY.fullmatch(value.rstrip(".?!,")) is None


def _is_password(value: str) -> bool:
    """People choose passwords, so little randomness is enough if the characters are mixed."""
    if not _is_possible(value) or _UUID.fullmatch(value) or entropy(value) < 2.5:
        return False
    if value[0] in "*&," and re.fullmatch(r"\w*", value[1:]):  # a pointer or a reference in C
        return False
    mixed = _classes(value)
    return (mixed >= 2 and any(c.isdigit() for c in value)) or mixed >= 3 or (len(value) >= 12 and is_shuffled(value))


def _is_quoted_password(value: str) -> bool:
    """A literal in quotes is meant as one, so a digit or a sign within is enough."""
    return (
        _is_possible(value)
        and re.search(r"\d|[$%&@^~|<>{}()[\]+=]", value) is not None
        and entropy(value) >= 2.0
        and value[0] not in ",$"
    )


def _is_word(value: str) -> bool:
    """An environment variable is set to what it is set to, also to a word."""
    return not is_stand_in(value) and value not in _TRIVIAL and "password" not in value


def _is_key(value: str) -> bool:
    """Keys are made by machines: long, with digits, and random."""
    if not _is_possible(value) or _NUMBERED.fullmatch(value) or len(set(value)) < 7:
        return False
    kinds = _classes(value)
    if len(value) < 16:  # short, so it has to be mixed as no word is
        return kinds >= 3 and len(re.findall(r"\d+", value)) >= 2 and entropy(value) >= 3.0
    if not any(c.isdigit() for c in value):
        return len(value) >= 20 and is_shuffled(value)
    return value.isdigit() or (kinds >= 2 and (_HEX.fullmatch(value) is not None or entropy(value) >= 3.0))


def _is_named_key(value: str) -> bool:
    """A key beside a name that is less than a name of keys: hexadecimal digits, a UUID, or well mixed letters."""
    return _is_key(value) and (
        _HEX.fullmatch(value) is not None or _UUID.fullmatch(value) is not None or entropy(value) >= 3.4
    )


def is_long_key(value: str) -> bool:
    """The same, and no shorter than tokens are."""
    return len(value) >= 20 and _is_named_key(value)


def _is_mixed_key(value: str) -> bool:
    """Digits and letters of both cases: beside `key` alone, where digests and ids stand too."""
    return is_long_key(value) and _classes(value) >= 3


# What `key` stands for after these is an index or public.
_NO_KEYS = (
    "public",
    "primary",
    "foreign",
    "cache",
    "partition",
    "sort",
    "dempotency",
    "dedup",
    "object",
    "s3",
    "hash",
    "lookup",
    "shard",
    "routing",
    "row",
)
_NOT_AFTER = "".join(f"(?<!{word})(?<!{word}[_ -])" for word in _NO_KEYS)

_named = partial(Entry, before="", lead_longest=_LEAD_LONGEST, after="", ignore_case=True)

ENTRIES = (
    _named(
        category="password",
        lead=_PASSWORD_NAME + _TAIL,
        body=_VALUE + "{6,128}(?<![.?,:])",
        longest=128,
        literals=_PASSWORD_LITERALS,
        check=_is_password,
        score=0.8,
        examples=("password: «hunter2!» ok", 'DB_PASSWORD="«Tr0ub4dor&3x»"', "my password is «c0rrecthorse9».", "{{'pwd': '«aB3$dE6fgh»'}}",
                  "10.0.0.1(PW:«RtvKm4Wz»)", "user:me,pass:«brzQk71Vt!»", "<password>«k73WQT92x5»</password>", "password for admin: «m4Tw92kz»",
                  "--password «aX9$kk2q» --host", "login?pass=«hunter81»&next=home"),
        counterexamples=("password: YOUR_PASSWORD", "password reset", "password = os.environ", "password: ********", "password must be 12 characters",
                         "pwd=/home/me", "password_hash_rounds=12", "password is required", "passwordless123 login", "bypass: h4rdly1", "password_url: a1b2c3d4e5"),
    ),
    _named(
        category="password",
        lead=_PASSWORD_NAME + _TAIL + r"(?<=[\"'`])",
        body=r"[!#-&(-\[\]-_a-~]{6,128}",
        after=r"(?=[\"'`\\])",
        longest=128,
        literals=_PASSWORD_LITERALS,
        check=_is_quoted_password,
        score=0.8,
        examples=('my_password := "«quiet$river»"', "password => '«]q!~TUV4mn7781wz@r2&[)»'"),
        counterexamples=('"password": "required"', "password: 'Password!'", 'password = "${PW}"', '"password", "user"'),
    ),
    Entry(
        category="password",
        before="",
        lead=r"(?:PASSWORD|PASSWD|PASS|PWD)=",
        lead_longest=12,
        body=r"[a-z]{8,40}",
        after=r"(?![\w.:/(\[-])",
        longest=40,
        literals=("PASSWORD=", "PASSWD=", "PASS=", "PWD="),
        check=_is_word,
        score=0.7,
        examples=("export DB_PASSWORD=«quietriver»",),
        counterexamples=("POSTGRES_PASSWORD=postgres", "PASSWORD=changeme", "PASSWORD=password", "PASS=settings.pass"),
    ),
    _named(
        category="generic_secret",
        before=r"(?<!next[_-])(?<!next)(?<!page[_-])(?<!page)(?<!nuation[_-])(?<!nuation)(?<!cursor[_-])",
        lead=_KEY_NAME + _TAIL,
        body=_VALUE + "{10,2000}(?<![.?,:])",
        longest=2000,
        literals=_KEY_LITERALS,
        check=_is_key,
        score=0.75,
        examples=("client_secret = «{b62:40}»", 'X-API-Key: «{hex:40}»', '"apiKey": "«{b62:32}»"', "aws_secret_access_key=«{b64:40}»", "my api key is «{uuid}»",
                  "ANY-Token:«VtRk7Lmz2Qwe5X8»", '"auths": {{"h": {{"auth": "«{b64:40}=»"}}}}', "Authorization: Basic «{b64:40}»", "<apiKey>«{b62:32}»</apiKey>",
                  "?token=«{hex:32}»&x=1"),
        counterexamples=("token_count=12345678901234567890", "secret santa 2024", "API_KEY=<your key>", "max_tokens: 4096", "token: process.env.TOKEN",
                         "secret_name=arn:aws:iam", "token_id: {uuid}", "next_page_token: {b62:40}", "api_key_url: app-eu2.api.sh0p.com:8443", "token: pylf_v1_us_my_first_write_token"),
    ),
    _named(
        category="generic_secret",
        lead=_KEY_NAME + _BRIDGE,
        body=_VALUE + "{10,2000}(?<![.?,:])",
        longest=2000,
        literals=_KEY_LITERALS,
        check=_is_key,
        score=0.75,
        examples=('<add key="ApiToken" value="«{b62:32}»" />', 'variable "okta_api_token" {\n  default = "«00{b62:40}»"\n}', '{"name": "token", "value": "«{hex:40}»"}',
                  'SECRET := getenv("SECRET", "«{b62:20}»")', "<name>api_token</name><value>«{b62:24}»</value>"),
        counterexamples=('{"name": "token", "value": "${TOKEN}"}', '<input name="token" value="">'),
    ),
    _named(
        category="password",
        lead=_PASSWORD_NAME + _BRIDGE,
        body=_VALUE + "{6,128}(?<![.?,:])",
        longest=128,
        literals=_PASSWORD_LITERALS,
        check=_is_password,
        score=0.75,
        examples=("- name: DB_PASSWORD\n  value: «aX9$kk2q»", 'os.environ.get("PASSWORD") or "«wq4K8rt!z»"'),
        counterexamples=('os.environ.get("PASSWORD") or "password"', "name: DB_PASSWORD\n  value: ${DB_PASSWORD}"),
    ),
    _named(
        category="generic_secret",
        before=_NOT_AFTER,
        lead=f"key{_SIGN_FOLLOWS}" + _TAIL,
        body=_VALUE + "{20,2000}(?<![.?,:])",
        longest=2000,
        literals=_signed("key"),
        check=_is_mixed_key,
        score=0.7,
        examples=("$key = '«tzRWPkqLM7{b62:40}»'", "https://maps.example.com/api/js?key=«wkx7pTR{b62:40}»&v=3"),
        counterexamples=("key: 9f86d081884c7d659a2feaa0c55ad015", "cache_key=wkx7pTR{b62:40}", "key: some/long/Path/to2/the/object", 'key="item-4711-of-the-list"'),
    ),
    _named(
        category="generic_secret",
        before=r"(?<=[\w-])" + _NOT_AFTER,
        lead=f"key{_SIGN_FOLLOWS}" + _TAIL,
        body=_VALUE + "{16,2000}(?<![.?,:])",
        longest=2000,
        literals=_signed("key"),
        check=_is_named_key,
        score=0.7,
        examples=("shopKey = «{hex:32}»", "STORE_KEY=«{uuid}»", "x-mail-key: «{b62:24}»"),
        counterexamples=("key: 9f86d081884c7d659a2feaa0c55ad015", "cacheKey=9f86d081884c7d659a2feaa0c55ad015", "primary_key: {uuid}", "monkey: 1"),
    ),
    Entry(
        category="generic_secret",
        before="",
        lead=r"(?:ACCESS|PRIVATE|KEY(?=[ -]))(?:[_ -]{0,4}(?:KEY|TOKEN))?[\"']?(?:\s{0,3}[:=]\s{0,3}|[ -]{1,4})[\"']?",
        lead_longest=30,
        body=_VALUE + "{16,200}(?<![.?,:])",
        after="",
        longest=200,
        literals=("ACCESS", "PRIVATE", "KEY ", "KEY-"),
        check=_is_named_key,
        score=0.7,
        examples=("SHOP_PRIVATE=«{hex:32}»", "shop ACCESS «{hex:40}»"),
        counterexamples=("ACCESS CONTROL 9f86d081884c7d659a2feaa0", "PRIVATE: true", "PRIMARY KEY 4711-0815-4712-0816"),
    ),
    Entry(
        category="generic_secret",
        before="",
        lead=r"(?:key|secret|token)[.-]",
        lead_longest=8,
        body=r"[0-9a-z]{20,200}|[0-9a-z]{8}-(?:[0-9a-z]{4}-){3}[0-9a-z]{12}",
        after=r"(?![\w-])",
        longest=200,
        literals=("key-", "key.", "secret-", "secret.", "token-", "token."),
        ignore_case=True,
        check=is_long_key,
        score=0.7,
        examples=("my-token-«{uuid}»", "shop.secret-«{b62:32}»"),
        counterexamples=("token-classification-pipeline", "default-token-x7k2p", "secret-{low:12}"),
    ),
)  # fmt: skip
