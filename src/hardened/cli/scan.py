"""`hardened scan`: credentials and personal data in files."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hardened.cli import output
from hardened.cli.output import Cell, Column
from hardened.cli.progress import Progress

if TYPE_CHECKING:
    from hardened.scanning.files import Skipped
    from hardened.scanning.finder import Finder
    from hardened.scanning.scan import Found

FOUND: Final = 1
"""Exit code if there are findings."""

_COLUMNS: Final = (Column("where", least=20), Column("category"), Column("detector"), Column("score", right=True))


def add_to(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "scan",
        help="find credentials and personal data in files",
        description="Look for credentials and personal data in files and directories. What was found is named, with "
        "its place, and never shown. Binary files, .git and what .gitignore leaves out are passed over in directories.",
        epilog="A line that says `hardened: allow` or `hardened: allow[category]` is passed over. "
        "Exit codes: 0 nothing found, 1 findings, 3 something could not be looked at.",
    )
    parser.add_argument("paths", nargs="*", default=["."], metavar="PATH",
                        help="files and directories, `-` for standard input (default: this directory)")  # fmt: skip
    parser.add_argument("--detectors", default="secrets,pii", metavar="NAMES", help="which ones (default secrets,pii)")
    parser.add_argument("--policy", help="a preset or a policy file in place of the one that holds, for their options")
    parser.add_argument("--exclude", action="append", default=[], metavar="PATTERN",
                        help="leave out what this matches, as in a .gitignore (repeatable)")  # fmt: skip
    parser.add_argument("--no-ignore", action="store_true", help="look also at what .gitignore leaves out")
    parser.add_argument("--field", action="append", default=[], metavar="NAME",
                        help="read JSONL, and only this field of it, a.b for one within (repeatable)")  # fmt: skip
    known = parser.add_mutually_exclusive_group()
    known.add_argument("--baseline", type=Path, metavar="FILE", help="report only what is not in this file")
    known.add_argument("--write-baseline", type=Path, metavar="FILE", help="accept all findings: write them there")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON")
    form.add_argument("--sarif", action="store_true", help="print SARIF 2.1.0")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """`hardened scan`"""
    from hardened.policy.load import load_with_source
    from hardened.scanning import baseline
    from hardened.scanning.files import Skipped
    from hardened.scanning.finder import Finder

    known = baseline.Baseline.read(options.baseline) if options.baseline else None
    names = [name.strip() for name in options.detectors.split(",") if name.strip()]
    finder = Finder(names, load_with_source(options.policy))
    skipped = Skipped()
    with Progress("scanning", None) as progress:
        findings = list(_all(options, finder, skipped, progress))
    if options.write_baseline:
        baseline.write(options.write_baseline, findings)
        print(f"{output.counted(len(findings), 'finding')} accepted in {output.clean(str(options.write_baseline))}")
        return _finish(skipped, 0)
    new = [found for found in findings if not (known and known.accepts(found))]
    _print(options, new, len(findings) - len(new), skipped)
    return _finish(skipped, FOUND if new else 0)


def _all(options: argparse.Namespace, finder: Finder, skipped: Skipped, progress: Progress) -> Iterator[Found]:
    from hardened.scanning.files import STDIN, walk

    for name in options.paths:
        if name == STDIN:
            skipped.read += 1
            yield from _in_file(options, finder, "<stdin>", _stdin(), skipped)
        else:
            for path in walk([name], skipped, exclude=options.exclude, honour_ignores=not options.no_ignore):
                yield from _in_path(options, finder, path, skipped)
                progress.advance()


def _in_path(options: argparse.Namespace, finder: Finder, path: Path, skipped: Skipped) -> Iterator[Found]:
    from hardened.scanning.files import pieces

    try:
        text = pieces(path)
        if text is None:
            skipped.binary += 1
        else:
            skipped.read += 1
            yield from _in_file(options, finder, _shown(path), text, skipped)
    except OSError as error:
        skipped.failed(path, error)


def _shown(path: Path) -> str:
    """As seen from here, if it is below; so a baseline holds for however a file is named."""
    here = Path.cwd()
    return (path.relative_to(here) if path.is_relative_to(here) else path).as_posix()


def _in_file(
    options: argparse.Namespace, finder: Finder, path: str, text: Iterator[str], skipped: Skipped
) -> Iterator[Found]:
    from hardened.scanning.finder import lines
    from hardened.scanning.scan import NotJson, scan_row, scan_text

    if not options.field:
        yield from scan_text(finder, path, text)
        return
    for number, line in enumerate(lines(text), 1):
        if line.strip():
            try:
                yield from scan_row(finder, path, number, line, options.field)
            except NotJson:
                skipped.errors.append((f"{path}:{number}", "not a JSON object"))


def _stdin() -> Iterator[str]:
    from hardened.scanning.files import decoded

    if sys.stdin.isatty():
        print("Type the text and end it with Ctrl-D.", file=sys.stderr)
    return decoded(sys.stdin.buffer)


def _print(options: argparse.Namespace, findings: Sequence[Found], accepted: int, skipped: Skipped) -> None:
    if options.json:
        output.print_json({"findings": [asdict(found) for found in findings], "accepted": accepted, **asdict(skipped)})
    elif options.sarif:
        from hardened.scanning.sarif import document

        output.print_json(document(findings, skipped.errors))
    else:
        if findings:
            output.print_table(_COLUMNS, [_row(found) for found in findings])
        print(_summary(len(findings), accepted, skipped), file=sys.stderr)


def _row(found: Found) -> list[str | Cell]:
    where = f"{found.path}:{found.line}:{found.column}" + (f" {found.field}" if found.field else "")
    colour: tuple[output.Colour, ...] = ("red",) if found.detector == "secrets" else ("yellow",)
    return [where, Cell(found.category, colour), found.detector, f"{found.score:.2f}"]


def _summary(findings: int, accepted: int, skipped: Skipped) -> str:
    said = [f"{output.counted(findings, 'finding')} in {output.counted(skipped.read, 'file')}"]
    passed_over = {
        "accepted by the baseline": accepted,
        "binary": skipped.binary,
        "left out": skipped.left_out,
        "links": skipped.links,
    }
    return "; ".join([*said, *(f"{output.number(count)} {what}" for what, count in passed_over.items() if count)])


def _finish(skipped: Skipped, code: int) -> int:
    """Say what could not be read; without findings that is what the exit code tells."""
    from hardened.cli import CANNOT

    for path, why in skipped.errors:
        print(f"hardened scan: {output.clean(path)}: {output.clean(why)}", file=sys.stderr)
    return code or (CANNOT if skipped.errors else 0)
