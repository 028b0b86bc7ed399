"""A streamed response on its way to the application: guarded field by field, recorded, ended exactly once.

What nobody may change is not read on that way: its bytes are kept, and read in the background.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from hardened.errors import BlockedError, CallError, HardenedError
from hardened.guards.engine import Guards, enforce
from hardened.guards.stream import StreamGuard, repeat
from hardened.guards.verdict import Stage
from hardened.telemetry.faults import report
from hardened.telemetry.record import CallRecord
from hardened.worker import worker
from hardened_instrumentation.calls import (
    Call,
    Delta,
    Ending,
    EventReader,
    EventView,
    Framing,
    ResponseView,
    Slot,
    SlotKind,
    WireEvent,
)

Place = tuple[Any, ...]

STAGES: dict[SlotKind, Stage] = {"text": "output", "arguments": "tool_call"}

KEPT = 256 * 1024
"""Bytes of a stream that is only observed: so many wait at most before they are read in the background."""


class Check(Protocol):
    """Whoever judges whether a stream goes on as it should."""

    def saw(self, event: WireEvent, so_far: Callable[[], ResponseView]) -> None:
        """Raises for an event with which it does not; `so_far` describes what has come."""
        ...

    def over(self, how: Ending, error: BaseException | None, response: ResponseView) -> Exception | None:
        """The body is over. Returns what to raise."""
        ...

    def ended(self, response: ResponseView | None) -> None:
        """The stream is over, whatever ended it; called once. `response` is what came, if that can be said."""
        ...


class Field(Protocol):
    """A text that grows, on its way to the application."""

    def feed(self, piece: str, /) -> str:
        """Take the next piece; returns what may be released now."""
        ...

    def finish(self) -> str:
        """The text is complete: returns the rest of it."""
        ...


F = TypeVar("F", bound=Field)


class Rewriting(Generic[F]):
    """The growing texts of one stream, each in a field of its own that holds back and changes what passes."""

    def __init__(self, reader: EventReader | None) -> None:
        self._reader = reader
        self._fields: dict[Place, F] = {}

    def _begin(self, slot: Slot) -> F | None:
        """The field for a text that begins here; None for what passes as it is."""
        raise NotImplementedError

    def _feed(self, field: F, piece: str) -> str:
        return field.feed(piece)

    def _finish(self, field: F) -> str:
        return field.finish()

    def _whole(self, slot: Slot) -> str:
        """What the application sees of a text that comes whole: what it has seen of it piece by piece."""
        raise NotImplementedError

    def _rewrite(self, event: WireEvent, view: EventView) -> list[WireEvent]:
        """Let the event say only what may be said now; what else must go out before it comes back as events."""
        for delta in view.deltas:
            if self._grow(delta):
                event.changed = True
        tails: list[WireEvent] = []
        for place in view.closes:
            if place not in self._fields:
                continue
            same_event = next((delta for delta in reversed(view.deltas) if delta.place == place), None)
            tails += self._close(place, same_event)
            event.changed = event.changed or same_event is not None
        for snapshot in view.snapshots:
            event.changed = self._repeat(snapshot) or event.changed
        return tails

    def _grow(self, delta: Delta) -> bool:
        """Replace a delta's text by what may be released now. Returns whether that differs."""
        slot = delta.slot
        field = self._fields.get(delta.place)
        if field is None:
            field = self._begin(slot)
            if field is None:
                return False
            self._fields[delta.place] = field
        piece = slot.read()
        released = self._feed(field, piece)
        if released == piece:
            return False
        slot.write(released)
        return True

    def _close(self, place: Place, last: Delta | None) -> list[WireEvent]:
        """A field is complete: release what was held, in its last delta if this event has it, else as an event."""
        tail = self._finish(self._fields.pop(place))
        if not tail:
            return []
        if last is None:
            assert self._reader is not None
            return [self._reader.tail(place, tail)]
        last.slot.write(last.slot.read() + tail)
        return []

    def _close_all(self) -> list[WireEvent]:
        """The body has ended, perhaps without closing its fields."""
        return [tail for place in list(self._fields) for tail in self._close(place, None)]

    def _repeat(self, snapshot: Delta) -> bool:
        """A whole text comes again. Returns whether it was changed."""
        slot = snapshot.slot
        if slot.kind not in STAGES:
            return False
        allowed = self._whole(slot)
        if allowed == slot.read():
            return False
        slot.write(allowed)
        return True


class GuardedStream(Rewriting[StreamGuard]):
    """`StreamSession` of a model's answer: one `StreamGuard` for each text field that grows over the events."""

    def __init__(self, call: Call, guards: Guards, record: CallRecord, check: Check | None = None) -> None:
        super().__init__(call.wire.reader())
        self._check = check
        self._guards = guards
        self._record = record

    def feed(self, event: WireEvent) -> Sequence[WireEvent]:
        reader = self._reader
        if reader is None:
            return (event,)
        if self._check is not None:
            self._check.saw(event, self._so_far)
        view = read_event(reader, event)
        if view is None:
            self._lost_track()
            self._guard_raw(event)
            return (event,)
        if view.content:
            self._record.first_content()
        if event.data is None:
            self._guard_raw(event)
        tails = self._rewrite(event, view)
        collect(reader, event, view)
        return (*tails, event) if tails else (event,)

    def finish(self, how: Ending, error: BaseException | None = None) -> Sequence[WireEvent]:
        if how == "dropped":  # in a finaliser: hand over and return
            worker.post(partial(self._end, how, None))
            return ()
        tails: Sequence[WireEvent] = ()
        try:
            if how == "read":  # a body that ended without closing its fields
                tails = self._close_all()
            self._judge(how, error)
        except CallError as interrupted:
            error = interrupted
            raise
        except BlockedError as blocked:
            how, error = "failed", blocked
            raise
        finally:
            self._end(how, error)
        return tails

    def _lost_track(self) -> None:
        """Nobody knows any more where the answer ends."""
        if self._check is not None:
            self._check.ended(None)
            self._check = None

    def _judge(self, how: Ending, error: BaseException | None) -> None:
        """Raise if the stream should have gone on."""
        if self._check is None or self._reader is None or how in ("closed", "cancelled"):
            return
        if isinstance(error, HardenedError):
            return
        broken = self._check.over(how, error, self._so_far())
        if broken is not None:
            raise broken from error

    def _so_far(self) -> ResponseView:
        """What has come, with what is held back of it: nothing follows any more that could complete a match."""
        assert self._reader is not None
        self._close_all()
        return response_of(self._reader) or ResponseView()

    def _end(self, how: Ending, error: BaseException | None) -> None:
        for field in self._fields.values():  # what was held back of a stream that was left is never released
            self._record.held(field.max_held)
        if self._check is not None and self._reader is not None:
            self._check.ended(response_of(self._reader))
        self._record.stream_ended(how, error, self._reader)

    def _begin(self, slot: Slot) -> StreamGuard | None:
        return StreamGuard(self._guards, STAGES[slot.kind], kind=slot.kind) if slot.kind in STAGES else None

    def _feed(self, field: StreamGuard, piece: str) -> str:
        try:
            return field.feed(piece)
        except BlockedError:
            self._record.decided(field.stage, field.decisions)
            raise

    def _finish(self, field: StreamGuard) -> str:
        try:
            return field.finish()
        finally:
            self._record.held(field.max_held)
            self._record.decided(field.stage, field.decisions)

    def _whole(self, slot: Slot) -> str:
        stage = STAGES[slot.kind]
        allowed, decisions = repeat(self._guards, stage, slot.read(), role=slot.role, kind=slot.kind)
        self._record.decided(stage, decisions, repeated=True)
        return allowed

    def _guard_raw(self, event: WireEvent) -> None:
        """What is no JSON, as an event cut off in the middle, is text that an application can see in raw lines."""
        raw = event.raw.decode("utf-8", "replace")
        if raw.strip() == "data: [DONE]":
            return
        verdict = self._guards.check(raw, "output", role="assistant")
        self._record.verdict(verdict)
        enforce(verdict)
        if verdict.text != raw:
            event.raw = verdict.text.encode()


def read_event(reader: EventReader, event: WireEvent) -> EventView | None:
    """What the event means; `None` if that cannot be said."""
    try:
        return reader.read(event)
    except Exception as error:  # noqa: BLE001 - nobody knows what a provider sends tomorrow
        report("reading an event of unexpected shape", error)
        return None


def response_of(reader: EventReader) -> ResponseView | None:
    """The response as far as it was read; `None` if that cannot be said."""
    try:
        return reader.response()
    except Exception as error:  # noqa: BLE001 - the same
        report("describing a response of unexpected shape", error)
        return None


def collect(reader: EventReader, event: WireEvent, view: EventView) -> None:
    try:
        reader.collect(event, view)
    except Exception as error:  # noqa: BLE001 - the same
        report("remembering an event of unexpected shape", error)


class ObservedStream:
    """`StreamWatcher` of a model's answer that no guard looks at: read on the way up to the first content, whose time
    counts, and from there on in the background."""

    def __init__(self, call: Call, framing: Framing, record: CallRecord) -> None:
        self._reader = call.wire.reader()
        self._framing = framing
        self._record = record
        self._begun = False  # content was seen
        self._kept: list[bytes] = []
        self._size = 0

    def heard(self, chunk: bytes) -> None:
        if self._reader is None:
            return
        if not self._begun:
            self._take([chunk])
            return
        self._kept.append(chunk)
        self._size += len(chunk)
        if self._size > KEPT:
            worker.post(partial(self._take, self._kept))
            self._kept, self._size = [], 0

    def finish(self, how: Ending, error: BaseException | None = None) -> None:
        self._record.over()
        end = partial(self._end, how, None if how == "dropped" else error)
        if self._record.foreign and how != "dropped":  # the span is the SDK's own, and ends with the SDK's call
            end()
        else:
            worker.post(end)

    def _end(self, how: Ending, error: BaseException | None) -> None:
        try:
            self._take(self._kept)
            if how == "read":
                self._collect(self._framing.flush())
        finally:
            self._record.stream_ended(how, error, self._reader)

    def _take(self, chunks: list[bytes]) -> None:
        self._collect(self._framing.feed(b"".join(chunks)))

    def _collect(self, events: list[WireEvent]) -> None:
        reader = self._reader
        if reader is None:
            return
        for event in events:
            view = read_event(reader, event)
            if view is None:
                continue
            if view.content and not self._begun:
                self._begun = True
                self._record.first_content()
            collect(reader, event, view)


class WatchedStream:
    """`StreamWatcher` of a body that is not text: only its end is recorded."""

    def __init__(self, record: CallRecord) -> None:
        self._record = record

    def heard(self, chunk: bytes) -> None:
        """Nothing: there is nothing in it to read."""

    def finish(self, how: Ending, error: BaseException | None = None) -> None:
        if how == "dropped":
            worker.post(partial(self._record.stream_ended, how, None, None))
        else:
            self._record.stream_ended(how, error, None)
