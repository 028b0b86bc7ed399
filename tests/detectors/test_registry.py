from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from hardened_detectors.api import Detector, Finding, IncrementalDetector
from hardened_detectors.registry import available, create, from_function, register, unregister

BUILT_IN = ["canary", "injection", "names", "pii", "prompt_leak", "secrets", "topic"]
PLUGINS = ["classifier", "gliner", "guardrails", "presidio", "spacy"]


class Plugin:
    name = "plug"
    look_behind = 0

    def __init__(self, stage: str, options: dict[str, Any]) -> None:
        self.made_with = (stage, options)

    def detect(self, text: str) -> list[Finding]:
        return []

    def open_from(self, text: str, start: int) -> int:
        return len(text)


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    point = importlib.metadata.EntryPoint("plug", f"{__name__}:Plugin", "hardened.detectors")
    monkeypatch.setattr(
        importlib.metadata.EntryPoint, "load", lambda self: lambda *, stage, **options: Plugin(stage, options)
    )
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda *, group: [point] if group == point.group else [])


@pytest.fixture
def registered() -> Iterator[None]:
    register("ticket", lambda *, stage, **options: from_function("ticket", lambda text: []))
    yield
    unregister("ticket")


@pytest.mark.parametrize("name", BUILT_IN)
@pytest.mark.parametrize("stage", ["input", "output", "retrieval", "tool_call", "tool_result"])
def test_the_built_in_ones_exist_for_each_stage(name: str, stage: str) -> None:
    detector = create(name, stage=stage)
    assert detector.name == name
    assert isinstance(detector, Detector)
    assert list(detector.detect("")) == []


def test_incremental_is_what_can_be_decided_in_a_stream() -> None:
    assert [name for name in BUILT_IN if isinstance(create(name), IncrementalDetector)] == ["canary", "pii", "secrets"]


def test_a_name_nobody_knows() -> None:
    with pytest.raises(
        LookupError, match=r"no detector is called 'secret'\. Did you mean 'secrets'\? Known: .*injection"
    ):
        create("secret")


def test_a_detector_of_another_package(plugin: None) -> None:
    detector = create("plug", stage="output", size=3)
    assert isinstance(detector, Plugin)
    assert detector.made_with == ("output", {"size": 3})
    assert available() == sorted([*BUILT_IN, *PLUGINS, "plug"])
    assert isinstance(create("pii"), IncrementalDetector)


def test_a_registered_detector(registered: None) -> None:
    assert create("ticket").name == "ticket"
    assert "ticket" in available()
    unregister("ticket")
    with pytest.raises(LookupError):
        create("ticket")


def test_built_in_names_are_taken() -> None:
    with pytest.raises(ValueError, match="pii"):
        register("pii", lambda **_: None)  # type: ignore[arg-type, return-value]


@pytest.mark.parametrize(
    ("returned", "want"),
    [
        (True, [Finding("t", "t", 0, 5)]),
        (False, []),
        ([(1, 3)], [Finding("t", "t", 1, 3)]),
        ([(1, 3, "id")], [Finding("t", "id", 1, 3)]),
        ([Finding("other", "id", 0, 2, 0.5)], [Finding("t", "id", 0, 2, 0.5)]),
        (iter([(0, 1), (2, 3, "x")]), [Finding("t", "t", 0, 1), Finding("t", "x", 2, 3)]),
    ],
)
def test_what_a_function_may_return(returned: Any, want: list[Finding]) -> None:
    assert from_function("t", lambda text: returned).detect("hello") == want


@pytest.mark.parametrize("span", [(-1, 2), (0, 6), (3, 2)])
def test_a_span_outside_of_the_text_is_an_error(span: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="'t'"):
        from_function("t", lambda text: [span]).detect("hello")


def test_making_the_built_in_ones_reads_no_package_metadata_and_compiles_nothing() -> None:
    code = (
        "import sys\n"
        "from hardened_detectors.registry import create\n"
        "from hardened_detectors.scanner import Scanner\n"
        "scanner = Scanner([create(n) for n in ('pii', 'secrets', 'injection', 'topic')])\n"
        "heavy = ('importlib.metadata', 're2', 'regex', 'hardened', 'opentelemetry')\n"
        "print([m for m in heavy if m in sys.modules])\n"
        "scanner.warm_up()\n"
        "print([m for m in heavy if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path[:] = {sys.path!r}\n{code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == ["[]", "['re2', 'regex']"]
