"""Sentences from tables: `‹name›` stands for one of the phrases of that name, `⟦a|b|⟧` for one of the alternatives."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence

Rules = Mapping[str, Sequence[str]]

_NAME = re.compile(r"‹(\w+)›")
_CHOICE = re.compile(r"⟦([^⟦⟧]*)⟧")
_SPACES = re.compile(r" {2,}")


class Grammar:
    """Makes texts from `rules`, the same ones for the same seed."""

    def __init__(self, rules: Rules, seed: int) -> None:
        self._rules = rules
        self._rng = random.Random(seed)

    def one(self, template: str) -> str:
        """A text of the form of `template`. Raises `KeyError` for a name without a rule."""
        text = template
        while "‹" in text or "⟦" in text:
            text = _CHOICE.sub(lambda choice: self._rng.choice(choice.group(1).split("|")), text)
            text = _NAME.sub(lambda name: self._rng.choice(self._rules[name.group(1)]), text)
        return _SPACES.sub(" ", text).strip()

    def some(self, templates: Sequence[str], count: int) -> list[str]:
        """Up to `count` different texts; fewer if the templates do not give as many."""
        texts: dict[str, None] = {}
        for _ in range(count * 3):
            texts[self.one(self._rng.choice(templates))] = None
            if len(texts) == count:
                break
        return list(texts)

    def joined(self, templates: Sequence[str], count: int, sentences: tuple[int, int]) -> list[str]:
        """`count` texts of several sentences each."""
        return [
            " ".join(self.one(self._rng.choice(templates)) for _ in range(self._rng.randint(*sentences)))
            for _ in range(count)
        ]
