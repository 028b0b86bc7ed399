"""Whether an answer repeats the instructions that the application gave to the model in the same call.

Instructions and answer are compared by runs of eight words, without regard to case and punctuation. Up to 48 runs,
evenly spread, stand for all. Who translates or rewrites the instructions is not found.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any, Final

from . import canary
from .api import Around, Finding
from .views import views_of

RUN: Final = 8
"""Words that in this order are hardly said by chance."""

_RUNS: Final = 48
_FEWEST: Final = 3  # runs in common
_LEAST: Final = 0.2  # share of the instructions below which a text only quotes from them
_BLANKED: Final = str.maketrans(dict.fromkeys(string.punctuation, " "))


class PromptLeakDetector:
    """Finds answers that repeat their instructions; a finding is the whole text, its score the share that is repeated.

    A token of `canary()` in the instructions is also looked for in what the answer has encoded (base64, percent, HTML).
    """

    name = "prompt_leak"

    def detect(self, text: str) -> Sequence[Finding]:
        """Nothing: without instructions there is nothing to leak."""
        del text
        return ()

    def detect_within(self, text: str, around: Around) -> Sequence[Finding]:
        """See `ContextualDetector`."""
        if not around.instructions or not text:
            return ()
        instructions = "\n".join(around.instructions)
        share = repeated(instructions, text)
        found = [self._finding(text, share, f"{share:.0%} of the instructions")] if share >= _LEAST else []
        if any(canary.tokens(instructions)) and any(any(canary.tokens(view.text)) for view in views_of(text)):
            found.append(self._finding(text, 1.0, "encoded canary"))
        return found

    def _finding(self, text: str, score: float, reason: str) -> Finding:
        return Finding(self.name, "prompt_leak", 0, len(text), score, reason)


def repeated(instructions: str, answer: str) -> float:
    """The share of the runs of eight words in `instructions` that occur in `answer`; 0 if hardly any does."""
    words = _words(instructions)
    starts = range(0, len(words) - RUN + 1, max(1, (len(words) - RUN + 1) // _RUNS))
    if len(starts) < _FEWEST or len(answer) < RUN * _FEWEST:
        return 0.0
    said = f" {' '.join(_words(answer))} "
    common = sum(f" {' '.join(words[start : start + RUN])} " in said for start in starts)
    return common / len(starts) if common >= _FEWEST else 0.0


def _words(text: str) -> list[str]:
    return text.lower().translate(_BLANKED).split()


def create(*, stage: str = "output", **options: Any) -> PromptLeakDetector:
    """The detector `prompt_leak`; the stage makes no difference. Raises `TypeError` for any option: there is none."""
    del stage
    if options:
        raise TypeError(f"the detector prompt_leak has no option {', '.join(sorted(options))}")
    return PromptLeakDetector()
