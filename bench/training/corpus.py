"""What each channel is trained on: real rows whose licence is permissive, and texts of our own grammars."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import attacks
import benign
import hidden
import native
import packages
import pages
from faker import Faker
from grammar import Grammar

_SHARE_ALIKE = ("SA", "CDLA", "NC", "unverified")

_LOCALES = """
ar_AA az_AZ bn_BD cs_CZ da_DK de_DE el_GR en_US es_ES fa_IR fr_FR he_IL hy_AM it_IT ja_JP nl_NL pl_PL ru_RU th_TH tl_PH
uk_UA vi_VN zh_CN zh_TW
"""


@dataclass(frozen=True)
class Text:
    """A labelled text. `payload` is where a planted attack stands, in characters; `weight` is its share in training."""

    text: str
    attack: bool
    source: str
    weight: float = 1.0
    payload: tuple[int, int] | None = None
    licence: str = "own work"

    @property
    def real(self) -> bool:
        """Whether somebody wrote it, and not a grammar."""
        return not self.source.startswith(("own/", "synth/"))


def rows(file: Path) -> list[dict[str, str]]:
    """The rows of a JSON lines file, none if it is not there."""
    if not file.exists():
        return []
    with file.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def permissive(row: Mapping[str, str]) -> bool:
    """Whether a row may be trained on: neither share-alike, nor non-commercial, nor of unknown licence."""
    return not any(word in row["licence"] for word in _SHARE_ALIKE)


def labelled(row: Mapping[str, str], weight: float = 1.0) -> Text:
    """A row of the data folder."""
    return Text(row["text"], bool(row["label"]), row["source"], weight, licence=row["licence"])


@dataclass(frozen=True)
class Corpus:
    """Everything that training can draw from, the same for the same folder and seed."""

    real: Sequence[Text]
    synthetic: Sequence[Text]
    orders: Sequence[Text]
    """Instructions that are attacks in a document only, such as "suggest a weekend trip"."""
    direct: Sequence[Text]
    indirect: Sequence[Text]
    foreign: Sequence[Text]
    requests: Sequence[Text]
    documents: Sequence[Text]
    babble: Sequence[Text]
    share: float
    wrapped: Sequence[Text]
    bare: Sequence[Text]
    """Tasks that are attacks in a document only, as those in `orders`."""
    pages: Sequence[Text]
    files: Sequence[Text]
    """Pieces of the files of installed packages."""

    @staticmethod
    def read(folder: Path, seed: int, share: float = 1.0) -> Corpus:
        """The rows of `train.jsonl` and `synth_train.jsonl` in `folder`; of own texts `share` of the usual number."""
        train = [row for row in rows(folder / "train.jsonl") if permissive(row)]
        many = Grammar(attacks.RULES, seed)
        ordinary = Grammar(benign.RULES, seed + 1)

        def made(grammar: Grammar, families: Mapping[str, Sequence[str]], each: int, attack: bool) -> list[Text]:
            return [
                Text(text, attack, f"own/{name}")
                for name, templates in families.items()
                for text in grammar.some(templates, max(1, round(each * share)))
            ]

        return Corpus(
            real=[labelled(row) for row in train if row["kind"] != "indirect_raw"],
            synthetic=[labelled(row) for row in rows(folder / "synth_train.jsonl") if permissive(row)],
            orders=[labelled(row) for row in train if row["kind"] == "indirect_raw"],
            direct=made(many, attacks.DIRECT, 1200, True),
            indirect=made(many, attacks.DATA, 1000, True),
            foreign=list(_foreign(seed + 2, max(1, round(160 * share)))),
            requests=made(ordinary, benign.REQUESTS, 1200, False),
            documents=made(ordinary, benign.DOCUMENTS, 1000, False),
            babble=list(_babble(seed + 3, max(1, round(120 * share)))),
            share=share,
            wrapped=made(Grammar(hidden.RULES, seed + 4), hidden.WRAPPED, 1500, True),
            bare=made(Grammar(hidden.RULES, seed + 5), hidden.BARE, 2500, True),
            pages=made(Grammar(pages.RULES, seed + 6), pages.DOCUMENTS, 600, False),
            files=list(files(packages.LEARNT, max(1, round(1500 * share)))),
        )

    def user(self, seed: int) -> list[Text]:
        """The texts for the channel `user`."""
        rng = random.Random(seed)
        benign_texts = [t for t in self.real if not t.attack]
        played = [t for t in benign_texts if t.source.startswith(("awesome", "GPTeacher roleplay"))]
        attack_texts = [t for t in self.real if t.attack]
        long = _sampled(rng, self.requests, round(1500 * self.share))
        return [
            *benign_texts,
            *played,  # twice: what is closest to a jailbreak and is none
            *_weighted(attack_texts, 3.0),
            *_weighted(self.synthetic, 0.3),
            *_weighted(_styled(rng, self.direct), 0.5),
            *_weighted(self.indirect, 0.4),
            *_weighted(self.foreign, 0.5),
            *_weighted(_styled(rng, self.requests), 0.5),
            *_weighted(self.documents, 0.5),
            *_weighted(self.babble, 0.5),
            *_weighted(_combined(rng, long, self.documents), 0.5),
            *_weighted(self._planted(rng, self.direct, [*self.requests, *self.documents], 2500), 0.5),
            *_weighted(self._planted(rng, self.indirect, self.documents, 2500), 0.5),
        ]

    def data(self, seed: int) -> list[Text]:
        """The texts for the channel `data`: attacks are what gives orders inside of a document.

        What users ask hardly counts as ordinary here: a task in a document is what is looked for, in the same words.
        """
        rng = random.Random(seed)
        manuals = [t for t in self.real if not t.attack and t.source.startswith("docs/")]
        asked = [t for t in self.real if not t.attack and len(t.text) < 300 and "docs/" not in t.source]
        attack_texts = [t for t in self.real if t.attack]
        hosts = [*self.documents, *self.pages, *manuals, *self.files]
        return [
            *_weighted(manuals, 0.5),
            *self.files,
            *self.pages,
            *_weighted(asked, 0.1),
            *attack_texts,
            *_weighted([t for t in self.synthetic if t.attack], 0.2),
            *_weighted([t for t in self.synthetic if not t.attack], 0.2),
            *self.documents,
            *_weighted(self.requests, 0.1),
            *_weighted(self.babble, 0.5),
            *_weighted(self.direct, 0.2),
            *_weighted(self.foreign, 0.3),
            *_weighted(self.indirect, 0.5),
            *_weighted(self.wrapped, 0.5),
            *_weighted(self.bare, 0.2),
            *self._planted(rng, self.indirect, hosts, 4000),
            *_weighted(self._planted(rng, self.direct, hosts, 2000), 0.7),
            *self._planted(rng, attack_texts, hosts, 1000),
            *_weighted(self._planted(rng, self.orders, hosts, 1500), 0.5),
            *_weighted(self._planted(rng, asked, hosts, 2500), 0.1),
            *self._planted(rng, self.wrapped, hosts, 2500),
            *_weighted(self._planted(rng, self.bare, hosts, 5000), 0.5),
        ]

    def _planted(
        self, rng: random.Random, payloads: Sequence[Text], hosts: Sequence[Text], count: int
    ) -> Iterator[Text]:
        return planted(rng, payloads, hosts, round(count * self.share))


def planted(rng: random.Random, payloads: Sequence[Text], hosts: Sequence[Text], count: int) -> Iterator[Text]:
    """`count` hosts with a payload before, inside or after them."""
    if not payloads or not hosts:
        return
    for _ in range(count):
        payload, host = rng.choice(payloads), rng.choice(hosts)
        breaks = [0, len(host.text), *(at + 1 for at, char in enumerate(host.text) if char in ".\n")]
        at = rng.choice(breaks)
        before = host.text[:at] + (rng.choice(" \n") if at else "")
        after = rng.choice(" \n") + host.text[at:] if at < len(host.text) else ""
        yield Text(
            before + payload.text + after,
            True,
            f"{payload.source} in {host.source}",
            payload=(len(before), len(before) + len(payload.text)),
        )


def files(names: Mapping[str, str], each: int) -> Iterator[Text]:
    """Pieces of up to `each` files of each of the packages, whose licences `names` has."""
    for name, licence in names.items():
        for piece in packages.pieces(name, each):
            yield Text(piece, False, f"packages/{name}", licence=licence)


def _foreign(seed: int, each: int) -> Iterator[Text]:
    for number, (code, language) in enumerate(native.LANGUAGES.items()):
        grammar = Grammar(language.rules_of_grammar(), seed + number)
        for text in grammar.some(native.ATTACK, each):
            yield Text(text, True, f"own/{code}")
        for text in language.ordinary:
            yield Text(text, False, f"own/{code}", 3.0)
        for text in grammar.joined(language.ordinary, each // 2, (2, 5)):
            yield Text(text, False, f"own/{code}")


def _babble(seed: int, each: int) -> Iterator[Text]:
    """Words of many languages in no order: what is ordinary in them is not suspicious."""
    for locale in _LOCALES.split():
        fake = Faker(locale)
        fake.seed_instance(seed)
        for number in range(each):
            yield Text(fake.paragraph(nb_sentences=3 + number % 12), False, f"Faker/{locale}", licence="MIT")


def _weighted(texts: Sequence[Text] | Iterator[Text], factor: float) -> Iterator[Text]:
    for text in texts:
        yield Text(text.text, text.attack, text.source, text.weight * factor, text.payload, text.licence)


def _sampled(rng: random.Random, texts: Sequence[Text], count: int) -> list[Text]:
    return [rng.choice(texts) for _ in range(min(count, len(texts)))]


def _combined(rng: random.Random, first: Sequence[Text], second: Sequence[Text]) -> Iterator[Text]:
    """Longer texts: a request with a document, in either order."""
    for text in first:
        parts = [text.text, rng.choice(second).text]
        rng.shuffle(parts)
        yield Text("\n\n".join(parts), False, f"{text.source} with a document")


def _styled(rng: random.Random, texts: Sequence[Text]) -> Iterator[Text]:
    """As people type: a swapped or lost letter here and there, in attacks and others alike."""
    for text in texts:
        body = text.text
        if rng.random() < 0.12 and len(body) > 10:
            at = rng.randrange(len(body) - 2)
            body = (
                body[:at]
                + (body[at + 1] + body[at] if rng.random() < 0.5 else "")
                + body[at + 2 - (rng.random() < 0.5) :]
            )
        yield Text(body, text.attack, text.source, text.weight, text.payload, text.licence)
