"""The guards with the detectors that come with the package."""

from __future__ import annotations

import base64
import json
import random
from itertools import pairwise

import pytest

from hardened.guards.engine import Guards
from hardened.guards.plan import Plan, Rule
from hardened.guards.stream import StreamGuard
from hardened.guards.verdict import STAGES
from hardened_detectors import pii, secrets
from hardened_detectors.examples import expected

JUDGE = Guards(
    Plan(rules=dict.fromkeys(STAGES, (Rule("secrets", "redact", "closed"), Rule("pii", "redact", "closed"))))
)

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_random = random.Random(7)


def made_up(length: int) -> str:
    return "".join(_random.choice(LETTERS) for _ in range(length))


def encoded(part: dict[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


PLANTED = {
    "openai": "sk-" + "proj-" + made_up(48),
    "github": "ghp" + "_" + made_up(36),
    "token": ".".join((encoded({"alg": "HS256", "typ": "JWT"}), encoded({"sub": made_up(90)}), made_up(43))),
    "pem": "-----BEGIN RSA "
    + "PRIVATE KEY-----\n"
    + "\n".join(made_up(64) for _ in range(6))
    + "\n-----END RSA "
    + "PRIVATE KEY-----",
    "mail": "jane.doe+x@mail.example.co.uk",
    "card": "4111" + " 1111" * 3,
}


def streamed(chunks: list[str]) -> str:
    stream = StreamGuard(JUDGE, "output")
    return "".join([*map(stream.feed, chunks), stream.finish()])


@pytest.mark.parametrize("name", PLANTED)
def test_planted_values_are_redacted_alike_however_the_text_is_cut(name: str) -> None:
    text = f"Hello, the value is {PLANTED[name]} and that is all, 12 of 34."
    whole = JUDGE.check(text, "output")
    assert whole.outcome == "redacted"
    assert PLANTED[name][-8:] not in whole.text
    assert streamed(list(text)) == whole.text
    for cut in range(0, len(text), 1 if len(text) < 200 else 7):
        assert streamed([text[:cut], text[cut:]]) == whole.text


def test_any_mixture_in_any_pieces_is_the_redaction_of_the_whole() -> None:
    chance = random.Random(11)
    parts = [
        *PLANTED.values(),
        "plain words ",
        "1 ",
        "4",
        "-----BEGIN ",
        "sk-",
        "@",
        " ",
        "\n",
        "api_key=",
        "key: ",
        "é",
        "\u200b",
        "many words of prose that pass at a glance, and then (",
        "http://app:",
        "born on ",
        "May ",
        "１２ ",
        "\\n",
        "call ",
    ]
    for _ in range(250):
        text = "".join(chance.choice(parts) for _ in range(chance.randint(1, 8)))
        cuts = sorted(chance.randint(0, len(text)) for _ in range(chance.randint(0, 40)))
        chunks = [text[start:end] for start, end in pairwise([0, *cuts, len(text)])]
        assert streamed(chunks) == JUDGE.check(text, "output").text


EXAMPLES = [expected(template)[0] for entry in (*pii.ENTRIES, *secrets.ENTRIES) for template in entry.examples]


@pytest.mark.parametrize("size", [1, 4, 23])
def test_every_kind_of_finding_between_words_is_redacted_alike_in_small_pieces(size: int) -> None:
    text = " and so on, word by word, \n".join(value for value in EXAMPLES if len(value) < 400)
    whole = JUDGE.check(text, "output")
    assert len(whole.decisions[0].findings) + len(whole.decisions[1].findings) > 150
    assert streamed([text[at : at + size] for at in range(0, len(text), size)]) == whole.text


def test_arguments_of_a_tool_call_stay_json() -> None:
    arguments = json.dumps(
        {"to": PLANTED["mail"], "key": PLANTED["pem"], "nested": [{"token": PLANTED["openai"]}], "n": 3}
    )
    after = json.loads(JUDGE.check_json(arguments, "tool_call").text)
    assert after["n"] == 3
    assert not any(value[-8:] in json.dumps(after) for value in PLANTED.values())
    assert after.keys() == {"to", "key", "nested", "n"}
