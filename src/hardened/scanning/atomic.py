"""Writing a file so that there is all of it or nothing."""

from __future__ import annotations

import os
import secrets
import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import IO, NoReturn

from hardened.scanning.finder import CannotScan


@contextmanager
def writing(path: Path, *, mode: int = 0o600, replace: bool = False) -> Generator[IO[bytes]]:
    """A file that becomes `path` when all is written; if anything fails, or SIGTERM comes, it is gone.

    Only SIGKILL and a loss of power leave the unfinished file behind, under another name (`.NAME.….part`).

    Raises:
        CannotScan: `path` is no regular file (a link, a device), or it exists and shall not be replaced.
        OSError: it cannot be written.
    """
    there = path.is_symlink() or path.exists()
    if there and (path.is_symlink() or not path.is_file()):
        raise CannotScan(f"{path}: is not a regular file")
    if there and not replace:
        raise CannotScan(f"{path}: exists already; --force replaces it")
    part = path.with_name(f".{path.name}.{secrets.token_hex(6)}.part")
    with _terminable():
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except BaseException:
            with suppress(OSError):
                part.unlink()
            raise


@contextmanager
def _terminable() -> Generator[None]:
    """SIGTERM unwinds the stack meanwhile, as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)
