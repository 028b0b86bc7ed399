"""The way back: values in the place of their pseudonyms, in texts that are whole and in texts that grow."""

from __future__ import annotations

from functools import partial

from hardened.guards.json_text import JsonText, begins_json, replace_in
from hardened.guards.pseudonym import Grammar, grammar
from hardened.guards.redaction import Span, redact, spans
from hardened.guards.vault import Vault
from hardened_detectors.api import Finding


def restore(text: str, vault: Vault, *, for_tool: bool = False) -> str:
    """`text` with the values of `vault`; secrets stay what they are where a tool will read it."""
    if not vault.names:
        return text
    return replace_in(text, partial(_found, grammar(vault.names), vault, for_tool), partial(_value, vault))


def _found(words: Grammar, vault: Vault, for_tool: bool, text: str) -> list[Finding]:
    """The pseudonyms in `text` that stand for something, each in a category of its own."""
    found: list[Finding] = []
    for mention in words.mentions(text):
        known = vault.known(mention.name, mention.number)
        if known is not None and not (for_tool and known.secret):
            found.append(Finding("pseudonym", f"{mention.name}_{mention.number}", mention.start, mention.end))
    return found


def _value(vault: Vault, span: Span, written: str) -> str:
    name, _, number = span.category.rpartition("_")
    known = vault.known(name, int(number))
    return written if known is None else known.value


class Restoration:
    """Restores one text field of one stream: however it is cut into pieces, all of them are `restore` of the whole."""

    def __init__(self, vault: Vault, *, for_tool: bool = False) -> None:
        words = grammar(vault.names)
        self._words = words
        self._find = partial(_found, words, vault, for_tool)
        self._render = partial(_value, vault)
        self._begun = False  # something else than blanks has come
        self._json: JsonText | None = None
        self._before: str = ""  # the character before what is held: a word that goes on is not one that begins
        self._held: str = ""
        self._offset = 0  # of what is held, in what was seen of a JSON text

    def feed(self, piece: str) -> str:
        """Take the next piece; returns what may be released now."""
        if not self._begun:
            piece, self._held = self._held + piece, ""
            if not piece.strip():
                self._held = piece
                return ""
            self._begun = True
            self._json = JsonText() if begins_json(piece) else None
        return self._release(self._json.feed(piece) if self._json else piece, final=False)

    def finish(self) -> str:
        """The text is complete: returns the rest of it."""
        return self._release(self._json.feed("", final=True) if self._json else "", final=True)

    def _release(self, more: str, final: bool) -> str:
        text = self._before + self._held + more
        start = len(self._before)
        limit = len(text) if final else max(start, self._words.open_from(text))
        if self._json:
            limit = limit if final else self._json.settled(self._offset - start + limit) - self._offset + start
        found = [finding for finding in self._find(text) if start <= finding.start < limit]
        self._before, self._held = text[limit - 1 : limit], text[limit:]
        if self._json is None:
            return redact(text[:limit], spans(found), self._render)[start:]
        shift = self._offset - start
        self._offset += limit - start
        moved = [Finding("pseudonym", one.category, one.start + shift, one.end + shift) for one in found]
        return self._json.take(self._offset, self._json.locate(moved), self._render, final)
