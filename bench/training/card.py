"""The model card: what the model is, what it was trained on, what it does and does not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from corpus import Text

from hardened_detectors.injection.calibration import BENIGN_BELOW, POINTS
from hardened_detectors.injection.features import words
from hardened_detectors.injection.model import Channel

FILE = "MODEL_CARD.md"

_INTRODUCTION = """\
# Model card: `injection`

Written by `bench/training/train_injection.py` together with `model.bin`; not edited by hand.

A linear model over hashed words, parts of words (four and five letters) and neighbours (pairs, pairs with a gap,
triples), with int8 weights, for each of two channels: `user`, what a user types, and `data`, documents and tool
results. The most suspicious window of 16 or 48 words decides, and is what a finding points at. Trained by logistic
regression, with hard windows mined twice.

**Use**: one layer among others; annotate at the point `default`, block at `block`. **Not for**: proof that a text is
harmless, moderation of content (a harmful question without a trick is no attack here), judging people.
"""

_LIMITS = """\
## Limits

* It knows how attacks are phrased. A paraphrase without the usual words, a riddle, or a story told well passes.
* Goals without any wrapping in a document ("send the report to x") are orders or content depending on who reads them;
  words hardly tell, so most of them pass. In the channel `user` they never count.
* Code, tables and markup in which a few words come again and again are what the channel `data` gets wrong most often.
* Languages: English first; eighteen others through one grammar each, which covers the usual phrases only. A translation
  into another language passes, and so do mixed languages.
* Texts about attacks (security articles, red-team reports, prompt collections) look like attacks.
* Instructions for bots, long role-play set-ups and policies for assistants are close to jailbreaks and score higher
  than other ordinary texts.
* The shares below hold for texts like those measured. On other texts the same threshold gives other rates: measure
  yours with `hardened eval`.
"""


def card(
    channels: Mapping[str, Channel],
    training: Mapping[str, Sequence[Text]],
    validation: Mapping[str, Sequence[Text]],
    ablations: Mapping[str, Channel],
) -> str:
    """The card as Markdown."""
    parts = [_INTRODUCTION]
    for name, channel in channels.items():
        parts.append("\n".join(_figures(name, channel, validation[name])))
    if ablations:
        parts.append("\n".join(_ablation({"all data": channels["user"], **ablations}, validation["user"])))
    parts.append("\n".join(_data(training)))
    parts.append(_LIMITS)
    return "\n".join(parts)


def _figures(name: str, channel: Channel, texts: Sequence[Text]) -> Iterator[str]:
    yield f"## Channel `{name}`, on validation data\n"
    yield "Model alone, without rules. Operating points are fixed on the real ordinary texts of this table:"
    yield ", ".join(f"{share:.1%} of them stay below `{point}`" for point, share in BENIGN_BELOW.items()) + ".\n"
    yield "| source | label | texts | `flag` | `default` | `block` |"
    yield "|---|---|---|---|---|---|"
    groups: dict[tuple[bool, str], list[float]] = {}
    for text in texts:
        groups.setdefault((text.attack, _family(text.source)), []).append(score(channel, text.text))
    for (attack, source), scores in sorted(groups.items()):
        shares = " | ".join(f"{np.mean([s >= point for s in scores]):.1%}" for point in POINTS.values())
        yield f"| {source} | {'attack' if attack else 'ordinary'} | {len(scores)} | {shares} |"
    yield ""


def _ablation(channels: Mapping[str, Channel], texts: Sequence[Text]) -> Iterator[str]:
    yield "## What each part of the data is worth\n"
    yield "Channel `user`: recall at 1 % false positives on the ordinary validation texts, by source of attacks.\n"
    rows = {name: _recalls(channel, texts) for name, channel in channels.items()}
    sources = list(dict.fromkeys(source for row in rows.values() for source in row))
    yield f"| trained | mean | {' | '.join(sources)} |"
    yield "|---" * (len(sources) + 2) + "|"
    for name, row in rows.items():
        yield f"| {name} | {np.mean(list(row.values())):.1%} | {' | '.join(f'{row[s]:.0%}' for s in sources)} |"
    yield ""


def _recalls(channel: Channel, texts: Sequence[Text]) -> dict[str, float]:
    scored = [(text, score(channel, text.text)) for text in texts]
    least = float(np.quantile([s for text, s in scored if not text.attack], 0.99, method="higher"))
    found: dict[str, list[bool]] = {}
    for text, s in sorted(scored, key=lambda item: item[0].source):
        if text.attack:
            found.setdefault(_family(text.source), []).append(s > least)
    return {source: float(np.mean(hits)) for source, hits in found.items()}


def _data(training: Mapping[str, Sequence[Text]]) -> Iterator[str]:
    yield "## Training data\n"
    yield "Rows under share-alike, non-commercial or unknown licences were dropped; `own` are our own grammars,"
    yield "`packages` pieces of the files of packages that `bench/training/requirements.txt` pins.\n"
    yield "| source | licence | attacks | ordinary |"
    yield "|---|---|---|---|"
    unique = {(text.source, text.text): text for texts in training.values() for text in texts}.values()
    counts = Counter((_family(text.source), text.licence, text.attack) for text in unique)
    for source, licence in sorted({key[:2] for key in counts}):
        yield f"| {source} | {licence} | {counts[source, licence, True]} | {counts[source, licence, False]} |"
    yield ""


def score(channel: Channel, text: str) -> float:
    """What the model alone says of a text."""
    read = words(text)
    return channel.calibration.score(channel.worst(read) - channel.calibration.allowance(len(read)))


def _family(source: str) -> str:
    """Sources with many parts as one."""
    if " in " in source and not source.startswith("ctx/"):
        return "attacks planted in documents"
    for family in ("P3", "xquad", "docs", "Faker"):
        if source.startswith(family):
            return family
    return source
