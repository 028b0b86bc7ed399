"""`hardened policy`: what holds, whether a file is right, and the schema for editors."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from hardened.cli import output
from hardened.cli.output import Cell, Colour, Column
from hardened.errors import PolicyError
from hardened.guards.verdict import STAGES

_ACTION_COLOURS: dict[str, tuple[Colour, ...]] = {
    "allow": ("dim",),
    "warn": (),
    "redact": ("yellow",),
    "block": ("red",),
}


def add_to(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "policy",
        help="show the policy that holds, validate a file, print the schema",
        description="Show the policy that holds, validate a file, or print the JSON schema of hardened.yaml.",
    )
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    show = actions.add_parser(
        "show",
        help="what holds, and where it comes from",
        description="Show which detector does what at which stage, where the policy comes from, and where traces go.",
        epilog="Exit codes: 0 shown, 3 the policy is broken.",
    )
    show.add_argument("policy", nargs="?", help="a preset or a file in place of the policy that holds")
    show.add_argument("--json", action="store_true", help="print JSON")
    show.set_defaults(run=run_show)
    validate = actions.add_parser(
        "validate",
        help="is this file right?",
        description="Check a policy file. Each mistake is named with its line and the word that was probably meant.",
        epilog="Exit codes: 0 valid, 1 not valid, 3 could not be read.",
    )
    validate.add_argument("file", type=Path)
    validate.add_argument("--json", action="store_true", help="print JSON")
    validate.set_defaults(run=run_validate)
    schema = actions.add_parser(
        "schema",
        help="the JSON schema of hardened.yaml",
        description="Print the JSON schema, for editors that complete and check YAML files.",
    )
    schema.set_defaults(run=run_schema)


def run_show(options: argparse.Namespace) -> int:
    """`hardened policy show`"""
    from hardened.policy.load import load_with_source
    from hardened.policy.presets import effective
    from hardened.policy.summary import describe

    loaded = load_with_source(options.policy)
    detectors = effective(loaded.policy)
    if options.json:
        print_plain = {name: {**one._asdict(), "actions": dict(one.actions)} for name, one in detectors.items()}
        settings = loaded.policy.model_dump(mode="json")
        output.print_json({"source": loaded.source, "detectors": print_plain, "policy": settings})
        return 0
    print(output.clean(describe(loaded.policy)))
    print(output.paint(f"policy: {output.clean(loaded.source)}", "dim"))
    columns = [Column("detector"), *(Column(stage) for stage in STAGES), Column("on error")]
    rows: list[list[str | Cell]] = [
        [
            name,
            *(Cell(one.actions[stage], _ACTION_COLOURS.get(one.actions[stage], ())) for stage in STAGES),
            one.on_error,
        ]
        for name, one in detectors.items()
    ]
    output.print_table(columns, rows)
    return 0


def run_validate(options: argparse.Namespace) -> int:
    """`hardened policy validate`"""
    from hardened.policy.active import refuse_without_budget
    from hardened.policy.compile import compile
    from hardened.policy.load import load_with_source

    options.file.open("rb").close()  # what cannot be read is another answer than what is wrong
    try:
        loaded = load_with_source(options.file, env={})
        compile(*loaded)
        refuse_without_budget(loaded)
    except PolicyError as error:
        problems = [output.clean(line) for line in str(error).splitlines()]
        if options.json:
            output.print_json({"valid": False, "problems": problems})
        else:
            print("\n".join(problems), file=sys.stderr)
        return 1
    if options.json:
        output.print_json({"valid": True, "problems": []})
    else:
        print(f"{output.clean(str(options.file))} is valid")
    return 0


def run_schema(options: argparse.Namespace) -> int:
    """`hardened policy schema`"""
    from hardened.policy.reference import json_schema

    del options
    sys.stdout.write(json_schema())
    return 0
