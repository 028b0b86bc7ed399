"""A handler that records what the seam hands over and writes everything back through it."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

from hardened_instrumentation.calls import Call, Deliver, Ending, Flow, ResponseView, Send, WireEvent, perform


@dataclass
class Record:
    call: Call
    endings: list[Any] = field(default_factory=list)
    response: ResponseView | None = None
    events: int = 0


class Recorder:
    """Handler that changes nothing, but encodes every body and event anew."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    @property
    def last(self) -> Record:
        return self.records[-1]

    def __call__(self, call: Call) -> Flow:
        record = Record(call)
        self.records.append(record)
        return self._flow(call, record)

    def _flow(self, call: Call, record: Record) -> Flow:
        if call.body is not None:
            call.wire.request(call.body)
            call.replace(copy.deepcopy(call.body))
        try:
            reply = yield from perform(Send(call, nullcontext()))
            if reply.kind == "events":
                reply.attach(RecordingSession(record))
            elif reply.kind == "binary":
                reply.watch(RecordingWatcher(record))
            elif reply.kind == "json" and isinstance(reply.body, dict):
                record.response = call.wire.response(reply.body)
                reply.replace(reply.body)
            yield from perform(Deliver(reply))
        except BaseException as error:
            record.endings.append(type(error).__name__)
            raise
        if reply.kind in ("json", "text"):
            record.endings.append("returned")


class RecordingSession:
    def __init__(self, record: Record) -> None:
        self._record = record
        self._reader = record.call.wire.reader()

    def feed(self, event: WireEvent) -> Sequence[WireEvent]:
        self._record.events += 1
        if self._reader is not None and event.data is not None:
            event.changed = True
            self._reader.collect(event, self._reader.read(event))
        elif self._reader is not None:
            self._reader.read(event)
        return (event,)

    def finish(self, how: Ending, error: BaseException | None = None) -> Sequence[WireEvent]:
        self._record.endings.append(how)
        self._record.response = self._reader.response() if self._reader is not None else None
        return ()


class RecordingWatcher:
    def __init__(self, record: Record) -> None:
        self._record = record

    def heard(self, chunk: bytes) -> None:
        self._record.events += 1

    def finish(self, how: Ending, error: BaseException | None = None) -> None:
        self._record.endings.append(how)
