"""Scrubs one value: a text, bytes, a number, or any nesting of them. Never raises, never changes what it is given."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, cast

from hardened.guards import redaction
from hardened.telemetry.faults import report
from hardened.telemetry.scrub import json_text, named_values
from hardened.telemetry.scrub.default_scan import Scan, default_scan
from hardened.telemetry.scrub.keys import Keys, Treatment
from hardened.telemetry.scrub.named_values import HIDDEN
from hardened_detectors.api import Finding

MAX_CHARS: Final = 256 * 1024
"""Of one text. A longer one is not judged, and so it is replaced."""

MAX_NESTING: Final = 4
"""JSON text in JSON text in JSON text …; deeper ones are not judged."""

_MAX_PASSES: Final = 4
_SHORT: Final = (
    100  # characters; a longer text says enough without its key, a shorter one costs more to hash than to keep
)
_FEW_DIGITS: Final = 7  # a number that is not longer is no card, telephone or social security number

# Too short and too plain for any detector: names of models, roles and operations, words.
_PLAIN = re.compile(r"[A-Za-z_.,:;!?()/ -]{0,24}")
_PLACEHOLDERS = re.compile(r"\W*(?:\[[A-Z0-9_]+(?: len=\d+)?\]\W*)+")


class _Refused(Exception):
    """A text that cannot be judged: too long, too deeply nested, or never stable."""


@dataclass(slots=True)
class Stats:
    """What a scrubber has done so far. Counted without a lock, which a fork could leave locked in the child."""

    changed: int = 0  # texts in which something was replaced
    failed: int = 0  # texts that were replaced as a whole because they could not be judged
    dropped: int = 0  # spans, log records and collections of metrics that could not be scrubbed at all


class Scrubber:
    """Replaces what is private in values of any kind.

    Args:
        scan: finds private data in a text; default: the detectors `secrets` and `pii`, loaded when first used.
        known_clean: whether a text has been judged by the same detectors already, and nothing was found.
        sensitive_keys: further keys whose values are replaced whatever they are.
        public_keys: further keys whose values are not searched for personal data; they are for credentials.
        keep_identifiers: whether `user.id`, `session.id` and the like, which the application sets on purpose, may look
            like personal data.
        max_chars: the longest text that is judged.
    """

    def __init__(
        self,
        scan: Scan | None = None,
        *,
        known_clean: Callable[[str], bool] | None = None,
        sensitive_keys: Iterable[str] = (),
        public_keys: Iterable[str] = (),
        keep_identifiers: bool = True,
        max_chars: int = MAX_CHARS,
    ) -> None:
        self.keys = Keys(sensitive=sensitive_keys, public=public_keys, keep_identifiers=keep_identifiers)
        self.stats = Stats()
        self._scan = scan or default_scan
        self._known_clean = known_clean
        self._max_chars = max_chars
        self._clean, self._clean_of_secrets = _Recent(), _Recent()
        self._clean_keys: dict[str, Treatment] = {}
        self._secret = os.urandom(32)

    def text(self, text: str, key: str | None = None) -> str:
        """`text` without what is private; `text` itself if nothing is. `key` is the name that it stands under."""
        return self._text(text, key, self.treatment(key), 0)

    def value(self, value: Any, key: str | None = None) -> Any:
        """A value of any kind without what is private; `value` itself if nothing is."""
        return self._value(value, key, self.treatment(key), 0)

    def mapping(self, mapping: Mapping[str, Any]) -> Mapping[str, Any]:
        """Attributes without what is private in keys and values; `mapping` itself if nothing is."""
        return self._mapping(mapping, None, 0)

    def treatment(self, key: str | None) -> Treatment:
        """What happens to the value under `key`."""
        return Treatment.ALL if key is None else self._clean_keys.get(key) or self.keys.treatment(key)

    def _mapping(self, mapping: Mapping[Any, Any], within: Treatment | None, depth: int) -> Mapping[Any, Any]:
        """`within` is the treatment of the map itself where it is a value; what is public in it is for its own keys."""
        result: dict[Any, Any] = {}
        changed = False
        for key, value in list(mapping.items()):
            treatment = self._clean_keys.get(key)
            new_key = key if treatment else self._key(key, depth)
            treatment = treatment or self.keys.treatment(str(key))
            if within is not None and treatment is not Treatment.HIDE:
                treatment = within
            new_value = self._value(value, key, treatment, depth)
            if new_key is not key:
                new_key = _unused(new_key, result)
            changed = changed or new_key is not key or new_value is not value
            result[new_key] = new_value
        return result if changed else mapping

    def _key(self, key: object, depth: int) -> object:
        """A key without what is private; what is not gets remembered, with its treatment."""
        text = str(key)
        if (new := self._text(text, None, Treatment.ALL, depth)) != text:
            return new
        if len(self._clean_keys) >= _Recent.SIZE:
            self._clean_keys.clear()
        self._clean_keys[text] = self.keys.treatment(text)
        return key

    def _value(self, value: Any, key: str | None, treatment: Treatment, depth: int) -> Any:
        if isinstance(value, str):
            return self._text(value, key, treatment, depth)
        if value is None or isinstance(value, bool | float):
            return value
        try:
            return self._other(value, key, treatment, depth)
        except Exception as error:  # noqa: BLE001 - a foreign object may raise anything
            return self._failure(0, error)

    def _other(self, value: Any, key: str | None, treatment: Treatment, depth: int) -> Any:
        if treatment is Treatment.HIDE:
            return self._hidden(value)
        if isinstance(value, int):
            return self._number(value, key, treatment, depth)
        if isinstance(value, bytes):
            return self._bytes(value, key, treatment, depth)
        if isinstance(value, bytearray | memoryview):
            return self._bytes(bytes(value), key, treatment, depth)  # pyright: ignore[reportUnknownArgumentType]
        if isinstance(value, Mapping):
            return self._mapping(cast(Mapping[Any, Any], value), treatment, depth)
        if isinstance(value, Sequence):
            items = cast(Sequence[Any], value)
            new = [self._value(item, key, treatment, depth) for item in items]
            if all(a is b for a, b in zip(new, items, strict=True)):
                return items
            return tuple(new) if isinstance(items, tuple) else new
        return self._text(str(value), key, treatment, depth)  # nothing that an exporter could encode as it is

    @staticmethod
    def _hidden(value: Any) -> Any:
        """`[REDACTED]`, in a sequence if the value is one: some exporters know the type of an attribute by its name."""
        if not isinstance(value, Sequence | Mapping) or isinstance(value, bytes | bytearray | memoryview):
            return HIDDEN
        if isinstance(value, Mapping):
            return HIDDEN if value else value  # pyright: ignore[reportUnknownVariableType]
        return value if not value or tuple(value) == (HIDDEN,) else (HIDDEN,)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]

    def _number(self, number: int, key: str | None, treatment: Treatment, depth: int) -> int | str:
        text = str(number)
        if len(text) <= _FEW_DIGITS:
            return number
        new = self._text(text, key, treatment, depth)
        return number if new == text else new

    def _bytes(self, data: bytes, key: str | None, treatment: Treatment, depth: int) -> bytes:
        try:
            text, codec = data.decode(), "utf-8"
        except UnicodeDecodeError:
            text, codec = data.decode("latin-1"), "latin-1"  # every byte is a character: what is ASCII can be read
        new = self._text(text, key, treatment, depth)
        if "\0" in new:  # UTF-16 and UTF-32 put NUL bytes between the letters
            narrow = new.replace("\0", "")
            if self._text(narrow, key, treatment, depth) != narrow:
                new = HIDDEN
        return data if new == text else new.encode(codec)

    def _text(self, text: str, key: str | None, treatment: Treatment, depth: int) -> str:
        if treatment is Treatment.HIDE:
            return HIDDEN if text and text != HIDDEN else text
        if len(text) <= 24 and _PLAIN.fullmatch(text):
            return text
        clean = self._clean_of_secrets if treatment is Treatment.SECRETS else self._clean
        try:
            mark = self._mark(text, key)
            if mark in clean.new or mark in clean:
                return text
            new = self._stable(text, key, treatment, depth)
        except Exception as error:  # noqa: BLE001 - whatever a detector raises, the text must not leave
            return self._failure(len(text), error)
        clean.add(mark if new == text else self._mark(new, key))
        if new == text:
            return text
        self.stats.changed += 1
        return new

    def _stable(self, text: str, key: str | None, treatment: Treatment, depth: int) -> str:
        """Scrubbed until another pass finds nothing, so that scrubbing again, here or elsewhere, changes nothing."""
        if len(text) > self._max_chars:
            raise _Refused("too long")
        for _ in range(_MAX_PASSES):
            new = self._pass(text, key, treatment, depth)
            if new == text:
                return text
            text = new
        raise _Refused("not stable")

    def _pass(self, text: str, key: str | None, treatment: Treatment, depth: int) -> str:
        if _PLACEHOLDERS.fullmatch(text):
            return text
        if json_text.is_json(text):
            if depth == MAX_NESTING:
                raise _Refused("too deep")
            return json_text.rewrite(text, _Leaves(self, key, treatment, depth + 1))
        return self._without_findings(named_values.hide(text, self.keys), key, treatment)

    def _without_findings(self, text: str, key: str | None, treatment: Treatment) -> str:
        if self._known_clean is not None and self._known_clean(text):
            return text
        subject = _with_key(text, key)
        before = len(subject) - len(text)
        found: list[Finding] = []
        for finding in self._scan(subject):
            start, end = max(0, finding.start - before), finding.end - before
            spared = treatment is Treatment.SECRETS and finding.detector == "pii"
            ours = _PLACEHOLDERS.fullmatch(text, start, end) or redaction.is_mark(text, start, end)
            if end > 0 and not spared and not ours:
                found.append(replace(finding, start=start, end=end))
        return redaction.redact(text, redaction.spans(found)) if found else text

    def _mark(self, text: str, key: str | None) -> Hashable:
        """What a clean text is remembered by: itself if it is short, else a hash that says nothing about it."""
        if len(text) <= _SHORT:
            return (key, text)
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16, key=self._secret).digest()

    def _failure(self, length: int, error: Exception) -> str:
        self.stats.failed += 1
        if not isinstance(error, _Refused):
            report("scrubbing a value", error)
        return f"[SCRUB_FAILED len={length}]"


@dataclass(slots=True)
class _Leaves:
    """Scrubs the parts of a JSON text that stands under `key`."""

    scrubber: Scrubber
    outer_key: str | None
    treatment: Treatment
    depth: int
    hidden: str = HIDDEN

    def key(self, key: str) -> str:
        return self.scrubber._text(key, None, Treatment.ALL, self.depth)

    def hides(self, key: str | None) -> bool:
        return self.scrubber.treatment(key) is Treatment.HIDE

    def string(self, text: str, key: str | None) -> str:
        return self.scrubber._text(text, self.outer_key if key is None else key, self.treatment, self.depth)

    def number(self, text: str, key: str | None) -> str:
        return text if len(text) <= _FEW_DIGITS or not text.isdecimal() else self.string(text, key)


class _Recent:
    """Remembers what was added or asked for most recently: between one and two times `SIZE` entries, no lock."""

    SIZE: Final = 2048

    def __init__(self) -> None:
        self.new: set[Hashable] = set()
        self._old: set[Hashable] = set()

    def __contains__(self, mark: Hashable) -> bool:
        if mark in self.new:
            return True
        if mark not in self._old:
            return False
        self.add(mark)
        return True

    def add(self, mark: Hashable) -> None:
        if len(self.new) >= self.SIZE:
            self._old, self.new = self.new, set()
        self.new.add(mark)


def _with_key(text: str, key: str | None) -> str:
    """A short text reads differently under different names: `ssn: 078…` and `build: 078…`."""
    return f"{key}: {text}" if key and len(text) <= _SHORT else text


def _unused(key: Any, taken: Mapping[Any, Any]) -> Any:
    """Two keys that became one placeholder stay two."""
    if key not in taken:
        return key
    return next(new for number in range(2, len(taken) + 3) if (new := f"{key} {number}") not in taken)
