"""Directories and files of our own: closed to other users, hidden from git, and never reached through a link."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

_DIRECTORY_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def own_directory(path: Path) -> Generator[int]:
    """The directory, opened, and created if it is missing; refused if it is a symbolic link.

    `.hardened` above it, where the rest of our state lies, is treated alike.
    """
    if path.parent.name == ".hardened":
        with own_directory(path.parent):
            pass
    missing = [directory for directory in (path, *path.parents) if not directory.exists()]
    try:
        for directory in reversed(missing):
            directory.mkdir(0o700, exist_ok=True)  # parents too: `makedirs` would leave them to the umask
        descriptor = os.open(path, _DIRECTORY_FLAGS)
    except OSError:
        if path.is_symlink():  # the system says "not a directory" or "too many levels", which helps nobody
            raise OSError(errno.ELOOP, f"{path} is a symbolic link, which is not followed") from None
        raise
    try:
        if missing or ".hardened" in path.parts[-2:]:
            _make_private(descriptor)
        yield descriptor
    finally:
        os.close(descriptor)


def check_own(found: os.stat_result, name: str) -> None:
    """Raises PermissionError if this is not a plain file of this user, with one name."""
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
        raise PermissionError(errno.EPERM, f"{name} is not a plain file of this user")
    if found.st_nlink > 1:
        raise PermissionError(errno.EPERM, f"{name} has a second name (a hard link)")


def _make_private(directory: int) -> None:
    """Close the directory to other users, and to git; only for our own directory: `*` hides all from git."""
    found = os.fstat(directory)
    if found.st_mode & 0o077 and found.st_uid == os.geteuid():
        os.fchmod(directory, 0o700)
    _ignore_in_git(directory)


def _ignore_in_git(directory: int) -> None:
    """Put a `.gitignore` that ignores everything into the directory, unless it has one."""
    try:
        descriptor = os.open(
            ".gitignore", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=directory
        )
    except FileExistsError:
        return
    try:
        os.write(descriptor, b"*\n")
    finally:
        os.close(descriptor)
