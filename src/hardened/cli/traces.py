"""`hardened traces`: the last traces as a table, or one as a tree."""

from __future__ import annotations

import argparse
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from hardened.analysis.load import traces_path
from hardened.analysis.spans import GuardDecision, Since, SpanRecord, read_spans, trace_files
from hardened.cli import output
from hardened.cli.output import Cell, Column
from hardened.guards.verdict import GRAVITY

_COLUMNS = (
    Column("started"),
    Column("call", least=14),
    Column("feature", least=10, optional=True),
    Column("decision", least=30),
    Column("tokens", right=True, optional=True),
    Column("cost", right=True),
    Column("time", right=True),
    Column("trace"),
)
_CHARACTERS = 500  # of a message, a name, or anything else in a tree
_DEEPEST = 32  # levels of a tree that are indented; the spans below stand under one another
_RANKS: dict[str, int] = {str(outcome): rank for outcome, rank in GRAVITY.items()}
_AGO = re.compile(r"(\d+)([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def add_to(commands: Any) -> None:
    """Add the command."""
    listing = commands.add_parser(
        "traces",
        help="the last traces as a table, or one as a tree",
        description="List the last traces: what was called, what the guards decided, tokens, cost, time.",
        epilog="Exit codes: 0 shown, 1 nothing found, 3 could not be done.",
    )
    _add_options(listing)
    listing.add_argument("--limit", type=_positive, default=20, help="most traces to list (default 20)")
    listing.add_argument("--guarded", action="store_true", help="only traces in which a guard found something")
    listing.set_defaults(run=list_traces)
    show = listing.add_subparsers(metavar="show").add_parser(
        "show",
        help="one trace as a tree",
        description="Show one trace as a tree: each call with tokens, cost, times and guard decisions.",
        epilog="Exit codes: 0 shown, 1 no such trace, 3 could not be done.",
    )
    _add_options(show, default=argparse.SUPPRESS)
    show.add_argument("trace", nargs="?", default="last", help="a trace id, its beginning, or `last` (the default)")
    show.add_argument(
        "--messages", action="store_true", help="also print the beginning of the recorded (scrubbed) messages"
    )
    show.set_defaults(run=show_trace)


def _add_options(parser: argparse.ArgumentParser, default: Any = None) -> None:
    where = "trace file or directory (default: where the policy writes them)"
    parser.add_argument("--path", default=default, help=where)
    parser.add_argument("--since", type=_since, default=default, help="only newer ones: 30m, 12h, 7d, or a date")
    parser.add_argument("--json", action="store_true", default=default or False, help="print JSON")


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def _since(text: str) -> Since:
    """`30m`, `12h`, `7d` ago, or a date or time in ISO format (local time)."""
    ago = _AGO.fullmatch(text)
    try:
        if ago:
            since = timedelta(**{_UNITS[ago[2]]: int(ago[1])})
            _ = datetime.now(UTC) - since  # OverflowError: longer ago than there are dates
            return since
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError("expected 30m, 12h, 7d, or a date such as 2026-11-21") from None


@dataclass(slots=True)
class Trace:
    """The spans of one trace, in the order of their start."""

    id: str
    spans: list[SpanRecord]

    @property
    def calls(self) -> list[SpanRecord]:
        """The spans of model calls; all that have no parent here if there are none."""
        return [span for span in self.spans if span.operation] or self.roots

    @property
    def roots(self) -> list[SpanRecord]:
        """The spans at the top of the tree: whose parent is not in the file; in a circle of parents, the first span."""
        known = {span.span_id for span in self.spans}
        roots = [span for span in self.spans if span.parent_id not in known]
        children = self.children()
        reached: set[int] = set()
        for start in [*roots, *self.spans]:
            if id(start) in reached:
                continue
            if start.parent_id in known:
                roots.append(start)
            waiting = [start]
            while waiting:
                span = waiting.pop()
                reached.add(id(span))
                waiting += children.pop(span.span_id, ())
        return roots

    def children(self) -> dict[str | None, list[SpanRecord]]:
        """The spans by the id of their parent."""
        children: defaultdict[str | None, list[SpanRecord]] = defaultdict(list)
        for span in self.spans:
            children[span.parent_id].append(span)
        return dict(children)

    @property
    def start(self) -> datetime:
        return self.spans[0].start

    @property
    def duration_s(self) -> float:
        end = max(span.start + timedelta(seconds=span.duration_s) for span in self.spans)
        return (end - self.start).total_seconds()

    @property
    def decisions(self) -> list[GuardDecision]:
        return [decision for span in self.spans for decision in span.guard_decisions]

    @property
    def cost_usd(self) -> float | None:
        """The sum of all known costs; `None` if none is known."""
        costs = [span.cost_usd for span in self.spans if span.cost_usd is not None]
        return sum(costs) if costs else None

    @property
    def cost_known(self) -> bool:
        """Whether that is all of it."""
        return all(span.cost_known is not False for span in self.spans)

    def tokens(self, kind: str) -> int | None:
        """The sum of `input_tokens` or `output_tokens` over all calls."""
        counts = [count for span in self.spans if (count := getattr(span, kind)) is not None]
        return sum(counts) if counts else None


def list_traces(options: argparse.Namespace) -> int:
    """`hardened traces`"""
    skipped: list[None] = []
    traces = newest_traces(options, options.limit, guarded=options.guarded, on_skip=lambda: skipped.append(None))
    if options.json:
        output.print_json([summary(trace) for trace in traces])
    elif traces:
        output.print_table(_COLUMNS, [_row(trace) for trace in reversed(traces)])
    if skipped:
        print(f"{len(skipped)} lines could not be read and were left out (torn by a killed process).", file=sys.stderr)
    if not traces:
        _say_nothing_found(options, "No traces")
    return 0 if traces else 1


def show_trace(options: argparse.Namespace) -> int:
    """`hardened traces show`"""
    wanted = options.trace.lower()
    if wanted == "last":
        newest = newest_traces(options, 1)
        if not newest:
            _say_nothing_found(options, "No traces")
            return 1
        wanted = newest[0].id  # and read again: it may have begun in an older file
    traces = newest_traces(options, sys.maxsize, trace_id=wanted)
    if not traces:
        _say_nothing_found(options, f"No trace that begins with {wanted}")
        return 1
    if len(traces) > 1:
        print(f"{len(traces)} traces begin with {output.clean(wanted)}: give more of the id.", file=sys.stderr)
        return 1
    if options.json:
        output.print_json({**summary(traces[0]), "spans": [asdict(span) for span in traces[0].spans]})
    else:
        _print_tree(traces[0], options.messages)
    return 0


def newest_traces(
    options: argparse.Namespace,
    most: int,
    *,
    trace_id: str | None = None,
    guarded: bool = False,
    on_skip: Callable[[], object] | None = None,
) -> list[Trace]:
    """The newest traces, the newest first. Files are read from the newest on, no more of them than it takes."""
    by_id: defaultdict[str, list[SpanRecord]] = defaultdict(list)
    for file in trace_files(options.path or traces_path(), since=options.since):
        for span in read_spans(file, since=options.since, trace_id=trace_id, on_skip=on_skip):
            by_id[span.trace_id].append(span)
        if sum(not guarded or _is_guarded(spans) for spans in by_id.values()) >= most:
            break
    traces = [
        Trace(id, sorted(spans, key=lambda span: span.start))
        for id, spans in by_id.items()
        if not guarded or _is_guarded(spans)
    ]
    return sorted(traces, key=lambda trace: trace.start, reverse=True)[:most]


def _is_guarded(spans: Iterable[SpanRecord]) -> bool:
    return any(span.guard_decisions for span in spans)


def _say_nothing_found(options: argparse.Namespace, what: str) -> None:
    place = output.clean(f"{what} in {options.path or traces_path()}")
    print(f"{place}. They appear there after calls with `import hardened.auto`.", file=sys.stderr)


def summary(trace: Trace) -> dict[str, Any]:
    """One trace for programs."""
    calls = trace.calls
    return {
        "trace_id": trace.id,
        "start": trace.start.isoformat(),
        "duration_s": trace.duration_s,
        "calls": [span.name for span in calls],
        "feature": next((span.feature for span in calls if span.feature), None),
        "outcome": gravest(trace.decisions),
        "decisions": [asdict(decision) for decision in trace.decisions],
        "error_type": next((span.error_type for span in calls if span.error_type), None),
        "input_tokens": trace.tokens("input_tokens"),
        "output_tokens": trace.tokens("output_tokens"),
        "cost_usd": trace.cost_usd,
        "cost_known": trace.cost_known,
    }


def _row(trace: Trace) -> list[str | Cell]:
    calls = trace.calls
    name = trace.roots[0].name if trace.roots else calls[0].name
    more = len(calls) - (calls[0] is trace.roots[0])
    return [
        _clock(trace.start),
        f"{name} +{more}" if more else name,
        next((span.feature for span in calls if span.feature), ""),
        decision_cell(trace),
        tokens(trace.tokens("input_tokens"), trace.tokens("output_tokens")),
        cost(trace.cost_usd, trace.cost_known),
        output.seconds(trace.duration_s),
        trace.id[:8],
    ]


def _clock(start: datetime) -> str:
    """Local time; of another day, with the date."""
    local = start.astimezone()
    return local.strftime("%H:%M:%S" if local.date() == datetime.now().astimezone().date() else "%m-%d %H:%M")


def decision_cell(trace: Trace) -> Cell:
    """What the guards decided, the gravest first; else the error, if there was one."""
    outcome = gravest(trace.decisions)
    if outcome:
        ranked = sorted(trace.decisions, key=gravity, reverse=True)
        return Cell("; ".join(dict.fromkeys(decision_text(one) for one in ranked)), output.outcome_colour(outcome))
    failed = next((span.error_type for span in trace.calls if span.error_type), None)
    return Cell(f"error {failed}", ("red",)) if failed else Cell("passed", ("dim",))


def decision_text(decision: GuardDecision) -> str:
    """`redacted openai_api_key in output`"""
    found = ", ".join(decision.categories) or decision.detector
    return f"{decision.outcome} {found} in {decision.stage}{'' if decision.enforced else ' (not enforced)'}"


def gravest(decisions: Iterable[GuardDecision]) -> str | None:
    """The gravest outcome."""
    return max((decision for decision in decisions), key=gravity).outcome if decisions else None


def gravity(decision: GuardDecision) -> int:
    """The rank of a decision's outcome; the gravest is the highest."""
    return _RANKS.get(decision.outcome, -1)


def tokens(input_tokens: int | None, output_tokens: int | None) -> str:
    """`412→96`"""
    if input_tokens is None and output_tokens is None:
        return ""
    return f"{output.number(input_tokens) or '?'}→{output.number(output_tokens) or '?'}"


def cost(usd: float | None, known: bool) -> str:
    """A cost, and that it is not (all) known where it is not."""
    return output.dollars(usd) if known else f"≥ {output.dollars(usd)}" if usd else "unknown"


def _print_tree(trace: Trace, messages: bool) -> None:
    started = trace.start.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    parts = [started, output.seconds(trace.duration_s)]
    parts += filter(None, [tokens(trace.tokens("input_tokens"), trace.tokens("output_tokens"))])
    parts.append(cost(trace.cost_usd, trace.cost_known))
    print(output.paint(output.brief(f"trace {trace.id}", _CHARACTERS), "bold"), " · ".join(filter(None, parts)))
    for branch in _branches(trace):
        _print_span(branch, messages)


@dataclass(frozen=True, slots=True)
class _Branch:
    """A span with its place in the tree."""

    span: SpanRecord
    parent: SpanRecord | None
    indent: str
    last: bool  # of its parent's children
    leaf: bool = True


def _branches(trace: Trace) -> Iterator[_Branch]:
    """Every span once, whatever the spans say of each other, each with what is below it after it."""
    roots = trace.roots
    tops = set(map(id, roots))
    children = trace.children()
    waiting = [_Branch(root, None, "", root is roots[-1]) for root in reversed(roots)]
    while waiting:
        branch = waiting.pop()
        span = branch.span
        below = [child for child in children.pop(span.span_id, ()) if id(child) not in tops]
        yield replace(branch, leaf=not below)
        indent = branch.indent + ("   " if branch.last else "│  ")
        indent = indent if len(indent) <= 3 * _DEEPEST else branch.indent
        waiting += [_Branch(child, span, indent, child is below[-1]) for child in reversed(below)]


def _print_span(branch: _Branch, messages: bool) -> None:
    span, parent = branch.span, branch.parent
    print(branch.indent + ("└─ " if branch.last else "├─ ") + _title(span))
    indent = branch.indent + ("   " if branch.last else "│  ") + ("   " if branch.leaf else "│  ")
    if (asked := _who(span)) and (parent is None or asked != _who(parent)):
        print(indent + output.paint(output.brief(asked, _CHARACTERS), "dim"))
    for text, colours in _details(span, messages):
        print(indent + output.paint(output.brief(text, _CHARACTERS), *colours))


def _title(span: SpanRecord) -> str:
    name = output.brief(span.name, _CHARACTERS)
    answered = span.response_model if span.response_model != span.model else None
    parts = [
        f"({output.brief(answered, _CHARACTERS)})" if answered else "",
        output.seconds(span.duration_s),
        f"first chunk {output.seconds(span.ttft_s)}" if span.ttft_s is not None else "",
        tokens(span.input_tokens, span.output_tokens) + (" tokens" if span.input_tokens is not None else ""),
        f"({output.number(span.cached_tokens)} cached)" if span.cached_tokens else "",
        cost(span.cost_usd, span.cost_known is not False) if span.cost_known is not None else "",
    ]
    return "  ".join([output.paint(name, "bold"), *filter(None, parts)])


def _who(span: SpanRecord) -> str:
    """Who asked, and for what."""
    prompt = f"{span.prompt_name} v{span.prompt_version}" if span.prompt_version else span.prompt_name
    who = {
        "user": span.user,
        "session": span.session,
        "tenant": span.tenant,
        "feature": span.feature,
        "prompt": prompt,
        "tags": ", ".join(span.tags or ()),
    }
    return "  ".join(f"{name} {value}" for name, value in who.items() if value)


def _details(span: SpanRecord, messages: bool) -> Iterator[tuple[str, tuple[output.Colour, ...]]]:
    """The further lines below the title of a span."""
    if span.stream_outcome and span.stream_outcome != "completed":
        yield f"stream {span.stream_outcome}", ("yellow",)
    if span.error_type:
        yield f"error {span.error_type}", ("red",)
    for decision in span.guard_decisions:
        yield (
            f"{decision_text(decision)}, by {decision.detector} {decision.action}",
            output.outcome_colour(decision.outcome),
        )
    if span.guard_reasons:
        yield f"because: {'; '.join(span.guard_reasons)}", ()
    if messages:
        for message in [*(span.input_messages or ()), *(span.output_messages or ())]:
            yield f"{message.get('role', '?')}: {_message_text(message)}", ()


def _message_text(message: dict[str, Any]) -> str:
    parts: Any = message.get("parts")
    return " ".join(map(_part_text, cast("list[Any]", parts))) if isinstance(parts, list) else ""


def _part_text(part: Any) -> str:
    if not isinstance(part, dict):
        return "[?]"
    known = cast("dict[str, Any]", part)
    return str(known.get("content") or known.get("arguments") or f"[{known.get('type')}]")
