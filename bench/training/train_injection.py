"""Trains the model of the detector `injection` and writes it with its model card.

    python bench/training/train_injection.py DATA_FOLDER [--out FOLDER] [--channel data] [--share 1.0] [--ablations]

DATA_FOLDER has `train.jsonl`, `valid.jsonl` and, if there are any, `synth_train.jsonl`, `synth_valid.jsonl` and
`context_valid.jsonl`: one object a line with `text`, `label` (1 for an attack), `source`, `licence` and `kind`. The
same folder gives the same bytes on the same machine; elsewhere sums may be rounded otherwise. Some five minutes of one
core; `requirements.txt` has what it needs, and the packages whose files it learns from.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import card
import packages
from calibrate import calibrated
from corpus import Corpus, Text, files, labelled, rows
from fit import Example, fit

from hardened_detectors.injection import model

SEED = 1
STRENGTH = 2.0
OUT = Path(model.__file__).parent

# What the channel `data` is judged on. Share-alike rows may be measured, they are not learnt from.
_DOCUMENTS = ("docs/", "BIPIA table train ctx", "BIPIA code train")

ABLATIONS: Mapping[str, Callable[[Text], bool]] = {
    "without our own attacks": lambda text: not (text.attack and text.source.startswith("own/")),
    "without our own ordinary texts": lambda text: text.attack or not text.source.startswith(("own/", "Faker/")),
    "without attacks in other languages": lambda text: not _foreign(text),
    "without the older synthetic set": lambda text: not text.source.startswith("synth/"),
    "without public attacks": lambda text: not text.attack or text.source.startswith(("own/", "synth/")),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with the JSON lines files")
    parser.add_argument("--out", type=Path, default=OUT, help="where model and card are written")
    parser.add_argument(
        "--channel", choices=("user", "data"), help="train this one only, and keep the other as it is shipped"
    )
    parser.add_argument("--share", type=float, default=1.0, help="share of the own texts to make, for a quick trial")
    parser.add_argument("--ablations", action="store_true", help="also measure what each part of the data is worth")
    given = parser.parse_args(arguments)

    corpus = Corpus.read(given.data, SEED, given.share)
    training = {"user": corpus.user(SEED), "data": corpus.data(SEED)}
    validation = validation_texts(given.data, given.share)
    channels = {
        name: trained(texts, validation[name]) if given.channel in (None, name) else model.load(name)
        for name, texts in training.items()
    }
    model.write(given.out / model.FILE, channels)
    parts = {}
    if given.ablations:
        for name, keep in ABLATIONS.items():
            kept = [text for text in training["user"] if keep(text)]
            parts[name] = trained(kept, validation["user"])
    (given.out / card.FILE).write_text(card.card(channels, training, validation, parts), encoding="utf-8")


def trained(training: Sequence[Text], validation: Sequence[Text]) -> model.Channel:
    """A channel, fitted and calibrated."""
    examples = [Example.of(text.text, text.attack, text.weight, text.payload) for text in training]
    return calibrated(fit(examples, strength=STRENGTH, seed=SEED), validation)


def validation_texts(folder: Path, share: float) -> dict[str, list[Text]]:
    """For each channel what its operating points are fixed on and its figures are measured on."""
    real = [(row["kind"], labelled(row)) for row in rows(folder / "valid.jsonl")]
    synthetic = [labelled(row) for row in rows(folder / "synth_valid.jsonl")]
    context = [labelled(row) for row in rows(folder / "context_valid.jsonl")]
    own = Corpus.read(folder, SEED + 1000, share * 0.1)
    return {
        "user": [*(text for kind, text in real if kind != "indirect_raw"), *synthetic, *own.requests],
        "data": [
            *(text for _, text in real if not text.attack and text.source.startswith(_DOCUMENTS)),
            *(text for kind, text in real if kind == "multilingual" and len(text.text) > 200),
            *files(packages.HELD, max(1, round(400 * share))),
            *own.documents,
            *own.pages,
            *context,
            *own.indirect,
            *own.wrapped,
            *own.bare,
        ],
    }


def _foreign(text: Text) -> bool:
    return text.source.startswith("own/") and len(text.source) == len("own/xx")


if __name__ == "__main__":
    main()
