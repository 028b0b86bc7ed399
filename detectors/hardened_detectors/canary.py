"""Marks for system prompts: what holds one in an answer has repeated what it should not.

A token proves itself by a checksum, so nobody has to remember which were given out: every process, on every machine,
today and after a restart, recognises all of them. It begins and ends with marks that are each other's mirror image, so
it is also found backwards, and with up to three characters that are no letters or digits after each of its own.
"""

from __future__ import annotations

import re
import secrets
from base64 import b32encode
from collections.abc import Iterator, Sequence
from hashlib import blake2s
from typing import Any, Final

from .api import Finding
from .gate import Hits, Signal, shared
from .seen import Seen
from .views import fold

_OPENING: Final = "hc1x"
_CLOSING: Final = _OPENING[::-1]
_NONCE: Final = 16  # letters, of five bits
_CHECK: Final = 6

_BETWEEN: Final = r"[\W_]{0,3}"
_LETTER: Final = "[a-z2-7]"
_PARTS: Final = (*_OPENING, *[_LETTER] * (_NONCE + _CHECK), *_CLOSING)
_TOKEN: Final = re.compile(_BETWEEN.join(_PARTS), re.ASCII | re.IGNORECASE)
_LONGEST: Final = 4 * len(_PARTS)

# A beginning of a token at the end of a text.
_BEGUN: Final = re.compile(
    "".join(f"(?:{part}{_BETWEEN}" for part in _PARTS[:-1]) + ")?" * (len(_PARTS) - 2) + r")\Z",
    re.ASCII | re.IGNORECASE,
)

# How each token begins that is not too short yet to be told from other text.
_BEGINS: Final = re.compile(rf"h{_BETWEEN}(?:\Z|c{_BETWEEN}(?:\Z|1))", re.ASCII | re.IGNORECASE)


def canary(name: str | None = None) -> str:
    """A token of 30 letters and digits to put into a system prompt, where nobody has a reason to repeat it.

    With a `name` it is the same at each call, in every process, so that a prompt stays the same text and providers can
    cache it; without one it is new each time. The detector `canary` finds every token, whoever made it.
    """
    seed = secrets.token_bytes(16) if name is None else name.encode("utf-8", "surrogatepass")
    nonce = _letters(blake2s(seed, person=b"canary").digest(), _NONCE)
    return f"{_OPENING}{nonce}{_check(nonce)}{_CLOSING}"


def tokens(text: str) -> Iterator[tuple[int, int, bool]]:
    """Where the tokens in `text` are, and whether they are written backwards."""
    for match in _TOKEN.finditer(text):
        body = re.sub(r"[\W_]", "", match.group(), flags=re.ASCII).lower()[len(_OPENING) : -len(_CLOSING)]
        for letters, backwards in ((body, False), (body[::-1], True)):
            if _check(letters[:_NONCE]) == letters[_NONCE:]:
                yield (*match.span(), backwards)
                break


class CanaryDetector:
    """Finds tokens of `canary()`; certain, and decided on the way in streams."""

    name = "canary"
    signals: Final = (Signal(pattern=_BETWEEN.join(_OPENING), ignore_case=True),)
    look_behind = 0

    def detect(self, text: str) -> Sequence[Finding]:
        """All tokens in `text`."""
        return self.examine(Seen(text), shared(self.signals).find(text))

    def examine(self, seen: Seen, hits: Hits) -> Sequence[Finding]:
        """See `GatedDetector`."""
        if not hits:
            return ()
        return [
            Finding(self.name, "canary", start, end, 1.0, "backwards" if backwards else "")
            for start, end, backwards in tokens(seen.text)
        ]

    def quiet_until(self, text: str, start: int) -> int | None:
        """See `QuietDetector.quiet_until`: none of this text, or none but its end, begins a token."""
        begins = _BEGINS.search(fold(text), start)
        if begins is None:
            return len(text)
        return begins.start() if begins.end() == len(text) else None

    def open_from(self, text: str, start: int) -> int:
        """See `IncrementalDetector.open_from`."""
        begun = _BEGUN.search(text, max(start, len(text) - _LONGEST))
        return begun.start() if begun else len(text)


def create(*, stage: str = "output", **options: Any) -> CanaryDetector:
    """The detector `canary`; the stage makes no difference. Raises `TypeError` for any option: there is none."""
    del stage
    if options:
        raise TypeError(f"the detector canary has no option {', '.join(sorted(options))}")
    return CanaryDetector()


def _check(nonce: str) -> str:
    return _letters(blake2s(nonce.encode(), person=b"check").digest(), _CHECK)


def _letters(digest: bytes, count: int) -> str:
    return b32encode(digest).decode().lower()[:count]
