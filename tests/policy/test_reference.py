"""What is shipped and documented follows from the schema and the presets."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hardened.policy import reference
from hardened.policy.compile import compile
from hardened.policy.load import load
from hardened.policy.settings import leaves

REPOSITORY = Path(__file__).parents[2]
GUIDE = (REPOSITORY / "docs" / "configuration.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
UPDATE = "update it with: python -m hardened.policy.reference"


def parsed(text: str) -> Any:
    """A JSON schema without what pydantic's versions write differently and means the same."""
    return json.loads(
        text, object_hook=lambda d: {k: v for k, v in d.items() if (k, v) != ("additionalProperties", True)}
    )


def test_the_shipped_json_schema_is_current() -> None:
    shipped = Path(reference.__file__).with_name("hardened.schema.json").read_text(encoding="utf-8")
    assert parsed(shipped) == parsed(reference.json_schema()), f"{UPDATE} schema"


def test_the_json_schema_knows_what_the_policy_knows() -> None:
    schema = json.loads(reference.json_schema())
    assert schema["additionalProperties"] is False
    assert schema["properties"]["mode"]["enum"] == ["enforce", "shadow", "off"]
    assert schema["$defs"]["Otlp"]["properties"]["enabled"]["enum"] == ["auto", True, False]


def test_the_settings_table_is_current() -> None:
    assert reference.settings_table() in GUIDE, f"{UPDATE} settings"


def test_every_setting_is_documented() -> None:
    for path, field in leaves():
        name = ".".join("<name>" if step == "*" else step for step in path)
        rows = re.findall(rf"^\| `{re.escape(name)}` \|.*$", GUIDE, re.MULTILINE)
        assert field.description
        assert any(field.description in row for row in rows), name


def test_the_presets_table_is_current() -> None:
    assert reference.presets_table() in GUIDE, f"{UPDATE} presets"


def test_it_prints_and_explains_itself() -> None:
    command = [sys.executable, "-m", "hardened.policy.reference"]
    done = subprocess.run([*command, "presets"], capture_output=True, text=True, check=True)
    assert done.stdout == reference.presets_table()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "schema|settings|presets" in done.stderr


@pytest.mark.parametrize("text", EXAMPLES, ids=range(1, len(EXAMPLES) + 1))
def test_the_examples_load(tmp_path: Path, text: str) -> None:
    file = tmp_path / "hardened.yaml"
    file.write_text(text, encoding="utf-8")
    compile(load(file, env={}))


def test_the_variables_that_the_guide_shows_work(caplog: pytest.LogCaptureFixture) -> None:
    shown = dict(re.findall(r"`(HARDENED_[A-Z_]+)=([^`]+)`", GUIDE))
    assert len(shown) > 5
    assert load({}, env=shown) != load({}, env={})
    assert not caplog.records
