"""What a user installs: version, entry points, the content of wheel and sdist, the declared dependencies."""

import importlib
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from importlib.metadata import distribution, version
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[2]
PACKAGES = {
    "hardened": REPOSITORY / "src/hardened",
    "hardened_instrumentation": REPOSITORY / "instrumentation/hardened_instrumentation",
    "hardened_detectors": REPOSITORY / "detectors/hardened_detectors",
}
PROJECT: dict[str, Any] = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
UNPINNED = {
    "gliner",  # brings torch, whose build depends on the machine: with which GPU, or none
    "guardrails",  # wants openai<3, and the pin is that of the newest
}


def source_files(package: str) -> set[str]:
    root = PACKAGES[package]
    found = {path.relative_to(root) for path in root.rglob("*") if path.is_file()}
    return {f"{package}/{path.as_posix()}" for path in found if "__pycache__" not in path.parts}


def build(target: str, directory: Path) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(directory)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (built,) = directory.iterdir()
    return built


def required_names(requirements: list[str]) -> Iterator[str]:
    for requirement in requirements:
        name = re.match(r"[\w.-]+", requirement)
        assert name
        if name[0] != PROJECT["name"]:  # an extra that consists of other extras
            yield name[0]


def test_version_is_the_same_everywhere() -> None:
    current = importlib.import_module("hardened").__version__
    assert version("hardened") == current
    assert re.search(rf"^## \[{re.escape(current)}\]", (REPOSITORY / "CHANGELOG.md").read_text(), re.MULTILINE)


def test_entry_points_resolve() -> None:
    entries = distribution("hardened").entry_points
    groups = {"console_scripts", "hardened.detectors", "hardened.instrumentation", "pytest11"}
    assert {entry.group for entry in entries} == groups
    for entry in entries:
        found = entry.load()
        if entry.group == "pytest11":
            assert found.hardened_provider
            continue
        if entry.group == "hardened.instrumentation":
            assert found.sdk == entry.name
        else:
            assert callable(found)


def test_wheel_holds_the_three_packages_the_examples_and_nothing_else(tmp_path: Path) -> None:
    wheel = build("wheel", tmp_path)
    names = {name for name in zipfile.ZipFile(wheel).namelist() if not name.endswith("/")}
    metadata = {name for name in names if ".dist-info/" in name}
    examples = {f"hardened/examples/{path.name}" for path in (REPOSITORY / "examples").iterdir() if path.is_file()}
    assert names - metadata == examples.union(*(source_files(package) for package in PACKAGES))
    assert {f"{package}/py.typed" for package in PACKAGES} <= names
    assert any(name.endswith("/licenses/LICENSE") for name in metadata)


def test_sdist_holds_what_a_build_and_a_test_run_need(tmp_path: Path) -> None:
    with tarfile.open(build("sdist", tmp_path)) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    rooms = {f"{root.parent.name}/{name}" for package, root in PACKAGES.items() for name in source_files(package)}
    assert rooms <= names
    assert {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "Makefile", "constraints.txt"} <= names
    assert f"tests/packaging/{Path(__file__).name}" in names


def test_every_requirement_is_pinned_without_an_address() -> None:
    pins = (REPOSITORY / "constraints.txt").read_text()
    assert "://" not in pins and " @ " not in pins
    pinned = set(re.findall(r"^([\w.-]+)==", pins, re.MULTILINE))
    for requirements in (PROJECT["dependencies"], *(EXTRAS[extra] for extra in EXTRAS.keys() - UNPINNED)):
        assert set(required_names(requirements)) <= pinned


def test_the_oldest_sdks_that_are_tested_are_the_oldest_that_are_allowed() -> None:
    oldest = dict(re.findall(r"^([\w-]+)==([\d.]+)$", (REPOSITORY / ".ci/oldest.txt").read_text(), re.MULTILINE))
    assert oldest.keys() == {"openai", "anthropic", "groq"}
    for sdk, tested in oldest.items():
        (requirement,) = EXTRAS[sdk]
        name, _, allowed = requirement.partition(">=")
        assert name == sdk
        assert tested == allowed + ".0" * (2 - allowed.count("."))


@pytest.mark.parametrize("requirements", [PROJECT["dependencies"], *EXTRAS.values()], ids=["core", *EXTRAS])
def test_every_dependency_has_its_reason_written_down(requirements: list[str]) -> None:
    reasons = (REPOSITORY / "docs/dependencies.md").read_text()
    for name in required_names(requirements):
        assert f"`{name}`" in reasons


def test_no_provider_sdk_is_a_dependency() -> None:
    assert not {"openai", "anthropic", "groq"} & set(required_names(PROJECT["dependencies"]))
