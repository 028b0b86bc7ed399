"""The kill switch: no call goes out, of all, of a feature, of a user, or to a model.

Three places can say so, and one of them is enough: the variable `HARDENED_KILL`, a file, and the store, which reaches
all machines. An entry is `all`, `feature:NAME`, `user:NAME` or `model:PATTERN`; the variable has them between commas,
the file one a line, and a file without any says `all`. What was read holds for a second at most. A store that is away
says what it said last; variable and file always work.

A call that is stopped is an error, unless the policy has a text that is its answer (`kill.static`), which passes the
guards as any other answer does.
"""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Iterable
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from hardened.errors import KilledError
from hardened.own_files import own_directory
from hardened.policy.active import active
from hardened.policy.load import KILL_VARIABLE
from hardened.resilience.plan import said_for
from hardened.resilience.statics import unfit
from hardened.spend.plan import printable
from hardened.store.api import ask
from hardened.store.current import current as current_store
from hardened.store.current import is_shared
from hardened.telemetry import context
from hardened_instrumentation.calls import Call, Effect

ALL: Final = "all"
GROUP: Final = "kill"
SERVED_BY: Final = "kill_switch"
"""Who has answered where `kill.static` did."""
FRESH: Final = 1.0
"""Seconds for which what was read holds."""

_ON: Final = frozenset({"1", "on", "true", "yes", "*"})
_OFF: Final = frozenset({"", "0", "off", "false", "no"})


class _Read:
    """What file and store said last, and when they were asked (by the monotonic clock)."""

    of_file: frozenset[str] = frozenset()
    of_store: frozenset[str] = frozenset()
    at: float = float("-inf")


def check(call: Call) -> Generator[Effect[Any], Any, str | None]:
    """`None` if the call may go on, else the text that is its answer. Raises KilledError where there is none."""
    now = time.monotonic()
    if now - _Read.at > FRESH:
        policy = active()
        _Read.of_file = of_file(Path(policy.kill.file))
        if is_shared(policy):
            from hardened.store.values import Marks

            with suppress(Exception):  # the last value holds
                _Read.of_store = yield from ask(current_store(), Marks(GROUP))
        _Read.at = now
    entries = _Read.of_file | _Read.of_store | of_variable(os.environ.get(KILL_VARIABLE, ""))
    scope = hit(entries, call) if entries else None
    if scope is None:
        return None
    text = said_for(active().kill.static, context.current().feature)
    if not text or unfit(call, text) is not None:
        raise KilledError(scope)
    return text


def hit(entries: Iterable[str], call: Call) -> str | None:
    """Which kind of entry is about this call: `all`, `feature`, `user` or `model`; `None` if there is none."""
    ambient = context.current()
    model = call.body.get("model") if call.body else None
    found = {"feature": ambient.feature, "user": ambient.user_id, "model": model}
    for entry in entries:
        scope, _, name = entry.partition(":")
        if scope == ALL:
            return ALL
        value = found.get(scope)
        if isinstance(value, str) and (value == name or (scope == "model" and fnmatchcase(value, name))):
            return scope
    return None


def entry(*, feature: str | None = None, user: str | None = None, model: str | None = None) -> str:
    """The entry for one feature, user or model, else for all."""
    for scope, name in (("feature", feature), ("user", user), ("model", model)):
        if name is not None:
            return f"{scope}:{printable(name)}"
    return ALL


def of_variable(text: str) -> frozenset[str]:
    """What the variable says. A word that is none of ours says `all`: whoever wrote it wanted to stop something."""
    if text.strip().lower() in _OFF:
        return frozenset()
    return frozenset(_entry(word) for word in text.split(",") if word.strip().lower() not in _OFF)


def of_file(file: Path) -> frozenset[str]:
    """What the file says; one that is there and cannot be read says `all`."""
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return frozenset()
    except OSError:
        return frozenset({ALL})
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return frozenset(map(_entry, lines)) or frozenset({ALL})


def write_file(file: Path, entries: Iterable[str]) -> None:
    """Let the file say so; without entries it is removed. Raises OSError."""
    lines = sorted(entries)
    if not lines:
        file.unlink(missing_ok=True)
        return
    with own_directory(file.absolute().parent) as directory:
        temporary = f".{file.name}.{os.getpid()}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with open(os.open(temporary, flags, 0o600, dir_fd=directory), "w", encoding="utf-8") as written:  # noqa: PTH123
            written.write("\n".join(lines) + "\n")
        os.rename(temporary, file.name, src_dir_fd=directory, dst_dir_fd=directory)


def _entry(word: str) -> str:
    word = word.strip()
    scope = word.partition(":")[0]
    return word if scope in ("feature", "user", "model") and ":" in word else ALL


def forget() -> None:
    """Read all places anew with the next call. For tests, and after switching in this process."""
    _Read.at = float("-inf")
