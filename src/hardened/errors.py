"""Everything that `hardened` raises on purpose.

A message names what happened, where, and what to do. It never contains matched text, prompt content or a credential.
"""

from __future__ import annotations


class HardenedError(Exception):
    """Base of every documented decision or configuration error."""


class PolicyError(HardenedError):
    """The configuration cannot be used; the message says which file, line and key, and what would be right."""


class BlockedError(HardenedError):
    """A guard refused a text, as the policy says.

    Attributes:
        stage: where the text was checked: `input`, `output`, `retrieval`, `tool_call` or `tool_result`.
        detector: the detector whose finding led to the block, or that failed closed.
        category: what was found, for example `openai_api_key`; `detector_error` when the detector failed closed.
        released_chars: for a stream, how many characters of the answer the application had already received.
    """

    def __init__(self, *, stage: str, detector: str, category: str, released_chars: int = 0) -> None:
        self.stage = stage
        self.detector = detector
        self.category = category
        self.released_chars = released_chars
        super().__init__(
            f"blocked at stage {stage!r}: detector {detector!r} found {category!r}. "
            f"To change this, set the action of detector {detector!r} at {stage!r} in hardened.yaml to warn or redact."
        )

    def __reduce__(self) -> tuple[object, ...]:
        return (_blocked, (self.stage, self.detector, self.category, self.released_chars))


def _blocked(stage: str, detector: str, category: str, released_chars: int) -> BlockedError:
    return BlockedError(stage=stage, detector=detector, category=category, released_chars=released_chars)
