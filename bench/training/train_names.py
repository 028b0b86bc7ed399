"""Trains the model of the detector `names` and writes it with its model card.

    python bench/training/train_names.py DATA_FOLDER [--out FOLDER] [--count 3000]

DATA_FOLDER has `ner_*.jsonl`, `negatives_real_*.jsonl` and `negatives_synth_*.jsonl`: one object a line with `text`,
`spans`, `source` and `licence`. Only the sources in `LEARNT` and the negatives are trained on; each of them is judged
by a model that has seen nothing of it. The same folder gives the same bytes. Two minutes of one core.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import people
from corpus import rows
from fit_names import Example, fit

from hardened_detectors.names import model
from hardened_detectors.names.detector import NamesDetector

SEED = 1
STRENGTH = 0.5
OUT = Path(model.__file__).parent
CARD = "MODEL_CARD.md"
LEARNT = ("wnut17", "btc", "wikigold")
"""Corpora under CC-BY-4.0. Others in the folder are only measured."""

REPORTED = ("person", "location")
THRESHOLDS = {"person": 0.9, "location": 0.95}
"""The least chances at which most findings in sources that were left out are right. Organisations have none."""

_CATEGORIES = {"PERSON": "person", "LOCATION": "location", "ORG": "organization"}
_HEAD = """\
# Model card: `names`

Written by `bench/training/train_names.py` together with `model.bin`; not edited by hand.

Logistic regression over hashed features of capitalised words and their neighbours, int8 weights. Organisations are told
apart from people and places, but never reported: no threshold made them precise.

**Use**: opt-in, beside other measures. **Not for**: protection, anonymisation, proof that nobody is named.

Figures of the whole detector, cues included. Each source is judged by a model that was not trained on it; a span counts
from an overlap (intersection over union) of one half. `flagged`: texts with a finding that is wrong.

| source, not trained on | texts | person P | person R | location P | location R | flagged |
|---|---|---|---|---|---|---|
"""
_LIMITS = """
## Limits

* Most names in running text are not found, those in lower case never. Tweets are the worst case.
* Latin script only; mostly English, with names from some twenty countries.
* Names in the texts without names (authors in documentation) were learnt as none.

Attribution: WNUT17 (Derczynski and others, 2017), Broad Twitter Corpus (Derczynski and others, 2016), Wikigold
(Balasuriya and others, 2009), all CC-BY-4.0, changed into weights. Own texts have names of Faker (MIT).
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with the JSON lines files")
    parser.add_argument("--out", type=Path, default=OUT, help="where model and card are written")
    parser.add_argument("--count", type=int, default=3000, help="own texts to make, fewer for a quick trial")
    given = parser.parse_args(arguments)

    everything = [*read(given.data)]
    own = [*made(given.count)]
    known = [example for example in everything if example.source in (*LEARNT, "synthetic") or ":" in example.source]
    sources = dict.fromkeys(example.source for example in everything)
    shipped = trained([*known, *own])
    table: list[str] = []
    for source in sources:
        held = [example for example in everything if example.source == source]
        learnt = source in {example.source for example in known}
        using = trained([e for e in [*known, *own] if e.source != source]) if learnt else shipped
        table.append(figures(source, held, using))
    model.write(given.out / model.FILE, shipped)
    (given.out / CARD).write_text(_HEAD + "\n".join([*table, "", *data([*known, *own])]) + _LIMITS, encoding="utf-8")


def trained(examples: Sequence[Example]) -> model.Model:
    """A model with the thresholds."""
    return replace(fit(examples, strength=STRENGTH), thresholds=THRESHOLDS)


def read(folder: Path) -> Iterator[Example]:
    """All rows, with the names in them; a corpus, or a repository, is one source."""
    for kind in ("ner", "negatives_real", "negatives_synth"):
        for file in sorted(folder.glob(f"{kind}_*.jsonl")):
            for row in rows(file):
                spans = [
                    (s["start"], s["end"], _CATEGORIES[s["type"]]) for s in row["spans"] if s["type"] in _CATEGORIES
                ]
                source = row["source"]
                name = ":".join(source.split(":")[:2]) if ":" in source else source.split("-")[0]
                yield Example(row["text"], spans, name, row["licence"], 0.3 if name == "synthetic" else 1.0)


def made(count: int) -> Iterator[Example]:
    """Texts of our own, with names and without."""
    for text, spans in people.named(SEED, count):
        yield Example(text, spans, "own, with names", weight=0.5)
    for text in people.plain(SEED + 1, count // 2):
        yield Example(text, [], "own, without names", weight=0.5)


def figures(source: str, examples: Sequence[Example], using: model.Model) -> str:
    """A row of the table."""
    detector = NamesDetector(REPORTED, using)
    counts: Counter[str] = Counter()
    for example in examples:
        found = [(f.start, f.end, f.category) for f in detector.detect(example.text)]
        wrong = False
        for span in found:
            right = any(_same(span, gold) for gold in example.spans)
            counts[f"{span[2]} right"] += right
            counts[f"{span[2]} found"] += 1
            wrong |= not right
        counts.update(f"{gold[2]} there" for gold in example.spans)
        counts["wrong"] += wrong
    cells = [
        _share(counts[f"{category} right"], counts[f"{category} {of}"])
        for category in REPORTED
        for of in ("found", "there")
    ]
    return f"| {source} | {len(examples)} | {' | '.join(cells)} | {counts['wrong'] / len(examples):.1%} |"


def data(examples: Sequence[Example]) -> Iterator[str]:
    """What was trained on."""
    yield from ("## Training data", "", "| source | licence | texts |", "|---|---|---|")
    for (source, licence), count in sorted(Counter((e.source, e.licence) for e in examples).items()):
        yield f"| {source} | {licence} | {count} |"


def _same(one: tuple[int, int, str], other: tuple[int, int, str]) -> bool:
    common = min(one[1], other[1]) - max(one[0], other[0])
    return one[2] == other[2] and common > 0 and 2 * common >= max(one[1], other[1]) - min(one[0], other[0])


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.2f}" if whole else "–"


if __name__ == "__main__":
    main()
