"""Words beside which a person is named: titles, introductions, greetings, keys, signatures, headers, mail addresses.

A cue says where a name begins. Which words are the name, and whether they look enough like one, is for the detector to
tell with the model: each cue asks for the chance that it needs.
"""

# ruff: noqa: E501 - tables of patterns, one item a line

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from .features import Token


@dataclass(frozen=True)
class Cue:
    """What stands before a name (`pattern`) and, if given, what must stand behind it (`after`).

    `least` is the chance of being a person that the model must give to the words, `words` how many there must be.
    """

    name: str
    literals: tuple[str, ...]
    """In lower case; each match contains one of them."""
    pattern: str
    after: str = ""
    least: float = 0.0
    words: int = 1
    score: float = 0.9

    @cached_property
    def before(self) -> re.Pattern[str]:
        """What matches before a name."""
        return re.compile(self.pattern)

    @cached_property
    def behind(self) -> re.Pattern[str]:
        """What matches behind a name."""
        return re.compile(self.after)


_VALUE: Final = r"""["']?[ \t]{0,4}[:=][ \t]{0,4}["']?"""
_ENDS: Final = r"""[ \t]{0,4}(?:["',;|}\n\r&]|\Z)"""

CUES: Final = (
    Cue("title", ("mr", "mrs", "ms", "mx", "dr", "prof", "herr", "frau", "señor", "mme", "mlle", "monsieur", "madame", "signor", "miss"),
        r"\b(?:Mrs?|M[sx]|Dr|Prof|Herrn?|Frau|Señora?|Mme|Mlle|Monsieur|Madame|Signora?|Miss)\b\.? (?:(?:Dr|Prof)\. )?", least=0.1),
    Cue("introduction", ("name is", "name's", "name\u2019s", "am called", "heiße", "name ist", "m'appelle", "me llamo", "nombre es", "mi chiamo", "nome é", "naam is"),
        r"(?i:\bmy (?:full |first |last )?name(?: is|['\u2019]s)|\bi am called|\bich heiße|\bmein name ist|\bje m['\u2019]appelle|\bme llamo|\bmi nombre es|\bmi chiamo|\bmeu nome é|\bmijn naam is):? (?:(?:Mrs?|Ms|Dr)\. ?)?", least=0.02),
    Cue("greeting", ("dear", "hi ", "hello", "hey", "liebe", "hallo", "cher", "estimad", "caro", "cara", "beste", "geachte"),
        r"(?m:^[ \t>\"']{0,4}|(?<=\\n))(?:Dear|Hi|Hello|Hey|Liebe[r]?|Hallo|Ch[eè]re?|Estimad[oa]|Car[oa]|Beste|Geachte) ", after=r" ?[,:!](?:\s|\\n)|\n", least=0.4),
    Cue("key", ("name", "nachname", "vorname", "nombre", "prenom", "cardholder"),
        r"(?i:(?:first|last|full|given|family|sur|middle|maiden|customer|client|patient|employee|contact|billing|shipping|recipient|sender|user|owner|account|guest|card)[ _-]?(?:holder[ _-]?)?name|cardholder|vorname|nachname|prenom)" + _VALUE,
        after=_ENDS, least=0.15),
    Cue("name key", ("name",), r"(?i:(?<![A-Za-z_.-])name)" + _VALUE, after=_ENDS, least=0.8, words=2),
    Cue("signature", ("regards", "wishes", "sincerely", "truly", "cheers", "thanks", "thank you", "grüße", "grüßen", "cordialement", "saludos", "saluti"),
        r"(?i:regards|wishes|sincerely|truly|cheers|thanks|thank you|grüßen?|cordialement|saludos|saluti),?[ \t]*(?:\\n|\r?\n){1,2}[ \t>-]*", after=r"[ \t]*(?:[\r\n,]|\\n|\Z)", least=0.3),
    Cue("header", ("from:", "to:", "cc:", "author:", "-by:", "sender:"),
        r"(?im:^[ \t>\"']{0,4}(?:from|reply-to|to|b?cc|author|sender|signed-off-by|co-authored-by|reviewed-by):[ \t]{0,4}\"?)", after=r"\"? ?<[^<>\s@]{1,64}@", least=0.0),
)  # fmt: skip

_NO_NAMES: Final = """
sir madam customer customers team all everyone everybody friend friends support world there guest user users
admin colleague colleagues manager hiring editor reader readers valued mr mrs ms dr prof string text str none
null true false optional any char charfield varchar required enter your field column the unknown anonymous
test example default name first last
"""
STOP: Final = frozenset(_NO_NAMES.split())
"""Words that begin no name, whatever stands before them."""

_LOCAL: Final = re.compile(r"([^\W\d_]{2,24})[._-]([^\W\d_]{2,24})@", re.ASCII)


def cued(text: str, lower: str) -> Iterator[tuple[int, Cue]]:
    """The positions at which a name would begin, and why; `lower` is `text` in lower case, with the same length."""
    for cue in CUES:
        if any(literal in lower for literal in cue.literals):
            for match in cue.before.finditer(text):
                yield match.end(), cue


def mailed(lower: str, read: Sequence[Token]) -> Iterator[tuple[int, int]]:
    """Pairs of neighbours that are the local part of a mail address of the text: `john.doe@…` for John Doe."""
    if "@" not in lower:
        return
    pairs = {match.groups() for match in _LOCAL.finditer(lower)}
    pairs |= {(last, first) for first, last in pairs}
    for index in range(len(read) - 1 if pairs else 0):
        first, last = read[index], read[index + 1]
        if (
            first.text[0].isupper()
            and last.text[0].isupper()
            and last.start - first.end == 1
            and (first.text.lower(), last.text.lower()) in pairs
        ):
            yield index, index + 1
