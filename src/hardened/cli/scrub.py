"""`hardened scrub`: a dataset without the private data in it."""

from __future__ import annotations

import argparse
import gzip
import json
import os
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, cast

from hardened.cli import output
from hardened.cli.progress import Progress

if TYPE_CHECKING:
    from hardened.scanning.scrub import Report

_STREAM: Final = "-"


def add_to(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "scrub",
        help="take private data out of a dataset",
        description="Copy a dataset with credentials and personal data replaced, as the policy says for values that it "
        "redacts. JSON stays JSON, CSV stays CSV, and the copy appears when it is complete or not at all.",
        epilog="Exit codes: 0 done, 3 could not be done; then there is no copy.",
    )
    parser.add_argument("file", metavar="FILE", help="what to read, `-` for standard input; .gz is unpacked")
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument("-o", "--output", metavar="FILE", help="the copy, `-` for standard output; .gz is packed")
    target.add_argument("--in-place", action="store_true", help="replace the file by its copy")
    target.add_argument("--dry-run", action="store_true", help="only report what would be replaced")
    parser.add_argument("--force", action="store_true", help="replace the output if it exists")
    parser.add_argument("--format", choices=("jsonl", "json", "csv", "tsv", "text"), help="default: by the name")
    parser.add_argument("--field", action="append", default=[], metavar="NAME",
                        help="only this field (a.b for one within) or column (repeatable; default all)")  # fmt: skip
    parser.add_argument("--detectors", default="secrets,pii", metavar="NAMES", help="which ones (default secrets,pii)")
    parser.add_argument("--policy", help="a preset or a policy file in place of the one that holds")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """`hardened scrub`"""
    from hardened.guards.operators import Redaction
    from hardened.policy.compile import compile
    from hardened.policy.load import load_with_source
    from hardened.scanning.finder import Finder
    from hardened.scanning.scrub import Scrubber, form_of

    names = [name.strip() for name in options.detectors.split(",") if name.strip()]
    loaded = load_with_source(options.policy)
    # All rows are one call: equal values get the same pseudonym.
    redaction = Redaction(compile(*loaded).replacement)
    scrubber = Scrubber(Finder(names, loaded).find, redaction.render("input"), options.field)
    form = options.format or form_of(options.file)
    with ExitStack() as opened:
        source, size = _source(options.file, opened)
        target = opened.enter_context(_target(options))
        progress = opened.enter_context(Progress("scrubbing", size))
        scrubber.scrub(form, source, target, progress.advance)
    _print(scrubber.report, options)
    return 0


def _source(name: str, opened: ExitStack) -> tuple[IO[bytes], int | None]:
    """What is read, and how many bytes it has if that is known."""
    if name == _STREAM:
        return sys.stdin.buffer, None
    path = Path(name)
    file = opened.enter_context(path.open("rb"))
    if path.suffix == ".gz":
        return cast("IO[bytes]", opened.enter_context(gzip.open(file))), None
    return file, os.fstat(file.fileno()).st_size


@contextmanager
def _target(options: argparse.Namespace) -> Generator[IO[bytes]]:
    from hardened.scanning.atomic import writing
    from hardened.scanning.finder import CannotScan

    if options.dry_run:
        with Path(os.devnull).open("wb") as nowhere:
            yield nowhere
    elif options.output == _STREAM:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    else:
        name = options.file if options.in_place else options.output
        if name == _STREAM:
            raise CannotScan("--in-place needs a file")
        with writing(Path(name), replace=options.in_place or options.force) as file:
            if not name.endswith(".gz"):
                yield file
                return
            with gzip.GzipFile(fileobj=file, mode="wb", filename="", mtime=0) as packed:
                yield cast("IO[bytes]", packed)


def _print(report: Report, options: argparse.Namespace) -> None:
    """On standard error if the copy goes to standard output."""
    stream = sys.stderr if options.output == _STREAM else sys.stdout
    if options.json:
        json.dump(report.plain(), stream, indent=2)
        stream.write("\n")
        return
    verb = "would be replaced" if options.dry_run else "replaced"
    changed = f"{output.number(report.changed)} of {output.counted(report.rows, 'row')}"
    print(f"{output.counted(report.replaced.total(), 'value')} {verb} in {changed}", file=stream)
    for category, count in report.replaced.most_common():
        print(f"  {output.number(count):>8}  {category}", file=stream)
    if report.not_json:
        print(f"scrubbed as text, being no JSON: {output.counted(report.not_json, 'row')}", file=sys.stderr)
