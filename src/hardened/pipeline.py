"""The path of a call, top to bottom.

Decisions (a guard that blocks) are raised to the application; faults of our own telemetry never are: everything that
`CallRecord` does is contained in it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Generator, Iterable
from typing import Any

from hardened.errors import BlockedError
from hardened.guards.current import current
from hardened.guards.engine import Guards, enforce
from hardened.guards.verdict import Stage, Verdict
from hardened.resilience.attempts import Answer, say, send
from hardened.resilience.request import check_input, limit_output
from hardened.restored import restore_slot, restored_stream
from hardened.spend import kill
from hardened.spend import plan as spend
from hardened.stream import GuardedStream, ObservedStream, WatchedStream
from hardened.telemetry.faults import report
from hardened.telemetry.record import CallRecord
from hardened_instrumentation.calls import Call, Deliver, Effect, Flow, Json, Reply, Role, Slot, Work, perform
from hardened_instrumentation.wires.parts import leaves

STAGE_OF_ROLE: dict[Role, Stage] = {
    "user": "input",
    "assistant": "input",
    "system": "input",
    "tool": "tool_result",
    "document": "retrieval",
}
"""Where a text of a request is checked follows from who said it."""

OUTPUT_STAGE: dict[str, Stage] = {"text": "output", "arguments": "tool_call"}
"""Where a text of a response is checked follows from what it is. Reasoning is signed by its provider: it is left as it
is for the application and scrubbed on export."""

TURNS = 3
"""So many earlier texts of the user are shown to detectors beside a text."""

KEPT_BY_PROVIDER = ("previous_response_id", "conversation")
"""Where a request says that the provider knows the beginning of the conversation."""

LONG_TEXT = 32_768
"""Characters above which an async caller's texts are checked in a thread: about 5 ms of work on a slow core."""


def handle(call: Call) -> Flow:
    """One logical call, from the application's request to the response that it receives."""
    guards = current().for_call()
    record = CallRecord(call)
    try:
        stopped = yield from kill.check(call)
        if call.body is not None:
            guards = guards.answering((yield from _guard_request(call, guards, record)))
        if call.stream:
            guards.expect_stream()
        answer = yield from (_ask(call, record) if stopped is None else _say(call, record, stopped))
        reply = answer.reply
        record.answered(reply)
        if reply.kind == "events":
            if answer.check is not None or (guards.active and call.operation is not None):
                session = GuardedStream(call, guards, record, answer.check)
                reply.attach(restored_stream(call, guards, session))
            else:
                reply.watch(ObservedStream(call, reply.framing(), record))
        elif reply.kind == "binary":
            reply.watch(WatchedStream(record))
        elif call.operation is not None:
            try:
                yield from _guard_response(call, reply, guards, record)
            except BlockedError:
                record.refused(reply)
                raise
            record.responded(reply)
            _restore(call, reply, guards)
        yield from perform(Deliver(reply))
    except BaseException as error:
        record.end(error)
        raise
    if reply.kind in ("json", "text"):
        record.end()


Step = Generator[Effect[Any], Any, None]


def _ask(call: Call, record: CallRecord) -> Generator[Effect[Any], Any, Answer]:
    """The answer of a provider, if size and budgets allow it."""
    limit_output(call, record)
    record.requested()
    size = yield from check_input(call, record)
    rules = spend.current()
    if not rules.idle:
        from hardened.spend.ledger import admit  # where nothing is counted, nobody needs the estimates and the amounts

        record.charge = yield from admit(call, record.request, rules)
    return (yield from send(call, record, size))


def _say(call: Call, record: CallRecord, text: str) -> Generator[Effect[Any], Any, Answer]:
    """The answer of the kill switch."""
    record.requested()
    return (yield from say(call, record, text, kill.SERVED_BY))


def _guard_request(call: Call, guards: Guards, record: CallRecord) -> Generator[Effect[Any], Any, tuple[str, ...]]:
    """Returns the instructions of the application to the model."""
    assert call.body is not None
    if not guards.active:
        return ()
    slots = _slots(call.wire.request_slots, call.body, "user")
    continues = any(call.body.get(key) for key in KEPT_BY_PROVIDER)
    guards.expect((slot.read() for slot in slots if slot.kind in OUTPUT_STAGE), continues)
    verdicts = yield from _check(slots, [STAGE_OF_ROLE[slot.role] for slot in slots], guards, record)
    if any(_changed(slot, verdict) for slot, verdict in zip(slots, verdicts, strict=True)):
        body = copy.deepcopy(call.body)
        _write(_slots(call.wire.request_slots, body, "user"), verdicts)
        call.replace(body)
    return tuple(slot.read() for slot in slots if slot.role == "system" and slot.kind == "text")


def _guard_response(call: Call, reply: Reply, guards: Guards, record: CallRecord) -> Step:
    if not guards.active:
        return
    slots, holder = _response_slots(call, reply.body)
    verdicts = yield from _check(slots, [OUTPUT_STAGE.get(slot.kind, "output") for slot in slots], guards, record)
    if any(_changed(slot, verdict) for slot, verdict in zip(slots, verdicts, strict=True)):
        _write(slots, verdicts)
        reply.replace(holder["body"])


def _restore(call: Call, reply: Reply, guards: Guards) -> None:
    """Let the caller see values in the place of their pseudonyms; what was recorded keeps the pseudonyms."""
    if not guards.vault:
        return
    slots, holder = _response_slots(call, copy.deepcopy(reply.body))
    changed = [slot for slot in slots if restore_slot(slot, guards)]
    if changed:
        reply.replace(holder["body"])


def _response_slots(call: Call, body: Any) -> tuple[list[Slot], Json]:
    """The texts of a response, and what holds its body."""
    holder = {"body": body}
    if isinstance(body, dict):
        return _slots(call.wire.response_slots, body, "assistant"), holder  # pyright: ignore[reportUnknownArgumentType]
    return _slots(_all_texts, holder, "assistant"), holder


def _check(
    slots: list[Slot], stages: list[Stage], guards: Guards, record: CallRecord
) -> Generator[Effect[Any], Any, list[Verdict | None]]:
    """The verdict on each slot, `None` where there is nothing to check. Raises `BlockedError` as the policy says."""

    def check_all() -> list[Verdict | None]:
        before = said_before(slots)
        return [check_slot(*one, guards) for one in zip(slots, stages, before, strict=True)]

    record.unscanned(str(slot.key) for slot in slots if slot.kind == "opaque")
    texts: list[tuple[Slot, Stage]] = [
        (slot, stage) for slot, stage in zip(slots, stages, strict=True) if slot.kind in OUTPUT_STAGE
    ]
    takes_long = sum(len(slot.read()) for slot, _ in texts) > LONG_TEXT or any(
        guards.waits(stage, slot.role) for slot, stage in texts
    )
    verdicts = (yield from perform(Work(check_all))) if takes_long else check_all()
    settle((verdict for verdict in verdicts if verdict is not None), record)
    return verdicts


def check_slot(slot: Slot, stage: Stage, before: tuple[str, ...], guards: Guards) -> Verdict | None:
    """The verdict on one text of a body."""
    if slot.kind not in OUTPUT_STAGE:
        return None
    if slot.kind == "arguments":
        return guards.check_json(slot.read(), stage, role=slot.role)
    return guards.check(slot.read(), stage, role=slot.role, before=before)


def said_before(slots: list[Slot]) -> list[tuple[str, ...]]:
    """For each text of a conversation what the user had said last; nothing for what others say."""
    last: tuple[str, ...] = ()
    before: list[tuple[str, ...]] = []
    for slot in slots:
        said = slot.kind == "text" and slot.role == "user"
        before.append(last if said else ())
        if said:
            last = (*last, slot.read())[-TURNS:]
    return before


def settle(verdicts: Iterable[Verdict], record: CallRecord) -> None:
    """Record verdicts, then raise for the first that blocks."""
    found = list(verdicts)
    for verdict in found:
        record.verdict(verdict)
    for verdict in found:
        enforce(verdict)


def _slots(find: Callable[[Json], list[Slot]], body: Json, role: Role) -> list[Slot]:
    """The texts of a body. One of a shape that we do not expect is guarded as a whole rather than not at all."""
    try:
        return find(body)
    except Exception as error:  # noqa: BLE001 - nobody knows what a provider sends tomorrow
        report("reading a body of unexpected shape", error)
        return _all_texts(body, role)


def _all_texts(body: Json, role: Role = "assistant") -> list[Slot]:
    slots: list[Slot] = []
    leaves(body, role, slots)
    return slots


def _changed(slot: Slot, verdict: Verdict | None) -> bool:
    return verdict is not None and verdict.text != slot.read()


def _write(slots: list[Slot], verdicts: list[Verdict | None]) -> None:
    for slot, verdict in zip(slots, verdicts, strict=True):
        if verdict is not None and verdict.text != slot.read():
            slot.write(verdict.text)
