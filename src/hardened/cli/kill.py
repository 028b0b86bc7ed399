"""`hardened kill`: the kill switch."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hardened.cli import output

if TYPE_CHECKING:
    from hardened.policy.schema import Policy


def add_to(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "kill",
        help="stop all calls, or those of a feature, of a user, or to a model",
        description="Show what the kill switch stops, or switch it. Every process follows within two seconds: those "
        "that run in this directory through a file, those that share the store wherever they run.",
        epilog="Exit codes: 0 nothing is stopped, 1 something is, 3 could not be done.",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run_show)
    actions = parser.add_subparsers(metavar="ACTION")
    for action, text in (("on", "stop calls"), ("off", "let calls go on; without an option, all of them")):
        epilog = (
            "Exit codes: 0 done, 1 switched in the file only, as the store could not be reached or the policy "
            "not be read, 3 could not be done."
        )
        sub = actions.add_parser(action, help=text, description=text.capitalize() + ".", epilog=epilog)
        what = sub.add_mutually_exclusive_group()
        what.add_argument("--feature", type=_name, help="only those of this feature")
        what.add_argument("--user", type=_name, help="only those of this user")
        what.add_argument("--model", type=_name, help="only those to this model; * stands for any characters")
        sub.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON")
        sub.set_defaults(run=run_switch, on=action == "on")


def _name(text: str) -> str:
    """A name; none at all, as of a shell's variable that is not set, would stop nothing and look as if it did."""
    if not text.strip():
        raise argparse.ArgumentTypeError("the name is empty")
    return text


def run_show(options: argparse.Namespace) -> int:
    """`hardened kill`"""
    policy, _ = _policy()
    return _show(policy, as_json=options.json)


def _show(policy: Policy, *, as_json: bool) -> int:
    places = _places(policy)
    stopped = sorted(set[str]().union(*places.values()))
    if as_json:
        output.print_json({"stopped": stopped, **{place: sorted(entries) for place, entries in places.items()}})
    elif not stopped:
        print("Nothing is stopped.")
    else:
        for place, entries in places.items():
            for entry in sorted(entries):
                print(f"{output.clean(entry)}  ({place})")
    return 1 if stopped else 0


def run_switch(options: argparse.Namespace) -> int:
    """`hardened kill on`, `hardened kill off`"""
    from hardened.spend import kill
    from hardened.store.api import StoreError
    from hardened.store.current import is_shared, open_store
    from hardened.store.values import Mark, Marks

    policy, whole = _policy()
    entry = kill.entry(feature=options.feature, user=options.user, model=options.model)
    file = Path(policy.kill.file)
    here = kill.of_file(file)
    everything = not options.on and entry == kill.ALL
    kill.write_file(file, here | {entry} if options.on else set[str]() if everything else here - {entry})
    stopped = set(here)
    code = 0 if whole else 1
    if is_shared(policy):
        try:
            store = open_store(policy)
            marks = store.run(Marks(kill.GROUP))
            for one in marks if everything else [entry]:
                store.run(Mark(kill.GROUP, one, options.on))
            stopped |= marks
        except StoreError as error:
            print(f"hardened: only the file was switched: {output.clean(str(error))}", file=sys.stderr)
            code = 1
    if code == 0 and not (options.on or everything or entry in stopped):
        print(f"hardened: {output.clean(entry)} was not stopped", file=sys.stderr)
    if os.environ.get(_variable()) and not options.on:
        print(f"hardened: {_variable()} is set here, and still stops what it says", file=sys.stderr)
    _show(policy, as_json=options.json)
    return code


def _places(policy: Policy) -> dict[str, frozenset[str]]:
    """What stops calls, by the place that says so."""
    from hardened.spend import kill
    from hardened.store.api import StoreError
    from hardened.store.current import is_shared, open_store
    from hardened.store.values import Marks

    places = {
        "variable": kill.of_variable(os.environ.get(_variable(), "")),
        "file": kill.of_file(Path(policy.kill.file)),
        "store": frozenset[str](),
    }
    if is_shared(policy):
        try:
            places["store"] = open_store(policy).run(Marks(kill.GROUP))
        except StoreError as error:
            print(f"hardened: the store cannot be read: {output.clean(str(error))}", file=sys.stderr)
    return places


def _policy() -> tuple[Policy, bool]:
    """The policy, and whether it could be read. Else variables alone say where to switch."""
    from hardened.errors import PolicyError
    from hardened.policy.load import load, load_safe

    try:
        return load(), True
    except PolicyError as error:
        policy = load_safe().policy
        print(
            f"hardened: {output.clean(str(error))}\nhardened: goes on with {policy.kill.file}, and without what that "
            "policy says of another file or of a store",
            file=sys.stderr,
        )
        return policy, False


def _variable() -> str:
    from hardened.policy.load import KILL_VARIABLE

    return KILL_VARIABLE
