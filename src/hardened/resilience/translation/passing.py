"""What both directions of a translated stream have in common."""

from __future__ import annotations

from collections.abc import Sequence

from hardened.resilience.translation import Refused
from hardened.resilience.translation.fields import refusing
from hardened_instrumentation.calls import Ending, Json, WireEvent
from hardened_instrumentation.framing import parse_json


class PassingOn:
    """`StreamSession` that gives events of another wire for those that come. Never raises.

    What has no translation ends the stream with an error event in the application's wire, so that it is treated like
    any other stream that fails: before the first content another target is asked, after it the application is told.
    """

    _over = False

    def feed(self, event: WireEvent) -> Sequence[WireEvent]:
        if self._over:
            return ()
        data = event.data if event.data is not None else _unfinished(event.raw)
        if not isinstance(data, dict):
            return self._other(event)
        try:
            with refusing("event"):
                return self._translated(data)  # pyright: ignore[reportUnknownArgumentType]
        except Refused as refused:
            self._over = True
            return self._failed(refused)

    def finish(self, how: Ending, error: BaseException | None = None) -> Sequence[WireEvent]:
        return ()

    def _translated(self, data: Json) -> Sequence[WireEvent]:
        """The events that say the same."""
        raise NotImplementedError

    def _failed(self, refused: Refused) -> Sequence[WireEvent]:
        """The event that says that the stream cannot go on."""
        raise NotImplementedError

    def _other(self, event: WireEvent) -> Sequence[WireEvent]:
        """What is no JSON object: a comment, the mark of the end, or half an object, which stays half a one."""
        payloads = [line[5:].strip() for line in event.raw.splitlines() if line.startswith(b"data:")]
        broken = any(payload not in (b"", b"[DONE]") for payload in payloads)
        return (WireEvent(None, None, b"data: {\n\n"),) if broken else ()


def _unfinished(raw: bytes) -> object:
    """The object of an event that lacks the blank line after it, at the end of a body: some servers do so."""
    lines = [line[5:] for line in raw.splitlines() if line.startswith(b"data:")]
    return parse_json(lines[0]) if len(lines) == 1 else None
