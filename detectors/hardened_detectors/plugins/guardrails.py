"""A validator of guardrails-ai as a detector: it judges, the policy acts. No `Guard`, no hub, no account.

The application registers validators by importing them, or with guardrails' own `register_validator`; the policy only
names one. What a validator says of a text may quote it, so nothing of it but the places becomes part of a finding.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, distribution
from typing import Any, Final

from hardened_detectors.api import Finding

from .loading import PATIENCE, demand, library

REASON: Final = "failed validation"


class GuardrailsDetector:
    """A finding for each span of a failure, or the whole text if it has none.

    A `SlowDetector`. Thread-safe: each text has a validator to itself, for validators keep state. One that was used is
    kept for the next text, so that its model is not loaded again; one that raised is not.
    """

    patience = PATIENCE

    def __init__(self, name: str, validator: str, arguments: Mapping[str, Any], category: str) -> None:
        self.name = name
        self._validator = validator
        self._arguments = arguments
        self._category = category
        self._free: list[Any] = []

    def prepare(self) -> None:
        """See `SlowDetector`."""
        if not self._free:
            self._free.append(self._make())

    def detect(self, text: str) -> Sequence[Finding]:
        """All spans of the failure; nothing if the text passes.

        Raises:
            LookupError: no validator of this name was registered.
            TypeError: the validator returned no result, as one does that is a coroutine.
        """
        if not text.strip():
            return []
        try:
            validator = self._free.pop()
        except IndexError:
            validator = self._make()
        result = validator.validate(text, {})
        self._free.append(validator)
        base = library("guardrails.validator_base")
        if isinstance(result, base.PassResult):
            return []
        if not isinstance(result, base.FailResult):
            raise TypeError(f"the validator {self._validator} returned neither PassResult nor FailResult")
        return [
            Finding(self.name, self._category, start, end, reason=REASON)
            for start, end in _places(result.error_spans or (), len(text))
        ]

    def _make(self) -> Any:
        base = library("guardrails.validator_base")
        base.settings.rc.enable_metrics = False  # else each validator reports to the vendor's endpoint
        base.settings.rc.use_remote_inferencing = False
        # Not `get_validator_class`, which imports what a file in the working directory names.
        make = base.validators_registry.get(self._validator)
        if make is None:
            raise LookupError(f"no validator is registered as {self._validator!r}: import it in the application")
        return make(**self._arguments, on_fail="noop")


def create(
    *,
    name: str = "guardrails",
    stage: str = "input",
    validator: str,
    arguments: Mapping[str, Any] | None = None,
    category: str | None = None,
) -> GuardrailsDetector:
    """The detector `guardrails`. Loads nothing yet: guardrails-ai takes seconds to import.

    Args:
        name: under which it finds.
        stage: makes no difference.
        validator: the name under which it is registered, such as `guardrails/regex_match`.
        arguments: with which it is made.
        category: of its findings; what follows the last `/` of its name if it is not said.

    Raises:
        ImportError: the extra `guardrails` is not installed, or `openai-guardrails` is.
        ValueError: an option is wrong.
    """
    for module in ("guardrails", "guardrails_ai"):
        demand(module, "guardrails")
    _refuse_namesake()
    if not validator:
        raise ValueError("validator must be the name under which it is registered")
    chosen = {str(argument): value for argument, value in (arguments or {}).items()}
    if "on_fail" in chosen:
        raise ValueError("arguments must not have on_fail: what happens is for the policy to say")
    return GuardrailsDetector(name, validator, chosen, category or validator.rpartition("/")[2])


def _refuse_namesake() -> None:
    try:
        distribution("openai-guardrails")
    except PackageNotFoundError:
        return
    raise ImportError("openai-guardrails has a package `guardrails` too: it and guardrails-ai exclude each other")


def _places(spans: Sequence[Any], length: int) -> Iterator[tuple[int, int]]:
    """Each span; the whole text for a span that is not one of this text, and where there is none."""
    for span in spans:
        yield (span.start, span.end) if 0 <= span.start < span.end <= length else (0, length)
    if not spans:
        yield 0, length
