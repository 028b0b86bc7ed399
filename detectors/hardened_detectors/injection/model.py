"""A linear model over hashed words and their neighbours, in the form in which it is shipped.

A text is judged by its most suspicious stretch: sums of weights over windows of two sizes, each divided by the root of
its number of words so that short and long stretches compare. Since weights add up, the sums of all windows come from
one running total, and the window that wins is the explanation.
"""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import accumulate
from math import sqrt
from operator import sub
from typing import TYPE_CHECKING, Any, Final, cast

from .calibration import Calibration
from .features import WORD_BUCKETS, word_buckets, word_keys

if TYPE_CHECKING:
    from pathlib import Path

WINDOWS: Final = ((16, 4), (48, 12))
"""Words in a window, and words from one window to the next."""

LEAST_WORDS: Final = 4
"""A stretch of fewer words is judged as if it had that many: one word proves little."""

FILE: Final = "model.bin"

# A stretch of words, `end` exclusive, and how suspicious it is.
Window = tuple[float, int, int]
_Columns = tuple[Sequence[int], Sequence[int], Sequence[int], Sequence[int]]


_REMEMBERED: Final = 1 << 15
"""Words; what is known of as many takes some 8 MB."""


class _Memory(dict[str, tuple[int, int, int, int]]):
    """The weight and the three keys of each word, computed at first sight.

    Forgets all when it has seen too many different words.
    """

    def __init__(self, learn: Callable[[str], tuple[int, int, int, int]]) -> None:
        self._learn = learn

    def __missing__(self, word: str) -> tuple[int, int, int, int]:
        if len(self) >= _REMEMBERED:
            self.clear()
        known = self[word] = self._learn(word)
        return known


@dataclass(frozen=True)
class Channel:
    """The weights for one kind of text: what a `user` writes, or `data` that came from elsewhere.

    A margin is `scale` times the sum of weights over the root of the number of words, plus `bias`.
    """

    scale: float
    bias: float
    calibration: Calibration
    word_weights: array[int]
    gram_weights: array[int]

    @cached_property
    def _memory(self) -> _Memory:
        weigh = self.word_weights.__getitem__
        return _Memory(lambda word: (sum(map(weigh, word_buckets(word))), *word_keys(word)))

    def worst(self, words: Sequence[str]) -> float:
        """The margin of the most suspicious window; of no words, that of the least suspicious text there is."""
        totals = self._totals(words)
        margins = (
            self.margin(max(totals[-1] - totals[-1 - size], *map(sub, totals[size::stride], totals[::stride])), size)
            for size, stride in sizes(len(words))
        )
        return max(margins, default=self.margin(0, 1))

    def stretches(self, words: Sequence[str], least: float) -> Sequence[Window]:
        """The suspicious stretches: windows whose margin is at least `least`, joined where they overlap.

        Long windows count as a place of their own only where no short one does. Of each stretch the part that weighs
        most is given.
        """
        totals = self._totals(words)
        found: list[Window] = []
        for size, stride in sizes(len(words)):
            windows = (
                (self.margin(totals[start + size] - totals[start], size), start, start + size)
                for start in starts(len(words), size, stride)
            )
            joined = _joined(window for window in windows if window[0] >= least)
            around = [[long[0] for long in joined if _overlap(long, short)] for short in found]
            alone = [long for long in joined if not any(_overlap(long, short) for short in found)]
            found = [
                (max(short[0], *more), *short[1:]) if more else short for short, more in zip(found, around, strict=True)
            ]
            found += alone
        return [(margin, *_heaviest(totals, start, end)) for margin, start, end in found]

    def margin(self, total: int, size: int) -> float:
        """The margin of a window of `size` words whose weights sum up to `total`."""
        return self.scale * total / sqrt(max(size, LEAST_WORDS)) + self.bias

    def _totals(self, words: Sequence[str]) -> list[int]:
        """The sums of the weights of the first 0, 1, 2, … words; what words weigh together stands at the first one."""
        if not words:
            return [0]
        grams = self.gram_weights
        known = cast("_Columns", tuple(zip(*map(self._memory.__getitem__, words), strict=True)))
        alone, first, second, third = known
        rows = zip(alone, first, second[1:], third, second[2:], third[2:], strict=False)
        weights: list[int] = [w + grams[a ^ b] + grams[c ^ d] + grams[a ^ b ^ e] for w, a, b, c, d, e in rows]
        if len(words) > 1:
            weights.append(alone[-2] + grams[first[-2] ^ second[-1]])
        weights.append(alone[-1])
        return [*accumulate(weights, initial=0)]


def _joined(windows: Iterable[Window]) -> list[Window]:
    """Overlapping neighbours made one, with the highest of their margins."""
    joined: list[Window] = []
    for margin, start, end in windows:
        if joined and start < joined[-1][2]:
            before = joined.pop()
            margin, start = max(margin, before[0]), before[1]
        joined.append((margin, start, end))
    return joined


def _overlap(one: Window, other: Window) -> bool:
    return one[1] < other[2] and other[1] < one[2]


def _heaviest(totals: Sequence[int], start: int, end: int) -> tuple[int, int]:
    """The part of a stretch whose words weigh most together (Kadane's algorithm)."""
    best, low, span = -1, start, (start, end)
    for at in range(start + 1, end + 1):
        if totals[at] - totals[low] > best:
            best, span = totals[at] - totals[low], (low, at)
        if totals[at] < totals[low]:
            low = at
    return span


def sizes(words: int) -> Iterator[tuple[int, int]]:
    """The windows of a text: (words in a window, words from one to the next)."""
    for size, stride in WINDOWS:
        if size < words:
            yield size, stride
        elif words:
            yield words, words
            return


def starts(words: int, size: int, stride: int) -> Iterator[int]:
    """Where the windows of one size begin; the last one ends with the text."""
    yield from range(0, words - size, stride)
    yield words - size


def write(path: Path, channels: Mapping[str, Channel]) -> None:
    """The inverse of `load`: a line of JSON, then the packed weights of each channel in the order of the line."""
    import json

    head: dict[str, Any] = {}
    body = b""
    for name, channel in channels.items():
        packed = zlib.compress(channel.word_weights.tobytes() + channel.gram_weights.tobytes(), 9)
        head[name] = {
            "scale": channel.scale,
            "bias": channel.bias,
            "calibration": channel.calibration._asdict(),
            "at": len(body),
            "bytes": len(packed),
        }
        body += packed
    path.write_bytes(json.dumps(head, separators=(",", ":")).encode() + b"\n" + body)


@cache
def load(name: str) -> Channel:
    """A channel of the shipped model, `user` or `data`; unpacked when it is first asked for."""
    import json
    from pathlib import Path

    head, body = Path(__file__).with_name(FILE).read_bytes().split(b"\n", 1)
    known = json.loads(head)[name]
    weights = array("b", zlib.decompress(body[known["at"] : known["at"] + known["bytes"]]))
    return Channel(
        scale=known["scale"],
        bias=known["bias"],
        calibration=Calibration(**known["calibration"]),
        word_weights=weights[:WORD_BUCKETS],
        gram_weights=weights[WORD_BUCKETS:],
    )
