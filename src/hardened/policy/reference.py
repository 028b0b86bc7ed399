"""What follows from the schema and the presets: the JSON schema for editors, and the tables of docs/configuration.md.

`python -m hardened.policy.reference schema > hardened.schema.json` writes the schema; `settings` and `presets` print
the tables. The tests compare what is shipped and documented with these.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from hardened.guards.verdict import STAGES, Action, Stage
from hardened.policy.load import BUILT_IN, PRESETS
from hardened.policy.presets import ACTIONS, CONTENT, on_error
from hardened.policy.schema import Policy

Json = dict[str, Any]

_KINDS: Final = {
    "boolean": "`true`, `false`",
    "integer": "whole number",
    "number": "number",
    "string": "text",
    "array": "list",
    "object": "mapping",
}


def json_schema() -> str:
    """The JSON schema of a policy file, as shipped beside this module."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Policy.model_json_schema()}
    schema["title"] = "hardened.yaml"
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def settings_table() -> str:
    """Every setting with its values, default and meaning, in Markdown. `<name>` is one that the user chooses."""
    schema = Policy.model_json_schema()
    rows = ["| setting | values | default | meaning |", "|---|---|---|---|"]
    for name, leaf, required in _leaves(schema, schema["$defs"]):
        default = "required" if required else _word(leaf["default"]) if leaf.get("default") not in (None, []) else ""
        rows.append(f"| `{name}` | {', '.join(_values(leaf))} | {default} | {leaf['description']} |")
    return "\n".join(rows) + "\n"


def _leaves(section: Json, definitions: Json, prefix: str = "") -> Iterator[tuple[str, Json, bool]]:
    """The settings in a section of the JSON schema: dotted name, its schema, whether it is required."""
    for name, leaf in section["properties"].items():
        chosen = _reference(leaf.get("additionalProperties"))
        reference = chosen or _reference(leaf)
        if reference:
            inner = definitions[reference.rsplit("/", 1)[-1]]
            yield from _leaves(inner, definitions, f"{prefix}{name}.<name>." if chosen else f"{prefix}{name}.")
        else:
            yield prefix + name, leaf, name in section.get("required", ())


def _reference(leaf: object) -> str | None:
    return cast(Json, leaf).get("$ref") if isinstance(leaf, dict) else None


def _values(leaf: Json) -> list[str]:
    """What may stand there, in words."""
    if "$ref" in leaf:
        return [leaf["$ref"].rsplit("/", 1)[-1].lower()]  # explained in the text: an amount
    for choices in ("anyOf", "oneOf"):
        if choices in leaf:
            return [word for one in leaf[choices] if one.get("type") != "null" for word in _values(one)]
    return [_word(choice) for choice in leaf["enum"]] if "enum" in leaf else [_KINDS[leaf["type"]]]


def _word(value: object) -> str:
    """A value as code, as it is written in YAML."""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def presets_table() -> str:
    """What each preset does, in Markdown."""
    rows = [f"| | where | {' | '.join(f'`{preset}`' for preset in PRESETS)} |", "|---|---|" + "---|" * len(PRESETS)]
    for name in BUILT_IN:
        by_preset = [ACTIONS[preset][name] for preset in PRESETS]
        stages = list(by_preset[0])
        where = "everywhere" if stages == list(STAGES) else ", ".join(f"`{stage}`" for stage in stages)
        rows.append(f"| {name} | {where} | {' | '.join(_cell(actions) for actions in by_preset)} |")
    failing = ["fail closed: " + ", ".join(n for n in BUILT_IN if on_error(p, n) == "closed") for p in PRESETS]
    rows.append(f"| a detector that fails | | {' | '.join(failing)} |")
    content = ["scrubbed" if CONTENT[preset] else "none" for preset in PRESETS]
    rows.append(f"| messages in telemetry | | {' | '.join(content)} |")
    return "\n".join(rows) + "\n"


def _cell(actions: Mapping[Stage, Action]) -> str:
    """The usual action, then the stages that differ."""
    usual = Counter(actions.values()).most_common(1)[0][0]
    others = [f"`{stage}`: {action}" for stage, action in actions.items() if action != usual]
    return "; ".join([usual, *others])


if __name__ == "__main__":
    _PRINT = {"schema": json_schema, "settings": settings_table, "presets": presets_table}
    if len(sys.argv) != 2 or sys.argv[1] not in _PRINT:
        sys.exit(f"usage: python -m hardened.policy.reference {'|'.join(_PRINT)}")
    sys.stdout.write(_PRINT[sys.argv[1]]())
