"""Microsoft's Presidio Analyzer, with its own recognizers; offline.

Presidio is told two things that it would not do by itself: to fetch nothing (it downloads spaCy pipelines, and the list
of public suffixes for e-mail addresses), and to log no text.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from hardened_detectors.api import Finding

from .loading import PATIENCE, Once, demand, library, share
from .pipelines import Pipeline, check_language, model_of

CATEGORIES: Final = {
    "ABA_ROUTING_NUMBER": "aba_routing",
    "EMAIL_ADDRESS": "email",
    "FI_PERSONAL_IDENTITY_CODE": "fi_hetu",
    "IBAN_CODE": "iban",
    "PHONE_NUMBER": "phone",
    "SG_NRIC_FIN": "sg_nric",
    "TR_NATIONAL_ID": "tr_tckn",
    "US_BANK_NUMBER": "us_bank_account",
    "ZA_ID_NUMBER": "za_id",
}
"""Our categories of Presidio's entities whose names differ by more than their case."""

WORDS: Final = "hardened_words"
"""Component of a blank pipeline: each word is its own lemma. Presidio compares lemmas with the words that it expects
beside a value (`phone`), and a blank pipeline has none."""

_silent = threading.local()


class PresidioDetector:
    """A finding for each result with a score of at least `threshold`; the reason is Presidio's name of the entity.

    A `SlowDetector`, thread-safe.
    """

    patience = PATIENCE

    def __init__(self, name: str, analyzer: Once[Analyzer], threshold: float) -> None:
        self.name = name
        self._analyzer = analyzer
        self._threshold = threshold

    def prepare(self) -> None:
        """See `SlowDetector`."""
        self._analyzer()

    def detect(self, text: str) -> Sequence[Finding]:
        """All findings; the same place can be several things."""
        if not text.strip():
            return []
        return [
            Finding(self.name, CATEGORIES.get(entity, entity.lower()), start, end, score, entity)
            for entity, start, end, score in self._analyzer().read(text, self._threshold)
        ]


class Analyzer:
    """Presidio's engine on one pipeline, for one language.

    Raises:
        ValueError: an entity is none of those that it knows in this language.
    """

    def __init__(self, language: str, model: str | Path | None, entities: Sequence[str]) -> None:
        presidio = library("presidio_analyzer")
        self._language = language
        self._pipeline = Pipeline(library("spacy").load(model) if model else _blank(language))
        nlp = library("presidio_analyzer.nlp_engine").SpacyNlpEngine()
        nlp.nlp = {language: self._pipeline.nlp}  # loaded: else it would look for a pipeline, and download it
        registry = presidio.RecognizerRegistry(supported_languages=[language])
        registry.load_predefined_recognizers(languages=[language], nlp_engine=nlp)
        _keep_offline(registry.recognizers)
        self._engine = presidio.AnalyzerEngine(registry=registry, nlp_engine=nlp, supported_languages=[language])
        known = set(self._engine.get_supported_entities(language))
        if not known.issuperset(entities):
            raise ValueError(f"an entity is none of Presidio's in this language, which are {', '.join(sorted(known))}")
        self._entities = list(entities) or None

    def read(self, text: str, threshold: float) -> list[tuple[str, int, int, float]]:
        """Entity, start, end and score of each result."""
        with _in_silence():
            return self._pipeline.read(
                lambda: [
                    (str(result.entity_type), int(result.start), int(result.end), min(float(result.score), 1.0))
                    for result in self._engine.analyze(text, self._language, self._entities, score_threshold=threshold)
                ]
            )


def create(
    *,
    name: str = "presidio",
    stage: str = "input",
    language: str = "en",
    entities: Sequence[str] = (),
    threshold: float = 0.5,
    model: str | None = None,
) -> PresidioDetector:
    """The detector `presidio`. Loads nothing yet.

    Args:
        name: under which it finds.
        stage: makes no difference.
        language: of the texts; which recognizers there are depends on it.
        entities: what to look for, by Presidio's names (`EMAIL_ADDRESS`); everything if it is not said.
        threshold: the least score of a finding.
        model: the name of an installed spaCy pipeline, or a local folder. Without one only patterns are found.

    Raises:
        ImportError: the extra `presidio` is not installed.
        ValueError: an option is wrong.
    """
    for module in ("presidio_analyzer", "spacy", "tldextract"):
        demand(module, "presidio")
    check_language(language)
    if isinstance(entities, str):
        raise ValueError("entities must be a list")
    wanted = [str(entity) for entity in entities]
    found = model_of(model) if model is not None else None
    return PresidioDetector(name, Once(lambda: _load(language, found, wanted)), share(threshold, "threshold"))


def _load(language: str, model: str | Path | None, entities: Sequence[str]) -> Analyzer:
    with _in_silence():
        return Analyzer(language, model, entities)


def _blank(language: str) -> Any:
    library("spacy.language").Language.component(WORDS, func=_own_lemmas)
    nlp = library("spacy").blank(language)
    nlp.add_pipe(WORDS)
    return nlp


def _own_lemmas(doc: Any) -> Any:
    for token in doc:
        token.lemma_ = token.lower_
    return doc


def _keep_offline(recognizers: Sequence[Any]) -> None:
    """These, and nobody else, check e-mail addresses with the list of suffixes that `tldextract` brings along."""
    kind = library("presidio_analyzer.predefined_recognizers").EmailRecognizer
    suffixes = library("tldextract").TLDExtract(cache_dir=None, suffix_list_urls=())

    def validate(address: str) -> bool:
        return bool(suffixes(address).fqdn)

    for recognizer in recognizers:
        if isinstance(recognizer, kind):
            recognizer.validate_result = validate


@contextmanager
def _in_silence() -> Generator[None]:
    """Presidio logs nothing of what this thread does: it would log words of the text."""
    logging.getLogger("presidio-analyzer").addFilter(_is_allowed)
    _silent.on = True
    try:
        yield
    finally:
        _silent.on = False


def _is_allowed(record: logging.LogRecord) -> bool:
    return not getattr(_silent, "on", False)
