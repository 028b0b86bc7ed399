"""Which kind of attack the words of a suspicious stretch speak of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

_JAILBREAK: Final = """
act acting amoral aim character dan developer ethical ethics evil fictional filters hypothetical hypothetically imagine
jailbreak jailbroken limits mode moral persona policy pretend refuse refuses restrictions roleplay role rules simulate
stan unfiltered uncensored unethical unrestricted illegal
"""
_LEAK: Final = """
above code confidential configuration disclose hidden initial instructions key leak password print prompt repeat reveal
secret secrets show system verbatim word words
"""
_OVERRIDE: Final = """
bypass cancel discard disregard drop erase forget ignore instead override overwrite skip stop must following new
previous prior earlier task send forward transfer
"""
_KINDS: Final = tuple(
    (kind, frozenset(words.split()))
    for kind, words in (("prompt_injection", _OVERRIDE), ("prompt_leak", _LEAK), ("jailbreak", _JAILBREAK))
)


def category(words: Sequence[str]) -> str:
    """The kind with most of its words among `words`; `prompt_injection` if there are none or as many of each."""
    present = set(words)
    return max(_KINDS, key=lambda kind: len(present & kind[1]))[0]
