"""The documentation is true: its examples run, its policies load, its links lead somewhere.

A fence with more words than `python` (```python notest) is not executed; there must be a reason for each.
"""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import documents
import pytest

from hardened import cli
from hardened.policy.load import load
from hardened.telemetry import semconv
from hardened.testing import FakeProvider

README = documents.REPOSITORY / "README.md"
WITH_PYTHON = [document for document in documents.DOCUMENTS if documents.script(document).strip()]
POLICIES = [
    pytest.param(block.text, id=f"{documents.name(document)}:{block.line}")
    for document in documents.DOCUMENTS
    for block in documents.blocks(document)
    if block.language == "yaml" and block.text.startswith("# hardened.yaml")
]
COMMANDS = sorted(
    {
        command.strip()
        for document in documents.DOCUMENTS
        for block in documents.blocks(document)
        for command in re.findall(r"^\$ hardened +([^#|>\n]+)", block.text, re.MULTILINE)
    }
)


def run(arguments: list[str], directory: Path, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Python in a directory of its own, with nothing of this process's environment that could decide anything."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "SYSTEMROOT") if name in os.environ}
    environment = {**kept, "HOME": str(directory), "MPLBACKEND": "agg", **variables}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, timeout=120)


def exported_spans(directory: Path) -> list[str]:
    """The names of all spans in the trace files that a script left behind."""
    return [
        span["name"]
        for file in sorted((directory / ".hardened/traces").glob("*.jsonl"))
        for line in file.read_text().splitlines()
        for resource in json.loads(line)["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]


def run_examples(document: Path, directory: Path, provider: FakeProvider) -> str:
    """Run all Python blocks of a document, in order, as one script. Returns what it printed."""
    script = directory / (document.stem + ".py")
    script.write_text(documents.script(document), encoding="utf-8")
    done = run([str(script)], directory, provider.env())
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("document", [page for page in WITH_PYTHON if page != README], ids=documents.name)
def test_examples_run(document: Path, provider: FakeProvider, tmp_path: Path) -> None:
    run_examples(document, tmp_path, provider)


def test_the_first_examples_do_what_they_say(provider: FakeProvider, tmp_path: Path) -> None:
    printed = run_examples(README, tmp_path, provider)
    assert "You said: Where is order 4711?" in printed
    assert "input secrets url_password" in printed
    calls = [name for name in exported_spans(tmp_path) if name.startswith("chat ")]
    assert any(name.startswith("chat gpt-") for name in calls)
    assert any(name.startswith("chat claude-") for name in calls)
    assert len(calls) == len(provider.requests) + 1  # one was refused before it was sent


@pytest.mark.parametrize("text", POLICIES)
def test_policies_load(text: str, tmp_path: Path) -> None:
    file = tmp_path / "hardened.yaml"
    file.write_text(text, encoding="utf-8")
    load(file, env={})


@pytest.mark.parametrize("document", documents.DOCUMENTS, ids=documents.name)
def test_names_of_telemetry_are_those_in_use(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    said = set(re.findall(r"`((?:gen_ai|hardened\.(?:cost|guard|stream|usage|content))\.[a-z_.]*[a-z])`", text))
    known = {value for value in vars(semconv).values() if isinstance(value, str)}
    instruments = {value.name for value in vars(semconv).values() if isinstance(value, semconv.Instrument)}
    assert said <= known | instruments


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_are_understood(command: str) -> None:
    cli.parser().parse_args(shlex.split(command))


@pytest.mark.parametrize("document", documents.DOCUMENTS, ids=documents.name)
def test_links_lead_somewhere(document: Path) -> None:
    for link in documents.links(document):
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), link
        if anchor and target.suffix == ".md":
            assert anchor in documents.anchors(target), link


def test_few_examples_are_left_out() -> None:
    everything = [block for document in documents.DOCUMENTS for block in documents.blocks(document)]
    python = [block for block in everything if block.language == "python"]
    assert len(python) >= 5
    assert sum(block.info != "python" for block in python) <= len(python) // 10


def test_a_broken_example_is_reported_where_it_stands(tmp_path: Path) -> None:
    document = tmp_path / "page.md"
    document.write_text("Text\n\n```python\nx = 1\n```\n\nMore text\n\n```python\nx.missing\n```\n")
    script = tmp_path / "page.py"
    script.write_text(documents.script(document))
    done = run([str(script)], tmp_path, {})
    assert done.returncode != 0
    assert "line 10" in done.stderr


def test_the_index_leads_to_every_page() -> None:
    index = documents.REPOSITORY / "docs/index.md"
    pages = {page.name for page in index.parent.glob("*.md")} - {index.name}
    assert pages == pages & set(documents.links(index))
