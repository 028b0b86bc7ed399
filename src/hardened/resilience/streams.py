"""A streamed answer, from its first event to its end: has it begun, does it go on, was it whole?"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from hardened.errors import StreamInterrupted, as_sdk_error
from hardened.resilience.answers import begins, lacks_only_its_end, of_event
from hardened.resilience.classify import Fault, fault, of_error
from hardened.store.breaker import Event
from hardened.stream import read_event, response_of
from hardened_instrumentation.calls import Call, Ending, EventReader, Reply, ResponseView, WireEvent

LATE: Final = fault("transport", "deadline")
"""The time of the call was over in the middle of its answer, whoever is slow."""


class Faulty(Exception):
    """An answer that is none; stays inside the loop that sends."""

    def __init__(self, found: Fault) -> None:
        self.fault = found
        super().__init__(found.code)


class Opening:
    """Reads the first events of a stream until the answer has begun, or all of them. Raises `Faulty`."""

    def __init__(self, call: Call, reply: Reply, reader: EventReader, *, whole: bool) -> None:
        self._sdk = call.sdk
        self._framing = reply.framing()
        self._reader = reader
        self._whole = whole
        self._begun = False

    def enough(self, chunk: bytes) -> bool:
        """Whether no more needs to be read."""
        for event in self._framing.feed(chunk):
            self._see(event)
        return self._begun and not self._whole

    def ended(self) -> None:
        """The body is over, and nobody was told that this is enough."""
        for event in self._framing.flush():
            self._see(event)
        if not self._begun:
            raise Faulty(fault("invalid", "empty_stream"))
        response = response_of(self._reader)
        if response is not None and not response.complete:
            raise Faulty(fault("invalid", "cut"))

    def _see(self, event: WireEvent) -> None:
        found = of_event(self._sdk, event)
        if found is not None and (self._whole or not self._begun):
            raise Faulty(found)
        view = read_event(self._reader, event)
        self._begun = self._begun or view is None or begins(event, view)  # what we cannot read, the application may


class StreamCheck:
    """`stream.Check`: what comes after the first content can only be told, not taken back."""

    def __init__(self, call: Call, deadline: float | None, tell: Callable[[Event], None]) -> None:
        self._tell = tell
        self._sdk = call.sdk
        self._deadline = deadline
        self._failed = False
        self._unsure = False  # the last event may have been the terminal one, which no reader can tell

    def saw(self, event: WireEvent, so_far: Callable[[], ResponseView]) -> None:
        """Raises `StreamInterrupted` for an event that says so, and when the call takes too long."""
        found = of_event(self._sdk, event)
        if found is None and self._late():
            found = LATE
        self._unsure = self._unsure or lacks_only_its_end(event)
        if found is not None:
            raise self._interrupted(found, so_far())

    def over(self, how: Ending, error: BaseException | None, response: ResponseView) -> StreamInterrupted | None:
        """What to raise at the end of the body; `None` if it was whole."""
        if response.complete or self._unsure:
            return None
        if how == "read":
            return self._interrupted(fault("invalid", "cut"), response)
        found = of_error(self._sdk, error) if error is not None else None
        if found is not None and found.code == "timeout" and self._late():
            found = LATE
        return None if found is None else self._interrupted(found, response)

    def ended(self, response: ResponseView | None) -> None:
        """The stream is over, whatever ended it: tell the target's health."""
        whole = self._unsure or (response is not None and response.complete)
        self._tell("fail" if self._failed else "ok" if whole else "neutral")  # who leaves says nothing of the target

    def _late(self) -> bool:
        return self._deadline is not None and time.monotonic() > self._deadline

    def _interrupted(self, found: Fault, response: ResponseView) -> StreamInterrupted:
        self._failed = found.counts and found is not LATE
        parts = [part for message in response.messages for part in message["parts"] if part.get("type") == "text"]
        usage = response.usage
        return as_sdk_error(StreamInterrupted, self._sdk)(
            reason=found.code,
            error_class=found.kind,
            partial_text="".join(part["content"] for part in parts),
            input_tokens=None if usage is None else usage.input,
            output_tokens=None if usage is None else usage.output,
        )
