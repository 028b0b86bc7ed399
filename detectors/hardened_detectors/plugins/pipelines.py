"""spaCy pipelines: installed ones, local folders, blank ones. Nothing is ever downloaded."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

T = TypeVar("T")


class Pipeline:
    """A loaded pipeline. Thread-safe: it reads one text at a time. It keeps none of a text's words."""

    def __init__(self, nlp: Any) -> None:
        self.nlp = nlp
        self._lock = Lock()

    def read(self, use: Callable[[], T]) -> T:
        """What `use` returns, which runs the pipeline and returns nothing that belongs to it."""
        results: list[T] = []
        failures: list[Exception] = []
        with self._lock, self.nlp.memory_zone():  # else spaCy remembers every word that it ever saw
            try:
                results.append(use())
            except Exception as error:  # noqa: BLE001 - raised below: spaCy closes no zone that an exception leaves
                failures.append(error)
        for failure in failures:
            raise failure
        return results[0]


def model_of(model: str) -> str | Path:
    """What `spacy.load` takes for a model. Imports nothing.

    Raises:
        ValueError: it is neither installed nor a folder with a pipeline.
    """
    if any(point.name == model for point in entry_points(group="spacy_models")):
        return model
    folder = Path(model).expanduser()
    if (folder / "config.cfg").is_file():
        return folder
    raise ValueError(
        "model is neither an installed spaCy pipeline nor a folder with a config.cfg; nothing is downloaded"
    )


def check_language(code: str) -> None:
    """Raises `ValueError` if spaCy does not know the language. Imports nothing."""
    spec = find_spec("spacy")
    places = (spec and spec.submodule_search_locations) or ()
    if not code.isalpha() or not any((Path(place) / "lang" / code).is_dir() for place in places):
        raise ValueError("language must be the code of one that spaCy knows, such as en or de")
