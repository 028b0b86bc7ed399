"""Whether a string can be a credential, or only stands where one would stand."""

from __future__ import annotations

import math
import re
from collections import Counter
from itertools import pairwise

from hardened_detectors.lazy import lazy

_STAND_IN = lazy(
    r"example|placeholder|change.?me|your|dummy|sample|redacted|replace|insert|xxxx|\*\*\*|\.\.\.|…|<[^>]*>|\$\{|\{\{|%\(|"
    r"012345678|123456789|abcdefgh|abc123|foobar|randomstring|goes.?here|(.)\1{7}",
    re.IGNORECASE,
)

# Words and numbers with hyphens between them, as in a file name or the path of a page.
_SLUG = lazy(r"(?:[a-z]+|\d{1,4})(?:[-_.](?:[a-z]+|\d{1,4})){3,}")

# Keys that documentation prints and that nobody can use, in two parts so that no scanner takes this file for a leak.
_DOCUMENTED = (
    *("4eC39HqLyjWD" + "arjtT1zdp7dc", "TYooMQauvdED" + "q54NiTphI7jx", "BQokikJOvBiI" + "2HlWgH4olfQ2"),  # Stripe
    *("2YotnFZFEjr1" + "zCsicMWpAA", "tGzv3JOkF0XG" + "5Qx2TlKWIA", "SplxlOBeZQQYb" + "YS6WxSbIA"),  # RFC 6749
    *(
        "SflKxwRJSMeKKF2QT4" + "fwpMeJf36POk6yJV_adQssw5c",
        "dBjftJeZ4CVP-mB92K27u" + "hbUJU1p1r_wW1gFWFOEjXk",
    ),  # jwt.io, RFC 7519
)


def is_stand_in(value: str) -> bool:
    """Whether `value` is a placeholder, or a key that is printed in documentation."""
    return _STAND_IN.search(value) is not None or value.endswith(_DOCUMENTED)


def entropy(value: str) -> float:
    """Shannon entropy of the characters of `value`, in bits per character."""
    length = len(value)
    return -sum(count / length * math.log2(count / length) for count in Counter(value).values())


def is_shuffled(value: str) -> bool:
    """Whether letters are random: their case changes often, and vowels are as rare as chance makes them.

    In random letters 10 of 52 are vowels; in the words that `camelCase` joins, more than a third are.
    """
    changes = sum(a.isupper() != b.isupper() for a, b in pairwise(value))
    vowels = sum(c in "aeiouAEIOU" for c in value)
    return changes >= 0.2 * len(value) and vowels <= 0.32 * len(value)


def looks_random(value: str) -> bool:
    """A token: digits or shuffled letters, varied, and no placeholder. Made for values of 16 characters and more."""
    if entropy(value) < 3.0 or not (any(c.isdigit() for c in value) or is_shuffled(value)):
        return False
    return not is_stand_in(value) and _SLUG.fullmatch(value) is None
