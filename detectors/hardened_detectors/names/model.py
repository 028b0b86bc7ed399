"""A linear model that says of each capitalised word whether it belongs to the name of a person, a place or an
organisation, in the form in which it is shipped.
"""

from __future__ import annotations

import json
import zlib
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from math import exp
from pathlib import Path
from typing import Final, NamedTuple

from .features import Token, is_candidate, joint_buckets, neighbour_buckets, own_buckets

CATEGORIES: Final = ("person", "location", "organization")
FILE: Final = "model.bin"
PLACES: Final = (-2, -1, 1, 2)
"""The neighbours that count."""

_REMEMBERED: Final = 1 << 14
"""Words at places; what is known of as many takes some 3 MB."""

Sums = tuple[int, int, int]


class Judged(NamedTuple):
    """A candidate and how likely it belongs to a name of each of `CATEGORIES`."""

    token: Token
    chances: tuple[float, ...]


@dataclass(frozen=True)
class Model:
    """Weights for each bucket and category; `thresholds` are the least chances at which a category is reported.

    A category without a threshold was not precise enough at any, and is never reported.
    """

    scale: float
    bias: tuple[float, ...]
    thresholds: Mapping[str, float]
    weights: Sequence[array[int]]
    _known: dict[tuple[str, int], Sums] = field(default_factory=dict[tuple[str, int], Sums], compare=False)

    def judge(self, text: str, read: Sequence[Token]) -> Iterator[Judged]:
        """The candidates among the tokens of `text`, in order."""
        for index, token in enumerate(read):
            if not is_candidate(text, token):
                continue
            sums = [self._sums(joint_buckets(text, read, index)), self._word(token.text, 0)]
            for place in PLACES:
                at = index + place
                sums.append(self._word(read[at].text if 0 <= at < len(read) else "", place))
            totals = (sum(column) for column in zip(*sums, strict=True))
            odds = [exp(min(total * self.scale + bias, 60.0)) for total, bias in zip(totals, self.bias, strict=True)]
            whole = 1.0 + sum(odds)
            yield Judged(token, tuple(odd / whole for odd in odds))

    def _word(self, word: str, place: int) -> Sums:
        """The sums of a word at a place, computed at first sight; forgets all when it has seen too many."""
        known = self._known.get((word, place))
        if known is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            known = self._sums(neighbour_buckets(word, place) if place else own_buckets(word))
            self._known[word, place] = known
        return known

    def _sums(self, buckets: Iterable[int]) -> Sums:
        chosen = [*buckets]
        person, location, organization = self.weights
        return (
            sum(map(person.__getitem__, chosen)),
            sum(map(location.__getitem__, chosen)),
            sum(map(organization.__getitem__, chosen)),
        )


def write(path: Path, model: Model) -> None:
    """The inverse of `load`: a line of JSON, then the packed weights of each category."""
    head = {"scale": model.scale, "bias": model.bias, "thresholds": model.thresholds}
    body = zlib.compress(b"".join(weights.tobytes() for weights in model.weights), 9)
    path.write_bytes(json.dumps(head, separators=(",", ":")).encode() + b"\n" + body)


@cache
def load() -> Model:
    """The shipped model, unpacked when it is first asked for."""
    head, body = Path(__file__).with_name(FILE).read_bytes().split(b"\n", 1)
    known = json.loads(head)
    weights = array("b", zlib.decompress(body))
    size = len(weights) // len(CATEGORIES)
    return Model(
        known["scale"],
        tuple(known["bias"]),
        known["thresholds"],
        [weights[at : at + size] for at in range(0, len(weights), size)],
    )
