"""How near a text is to each of many examples, in one pass over its words.

The cosine of two texts is a sum over the words of one of them, so what each word adds to each example is worked out
once and remembered. A text's length is taken as if its words shared no pieces. A long text is looked at in windows:
what it is about shows in some of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import sqrt
from typing import Final

from .features import tokens, weighted

WINDOW: Final = 24
"""About so many words are compared at a time."""

LONGEST: Final = 20_000
"""Characters of a text that are read; what it is about shows long before."""

_LEAST_SHARE: Final = 0.2
"""Two words have something in common if they share this much of the first one's squared length."""

_MOST_EXAMPLES: Final = 8
"""A word counts for the examples that it says most about; bounds the time where there are hundreds of examples."""

_REMEMBERED: Final = 20_000  # words

Additions = tuple[float, tuple[tuple[int, float], ...]]
"""The squared length of a word, and what it adds to the product with each example that has something of it."""


class Similarity:
    """Compares texts with `examples`, by their numbers."""

    def __init__(self, examples: Sequence[str]) -> None:
        self._holding: dict[int, list[tuple[int, float]]] = {}  # piece -> examples and its weight in them
        self._known: dict[str, Additions] = {}
        for number, example in enumerate(examples):
            vector, length = _vector(example)
            for piece, weight in vector.items():
                self._holding.setdefault(piece, []).append((number, weight / length))
        self._lengths = [_vector(example)[1] for example in examples]

    def windows(self, text: str) -> Iterator[Mapping[int, float]]:
        """For each window of a text the cosine with each example that has a word in common with it."""
        known, learn = self._known, self._learn
        words = tokens(text[:LONGEST])
        count = max(1, round(len(words) / WINDOW))
        size = -(-len(words) // count) or 1
        for start in range(0, len(words), size):
            squared = 0.0
            products: dict[int, float] = {}
            for word in set(words[start : start + size]):
                length, additions = known.get(word) or learn(word)
                squared += length
                for number, product in additions:
                    if number in products:
                        products[number] += product
                    else:
                        products[number] = product
            if products:
                scale = 1 / sqrt(squared)
                yield {number: product * scale for number, product in products.items()}

    def _learn(self, word: str) -> Additions:
        weights = weighted(word)
        squared = sum(weight * weight for weight in weights.values())
        products: dict[int, float] = {}
        for piece, weight in weights.items():
            for number, other in self._holding.get(piece, ()):
                products[number] = products.get(number, 0.0) + weight * other
        least = _LEAST_SHARE * squared
        kept = [pair for pair in products.items() if pair[1] * self._lengths[pair[0]] >= least]
        kept = sorted(kept, key=lambda pair: -pair[1])[:_MOST_EXAMPLES]
        if len(self._known) >= _REMEMBERED:  # another thread may be reading the old one
            self._known = {}
        additions = self._known[word] = (squared, tuple(kept))
        return additions


def _vector(text: str) -> tuple[dict[int, float], float]:
    """The pieces of a text with their weights, and its length as if its words shared none."""
    vector: dict[int, float] = {}
    squared = 0.0
    for word in set(tokens(text[:LONGEST])):
        for piece, weight in weighted(word).items():
            vector[piece] = vector.get(piece, 0.0) + weight
        squared += sum(weight * weight for weight in weighted(word).values())
    return vector, sqrt(squared) or 1.0
