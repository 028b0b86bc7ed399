"""`hardened breakers`: which targets are not asked at the moment."""

from __future__ import annotations

import argparse
from typing import Any

from hardened.cli import output
from hardened.cli.output import Cell, Colour, Column
from hardened.cli.spend import opened

_COLOURS: dict[str, tuple[Colour, ...]] = {"open": ("red",), "half_open": ("yellow",), "closed": ("green",)}


def add_to(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "breakers",
        help="which targets are not asked at the moment",
        description="Show the circuit breakers that processes share through the store.",
        epilog="Exit codes: 0 all are closed, or there are none; 1 one is not; 3 the store cannot be read.",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """`hardened breakers`"""
    from hardened.store.breaker import Breakers

    _, store = opened()
    states = store.run(Breakers()) if store else {}
    if options.json:
        output.print_json(states)
    elif store is None:
        print("There is no shared store: each process has breakers of its own. See store.url in hardened.yaml.")
    elif not states:
        print("No breaker has anything to tell.")
    else:
        rows = [[name, Cell(state, _COLOURS[state])] for name, state in sorted(states.items())]
        output.print_table([Column("target", least=12), Column("state")], rows)
    return 0 if all(state == "closed" for state in states.values()) else 1
