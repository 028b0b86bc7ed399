"""What a stream still says of a field that it had already ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hardened_instrumentation.calls import Delta, EventView, Slot

Place = tuple[Any, ...]

LOOK_BACK = 4096
"""Characters of the text so far with which a late piece is judged: far more than a credential or a number has."""


@dataclass(slots=True, eq=False, repr=False)
class LateSlot(Slot):
    """A piece that comes after its field was said to be complete, read together with what was said before it.

    What was held of the field had to go out with its end, before the application saw a finish reason; so a piece that
    follows is judged as the end of the whole text. What is found there may have begun in what is out already: then
    nothing of the piece goes out.
    """

    said: str = ""

    def read(self) -> str:
        return self.said + self.holder[self.key]

    def write(self, text: str) -> None:
        late = text[len(self.said) :] if text.startswith(self.said) else ""
        Slot.write(self, late)


class Late:
    """Knows the fields of one stream that have ended."""

    __slots__ = ("_ended",)

    def __init__(self) -> None:
        self._ended: set[Place] = set()

    def sort(self, view: EventView, text: Mapping[Place, list[str]]) -> EventView:
        """`view`, with the pieces of fields that ended earlier as snapshots; `text` holds what the fields have said."""
        if self._ended and view.deltas:
            late = [delta for delta in view.deltas if delta.place in self._ended]
            if late:
                view.deltas = [delta for delta in view.deltas if delta.place not in self._ended]
                view.snapshots = [*view.snapshots, *(_late(delta, text[delta.place]) for delta in late)]
        self._ended.update(view.closes)
        return view


def collect(view: EventView, text: Mapping[Place, list[str]]) -> None:
    """Add the pieces of an event to what the fields have said."""
    for delta in view.deltas:
        text[delta.place].append(delta.slot.read())
    for snapshot in view.snapshots:
        if isinstance(snapshot.slot, LateSlot):
            text[snapshot.place].append(snapshot.slot.holder[snapshot.slot.key])


def _late(delta: Delta, pieces: list[str]) -> Delta:
    slot = delta.slot
    if not isinstance(slot.holder[slot.key], str):
        return delta
    said = "".join(pieces)[-LOOK_BACK:]
    pieces[:] = ["".join(pieces)]
    return Delta(LateSlot(slot.holder, slot.key, slot.role, slot.kind, slot.beside, slot.tool, said), delta.place)
