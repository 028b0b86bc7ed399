"""The examples of entries, and of the documentation, are templates.

A credential in a source file, even an invented one, sets off every scanner that reads the file. So the random part is
written as a placeholder that is filled in when the example is used: `{b62:36}` becomes 36 letters and digits. `{-}`
becomes nothing and keeps two halves of a well-known string apart.
"""

from __future__ import annotations

import random
import re
import string
import uuid

_ALPHABETS = {
    "b62": string.ascii_letters + string.digits,
    "url": string.ascii_letters + string.digits + "_-",
    "b64": string.ascii_letters + string.digits + "+/",
    "b32": string.ascii_uppercase + "234567",
    "hex": "0123456789abcdef",
    "HEX": "0123456789ABCDEF",
    "low": string.ascii_lowercase + string.digits,
    "upp": string.ascii_uppercase + string.digits,
    "abc": string.ascii_letters,
    "dig": string.digits,
}
_PLACEHOLDER = re.compile(r"\{(?:(\w+):(\d+)|(uuid)|(-))\}")


def expand(template: str) -> str:
    """`template` with its placeholders filled in; the same text every time."""
    source = random.Random(template)  # noqa: S311 - examples have to be the same every time, not secret

    def fill(match: re.Match[str]) -> str:
        alphabet, length, is_uuid, _ = match.groups()
        if is_uuid:
            return str(uuid.UUID(int=source.getrandbits(128)))
        if not alphabet:
            return ""
        letters = [source.choice(_ALPHABETS[alphabet]) for _ in range(int(length))]
        return "".join(_with_digit(letters, _ALPHABETS[alphabet], source))

    return _PLACEHOLDER.sub(fill, template)


def expected(template: str) -> tuple[str, list[tuple[int, int]]]:
    """The text of an example without its guillemets, and the spans that they enclose."""
    parts = re.split("([«»])", expand(template))
    text = ""
    spans: list[tuple[int, int]] = []
    start = 0
    for part in parts:
        if part == "«":
            start = len(text)
        elif part == "»":
            spans.append((start, len(text)))
        else:
            text += part
    return text, spans


def _with_digit(letters: list[str], alphabet: str, source: random.Random) -> list[str]:
    """Real tokens of some length have a digit; chance may leave it out in a short one."""
    if alphabet[-1].isdigit() or alphabet[-1] in "_-+/":
        letters[len(letters) // 2] = source.choice([c for c in alphabet if c.isdigit()])
    return letters
