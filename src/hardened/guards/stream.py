"""Checking a text while it grows: what may be released now, and what must wait.

A position is *open* while some continuation of the text could still start, extend or cancel a finding there. Text is
released up to the leftmost open position, and never from within findings that overlap, before all of them are decided.
So however a text is cut into chunks, the application sees what `Guards.check` makes of the whole text, and never a
character of a redacted finding.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from hardened.guards.engine import Guards, blocked, enforce
from hardened.guards.escapes import Unescaped
from hardened.guards.gate import TIMEOUT, Gate
from hardened.guards.json_text import JsonText, begins_json
from hardened.guards.redaction import FAILED, UNDECIDED, Span, spans
from hardened.guards.verdict import Decision, Stage, Verdict
from hardened_detectors.api import Finding

if TYPE_CHECKING:
    from hardened_instrumentation.calls import Role, SlotKind

MAX_HOLD: Final = 16_384  # characters; more than the longest finding of the built-in detectors
LONG_HOLD: Final = 256  # characters; from here on a hold is only looked at again …
GROWTH: Final = 1.25  # … when it has grown by this factor, so that all looks together stay linear in the text
SPARE: Final = 64  # characters that are kept longer than needed, so that not every chunk has the text copied
_REDACTED: Final = "redacted"  # the category whose placeholder is `UNDECIDED`
SWALLOW: Final = 64  # a part that is undecided for this many MAX_HOLDs is never decided


class StreamGuard:
    """Guards one text field of one stream. Not thread-safe: a stream has one reader.

    Which text waits is a matter of the plan's stream mode and of the detectors:

    * Incremental detectors that may redact or block hold what is undecided.
    * Detectors that only warn, and those that must see the whole text, hold nothing. They run in `finish` and can only
      report: their decisions have `enforced=False` unless they are warnings.
    * In mode `buffer`, and for the arguments of tool calls (nobody reads them before they are complete), everything
      waits for `finish`, where `Guards.check` or `check_json` has the word. Nothing waits if no rule could change it.
    * A text that begins like a JSON object or array is read as JSON, and stays JSON.
    * In mode `observe`, in shadow mode, and for reasoning (signed by its provider), nothing waits or changes, and
      everything is recorded in `finish`.

    Attributes:
        stage: where the text is judged.
        released: characters given out so far, placeholders included.
        held: characters that wait now.
        max_held: the most that ever waited.
    """

    def __init__(
        self,
        guards: Guards,
        stage: Stage,
        *,
        role: Role = "assistant",
        kind: SlotKind = "text",
        max_hold: int = MAX_HOLD,
    ) -> None:
        self.released = 0
        self.held = 0
        self.max_held = 0
        self._guards = guards
        self._render = guards.render(stage)
        self.stage: Stage = stage
        self._role: Role = role
        self._as_json = kind == "arguments"
        self._max_hold = max_hold
        gate = guards.gate(stage, role)
        self._observes = guards.plan.mode != "enforce" or guards.plan.stream == "observe" or kind == "reasoning"
        self._buffers = False
        self._now: Gate | None = None  # judges on the way
        self._late = gate  # judges the whole text
        self._too_late = False  # … when it is gone
        self._look_behind = 0  # characters before what is undecided that the former still needs
        if gate and gate.changes and not self._observes:
            self._buffers = self._as_json or guards.plan.stream == "buffer"
            if not self._buffers:
                self._now, self._late = gate.halves
                self._look_behind = self._now.look_behind if self._now else 0
                self._too_late = True
        self._whole: list[str] | None = [] if self._late else None

        self._blanks = ""  # that came before anything else
        self._begun = False  # something else than blanks has come
        self._json: JsonText | None = None  # how the text is read, if that is not as it is written
        self._text = (
            ""  # what detectors see: what is undecided, behind as much of what was released as detectors look back at
        )
        self._at = 0  # where the undecided begins in it
        self._offset = 0  # of its first character in the whole text
        self._next_look = 0  # length of a hold before which looking again is not worth it
        self._swallowing = False  # a placeholder stands for what is held, whatever it turns out to be
        self._over = False

        self._found: list[Finding] = []
        self._incidents: dict[str, Decision] = {}
        self._end: tuple[Decision, ...] = ()

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """What was decided so far; complete after `finish` or a `BlockedError`."""
        now = self._now.decide(self._found, {}, True) if self._now and self._found else ()
        return (*self._incidents.values(), *now, *self._end)

    def feed(self, chunk: str) -> str:
        """Take the next piece of the text; returns what may be released now.

        Raises:
            BlockedError: the policy stops the stream here. Nothing of what was found has been released. After it the
                guard gives out nothing any more.
        """
        if self._over:
            return ""
        if self._whole is not None:
            self._whole.append(chunk)
        if self._now is not None:
            if not self._begun:
                chunk = self._begin(chunk)
            self._text += self._json.feed(chunk) if self._json else chunk
            if len(self._text) - self._at < self._next_look:
                return self._account("")
            until = self._quiet_until()
            return self._account(self._release(final=False) if until is None else self._pass(until))
        if self._buffers:
            self.held += len(chunk)
            self.max_held = max(self.max_held, self.held)
            return ""
        self.released += len(chunk)
        return chunk

    def _begin(self, chunk: str) -> str:
        """What is there to be looked at: nothing as long as only blanks have come."""
        chunk = self._blanks + chunk
        self._begun = not chunk.isspace() and chunk != ""
        self._blanks = "" if self._begun else chunk
        if self._begun and begins_json(chunk):
            self._json = JsonText()
        return chunk if self._begun else ""

    def finish(self) -> str:
        """The text is complete: returns the rest of it. A second call returns nothing.

        Raises:
            BlockedError: as `feed` does.
        """
        if self._over:
            return ""
        rest = self._account(self._release(final=True)) if self._now else ""
        self._over = True
        if self._whole is None:
            return rest
        verdict = self._judge_whole("".join(self._whole))
        self._whole = None
        self._end = verdict.decisions
        if not self._buffers:
            return rest
        self.held = 0
        enforce(verdict)
        self.released += len(verdict.text)
        return verdict.text

    def _judge_whole(self, text: str) -> Verdict:
        """The verdict of all rules, or the report of those that could not judge on the way."""
        if not self._too_late:
            check = self._guards.check_json if self._as_json else self._guards.check
            return check(text, self.stage, role=self._role, observe=self._observes)
        assert self._late is not None
        verdict = self._guards.judge(text, self.stage, self._late, enforced=False)
        return replace(verdict, decisions=tuple(map(_report, verdict.decisions)))

    def _quiet_until(self) -> int | None:
        """Where what has to wait begins, if nothing can be found before it, at a glance; most text is like that."""
        if self._json or self._swallowing or "\\" in self._text:
            return None
        assert self._now is not None
        return self._now.quiet_until(self._text, self._at)

    def _pass(self, until: int) -> str:
        """Release what is before `until`."""
        released = self._text[self._at : until]
        self._at = until
        self._next_look = 0
        if until > self._look_behind + SPARE:
            self._forget(until - self._look_behind)
        return released

    def _release(self, final: bool) -> str:
        """What is decided of the text at hand, with placeholders; the rest stays."""
        assert self._now is not None
        if final:
            self._text += self._json.feed("", final=True) if self._json else self._blanks
            self._blanks = ""
        text, start = self._text, self._at
        reading = Unescaped(text, final) if "\\" in text else None
        limit = len(text) if final else self._now.open_from(text, start, reading)
        if limit <= start and not (final and self._json):
            return self._hold(start, "", reading)
        findings, failures = self._now.detect(text, reading, start=start)
        if failures and self._is_lost(failures):
            return FAILED
        decided: list[Finding] = []
        replaced: list[Span] = []
        if findings:
            decided = [finding for finding in findings if start <= finding.start < limit]
            self._stop_at_block(decided)
            replaced = spans(finding for finding in decided if self._redacts(finding))
        limit = self._settled(replaced, limit, final)
        decided = [finding for finding in decided if finding.start < limit]
        if self._json:
            return self._hold(limit, self._release_json(self._json, decided, limit, final), reading)
        self._found += map(self._moved, decided)
        if self._swallowing and limit > start:
            start = self._swallow(replaced, limit)
        pieces: list[str] = []
        for span in replaced:
            pieces += (text[start : span.start], self._render(span, text[span.start : span.end]))
            start = span.end
        pieces.append(text[start:limit])
        return self._hold(limit, "".join(pieces), reading)

    def _settled(self, replaced: list[Span], limit: int, final: bool) -> int:
        """How far the text is decided: what overlaps an undecided position may yet become part of a larger span."""
        while not final:
            if replaced and replaced[-1].end > limit:
                limit = replaced.pop().start
            elif self._json and (settled := self._json.settled(self._offset + limit) - self._offset) < limit:
                limit = settled
            else:
                break
        return limit

    def _release_json(self, document: JsonText, decided: list[Finding], limit: int, final: bool) -> str:
        """As JSON is written, with what was found in it replaced so that it stays JSON."""
        self._found += document.locate(map(self._moved, decided))
        redacted = [finding for finding in decided if self._redacts(finding)]
        parts = document.locate(map(self._moved, redacted))
        if self._swallowing and limit > self._at:
            self._swallowing = False
            end = min((finding.start for finding in redacted), default=limit)
            if end > self._at:
                parts += document.locate([replace(self._give_up_on(self._at, end), category=_REDACTED)])
        return document.take(self._offset + limit, parts, self._render, final)

    def _hold(self, at: int, released: str, reading: Unescaped | None = None) -> str:
        """Keep what begins at `at`, and the context before it.

        Returns `released`, followed by a placeholder if what waits has become too long to be waited for.
        """
        held = len(self._text) - at
        cut = max(0, at - self._look_behind)
        if reading:
            cut = min(cut, reading.position(max(0, reading.index(at) - self._look_behind)))
            cut = reading.before(cut)
        self._at = at
        self._forget(cut)
        self._next_look = int(held * GROWTH) if held >= LONG_HOLD else 0
        if held > self._max_hold and not self._swallowing:
            self._swallowing = True
            return released if self._json else released + UNDECIDED  # JSON gets its placeholders when it is decided
        if held > self._max_hold * SWALLOW:
            self._give_up_on(self._at, len(self._text))
            self._over = True  # the placeholder is out; the rest of the stream is dropped
        return released

    def _forget(self, cut: int) -> None:
        """Drop what is before `cut`: nobody looks back at it any more."""
        self._text = self._text[cut:]
        self._offset += cut
        self._at -= cut

    def _swallow(self, replaced: list[Span], limit: int) -> int:
        """What was held too long is decided: where the text goes on after it."""
        self._swallowing = False
        if replaced and replaced[0].start == self._at:
            return replaced.pop(0).end
        end = replaced[0].start if replaced else limit
        self._give_up_on(self._at, end)
        return end

    def _give_up_on(self, start: int, end: int) -> Finding:
        """Record that a part was redacted because it was undecided for too long."""
        earlier = self._incidents[UNDECIDED].findings if UNDECIDED in self._incidents else ()
        part = self._moved(Finding("stream", "undecided", start, end))
        self._incidents[UNDECIDED] = Decision("stream", "redact", "redacted", (*earlier, part))
        return part

    def _is_lost(self, failures: Mapping[str, str]) -> bool:
        """Record broken detectors; true if one of them fails closed, so that nothing may go out any more."""
        assert self._now is not None
        decisions = self._now.decide((), failures, True)
        self._incidents.update((decision.detector, decision) for decision in decisions)
        for decision in decisions:
            if decision.blocks:
                self._over = True
                raise blocked(self.stage, decision, self.released)
        self._over = any(decision.redacts for decision in decisions)
        return self._over

    def _stop_at_block(self, decided: list[Finding]) -> None:
        assert self._now is not None
        for decision in self._now.decide(decided, {}, True):
            if decision.blocks:
                self._found += map(self._moved, decided)
                self._over = True
                raise blocked(self.stage, decision, self.released)

    def _redacts(self, finding: Finding) -> bool:
        assert self._now is not None
        rule = self._now.rule(finding)
        return rule is not None and rule.action == "redact"

    def _moved(self, finding: Finding) -> Finding:
        """By position in the whole text."""
        return replace(finding, start=finding.start + self._offset, end=finding.end + self._offset)

    def _account(self, out: str) -> str:
        self.released += len(out)
        self.held = 0 if self._over else len(self._text) - self._at + len(self._blanks)
        self.max_held = max(self.max_held, self.held)
        return out


def _report(decision: Decision) -> Decision:
    """A decision about text that is gone already: it can only be reported."""
    if decision.action == "warn":
        return replace(decision, enforced=True)
    if decision.failure:
        return replace(decision, outcome="timeout" if decision.failure == TIMEOUT else "error")
    return replace(decision, outcome="flagged")


def repeat(
    guards: Guards, stage: Stage, text: str, *, role: Role = "assistant", kind: SlotKind = "text"
) -> tuple[str, tuple[Decision, ...]]:
    """For a streamed text that comes again as a whole: what `StreamGuard` made of it, and the decisions.

    Not `Guards.check`: on a stream some detectors can only report, and what an application has already seen must not
    come out differently here.

    Raises:
        BlockedError: as `StreamGuard` does.
    """
    field = StreamGuard(guards, stage, role=role, kind=kind)
    return field.feed(text) + field.finish(), field.decisions
