"""An answer on the last step to its caller: values in the place of their pseudonyms.

Everything else, guards and telemetry, has seen the answer with the pseudonyms by then, and what it keeps of the answer
is not what is changed here.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace

from hardened.errors import StreamInterrupted
from hardened.guards.engine import Guards
from hardened.guards.restoration import Restoration, restore
from hardened.guards.vault import Vault
from hardened.stream import STAGES, GuardedStream, Rewriting, collect, read_event
from hardened_instrumentation.calls import Call, Ending, EventReader, Slot, StreamSession, WireEvent


def restores(slot: Slot, guards: Guards) -> bool:
    """Whether a text of an answer gets its values back: arguments only if the policy trusts their tool."""
    return slot.kind == "text" or (slot.kind == "arguments" and slot.tool in guards.plan.replacement.tools)


def restored(slot: Slot, guards: Guards) -> str:
    """One text of an answer as its caller sees it."""
    text = slot.read()
    if guards.vault is None or not restores(slot, guards):
        return text
    return restore(text, guards.vault, for_tool=slot.kind == "arguments")


def restore_slot(slot: Slot, guards: Guards) -> bool:
    """Put the values into one text. Returns whether that changed it."""
    if slot.kind not in STAGES or (text := restored(slot, guards)) == slot.read():
        return False
    slot.write(text)
    return True


def restored_stream(call: Call, guards: Guards, session: GuardedStream) -> StreamSession:
    """`session`, followed by the restoration of what it lets pass, if there is anything to restore."""
    reader = call.wire.reader() if guards.vault else None  # an empty vault is false
    return RestoredStream(reader, guards, guards.vault, session) if reader and guards.vault else session


class RestoredStream(Rewriting[Restoration]):
    """`StreamSession` that restores what another one lets pass. It reads copies: the other one keeps the originals."""

    def __init__(self, reader: EventReader, guards: Guards, vault: Vault, session: StreamSession) -> None:
        super().__init__(reader)
        self._events = reader
        self._guards = guards
        self._vault = vault
        self._session = session

    def feed(self, event: WireEvent) -> Sequence[WireEvent]:
        try:
            return [mine for passed in self._session.feed(event) for mine in self._restored(passed)]
        except StreamInterrupted as broken:
            self._restore_partial(broken)
            raise

    def finish(self, how: Ending, error: BaseException | None = None) -> Sequence[WireEvent]:
        try:
            passed = self._session.finish(how, error)
            tails = [mine for event in passed for mine in self._restored(event)]
            return [*tails, *self._close_all()] if how == "read" else tails
        except StreamInterrupted as broken:
            self._restore_partial(broken)
            raise
        finally:
            self._fields.clear()

    def _restore_partial(self, broken: StreamInterrupted) -> None:
        broken.partial_text = restore(broken.partial_text, self._vault)

    def _restored(self, passed: WireEvent) -> list[WireEvent]:
        event = replace(passed, data=copy.deepcopy(passed.data))
        view = read_event(self._events, event)
        if view is None:
            return [event]
        tails = self._rewrite(event, view)
        collect(self._events, event, view)
        return [*tails, event]

    def _begin(self, slot: Slot) -> Restoration | None:
        if not restores(slot, self._guards):
            return None
        return Restoration(self._vault, for_tool=slot.kind == "arguments")

    def _whole(self, slot: Slot) -> str:
        return restored(slot, self._guards)
