"""What the name of a value tells about it: whether it is hidden, spared, or judged by its text alone."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum
from typing import Final


class Treatment(Enum):
    """What happens to the value under a key."""

    HIDE = "hide"  # the whole value is replaced, whatever it is
    SECRETS = "secrets"  # credentials are looked for, personal data is not
    ALL = "all"


HIDDEN_WORDS: Final = frozenset(
    {
        *(
            "authorization",
            "auth",
            "bearer",
            "cookie",
            "cookies",
            "credential",
            "credentials",
            "cvc",
            "cvv",
            "jwt",
            "otp",
        ),
        *("passcode", "passphrase", "passwd", "password", "passwords", "pwd", "secret", "secrets", "token", "apikey"),
        *("accesskey", "accesstoken", "authtoken", "privatekey", "secretkey"),
    }
)
"""A key is sensitive if this is its last word: `http.request.header.authorization`, `dbPassword`, `refresh_token`."""

_KEY_OF = {
    *("access", "account", "api", "auth", "encryption", "master", "private", "secret", "service", "shared", "signing"),
    *("ssh", "storage", "subscription"),
}
HIDDEN_PAIRS: Final = frozenset({(word, "key") for word in _KEY_OF} | {("connection", "string")})
"""A key is sensitive if these are its last two words: `x-api-key`, `secretAccessKey`."""

QUERY_WORDS: Final = frozenset({"assertion", "code", "credential", "key", "sig", "signature"})
"""Names that are sensitive in the query of a URL, beside those above: signed links, authorization codes."""

PUBLIC_KEYS: Final = frozenset(
    {
        *(
            "trace_id",
            "span_id",
            "trace.id",
            "span.id",
            "thread.id",
            "thread.name",
            "process.pid",
            "process.parent_pid",
        ),
        *("code.file.path", "code.filepath", "code.function.name", "code.function", "code.line.number", "code.lineno"),
        *("error.type", "exception.type", "event.name", "server.address", "server.port", "network.protocol.version"),
        *("http.request.method", "http.response.status_code", "http.request.resend_count", "http.route"),
        *("gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.system", "gen_ai.output.type", "gen_ai.token.type"),
        *("gen_ai.request.model", "gen_ai.request.previous_response.id", "gen_ai.request.encoding_formats"),
        *("gen_ai.response.id", "gen_ai.response.model", "gen_ai.response.finish_reasons", "gen_ai.tool.call.id"),
        *("gen_ai.prompt.name", "gen_ai.prompt.version", "openai.response.system_fingerprint"),
        *("hardened.feature", "hardened.prompt.hash", "langfuse.version", "langfuse.release", "langfuse.environment"),
    }
)
PUBLIC_PREFIXES: Final = (
    *("gen_ai.usage.", "hardened.cost.", "hardened.usage.", "hardened.guard.", "hardened.stream.", "telemetry.sdk."),
    *("telemetry.distro.", "service.", "otel."),
)
"""Ids, counts and names of things: digits in them are no telephone numbers. Credentials are looked for all the same."""

NOT_PUBLIC: Final = frozenset({"hardened.guard.reasons"})
"""Among them, what a detector of somebody else may write into."""

IDENTIFIERS: Final = frozenset(
    {
        *("user.id", "enduser.id", "session.id", "hardened.tenant", "gen_ai.conversation.id"),
        *("langfuse.user.id", "langfuse.session.id"),
    }
)
"""Whom the application itself named, by `hardened.context(...)`: meant to be seen, even if it is an e-mail address."""

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_NOT_WORDS = frozenset({"header", "plain", "raw", "text", "value"})  # say nothing about what the value is


class Keys:
    """Which keys are sensitive, which are public.

    `sensitive` and `public` are whole keys of the application's own, without regard to case. `keep_identifiers` makes
    `IDENTIFIERS` public.
    """

    def __init__(
        self, *, sensitive: Iterable[str] = (), public: Iterable[str] = (), keep_identifiers: bool = True
    ) -> None:
        self._sensitive = frozenset(key.lower() for key in sensitive)
        self._public = PUBLIC_KEYS.union(map(str.lower, public), IDENTIFIERS if keep_identifiers else ())

    def treatment(self, key: str) -> Treatment:
        """What happens to the value of an attribute with this key."""
        if self.is_sensitive(key):
            return Treatment.HIDE
        return Treatment.SECRETS if self.is_public(key) else Treatment.ALL

    def is_public(self, key: str) -> bool:
        return key.lower() in self._public or (key.startswith(PUBLIC_PREFIXES) and key not in NOT_PUBLIC)

    def is_sensitive(self, key: str) -> bool:
        """Whether a value under this name, in attributes, JSON, headers or the query of a URL, is a credential."""
        if key.lower() in self._sensitive:
            return True
        words = _words(key)
        return bool(words) and (words[-1] in HIDDEN_WORDS or tuple(words[-2:]) in HIDDEN_PAIRS)

    def is_sensitive_in_query(self, key: str) -> bool:
        words = _words(key)
        # `code` and `key` mean credentials where they stand alone, and something else in `country_code`.
        alone = len(words) == 1 and words[0] in QUERY_WORDS
        return alone or key.lower().startswith(("x-amz-", "x-goog-")) or self.is_sensitive(key)


def _words(key: str) -> list[str]:
    words = [word.lower() for word in _WORD.findall(key)]
    while words and words[-1] in _NOT_WORDS:
        words.pop()
    return words
