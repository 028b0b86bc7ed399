"""Verdicts that are already known, so that a conversation's history is not judged again at every turn."""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Final, NamedTuple

from hardened.guards.verdict import Decision, Outcome

MAX_ENTRIES: Final = 4096
MAX_CHARS: Final = 2_000_000  # of redacted text, all entries together


class Known(NamedTuple):
    """A verdict without its text; `text` only if the text was changed."""

    outcome: Outcome
    decisions: tuple[Decision, ...]
    text: str | None = None

    def __repr__(self) -> str:
        return f"Known({self.outcome!r})"  # never the text


class VerdictMemory:
    """The verdicts used last, bounded in number and in characters of redacted text. In memory only; thread-safe.

    Original texts are not kept: they are known by a hash that is keyed with a random value of this process.
    """

    def __init__(self, max_entries: int = MAX_ENTRIES, max_chars: int = MAX_CHARS) -> None:
        self._max_entries = max_entries
        self._max_chars = max_chars
        self._secret = secrets.token_bytes(32)
        self._entries: OrderedDict[Hashable, Known] = OrderedDict()
        self._chars = 0
        self._lock = threading.Lock()

    def digest(self, text: str) -> bytes:
        """The keyed hash of a text: it says nothing about the text to who does not have this process's memory."""
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16, key=self._secret).digest()

    def get(self, key: Hashable) -> Known | None:
        with self._lock:
            known = self._entries.get(key)
            if known is not None:
                self._entries.move_to_end(key)
            return known

    def put(self, key: Hashable, known: Known) -> None:
        """Remember; forget what was used longest ago. A text too long for all the space is not remembered."""
        size = len(known.text or "")
        if size > self._max_chars:
            return
        with self._lock:
            self._forget(self._entries.pop(key, None))
            self._entries[key] = known
            self._chars += size
            while len(self._entries) > self._max_entries or self._chars > self._max_chars:
                self._forget(self._entries.popitem(last=False)[1])

    def after_fork(self) -> None:
        """In a forked child: the lock may have been held by a thread that is not there any more."""
        self._lock = threading.Lock()

    def _forget(self, known: Known | None) -> None:
        if known is not None and known.text is not None:
            self._chars -= len(known.text)
