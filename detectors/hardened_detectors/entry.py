"""One thing to find, written down once: pattern, check digit, context words, examples.

An entry is data. Detection (`matching`), the gate, the decision about growing text (`growing`) and the tests all read
the same entry.

Where an entry matches is decided position by position: a match starts at `i` exactly when the pattern matches there and
its check and its context agree, whatever else was found before. So a decision about a position needs only the few
characters around it, which is what makes detection in a stream exact.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import NamedTuple

from .lazy import lazy
from .seen import lower

AHEAD = 2
"""How many characters after a match `Entry.after` may look at."""

CLOSE = 24
"""How many characters before a match `Context.close` looks at."""

FEWEST_DIGITS = 7
"""How many digits a number has at least, see `Entry.digits`."""

WORD_START = r"(?<![A-Za-z0-9_])"
WORD_END = r"(?![A-Za-z0-9_])"


class Context(NamedTuple):
    """Words of which one must stand near the match.

    Before it: at most `window` characters away, or `reach` characters in the same sentence with no digit in between.
    Behind it, if `after` is given: within so many characters, in brackets or after an arrow, a dash or a verb ("… is my
    passport number"), unless it is the label of what comes next (a colon, an equals sign or soon a digit follows it).

    Case is ignored, except in a word that is given in capitals. A space in a word stands for one space, underscore or
    hyphen or nothing, and so does an apostrophe. A word begins where a word begins, also inside `camelCase`, and ends
    where one ends if it has at most four letters; words of six and more may be parts of compounds.
    """

    words: tuple[str, ...]
    close: tuple[str, ...] = ()
    """Words that mean other things as well: they count at most `CLOSE` characters before the match."""
    tags: tuple[str, ...] = ()
    """Words that count if they directly follow the match and end there, as in the lines of a signature."""
    window: int = 64
    reach: int = 0
    after: int = 0

    @property
    def beginnings(self) -> tuple[str, ...]:
        """The first part of each word, in lower case: one of them occurs where one of the words does."""
        return _beginnings((*self.words, *self.close, *self.tags))

    @property
    def before(self) -> int:
        """How many characters before the match a word may begin."""
        return max(self.window, self.reach, CLOSE if self.close else 0)

    def precedes(self, text: str, start: int) -> bool:
        """Whether one of the words stands before `start`."""
        if self._occurs(self.words, text, start - self.window, start):
            return True
        if self.close and self._occurs(self.close, text, start - CLOSE, start):
            return True
        if self.reach <= self.window:
            return False
        low = max(0, start - self.reach)
        for end in _SENTENCE_END.finditer(text, low, start):
            low = end.end()
        return self._occurs(self.words, text, low, start)

    def follows(self, text: str, end: int) -> bool:
        """Whether one of the words stands behind `end`; only the `after` characters from there on decide it."""
        last = end + self.after
        if self.tags and _tags_pattern(self.tags).match(text, end, last):
            return True
        link = _LINK.match(text, end, last) if self.after else None
        if link is None:
            return False
        word = next(_find((*self.words, *self.close), text, link.end(), last), None)
        if word is None or _GAP.fullmatch(text, link.end(), word.start()) is None:
            return False
        if "-" in link.group().replace("<-", ""):
            return _ENDED.match(text, word.end(), last) is not None
        return _LABEL.match(text, word.end(), last) is None

    def is_awaited(self, text: str, end: int) -> bool:
        """Whether what may still be written behind `text` could decide if one of the words follows `end`."""
        if len(text) >= end + self.after:
            return False
        if self.tags and _TAG_BEGUN.match(text, end):
            return True
        return len(text) < end + _LONGEST_LINK or _LINK.match(text, end) is not None

    def _occurs(self, words: tuple[str, ...], text: str, low: int, high: int) -> bool:
        return any(True for _ in _find(words, text, max(0, low), high))


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One category of things that look alike.

    The pattern is `before` (look-behind), `lead`, `body`, `after` (look-ahead of at most `AHEAD` characters that does
    not begin with white space). The finding is what `body` matches. Quantifiers are bounded. `body` matches printable
    ASCII only, and no white space unless the entry is `spaced`.

    The first word of a match is loud: it has a character that is not `growing.QUIET`, or `growing.LONG_WORD` ones. That
    is for the pattern or `check` to see to. What `after` asks for belongs to the word, and so does a `lead` without
    white space.
    """

    category: str
    body: str
    longest: int
    """An upper bound for the length of `body`, in characters."""
    before: str = WORD_START
    after: str = WORD_END
    lead: str = ""
    lead_longest: int = 0
    literals: tuple[str, ...] = ()
    """If given, each match (lead included) begins with one of them."""
    gate: str = ""
    """Else an ASCII pattern that occurs within each match; what it may say, see `gate.Signal`."""
    digits: tuple[int, int] | None = None
    """For numbers: the least and the most digits.

    The body is digits with at most two of ` .()/-` between them; `+` or `(` may stand before them, and an `x` with the
    digits of an extension behind them.
    """
    ignore_case: bool = False
    spaced: bool = False
    spans: str = r"\d"
    """For spaced entries: found in each beginning of a match that has white space. Keeps prose cheap in streams."""
    check: Callable[[str], bool] | None = None
    context: Context | None = None
    """Words that must stand near. They are what tells where to look if there are no literals, no gate and no digits."""
    unless: Context | None = None
    """Words before which, on the contrary, it is not one."""
    score: float = 0.9
    examples: tuple[str, ...] = ()
    """Texts with the expected match in guillemets (`«…»`); see `examples.expand` for what braces mean."""
    counterexamples: tuple[str, ...] = ()
    """Texts in which this category must not be found."""

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The whole pattern; the group `value` is the finding."""
        flags = re.ASCII | re.IGNORECASE if self.ignore_case else re.ASCII
        return re.compile(f"{self.before}{self.lead}(?P<value>{self.body}){self.after}", flags)

    @property
    def expression(self) -> str:
        """The pattern without groups, as part of a larger one."""
        return f"{self.before}{self.lead}(?:{self.body}){self.after}"

    @property
    def look_behind(self) -> int:
        """How many characters before a finding can decide whether it is one."""
        contexts = [words for words in (self.context, self.unless) if words]
        window = max((words.before for words in contexts), default=0)
        # One character for the word boundary in front of a context word or a lead, two for `before`.
        return max(window + 1, self.lead_longest + 2)

    def accepts(self, text: str, start: int, end: int) -> bool:
        """Whether check and context agree with a match of the pattern."""
        if not self._is_possible(text, start, end):
            return False
        context = self.context
        return context is None or context.precedes(text, start) or context.follows(text, end)

    def waits(self, text: str, start: int, end: int) -> bool:
        """Whether only words that may still follow a growing `text` decide about a match of the pattern."""
        context = self.context
        if context is None or not context.is_awaited(text, end):
            return False
        return not context.precedes(text, start) and self._is_possible(text, start, end)

    def _is_possible(self, text: str, start: int, end: int) -> bool:
        if self.check is not None and not self.check(text[start:end]):
            return False
        return self.unless is None or not self.unless.precedes(text, start)


# What leads from a match to the word behind it that names it …
_LINK = lazy(
    r" ?(?:[(\[] ?|- |(?:<-{1,2}|\u2190|<=|\u21d0) ?|(?:is|was|as|are|ist|als|est|es|\u00e9|\u00e8|\u00e4r|jest|som) )",
    re.ASCII | re.IGNORECASE,
)
_LONGEST_LINK = 7
# … and what may stand between the two: a few words, the last of which may go on as the word.
_GAP = lazy(r"(?:[^\W\d]{1,16}['\u2019]?[^\W\d]? ){0,4}[^\W\d]{0,16}-?")
# Behind a dash a word names what is before it only if nothing follows: "12345678 - passport renewal" is a title.
_ENDED = lazy(r" ?(?:number|num|no|nr|id|card)?\.?(?=[\n.,;|)\]]|\Z)", re.ASCII | re.IGNORECASE)
# What is, or may become, one of `Context.tags`.
_TAG_BEGUN = lazy(r" ?[(\[]?[A-Za-z]*[)\]]?[ ,;|/]{0,2}\Z")
# Behind a word that names what comes next.
_LABEL = lazy(r"[\"'`\])}]{0,2} ?[:=]|[^\d\n]{0,16}\d", re.ASCII)
# Beyond it, words speak of something else ("no.", "nr." and initials end nothing).
_SENTENCE_END = lazy(r"(?<![Nn][OoRr])(?<!\b[A-Za-z])[.!?;]\s|[\d\n]", re.ASCII)


def _find(words: tuple[str, ...], text: str, low: int, high: int) -> Iterator[re.Match[str]]:
    """The words between two positions, as `finditer` would find them, tried only where one can begin."""
    near = lower(text[low:high])
    starts = [low + at for word in _beginnings(words) if word in near for at in _positions(word, near)]
    last = low
    for at in sorted(starts):
        if at >= last and (match := _words_pattern(words).match(text, at, high)):
            last = match.end()
            yield match


def _positions(word: str, text: str) -> Iterator[int]:
    at = text.find(word)
    while at >= 0:
        yield at
        at = text.find(word, at + 1)


@cache
def _beginnings(words: Sequence[str]) -> tuple[str, ...]:
    # How the parts of a word are joined is for the pattern to judge.
    return tuple(dict.fromkeys(re.split("[ ']", word)[0].lower() for word in words))


@cache
def _words_pattern(words: Sequence[str]) -> re.Pattern[str]:
    return re.compile("|".join(map(_word, words)), re.ASCII)


@cache
def _tags_pattern(tags: Sequence[str]) -> re.Pattern[str]:
    return re.compile(rf" ?[(\[]?(?i:{'|'.join(tags)})[)\]]?[ ,;|/]{{0,2}}(?=[\n+(\d]|\Z)", re.ASCII)


def _word(word: str) -> str:
    flexible = "".join(map(_letter, word))
    if word.isupper():
        return f"(?<![A-Za-z0-9]){flexible}(?![A-Za-z0-9])"
    if len(word) >= 6:  # long enough to mean itself inside a compound, too
        return f"(?i:{flexible})"
    # Short ones end with themselves, with the abbreviation of "number", or where `camelCase` goes on.
    end = "(?:(?:no|nr|num|number|id)?(?![A-Za-z])|(?<=[a-z])(?=[A-Z]))" if len(word) <= 4 else ""
    capital = word[0].upper() + f"(?i:{flexible[len(_letter(word[0])) :]})"
    before = "(?<![A-Za-z0-9])" if len(word) <= 4 else "(?<![A-Za-z])"
    return rf"{before}(?i:{flexible}){end}|(?<=[a-z]){re.escape(capital[0])}{capital[1:]}{end}"


def _letter(letter: str) -> str:
    if letter == " ":
        return r"[\s_-]?"
    if letter == "'":
        return "['\u2019_-]?"
    if not letter.isascii() and letter.lower() != letter.upper():
        return f"[{letter.lower()}{letter.upper()}]"
    return re.escape(letter)
