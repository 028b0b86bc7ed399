"""The work grows in proportion to the text, also for text that was made to hurt.

Measured as a ratio of CPU times of the same code on the same machine with a wide margin: quadratic work would make it
8, and the bound is 5.
"""

from __future__ import annotations

import time

import pytest

from hardened_detectors.overlaps import resolve
from hardened_detectors.registry import create
from hardened_detectors.scanner import Scanner

SCANNER = Scanner([create(name) for name in ("pii", "secrets", "injection", "topic")])

HOSTILE = {
    "digits": "1",
    "digits and gaps": "1 2-3.4(",
    "numbers": "4111 1111 ",
    "at signs": "a@",
    "mail heads": "aaaa.bbbb-",
    "mail": "a@b.",
    "colons": "ab:cd:",
    "dots": "1.2.",
    "upper case": "AB12 CDEF ",
    "key headers": "-----BEGIN " + "RSA PRIVATE KEY-----",
    "key openings": "-----BEGIN ",
    "key lines": "-----BEGIN " + "PRIVATE KEY-----" + "A" * 70 + " ",
    "jwt heads": "eyJ",
    "jwt parts": "eyJaaaaaaaaaaaa.",
    "prefixes": "sk-",
    "assignments": "password=",
    "assignments with gaps": "token :  ",
    "url heads": "a://b:",
    "url passwords": "://:xyz",
    "bearer": "bearer ",
    "names without values": "secret.key.token.",
    "names and fallbacks": "token = a.b(c) or ",
    "names and elements": "<token></token> <value>",
    "hash heads": "$6$aaaa$",
    "command line users": "-u a:'b",
    "services": "mailjet: ",
    "alphanumerical run": "aB1",
    "overrides": "ignore previous ",
    "percent": "%41%",
    "escapes": "\\u0041\\u",
    "entities": "&amp;&#",
    "blobs": "QUFB" * 8 + " ",
    "long blob": "QUFB",
    "zero width": "a\u200b",
    "full width": "１",
    "look-alikes": "аb",
    "tags": "\U000e0041",
    "characters apart": "4 1 ",
    "broken lines": "12\n",
    "broken numbers": "4111\n1111 ",
    "spelled out": "a dot b at ",
    "brackets": "(at) [dot] ",
    "hex": "41424344 4a4b4c4d",
    "context words": "ssn passport card ",
    "numbers that wait": "123456782 is my ",
    "upper case words": "SIN VIN ABA ",
    "base58": "1A1zP1eP5QGefi2DMPTfTL5SLmv7Div",
    "markdown image": "![a](https://a?b=",
    "hyphens": "ab-cd-",
    "single letters": "a ",
    "symbols": "@a!b",
    "rot13": "vtaber nyy ",
    "tag characters": "\U000e0041",
    "account heads": "DE89 3704 ",
    "names of keys": "access_key authkey ",
    "canary heads": "hc1x",
    "one long word": "abcdefghijklmnop",
}


def cost(text: str) -> float:
    started = time.thread_time()
    resolve(SCANNER.scan(text, views=True).findings)
    SCANNER.open_from(text, 0)
    return time.thread_time() - started


@pytest.mark.parametrize("seed", HOSTILE.values(), ids=list(HOSTILE))
def test_eight_times_the_text_is_not_64_times_the_work(seed: str) -> None:
    small = (seed * 8192)[:4096]
    large = (seed * 65536)[:32768]
    cost(small)  # builds what is built at first use
    assert any(cost(large) <= 8 * 5 * max(cost(small), 0.0005) for _ in range(3))
