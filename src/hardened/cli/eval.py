"""`hardened eval`: how good detectors, or all of a policy, are on labelled texts."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hardened.cli import output
from hardened.cli.output import Cell, Column
from hardened.cli.progress import Progress
from hardened.errors import HardenedError
from hardened.guards.verdict import STAGES

if TYPE_CHECKING:
    from hardened.evaluation.metrics import Counts, Figure
    from hardened.evaluation.rows import Unusable
    from hardened.evaluation.run import Evaluation, Measured
    from hardened.evaluation.subjects import Subject

BELOW: Final = 1
"""Exit code if a figure is below what `--fail-under` asks for."""

_GROUPS: Final = 20  # rows of a table; --json has all
_NO_FIGURE: Final = "–"


class _CannotEvaluate(HardenedError):
    """There is nothing to be evaluated, or no way to do it."""


def add_to(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "eval",
        help="measure detectors or policies on labelled texts",
        description="Measure detectors, or all of a policy, on labelled JSONL: a text and a label (0 or 1), spans "
        "(a list of start, end and type), or both on each line. No text is printed.",
        epilog="Exit codes: 0 measured, 1 a figure is below --fail-under, 3 could not be measured.",
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="JSONL files, `-` for standard input")
    parser.add_argument(
        "--detector",
        action="append",
        default=[],
        metavar="NAME",
        help="measure this one (repeatable); default: all of the policy together, and each that runs in it",
    )
    parser.add_argument("--stage", choices=STAGES, default="input", help="of rows that name none (default input)")
    parser.add_argument("--policy", help="a preset or a policy file in place of the one that holds")
    parser.add_argument("--against", metavar="POLICY", help="compare the policy with this one, row by row")
    parser.add_argument("--import", dest="modules", action="append", default=[], metavar="MODULE",
                        help="import this module first: it registers detectors of your own (repeatable)")  # fmt: skip
    rows = parser.add_argument_group("rows")
    for name in ("text", "label", "spans", "stage"):
        rows.add_argument(f"--{name}-field", default=name, metavar="NAME", help=f"field of the {name} (default {name})")
    rows.add_argument("--by", action="append", default=[], metavar="FIELD",
                      help="also count by the values of this field (repeatable; default source)")  # fmt: skip
    rows.add_argument("--where", action="append", default=[], type=_condition, metavar="FIELD=VALUE",
                      help="only rows like this, or unlike it with != (repeatable)")  # fmt: skip
    rows.add_argument("--type", action="append", default=[], type=_renaming, metavar="TYPE=CATEGORY", dest="types",
                      help="what a type of the data is called here (repeatable)")  # fmt: skip
    parser.add_argument("--fail-under", action="append", default=[], type=_bound, metavar="FIGURE=VALUE",
                        help="exit with 1 if a figure is below, for example recall=0.9 (repeatable)")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print JSON, with every figure")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """`hardened eval`"""
    from hardened.evaluation.rows import Fields, Unusable, read
    from hardened.evaluation.run import evaluate

    fields = Fields(
        options.text_field,
        options.label_field,
        options.spans_field,
        options.stage_field,
        tuple(options.by or ("source",)),
        options.where,
    )
    subjects = _subjects(options)
    unusable = Unusable()
    with Progress("evaluating", _size(options.files)) as progress:
        rows = read(options.files, fields, options.stage, unusable, progress.advance)
        result = evaluate(rows, subjects, types=dict(options.types), compare=options.against is not None)
    if not result.rows:
        raise _CannotEvaluate("no usable row" + (f" ({_name_unusable(unusable)})" if unusable.count else ""))
    judged = result.measured if options.detector or options.against else result.measured[:1]
    below = _below(judged, options.fail_under)
    if options.json:
        output.print_json(_plain(result, unusable, fields.groups, below))
    else:
        _print(result, fields.groups)
    return _code(result, unusable, below)


def _code(result: Evaluation, unusable: Unusable, below: Sequence[str]) -> int:
    """Say on standard error what is wrong, and how grave it is."""
    from hardened.cli import CANNOT

    if unusable.count:
        print(f"{output.number(unusable.count)} rows left out: {_name_unusable(unusable)}", file=sys.stderr)
    failed = [measured for measured in result.measured if measured.failures]
    for measured in failed:
        kinds = ", ".join(f"{kind} {count}" for kind, count in measured.failures.most_common())
        print(f"{output.clean(measured.name)} failed on {measured.failures.total()} rows: {kinds}", file=sys.stderr)
    for line in below:
        print(f"hardened eval: {output.clean(line)}", file=sys.stderr)
    return CANNOT if failed else BELOW if below else 0


def _subjects(options: argparse.Namespace) -> list[Subject]:
    """What is to be measured."""
    from hardened.evaluation.subjects import OneDetector, WholePolicy, detectors_of
    from hardened.policy.load import load_with_source
    from hardened.policy.presets import effective
    from hardened.policy.problems import no_such_detector

    _import(options.modules)
    loaded = load_with_source(options.policy)
    policies = {"policy": loaded}
    if options.against is not None:
        other = load_with_source(options.against)
        policies = {f"{label} {one.source}": one for label, one in (("policy:", loaded), ("against:", other))}
    for wrong in filter(None, map(no_such_detector, options.detector)):
        raise _CannotEvaluate(wrong)
    if options.detector:
        return [
            OneDetector(name, effective(one.policy).get(name), name if len(policies) == 1 else f"{name}, {label}")
            for name in options.detector
            for label, one in policies.items()
        ]
    whole: list[Subject] = [WholePolicy(one, label) for label, one in policies.items()]
    if options.against is not None:
        return whole
    return [*whole, *(OneDetector(name, one) for name, one in detectors_of(loaded).items())]


def _import(modules: Sequence[str]) -> None:
    if modules and "" not in sys.path:
        sys.path.insert(0, "")
    for name in modules:
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise _CannotEvaluate(f"--import {name}: {type(error).__name__}; is it in this directory?") from None
        except Exception as error:  # noqa: BLE001 - a module of the user's may raise anything
            kind = type(error).__name__
            raise _CannotEvaluate(f"--import {name}: {kind}; python -c 'import {name}' shows where") from None


def _size(files: Sequence[str]) -> int | None:
    """Bytes of all files; None if that cannot be known before they are read."""
    paths = [Path(name) for name in files]
    return sum(path.stat().st_size for path in paths) if all(path.is_file() for path in paths) else None


def _pair(text: str, what: str) -> tuple[str, str]:
    name, found, value = text.partition("=")
    if not found or not name:
        raise argparse.ArgumentTypeError(f"expected {what}")
    return name, value


def _renaming(text: str) -> tuple[str, str]:
    return _pair(text, "TYPE=CATEGORY")


def _condition(text: str) -> tuple[str, str, bool]:
    name, value = _pair(text, "FIELD=VALUE or FIELD!=VALUE")
    return name.removesuffix("!"), value, not name.endswith("!")


def _bound(text: str) -> tuple[str, float]:
    from hardened.evaluation.run import FIGURES
    from hardened.policy.problems import suggest

    name, value = _pair(text, "FIGURE=VALUE, for example recall=0.9")
    if name not in FIGURES:
        raise argparse.ArgumentTypeError(
            f"unknown figure {name!r}{suggest(name, FIGURES)}; there are {', '.join(FIGURES)}"
        )
    try:
        least = float(value)
    except ValueError:
        least = -1.0
    if not 0 <= least <= 1:
        raise argparse.ArgumentTypeError(f"{name}: expected a number from 0 to 1")
    return name, least


def _below(judged: Sequence[Measured], bounds: Sequence[tuple[str, float]]) -> list[str]:
    """What is too low, in words."""
    lines: list[str] = []
    for measured in judged if bounds else ():
        figures = measured.figures()
        for name, least in bounds:
            figure = figures[name]
            if figure is None:
                lines.append(f"{measured.name}: {name} cannot be told from these rows, and should be at least {least}")
            elif figure.value < least:
                lines.append(f"{measured.name}: {name} is {figure.value:.4f}, and should be at least {least}")
    return lines


def _name_unusable(unusable: Unusable) -> str:
    named = "; ".join(f"{line} {reason}" for line, reason in unusable.first)
    more = unusable.count - len(unusable.first)
    return output.clean(named) + (f"; and {more:,} more" if more else "")


# --- JSON ----------------------------------------------------------------------------------------------------------


def _plain(result: Evaluation, unusable: Unusable, groups: Sequence[str], below: Sequence[str]) -> dict[str, Any]:
    return {
        "rows": result.rows,
        "positives": result.positives,
        "characters": result.characters,
        "unusable": {"count": unusable.count, "first": [f"{line} {reason}" for line, reason in unusable.first]},
        "measured": [_plain_measured(one, groups) for one in result.measured],
        "changes": None
        if result.changes is None
        else [{**change._asdict(), "rows": count} for change, count in result.changes.most_common()],
        "below": list(below),
    }


def _plain_measured(measured: Measured, groups: Sequence[str]) -> dict[str, Any]:
    from hardened.evaluation.run import RATES

    ranking = measured.ranking
    return {
        "name": measured.name,
        "failures": dict(measured.failures),
        "counts": _plain_counts(measured.counts),
        "figures": {name: figure and figure._asdict() for name, figure in measured.figures().items()},
        "cpu_microseconds": measured.cost(),
        "recall_at_fpr": [
            {
                "fpr": rate,
                "above": ranking.threshold_at(rate),
                "recall": (at := ranking.recall_at(rate)) and at._asdict(),
            }
            for rate in RATES
        ]
        if ranking
        else [],
        "sweep": [{"threshold": threshold, **_plain_counts(counts)} for threshold, counts in measured.sweep()],
        "groups": {
            groups[index]: {value: _plain_counts(counts) for value, counts in found.items()}
            for index, found in measured.groups.items()
        },
        "types": {
            kind: {**_plain_counts(counts), "coverage": _value(measured.spans.covered(kind))}
            for kind, counts in measured.spans.by_type().items()
        },
    }


def _plain_counts(counts: Counts) -> dict[str, Any]:
    return {
        "true_positive": counts.true_positive,
        "false_positive": counts.false_positive,
        "false_negative": counts.false_negative,
        "true_negative": counts.true_negative,
        "precision": _value(counts.precision),
        "recall": _value(counts.recall),
        "f1": _value(counts.f1),
        "false_positive_rate": _value(counts.false_positive_rate),
    }


def _value(figure: Figure | None) -> float | None:
    return figure.value if figure else None


# --- Tables --------------------------------------------------------------------------------------------------------


def _print(result: Evaluation, groups: Sequence[str]) -> None:
    positives = f"{output.number(result.positives)} positive"
    print(f"{output.number(result.rows)} rows, {positives}, {output.number(result.characters)} characters")
    print("95 % intervals in brackets; µs: CPU time for one text")
    print()
    columns = [Column("figure"), *(Column(output.clean(one.name), right=True) for one in result.measured)]
    output.print_table(columns, _figure_rows(result.measured))
    if result.changes is not None:
        _print_changes(result)
    detailed = result.measured[-1:] if len(result.measured) <= 2 and result.changes is None else []
    for measured in detailed:
        _print_sweep(measured)
        _print_types(measured)
        for index, name in enumerate(groups):
            _print_groups(name, measured.groups[index])


def _figure_rows(measured: Sequence[Measured]) -> list[list[str | Cell]]:
    """A row for each figure that some subject has, a column for each subject."""
    counts = [one.counts for one in measured]
    rows: list[list[str | Cell]] = [
        ["found", *(output.number(one.true_positive) for one in counts)],
        ["missed", *(output.number(one.false_negative) for one in counts)],
        ["false", *(output.number(one.false_positive) for one in counts)],
        ["left alone", *(output.number(one.true_negative) for one in counts)],
    ]
    figures = [one.figures() for one in measured]
    for name in figures[0]:
        values = [one[name] for one in figures]
        if any(values):
            rows.append([name, *(_shown(value) for value in values)])
    costs = [one.cost() for one in measured]
    for name in costs[0]:
        values = [one[name] for one in costs]
        rows.append([f"µs {name}", *(_NO_FIGURE if value is None else f"{value:,.0f}" for value in values)])
    return rows


def _print_changes(result: Evaluation) -> None:
    changes = result.changes or {}
    differing = sum(changes.values())
    print(f"\n{output.number(differing)} of {output.number(result.rows)} rows differ")
    if changes:
        columns = (Column("policy"), Column("against"), Column("label"), Column("rows", right=True))
        ordered = sorted(changes.items(), key=lambda item: -item[1])
        output.print_table(
            columns,
            [[one.first, one.second, "1" if one.positive else "0", output.number(rows)] for one, rows in ordered],
        )


def _print_sweep(measured: Measured) -> None:
    """Without the thresholds that make no difference."""
    sweep = measured.sweep()
    changing = [at for at, before in zip(sweep, [(0.0, None), *sweep], strict=False) if at[1] != before[1]]
    if changing:
        print()
        output.print_table(_columns("threshold"), [_cells(f"{threshold:g}", counts) for threshold, counts in changing])


def _print_types(measured: Measured) -> None:
    types = measured.spans.by_type()
    if types:
        columns = (*(Column(name, right=name != "type") for name in ("type", "spans", "found", "false")),
                   *(Column(name, right=True) for name in ("precision", "recall", "f1", "coverage")))  # fmt: skip
        print()
        output.print_table(columns, [_type_cells(kind, counts, measured) for kind, counts in types.items()])


def _type_cells(kind: str, counts: Counts, measured: Measured) -> list[str | Cell]:
    figures = (counts.precision, counts.recall, counts.f1, measured.spans.covered(kind))
    spans = counts.true_positive + counts.false_negative
    whole = map(output.number, (spans, counts.true_positive, counts.false_positive))
    return [kind or "(any)", *whole, *(_short(figure) for figure in figures)]


def _print_groups(name: str, groups: Mapping[str, Counts]) -> None:
    if len(groups) < 2:
        return
    ordered = sorted(groups.items(), key=lambda item: -_rows(item[1]))
    print()
    output.print_table(_columns(name), [_cells(value or "(none)", counts) for value, counts in ordered[:_GROUPS]])
    if len(ordered) > _GROUPS:
        print(f"and {len(ordered) - _GROUPS:,} more, see --json")


def _columns(first: str) -> list[Column]:
    rest = ("rows", "found", "missed", "false", "recall", "false positives")
    return [Column(first, least=12), *(Column(name, right=True) for name in rest)]


def _cells(name: str, counts: Counts) -> list[str | Cell]:
    numbers = (_rows(counts), counts.true_positive, counts.false_negative, counts.false_positive)
    return [name, *map(output.number, numbers), _short(counts.recall), _percent(counts.false_positive_rate)]


def _rows(counts: Counts) -> int:
    return counts.true_positive + counts.false_positive + counts.false_negative + counts.true_negative


def _shown(figure: Figure | None) -> str:
    return f"{figure.value:.3f} [{figure.low:.3f}, {figure.high:.3f}]" if figure else _NO_FIGURE


def _short(figure: Figure | None) -> str:
    return f"{figure.value:.3f}" if figure else _NO_FIGURE


def _percent(figure: Figure | None) -> str:
    return f"{figure.value:.2%}" if figure else _NO_FIGURE
