"""One text as all detectors of a scan see it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

from .pace import Pace


def lower(text: str) -> str:
    """`text` in lower case, with the same length."""
    return text.replace("\u0130", "I").lower()  # `İ` is the only character whose lower case is longer


class Seen:
    """A text and what more than one detector wants to know of it, made once, when it is asked for.

    Attributes:
        text: the text, with twins of ASCII characters replaced (`views.fold`).
        start: findings that start before this position are not asked for; they do no harm.
        pace: when detectors should let other threads run.
    """

    __slots__ = ("_lower", "_places", "pace", "start", "text")

    def __init__(self, text: str, start: int = 0) -> None:
        self.text = text
        self.start = start
        self.pace = Pace(len(text))
        self._lower: str | None = None
        self._places: dict[Hashable, Sequence[int]] = {}

    @property
    def lower(self) -> str:
        """The text in lower case, with the same length."""
        if self._lower is None:
            self._lower = lower(self.text)
        return self._lower

    def places(self, key: Hashable, look: Callable[[], Sequence[int]]) -> Sequence[int]:
        """What `look` finds, which is called once for each `key`."""
        if key not in self._places:
            self._places[key] = look()
        return self._places[key]
