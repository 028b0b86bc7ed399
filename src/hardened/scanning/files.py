"""Which files are looked at."""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISREG
from typing import IO, Final

from hardened.scanning.ignore import Rules, compiled, inherited, is_left_out, rules_of

STDIN: Final = "-"
ALWAYS_LEFT_OUT: Final = frozenset({".git", ".hg", ".svn"})
_HEAD: Final = 8192  # bytes that tell text from other things
_CHUNK: Final = 1 << 20
_MARKS: Final = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


@dataclass(slots=True)
class Skipped:
    """How many files were read, and what was not: counts, and errors by path."""

    read: int = 0
    binary: int = 0
    links: int = 0
    left_out: int = 0
    errors: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    def failed(self, path: object, error: OSError) -> None:
        """`path` could not be read."""
        self.errors.append((str(path), error.strerror or type(error).__name__))


def walk(
    paths: Sequence[str], skipped: Skipped, *, exclude: Sequence[str] = (), honour_ignores: bool = True
) -> Iterator[Path]:
    """The files to look at, in order: those named, and those in directories named.

    In directories `.git` and the like, what a `.gitignore` leaves out (if `honour_ignores`), links and what is no file
    are passed over. What `exclude` names, by patterns as in a `.gitignore`, is passed over everywhere.
    """
    patterns = compiled(exclude)
    for name in paths:
        path = Path(name)
        if path.is_dir():
            own = [Rules(path, patterns)]
            inner = inherited(path.resolve()) if honour_ignores else []
            yield from _below(path, path.resolve(), inner, own, skipped, honour_ignores)
        elif any(is_left_out(path, False, [Rules(root, patterns)]) for root in (path.parent, _root(path))):
            skipped.left_out += 1
        else:
            yield path


def _root(path: Path) -> Path:
    """Where a path begins: patterns are matched against a file as it was named, too, as pre-commit names files."""
    return Path(path.anchor) if path.is_absolute() else Path()


def _below(
    shown: Path, real: Path, rules: list[Rules], own: list[Rules], skipped: Skipped, honour_ignores: bool
) -> Iterator[Path]:
    """The files below a directory; `shown` is how it was named, `real` where it is."""
    if honour_ignores and (here := rules_of(real)):
        rules = [*rules, here]
    try:
        entries = sorted(os.scandir(shown), key=lambda entry: entry.name)
    except OSError as error:
        skipped.failed(shown, error)
        return
    for entry in entries:
        path, is_directory = shown / entry.name, entry.is_dir(follow_symlinks=False)
        if entry.is_symlink():
            skipped.links += 1
        elif is_directory and entry.name in ALWAYS_LEFT_OUT:
            continue
        elif is_left_out(real / entry.name, is_directory, rules) or is_left_out(path, is_directory, own):
            skipped.left_out += 1
        elif is_directory:
            yield from _below(path, real / entry.name, rules, own, skipped, honour_ignores)
        elif entry.is_file(follow_symlinks=False):
            yield path


def pieces(path: Path) -> Iterator[str] | None:
    """The text of a file, piece by piece; None if it is no text. What is not valid in its encoding is replaced.

    A text is UTF-8, or UTF-16 with a byte order mark, and has no NUL in its first kilobytes.

    Raises:
        OSError: it cannot be read, or is no regular file.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a pipe without a writer shall not hang
    if not S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(0, "is not a regular file", str(path))
    file = os.fdopen(descriptor, "rb")
    head = file.read(_HEAD)
    if b"\0" in head and _encoding(head) != "utf-16":
        file.close()
        return None
    return decoded(file, head)


def decoded(file: IO[bytes], head: bytes = b"") -> Iterator[str]:
    """The text of a file of which `head` has been read already, piece by piece; it is closed at the end."""
    with file:
        head = head or file.read(_HEAD)
        decoder = codecs.getincrementaldecoder(_encoding(head))("replace")
        while head:
            yield decoder.decode(head)
            head = file.read(_CHUNK)
        yield decoder.decode(b"", final=True)


def _encoding(head: bytes) -> str:
    return next((name for mark, name in _MARKS if head.startswith(mark)), "utf-8")
