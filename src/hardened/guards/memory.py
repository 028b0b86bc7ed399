"""Verdicts that are already known, so that a conversation's history is not judged again at every turn."""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Final, NamedTuple

from hardened.guards.redaction import Span
from hardened.guards.verdict import Decision, Outcome

MAX_ENTRIES: Final = 4096
MAX_FINDINGS: Final = 100_000  # all entries together


class Known(NamedTuple):
    """A verdict without its text; `spans` are the parts of it that are replaced."""

    outcome: Outcome
    decisions: tuple[Decision, ...]
    spans: tuple[Span, ...] = ()

    @property
    def size(self) -> int:
        """How many findings it holds."""
        return sum(len(decision.findings) for decision in self.decisions)


class VerdictMemory:
    """The verdicts used last, bounded in number and in findings. In memory only; thread-safe.

    No texts are kept: they are known by a hash that is keyed with a random value of this process. What takes the place
    of a finding may differ from call to call, so that is not remembered either.
    """

    def __init__(self, max_entries: int = MAX_ENTRIES, max_findings: int = MAX_FINDINGS) -> None:
        self._max_entries = max_entries
        self._max_findings = max_findings
        self._secret = secrets.token_bytes(32)
        self._entries: OrderedDict[Hashable, Known] = OrderedDict()
        self._findings = 0
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
        """Remember; forget what was used longest ago. A verdict too large for all the space is not remembered."""
        if known.size > self._max_findings:
            return
        with self._lock:
            self._forget(self._entries.pop(key, None))
            self._entries[key] = known
            self._findings += known.size
            while len(self._entries) > self._max_entries or self._findings > self._max_findings:
                self._forget(self._entries.popitem(last=False)[1])

    def after_fork(self) -> None:
        """In a forked child: the lock may have been held by a thread that is not there any more."""
        self._lock = threading.Lock()

    def _forget(self, known: Known | None) -> None:
        if known is not None:
            self._findings -= known.size
