"""Private values that must not leave, the disguises that they leave in, and a way to see through these."""

from __future__ import annotations

import base64
import json
import re
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote, unquote

from hypothesis import HealthCheck, settings


def examples(count: int) -> settings:
    """So many; what a fixture switches on is the same for all of them."""
    return settings(
        max_examples=count, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    )


def _joined(*parts: str) -> str:
    return "".join(parts)


CANARIES = {
    "email": "Quentin.Vantablack@canary-mail.org",
    "card": "4111 1111 1111 1111",
    "iban": "DE89 3704 0044 0532 0130 00",
    "openai": _joined(
        "sk-", "proj-", "Zq8Lk2Vw9Xe4Rt7Yu1Io3Pa5Sd6Fg0Hj", "T3Blbk", "FJ", "Nm8Bv2Cx4Zl6Kj9Hg1Fd3Sa5Qw7Er0Ty"
    ),
    "github": _joined("gh", "p_", "Wx3Yz9Kq7Lm2Np5Rt8Vb1Cd4Fg6Hj0Sa1Qe2"),
    "aws": _joined("AK", "IA", "Q7ZT3XK5W2YV4NRM"),
    "jwt": _joined(
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.",
        "eyJzdWIiOiI3NzQyMTkiLCJuYW1lIjoiY2FuYXJ5In0.",
        "c2lnbmF0dXJlLW9mLWEtY2FuYXJ5LXRva2Vu",
    ),
}


def _traceback_with(canary: str) -> str:
    try:
        raise ValueError(f"cannot reach {canary} now")
    except ValueError as error:
        return "".join(traceback.format_exception(error))


DISGUISES: dict[str, Callable[[str], str]] = {
    "raw": lambda canary: canary,
    "sentence": lambda canary: f"please write to {canary}, thanks",
    "json": lambda canary: json.dumps({"keep": "me", "note": f"it is {canary}"}),
    "json in json": lambda canary: json.dumps({"keep": [1, 2.5, None], "a": json.dumps({"b": canary})}),
    "json three deep": lambda canary: json.dumps([json.dumps({"a": json.dumps({"b": [canary]})})]),
    "json escapes": lambda canary: '{"note": "' + "".join(f"\\u{ord(c):04x}" for c in canary) + '"}',
    "escapes, cut off": lambda canary: '{"note": "' + "".join(f"\\u{ord(c):04x}" for c in canary) + '", "re',
    "json key": lambda canary: json.dumps({canary: 1, "keep": 2}),
    "percent": lambda canary: "q=" + "".join(f"%{ord(c):02X}" if c in "@ .-_" else c for c in canary),
    "base64": lambda canary: "data " + base64.b64encode(f"value: {canary} and more text".encode()).decode(),
    "zero width": lambda canary: canary[:5] + "\u200b" + canary[5:-4] + "\u200d" + canary[-4:],
    "url userinfo": lambda canary: f"https://{quote(canary, safe='')}:x@host.example/keep",
    "url query": lambda canary: f"https://host.example/keep?token={quote(canary, safe='')}&keep=1",
    "headers": lambda canary: str({"accept": "*/*", "authorization": f"Bearer {canary}"}),
    "header list": lambda canary: str([(b"accept", b"*/*"), (b"set-cookie", canary.encode())]),
    "traceback": _traceback_with,
    "exception": lambda canary: f"{ValueError(canary)!r}",
}

_BLOB = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")


def readings(text: str) -> list[str]:
    """The text as it is and as anyone can decode it, several layers deep."""
    seen = {text}
    for _ in range(5):
        seen |= {reading for known in seen for reading in _undone(known)}
    return list(seen)


def _undone(text: str) -> list[str]:
    blobs = "\n".join(_decoded(blob) for blob in _BLOB.findall(text))
    return [
        re.sub(r"\\u([0-9a-fA-F]{4})", lambda match: chr(int(match[1], 16)), text),
        text.replace('\\"', '"').replace("\\\\", "\\"),
        unquote(text),
        re.sub("[\u200b\u200d]", "", text),
        *([blobs] if blobs.strip() else []),
    ]


def _decoded(blob: str) -> str:
    data = blob.rstrip("=").translate({ord("-"): "+", ord("_"): "/"})
    try:
        return base64.b64decode(data + "=" * (-len(data) % 4)).decode()
    except ValueError:
        return ""


def leaks(canary: str, output: bytes | str) -> list[str]:
    """The parts of eight characters of `canary` that can be read in `output`, in any disguise."""
    text = output if isinstance(output, str) else output.decode("utf-8", "replace")
    # What every value of the kind begins or ends with tells nothing.
    telling = [canary[at : at + 8] for at in range(0, len(canary) - 7)]
    public = ("eyJhbGci", "canary-mail.org")
    parts = [part for part in telling if not any(part in known for known in public)]
    return sorted({part for reading in readings(text) for part in parts if part in reading})


@dataclass(frozen=True)
class Payload:
    """A canary in a disguise."""

    canary: str
    text: str

    @classmethod
    def of(cls, canary: str, disguise: str) -> Payload:
        return cls(CANARIES[canary], DISGUISES[disguise](CANARIES[canary]))
