"""Reading a body for what can be said of it in another wire: each field is said, dropped, or a reason to refuse."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, NoReturn

from pydantic_core import to_json

from hardened.resilience.translation import Refused
from hardened_instrumentation.calls import Json
from hardened_instrumentation.framing import dump_json

_NAME: Final = re.compile(r"[A-Za-z_]\w{0,39}")


class Unsayable(NamedTuple):
    """A field that the other wire does not have: why, and the values with which it says nothing."""

    why: str
    harmless: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Fields:
    """What becomes of the fields of an object. One that is in none of the three tables is refused too.

    Attributes:
        said: they have a translation, in code.
        dropped: hints, without which the answer means the same; with the reason.
        refused: what the other wire cannot say.
    """

    said: frozenset[str]
    dropped: Mapping[str, str] = field(default_factory=dict[str, str])
    refused: Mapping[str, Unsayable] = field(default_factory=dict[str, Unsayable])

    def of(self, value: Any, path: str) -> Json:
        """The fields of an object that have a value and a translation. Raises `Refused`."""
        found: Json = {}
        for name, inner in mapping(value, path).items():
            if not is_given(inner) or name in self.dropped:
                continue
            if name in self.said:
                found[name] = inner
                continue
            unsayable = self.refused.get(name)
            if unsayable is None or not any(_same(inner, harmless) for harmless in unsayable.harmless):
                refuse(below(path, name), unsayable.why if unsayable else "it has no translation")
        return found


def refuse(path: str, why: str) -> NoReturn:
    """Raise `Refused`."""
    raise Refused(path or "body", why)


@contextmanager
def refusing(path: str) -> Generator[None]:
    """Refuses what the code inside stumbles over: nobody knows what is sent tomorrow."""
    try:
        yield
    except Refused:
        raise
    except Exception as error:  # noqa: BLE001 - its text may have content, its type says enough
        raise Refused(path, f"it has an unexpected shape ({type(error).__name__})") from None


def below(path: str, name: Any) -> str:
    """The path of a field. A name that is none, as an application may send it, is not repeated."""
    known = name if isinstance(name, str) and _NAME.fullmatch(name) else "?"
    return f"{path}.{known}" if path else known


def is_given(value: Any) -> bool:
    """Whether a field says something. Some SDKs also send what was left out, as an object of their own."""
    return value is not None and type(value).__name__ not in ("NotGiven", "Omit") and value not in ([], {})


def mapping(value: Any, path: str) -> Json:
    """`value`, which must be an object."""
    return value if isinstance(value, dict) else refuse(path, "it is no object")  # pyright: ignore[reportUnknownVariableType]


def text(value: Any, path: str) -> str:
    """`value`, which must be a text."""
    return value if isinstance(value, str) else refuse(path, "it is no text")


def number(value: Any, path: str) -> float:
    """`value`, which must be a number."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else refuse(path, "it is no number")


def items(value: Any, path: str) -> Iterator[tuple[Any, str]]:
    """The items of a list with their paths; none where nothing is given."""
    if not is_given(value):
        return
    if not isinstance(value, list | tuple):
        refuse(path, "it is no list")
    for place, item in enumerate(value):  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        yield item, f"{path}[{place}]"


def written(arguments: Any) -> str:
    """The JSON of a call's arguments in the letters of its language, as models write it."""
    try:
        return to_json(arguments).decode()
    except ValueError:  # half of a surrogate pair
        return dump_json(arguments).decode()


def _same(value: Any, harmless: Any) -> bool:
    return value == harmless and isinstance(value, bool) == isinstance(harmless, bool)
