"""What takes the place of a value: the operators of a policy at work.

Keys are derived for each purpose and tenant (HMAC-SHA256 over both, as in HKDF, RFC 5869), so that equal values of two
tenants have nothing in common. AES is presidio-anonymizer's (CBC, a random IV for each value); a keyed digest over
label and ciphertext is put behind it, so that nothing is opened that was not closed here, with this key.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Iterable
from typing import Any, Final

from hardened.errors import PolicyError
from hardened.guards.json_text import replace_in
from hardened.guards.plan import Operator, Replacement
from hardened.guards.pseudonym import MAX_NUMBER, literal_numbers
from hardened.guards.redaction import Render, Span, as_placeholder, label, placeholder
from hardened.guards.vault import Vault, vault_of_call
from hardened.guards.verdict import Stage
from hardened_detectors.api import Finding

_FAR: Final = 1_000
HASH_BYTES: Final = 8  # 64 bits: two of a million values share a hash with a probability of 3 in 100 million
TAG_BYTES: Final = 16
_ANSWERS: Final[tuple[Stage, ...]] = ("output", "tool_call")  # what the model says; the rest is on its way to it
_LEAST: Final = 77  # base32 characters of one block, its IV and its digest
_ENCRYPTED: Final = re.compile(rf"\[([A-Z0-9_]+)_ENC_([A-Z2-7]{{{_LEAST},}})\]", re.IGNORECASE)

_process_key: Final = secrets.token_bytes(32)
"""In the place of a key that nobody has configured: hashes agree within the process, and its forks, only."""


class Redaction:
    """How the values of one call are replaced: by the plan's operators, its vault, and its tenant.

    Attributes:
        vault: holds the values that have a pseudonym; None if the plan has none.
    """

    def __init__(self, plan: Replacement) -> None:
        self._plan = plan
        self.vault: Vault | None = vault_of_call(plan) if plan.pseudonymises else None
        self._tenant = _tenant() if plan.keyed else ""
        self._texts: tuple[str, ...] = ()
        self._taken: dict[str, set[int]] = {}  # numbers that stand in the texts, by label

    def expect(self, texts: Iterable[str], continues: bool = False) -> None:
        """All texts that will be redacted: what looks like a pseudonym in one of them is given to no value.

        `continues`: the provider keeps earlier texts, in which there may be pseudonyms that nobody here knows any more.
        Then new ones begin at a number that none of them is likely to have.
        """
        if self.vault is not None:
            self._texts = tuple(texts)
            self._taken.clear()
            if continues:
                self.vault.begin_at(_FAR + secrets.randbelow(MAX_NUMBER // 2))

    def render(self, stage: Stage) -> Render:
        """What replaces values at a stage. Only what goes to the model gets new pseudonyms.

        What the model says and nobody has told it is not the caller's: it gets a placeholder, which is never restored.
        """
        gives = stage not in _ANSWERS

        def render(span: Span, value: str) -> str:
            operator = self._plan.operator(span.detector, span.category)
            if operator.name == "pseudonym":
                return self._pseudonym(span, value, gives)
            return _APPLY[operator.name](self, operator, span, value)

        return render

    def _pseudonym(self, span: Span, value: str, gives: bool) -> str:
        assert self.vault is not None
        name = label(span.category)
        if not gives:
            return self.vault.given(name, value) or placeholder(span.category)
        if name not in self._taken:
            self._taken[name] = literal_numbers(name, self._texts)
        given = self.vault.give(name, value, self._taken[name], secret=span.detector == "secrets")
        return given or placeholder(span.category)

    def _mask(self, operator: Operator, span: Span, value: str) -> str:
        most = len(value) // (4 if span.detector == "secrets" else 2)
        last = min(operator.keep_last, most)
        first = min(operator.keep_first, most - last)
        return value[:first] + operator.char * (len(value) - first - last) + value[len(value) - last :]

    def _hash(self, operator: Operator, span: Span, value: str) -> str:
        key = self._plan.key
        if key is None:
            _warn_of_process_key()
        digest = _digest(derived(key or _process_key, "hash", self._tenant), value.encode("utf-8", "surrogatepass"))
        return f"[{label(span.category)}_{digest[:HASH_BYTES].hex().upper()}]"

    def _encrypt(self, operator: Operator, span: Span, value: str) -> str:
        assert self._plan.key is not None  # a policy without one is refused
        return encrypt(value, label(span.category), self._plan.key, self._tenant)


_APPLY: Final[dict[str, Callable[[Redaction, Operator, Span, str], str]]] = {
    "replace": lambda redaction, operator, span, value: as_placeholder(span, value),
    "redact": lambda redaction, operator, span, value: "",
    "mask": Redaction._mask,
    "hash": Redaction._hash,
    "encrypt": Redaction._encrypt,
}


def derived(key: bytes, purpose: str, tenant: str) -> bytes:
    """The key for one purpose and tenant: 32 bytes."""
    return _digest(key, f"hardened/{purpose}/1\0{tenant}".encode("utf-8", "surrogatepass"))


def encrypt(value: str, name: str, key: bytes, tenant: str) -> str:
    """`[NAME_ENC_…]`: upper case letters and digits, that survive in JSON and whatever a model does to case."""
    from presidio_anonymizer.operators import Encrypt  # 0.05 s; 3 s if presidio-analyzer is installed beside it

    plain = value.encode("utf-8", "replace").decode()  # half a surrogate pair has no bytes
    aes: Any = Encrypt()  # its types are not complete
    closed = aes.operate(plain, {"key": derived(key, "encrypt", tenant)})
    sealed = base64.urlsafe_b64decode(closed)
    sealed += _tag(sealed, name, key, tenant)
    return f"[{name}_ENC_{_encoded(sealed)}]"


def decrypt_all(text: str, plan: Replacement) -> tuple[str, int, int]:
    """`text` with what was encrypted opened, how many were, and how many could not be: another key, or changed.

    For the tenant of the current `hardened.context`. In a JSON text the values are written as JSON.

    Raises:
        PolicyError: the plan has no key.
    """
    key, tenant, opened, left = plan.key, _tenant(), 0, 0
    if key is None:
        raise PolicyError("nothing can be decrypted without a key: set redaction.key (HARDENED_REDACTION_KEY)")

    def render(span: Span, mark: str) -> str:
        nonlocal opened, left
        value = decrypt(mark, key, tenant)
        opened, left = (opened + 1, left) if value is not None else (opened, left + 1)
        return mark if value is None else value

    return replace_in(text, _marks, render), opened, left


def _marks(text: str) -> list[Finding]:
    return [Finding("encrypted", "", *match.span()) for match in _ENCRYPTED.finditer(text)]


def decrypt(mark: str, key: bytes, tenant: str) -> str | None:
    """The value in what `encrypt` returned; `None` if it was closed with another key, or changed."""
    from presidio_anonymizer.operators import Decrypt

    match = _ENCRYPTED.fullmatch(mark)
    assert match
    name, encoded = match[1].upper(), match[2].upper()
    try:
        sealed = base64.b32decode(encoded + "=" * (-len(encoded) % 8))
    except ValueError:
        return None
    if _encoded(sealed) != encoded:  # the last character has bits that decode to nothing
        return None
    closed, tag = sealed[:-TAG_BYTES], sealed[-TAG_BYTES:]
    if not hmac.compare_digest(tag, _tag(closed, name, key, tenant)):
        return None
    aes: Any = Decrypt()
    return aes.operate(base64.urlsafe_b64encode(closed).decode(), {"key": derived(key, "encrypt", tenant)})


def _encoded(sealed: bytes) -> str:
    return base64.b32encode(sealed).decode().rstrip("=")


def _tag(closed: bytes, name: str, key: bytes, tenant: str) -> bytes:
    return _digest(derived(key, "authenticate", tenant), name.encode() + b"\0" + closed)[:TAG_BYTES]


def _digest(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, hashlib.sha256)


def _tenant() -> str:
    from hardened.telemetry import context

    return context.current().tenant or ""


def _warn_of_process_key() -> None:
    from hardened.telemetry.notice import warn_once

    warn_once(
        "values are hashed with a random key of this process, so that they agree with those of no other process; "
        "set redaction.key (HARDENED_REDACTION_KEY) to change that"
    )
