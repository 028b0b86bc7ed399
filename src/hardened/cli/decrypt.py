"""`hardened decrypt`: the values that the operator `encrypt` has closed."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from hardened.cli import output
from hardened.cli.check import add_text, read_text


def add_to(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "decrypt",
        help="open what the operator `encrypt` has closed",
        description="Open what the operator `encrypt` has closed, with the key of the policy that holds.",
        epilog="Exit codes: 0 all was opened, 1 some could not be (another key or tenant, or changed), 3 no key.",
    )
    add_text(parser)
    parser.add_argument("--tenant", default="", help="for whom it was closed: the tenant of hardened.context")
    parser.add_argument("--policy", help="a policy file in place of the one that holds")
    parser.add_argument("--json", action="store_true", help="print the text and the counts as JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """`hardened decrypt`"""
    import hardened
    from hardened.guards.current import current
    from hardened.guards.operators import decrypt_all

    if options.policy:
        hardened.configure(policy=options.policy)
    plan = current().plan.replacement
    with hardened.context(tenant=options.tenant):
        lines = [decrypt_all(line, plan) for line in read_text(options).splitlines(keepends=True) or [""]]
    text = "".join(line for line, _, _ in lines)
    opened, left = sum(line[1] for line in lines), sum(line[2] for line in lines)
    if options.json:
        output.print_json({"text": text, "opened": opened, "left": left})
    else:
        shown = "\n".join(map(output.clean, text.splitlines())) if sys.stdout.isatty() else text.removesuffix("\n")
        print(shown)
    return 1 if left else 0
