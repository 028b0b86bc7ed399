"""Checks an installed `hardened` against the source tree: run by an environment that holds nothing else.

python -I .ci/check_installed.py CHECKOUT
"""

import importlib
import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

ROOTS = {"hardened": "src", "hardened_instrumentation": "instrumentation", "hardened_detectors": "detectors"}
PROVIDER_SDKS = ("openai", "anthropic", "groq")


def main(checkout: Path) -> None:
    for package, room in ROOTS.items():
        installed = Path(str(importlib.import_module(package).__file__)).parent
        if checkout in installed.parents:
            sys.exit(f"{package} is imported from the checkout, not from the wheel")
        source = checkout / room / package
        missing = files(source) - files(installed)
        if missing:
            sys.exit(f"the wheel lacks {', '.join(sorted(missing))} of {package}")
        if "py.typed" not in files(installed):
            sys.exit(f"{package} is not marked as typed")

    for group in ("hardened.detectors", "hardened.instrumentation"):
        found = [entry.load() for entry in entry_points(group=group)]
        if not found:
            sys.exit(f"there is no entry point in group {group}")

    importlib.import_module("hardened.auto")
    loaded = [name for name in PROVIDER_SDKS if name in sys.modules]
    if loaded:
        sys.exit(f"hardened.auto imported {', '.join(loaded)}")

    command = Path(sys.executable).with_name("hardened")
    subprocess.run([command, "--help"], check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own command
    print(f"hardened {importlib.import_module('hardened').__version__} works from the wheel")


def files(root: Path) -> set[str]:
    found = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    return {name for name in found if "__pycache__" not in name}


if __name__ == "__main__":
    os.environ.pop("PYTHONPATH", None)
    main(Path(sys.argv[1]).resolve())
