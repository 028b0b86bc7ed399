"""The ways in which a text can say something that is not written there plainly.

Each reading has a signal for the gate, so a text in which nothing is hidden costs one look of the gate. A reading
*cleans* if it takes nothing away that a reader would miss (escapes, invisible characters), *decodes* if what it gives
is a text of its own (base64), and else puts together what was pulled apart.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from itertools import islice
from typing import NamedTuple

from .gate import Signal
from .lazy import lazy
from .view import View


class Reading(NamedTuple):
    """One way to read a text: `make` gives the same view if the text does not differ."""

    signal: Signal
    make: Callable[[View], View]
    cleans: bool = False
    decodes: bool = False


# Format characters (Cf) that leave no trace on a screen: soft hyphen, joiners, direction marks, variation selectors.
_MARKS = "\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufe00-\ufe0f\ufeff"
_TAGS = "\U000e0000-\U000e007f"  # invisible doubles of ASCII
_INVISIBLE = lazy(f"[{_MARKS}{_TAGS}]+")
_TAG = lazy(f"[{_TAGS}]")


def _visible(view: View) -> View:
    return view.rewritten(_INVISIBLE, lambda _: "", "invisible characters")


def _tagged(view: View) -> View:
    return view.rewritten(_TAG, lambda tag: chr(max(ord(tag) - 0xE0000, 32)), "tag characters")


# Cyrillic, Greek, Armenian and other letters that look like a Latin one.
_LOOKALIKES = str.maketrans(
    "аеорсухѕіјԁһԛԝАВЕКМНОРСТУХЅІЈԚԜ" + "οανρικυΑΒΕΖΗΙΚΜΝΟΡΤΥΧ" + "օոսհıɑɡ",
    "aeopcyxsijdhqwABEKMHOPCTYXSIJQW" + "oavpikuABEZHIKMNOPTYX" + "onuhiag",
)
_ALIKE = "[" + "".join(map(chr, _LOOKALIKES)) + "]"
_MIXED = lazy(rf"[A-Za-z0-9@]{_ALIKE}|{_ALIKE}[A-Za-z0-9@]")
_TOKEN = lazy(r"[\w@.+-]+")


def _latin(view: View) -> View:
    """Words that mix Latin and look-alike letters, all in Latin; character for character."""
    text = _TOKEN.sub(
        lambda token: token.group().translate(_LOOKALIKES) if _MIXED.search(token.group()) else token.group(), view.text
    )
    return View(text, view.starts, view.ends, view.after("look-alikes"))


_ESCAPE = lazy(
    r"%[0-7][0-9A-Fa-f]|(?:%[89A-Fa-f][0-9A-Fa-f]){2,4}"
    r"|\\{1,8}(?:u[0-9A-Fa-f]{4}|u\{[0-9A-Fa-f]{1,5}\}|x[0-9A-Fa-f]{2}|[nrt](?=[A-Za-z0-9+(]))"
    r"|&(?:\#\d{1,7}|\#[xX][0-9A-Fa-f]{1,6}|[A-Za-z]{2,8});"
    r"|(?<=\d\d)\+(?=\d\d)"
)
_CONTROLS = {"n": "\n", "r": "\r", "t": "\t"}


def _unescaped(view: View) -> View:
    return view.rewritten(_ESCAPE, _unescape, "escapes")


def _unescape(escape: str) -> str:
    if escape == "+":  # a space, in forms
        return " "
    if escape[0] == "%":
        return binascii.unhexlify(escape.replace("%", "")).decode("utf-8", "replace")
    if escape[0] == "\\":
        kind, code = escape.lstrip("\\")[0], escape.lstrip("\\")[1:].strip("{}")
        return chr(int(code, 16)) if code else _CONTROLS[kind]
    from html import unescape

    return unescape(escape)


_SHORTEST_BLOB = 16
_LONGEST_BLOB = 8192
_BLOB = lazy(rf"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{{{_SHORTEST_BLOB},{_LONGEST_BLOB}}}={{0,2}}(?![A-Za-z0-9+/_=-])")
_HEX = lazy(r"(?:0x)?((?:[0-9a-fA-F]{2}){8,})")


def _decoded(view: View) -> View:
    """What the blobs say, in base64 (either alphabet) or in hexadecimal digits, that decode to text."""
    return view.joined(
        (
            (match.start(), match.start(), match.end(), match.end(), text)
            for match in _BLOB.finditer(view.text)
            if (text := _blob_text(match.group()))
        ),
        "base64 or hex",
    )


def _blob_text(blob: str) -> str | None:
    digits = _HEX.fullmatch(blob)
    return _hex_text(digits.group(1)) if digits else _base64_text(blob)


def _hex_text(digits: str) -> str | None:
    if not _is_printable(bytes.fromhex(digits[:16])):
        return None
    try:
        return bytes.fromhex(digits).decode("ascii")
    except ValueError:
        return None


def _base64_text(blob: str) -> str | None:
    data = blob.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        # Sixteen characters tell most blobs that are not text, long before all of it is decoded.
        if not _is_printable(base64.b64decode(data[: len(data[:16]) // 4 * 4])):
            return None
        return base64.b64decode(data + "=" * (-len(data) % 4)).decode("utf-8")
    except ValueError:  # wrong length, or not UTF-8
        return None


def _is_printable(data: bytes) -> bool:
    return all(byte >= 32 or byte in b"\t\r\n" for byte in data)


_AT = (
    r"(?:\s{0,2}[\[({<]\s?(?:at|ät|@|arroba|arobase|chiocciola)\s?[\])}>]\s{0,2}"
    r"|\s{1,2}(?:at|arroba|arobase|chiocciola)\s{1,2}|@)"
)
_SPOKEN_DOT = (
    r"(?:\s{0,2}[\[({<]\s?(?:dot|punkt|point|punto|ponto|\.)\s?[\])}>]\s{0,2}"
    r"|\s{1,2}(?:dot|punkt|punto|ponto)\s{1,2})"
)
_DOT = rf"(?:{_SPOKEN_DOT}|\.)"
_LOCAL, _LABEL = "[A-Za-z0-9_+-]{1,32}", "[A-Za-z0-9-]{1,40}"
_ADDRESS = lazy(rf"(?i)(?<![A-Za-z0-9._+-]){_LOCAL}(?:{_DOT}{_LOCAL}){{0,3}}{_AT}{_LABEL}(?:{_DOT}{_LABEL}){{1,4}}")
_SPOKEN_PART = lazy(rf"(?i)(?P<at>{_AT})|{_SPOKEN_DOT}")
_BARE_AT = lazy(r"(?i)\s(?:at|arroba|arobase|chiocciola)\s")


def _written(view: View) -> View:
    """`name (at) domain dot org` as an address."""
    return view.rewritten(_ADDRESS, _write, "spelled out")


def _write(address: str) -> str:
    if _BARE_AT.search(address) and not re.search(_SPOKEN_DOT, address, re.IGNORECASE):
        return address  # ordinary words: "we met at example.com"
    return _SPOKEN_PART.sub(lambda part: "@" if part.group("at") else ".", address)


# One character, then a separator, then one character; not at the edge of a longer word.
_APART = lazy(
    r"(?<![A-Za-z0-9@.][A-Za-z0-9@.])(?<=[A-Za-z0-9@.])[ _-](?=[A-Za-z0-9@.](?![A-Za-z0-9@]|\.[A-Za-z0-9]))", re.ASCII
)


def _together(view: View) -> View:
    """Characters that are written apart, as `4 1 1 1`, or the words of `i g n o r e`."""
    return view.rewritten(_APART, lambda _: "", "spaced characters")


_MOST_BREAKS = 64
# How much of the text around a line break is looked at: what may name the value, and the rest of it.
_BEFORE_BREAK, _AFTER_BREAK = 160, 64
_BREAK = lazy(r"\n[ \t>]{0,8}(?=[A-Z0-9])")


def _unbroken(view: View) -> View:
    """Around each line break that may be inside of a value: with a space, and with nothing in its place."""
    parts = (
        (max(0, at - _BEFORE_BREAK), at, to, min(len(view.text), to + _AFTER_BREAK), middle)
        for at, to in islice(_breaks(view.text), _MOST_BREAKS)
        for middle in (" ", "")
    )
    return view.joined(parts, "line break", seamed=True)


def _breaks(text: str) -> Iterator[tuple[int, int]]:
    """Line breaks with a digit before them, or a capital before and a digit behind; with the blanks around them."""
    for match in _BREAK.finditer(text):
        at, to = match.span()
        for _ in range(8):
            if text[at - 1 : at] not in (" ", "\t", "\r"):
                break
            at -= 1
        last = text[at - 1 : at]
        if "0" <= last <= "9" or last == ")" or ("A" <= last <= "Z" and text[to] <= "9"):
            yield at, to


ALL = (
    Reading(Signal(pattern=_INVISIBLE.pattern[:-1]), _visible, cleans=True),
    Reading(Signal(pattern=_MIXED.pattern), _latin, cleans=True),
    Reading(
        Signal(
            pattern=r"%[0-9A-Fa-f][0-9A-Fa-f]|\\[ux][0-9A-Fa-f{]|\\[nrt][A-Za-z0-9+(]|&#[0-9xX]|&[A-Za-z][A-Za-z]+;|\d\d\+\d\d"
        ),
        _unescaped,
        cleans=True,
    ),
    Reading(Signal(pattern=_TAG.pattern), _tagged, decodes=True),
    Reading(Signal(pattern=f"[A-Za-z0-9+/_-]{{{_SHORTEST_BLOB}}}"), _decoded, decodes=True),
    Reading(
        Signal(
            pattern=r"(?i)[^a-z](?:dot|punkt|punto|ponto)[^a-z]"
            r"|[\[({<][ \t]?(?:at|ät|@|arroba|arobase|chiocciola)[ \t]?[\])}>]"
        ),
        _written,
    ),
    Reading(Signal(pattern="[A-Za-z0-9@.][ _-]" * 7 + "[A-Za-z0-9@.]"), _together),
    Reading(Signal(pattern=r"[0-9)][ \t]*\r?\n[ \t>]*[A-Z0-9]|[A-Z][ \t]*\r?\n[ \t>]*[0-9]"), _unbroken),
)
"""All readings, in the order in which those that clean are done."""
