"""What has arrived, before the application sees it: is it an answer, or at least the begin of one?"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from hardened.resilience.answers import CHECKED, of_reply
from hardened.resilience.classify import Fault, fault, of_error
from hardened.resilience.streams import Faulty, Opening
from hardened.resilience.targets import Foreign
from hardened.resilience.translation import Refused
from hardened_instrumentation.calls import Call, Effect, EventReader, Json, Peek, Reply, perform


def inspect(call: Call, reply: Reply, timeout: float | None, *, whole: bool) -> Generator[Effect[Any], Any, None]:
    """Raises `Faulty` for an answer that is none, and what reading raises.

    Args:
        call: what was asked.
        reply: what has arrived.
        timeout: seconds until a stream must have begun, or be over.
        whole: whether a stream is read to its end.
    """
    if reply.kind != "events":
        found = of_reply(call, reply)
        if found is not None:
            raise Faulty(found)
        return
    reader = call.wire.reader()
    if reader is not None and call.operation in CHECKED:
        yield from _read_ahead(call, reply, reader, timeout, whole=whole)


def _read_ahead(
    call: Call, reply: Reply, reader: EventReader, timeout: float | None, *, whole: bool
) -> Generator[Effect[Any], Any, None]:
    opening = Opening(call, reply, reader, whole=whole)
    try:
        ended = yield from perform(Peek(reply, opening.enough, timeout))
    except TimeoutError:
        raise call.timeout_error() from None
    except Exception as error:
        found = None if isinstance(error, Faulty) else of_error(call.sdk, error)
        if found is None:
            raise
        if found.code == "timeout":
            raise call.timeout_error() from None
        raise Faulty(found) from None  # the rest of this body would look like a stream that is over
    if ended:
        opening.ended()


def translate(reply: Reply, foreign: Foreign, request: Json) -> None:
    """Let everybody from here on see the answer in the call's own wire. Raises `Faulty`."""
    if reply.kind == "events":
        reply.attach(foreign.translation.events(request))
    elif isinstance(reply.body, dict):
        try:
            reply.replace(foreign.translation.answer(reply.body))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
        except Refused:
            raise Faulty(fault("invalid", "untranslatable", again=False)) from None


def is_said(call: Call, reply: Reply, found: Fault) -> bool:
    """Whether the provider itself says, in a way that the SDK understands, that it failed: the SDK shall say so too.

    Of the events of a response the SDK makes no error: who waits for text would take it for an empty answer.
    """
    if found.kind in ("invalid", "transport"):
        return False
    if reply.kind == "events":
        return call.route != "responses"
    return reply.kind == "json" and reply.body.get("status") == "failed"
