"""Real documents without an attack: pieces of the files of installed packages that are under permissive licences.

Code, tests, licences, manuals, templates, message catalogues, JSON. `requirements.txt` pins the versions, so the pieces
are the same everywhere.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from importlib.metadata import PackagePath, distribution
from zlib import crc32

LEARNT: Mapping[str, str] = {
    "django": "BSD-3-Clause",
    "numpy": "BSD-3-Clause",
    "scipy": "BSD-3-Clause",
    "sphinx": "BSD-2-Clause",
}
"""Packages to learn from, and their licences."""

HELD: Mapping[str, str] = {
    "aiohttp": "Apache-2.0 AND MIT",
    "networkx": "BSD-3-Clause",
    "rich": "MIT",
    "scikit-learn": "BSD-3-Clause",
    "sqlalchemy": "MIT",
    "werkzeug": "BSD-3-Clause",
}
"""Packages to fix the operating points on."""

_SUFFIXES = (".py", ".pyi", ".html", ".js", ".css", ".json", ".md", ".rst", ".txt", ".po", ".xml", ".xsl")
_NAMES = ("METADATA", "LICENSE", "COPYING", "README", "AUTHORS")
_MADE_AT_INSTALLATION = ("__config__", "version", "top_level", "entry_points", "direct_url")
_LENGTHS = (300, 800, 2000)


def pieces(package: str, count: int) -> Iterator[str]:
    """A piece of each of up to `count` files of `package`."""
    files = [file for file in distribution(package).files or () if _readable(file)]
    for file in sorted(files, key=lambda file: crc32(str(file).encode()))[:count]:
        rng = random.Random(str(file))
        text = file.locate().read_bytes().decode(errors="replace")
        starts = [0, *(at + 1 for at, char in enumerate(text) if char == "\n")]
        at = rng.choice(starts)
        if piece := text[at : at + rng.choice(_LENGTHS)].strip():
            yield piece


def _readable(file: PackagePath) -> bool:
    if file.name.startswith(_MADE_AT_INSTALLATION):
        return False
    return file.suffix in _SUFFIXES or file.name.startswith(_NAMES)
