"""Reading a policy file: plain data and the line of every key, from the YAML nodes; no object is ever constructed.

The rules of YAML 1.2 hold (`off` is a word, not false), as editors and the JSON schema expect. Aliases, tags and
repeated keys are refused. An error says the line and what is wrong there, never what is written there.
"""

from __future__ import annotations

import importlib
import re
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, cast

from hardened.errors import PolicyError
from hardened.policy.problems import shown
from hardened.policy.settings import KeyPath

MAX_BYTES: Final = 1024 * 1024
_TAG: Final = "tag:yaml.org,2002:"
_TOKEN: Final = re.compile(r"'(?:<[a-z ]+>|[^\w\s])'")


def read(file: Path) -> tuple[dict[str, Any], dict[KeyPath, int]]:
    """The mapping in a YAML file and the line (from 1) of each of its keys. Raises PolicyError."""
    return parse(_text(file), str(file))


def _text(file: Path) -> str:
    try:
        kind = file.stat().st_mode
        if stat.S_ISDIR(kind):
            raise PolicyError(f"{file}: is a directory; name the policy file in it")
        if not stat.S_ISREG(kind):  # opening a pipe would wait for its writer
            raise PolicyError(f"{file}: is not a regular file")
        with file.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise PolicyError(f"{file}: there is no such file") from None
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "not a usable path"
        raise PolicyError(f"{file}: cannot be read: {reason}") from None
    if len(raw) > MAX_BYTES:
        raise PolicyError(f"{file}: is larger than {MAX_BYTES} bytes; this is not a policy file")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise PolicyError(f"{file}, line {line}: is not UTF-8 text; save the file as UTF-8") from None


def parse(text: str, source: str) -> tuple[dict[str, Any], dict[KeyPath, int]]:
    """As `read`, for text that is already there; `source` names it in errors."""
    yaml = _yaml()
    lines: dict[KeyPath, int] = {}
    try:
        root = _loader()(text).get_single_node()
        data: Any = {} if root is None or _is_null(root) else _plain(root, (), lines, source)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise PolicyError(f"{_at(source, mark)}: not valid YAML: {_without_values(error.problem or '')}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise PolicyError(f"{source}, line {line}: a control character, which YAML does not allow") from None
    except RecursionError:
        raise PolicyError(f"{source}: nested too deeply") from None
    if not isinstance(data, dict):
        raise PolicyError(f"{source}, line 1: expected a mapping (`key: value` lines) at the top")
    return cast(dict[str, Any], data), lines


def _plain(node: Any, path: KeyPath, lines: dict[KeyPath, int], source: str) -> Any:
    """Plain data for a node; notes the line of every key on the way."""
    if node.id == "mapping" and node.tag == _TAG + "map":
        return _mapping(node, path, lines, source)
    if node.id == "sequence" and node.tag == _TAG + "seq":
        return [_plain(item, (*path, str(index)), lines, source) for index, item in enumerate(node.value)]
    convert = _SCALARS.get(node.tag) if node.id == "scalar" else None
    if convert is None:
        raise PolicyError(f"{_at(source, node.start_mark)}: tags (`!…`) are not allowed in a policy")
    try:
        return convert(node.value)
    except ValueError:  # only an explicit tag leads here, such as `!!int word`
        raise PolicyError(f"{_at(source, node.start_mark)}: the value does not fit its tag") from None


def _mapping(node: Any, path: KeyPath, lines: dict[KeyPath, int], source: str) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key_node, value_node in node.value:
        where = _at(source, key_node.start_mark)
        if key_node.id != "scalar":
            raise PolicyError(f"{where}: a key must be a word")
        key = str(key_node.value)
        if key in result:
            first = lines[(*path, key)]
            raise PolicyError(f"{where}: key {shown(key)!r} is given twice; the first is in line {first}")
        lines[(*path, key)] = key_node.start_mark.line + 1
        result[key] = _plain(value_node, (*path, key), lines, source)
    return result


def _is_null(node: Any) -> bool:
    return node.tag == _TAG + "null"


def _null(_: str) -> None:
    return None


def _bool(text: str) -> bool:
    return text.lower() == "true"


_SCALARS: Final[Mapping[str, Callable[[str], Any]]] = {
    _TAG + "null": _null,
    _TAG + "bool": _bool,
    _TAG + "int": int,
    _TAG + "float": float,
    _TAG + "str": str,
}


def _yaml() -> Any:
    """PyYAML, which has no types of its own; imported with the first file."""
    return importlib.import_module("yaml")


def _loader() -> Any:
    """The safe loader with the words of YAML 1.2's core schema and without aliases; it only composes nodes."""
    yaml = _yaml()

    class Loader(yaml.SafeLoader):
        yaml_implicit_resolvers = {}  # noqa: RUF012 - filled below, as PyYAML does it

        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                mark = self.peek_event().start_mark
                raise yaml.composer.ComposerError(None, None, "aliases are not allowed in a policy", mark)
            return super().compose_node(parent, index)  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]

    for tag, pattern, first in (
        ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
        ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
        ("int", r"[-+]?[0-9]{1,30}", list("-+0123456789")),
        ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
    ):
        Loader.add_implicit_resolver(_TAG + tag, re.compile(f"^(?:{pattern})$"), first)
    return Loader


def _at(source: str, mark: Any) -> str:
    return f"{source}, line {mark.line + 1}" if mark is not None else source


def _without_values(problem: str) -> str:
    r"""PyYAML's description without what it quotes from the file; names of tokens (`'<scalar>'`, `','`) stay."""
    if "\\t" in problem:
        return "a tab; indent with spaces"
    return re.sub(r"'[^']*'|\"[^\"]*\"", lambda quoted: quoted[0] if _TOKEN.fullmatch(quoted[0]) else "…", problem)
