"""Content on spans: valid JSON within its budget, whatever the messages hold."""

import base64
import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardened.telemetry.content import encode

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=300),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)
ANYTHING = st.recursive(
    JSON_VALUES | st.binary(max_size=50) | st.builds(object) | st.complex_numbers() | st.just("\ud800 lone"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.integers() | st.text(), inner, max_size=3),
    max_leaves=10,
)


def message(text: str, role: str = "user") -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": text}]}


@given(st.lists(ANYTHING, max_size=8), st.integers(2, 2000))
def test_output_is_json_within_the_budget(items: list[Any], budget: int) -> None:
    text, _ = encode(items, budget)
    assert len(text.encode()) <= budget
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


@given(st.lists(JSON_VALUES, max_size=8))
def test_what_fits_is_kept_as_it_is_and_encoding_again_changes_nothing(items: list[Any]) -> None:
    text, truncated = encode(items, 1_000_000)
    assert not truncated
    assert encode(json.loads(text), 1_000_000) == (text, False)


def test_small_messages_are_unchanged() -> None:
    messages = [message("Grüße 🙂"), message("ok", "assistant")]
    text, truncated = encode(messages, 1000)
    assert json.loads(text) == messages
    assert not truncated


def test_the_longest_text_loses_its_middle_and_the_others_nothing() -> None:
    text, truncated = encode([message("Be brief."), message("begin " + "word " * 5000 + "end")], 2000)
    first, second = json.loads(text)
    assert truncated
    assert first == message("Be brief.")
    cut = second["parts"][0]["content"]
    assert cut.startswith("begin word word")
    assert cut.endswith("word end")
    head, _, rest = cut.partition("…[truncated ")
    number, _, tail = rest.partition(" chars]…")
    assert len(head) + int(number) + len(tail) == len("begin " + "word " * 5000 + "end")
    assert 1700 < len(text.encode()) <= 2000, "the budget is used"


def test_equal_texts_are_cut_evenly() -> None:
    text, _ = encode([message("a b " * 1000), message("c d " * 1000)], 1500)
    first, second = (len(one["parts"][0]["content"]) for one in json.loads(text))
    assert abs(first - second) < 10


def test_many_messages_lose_the_oldest_last() -> None:
    text, truncated = encode([message(f"number {index} " + "x " * 100) for index in range(100)], 3000)
    kept = json.loads(text)
    assert truncated
    assert 5 < len(kept) < 100
    assert kept[-1]["parts"][0]["content"].startswith("number 99 ")


def test_a_budget_too_small_for_anything_gives_an_empty_list() -> None:
    assert encode([message("x" * 100)], 10) == ("[]", True)


def test_words_are_not_cut_in_two() -> None:
    words = [f"word{index:04}" for index in range(2000)]
    text, _ = encode([message(" ".join(words))], 1000)
    head, _, rest = json.loads(text)[0]["parts"][0]["content"].partition("…[truncated ")
    assert head.split(" ")[-1] in words
    assert rest.partition(" chars]…")[2].split(" ")[0] in {"", *words}


def test_a_text_is_scrubbed_whole_before_it_is_cut() -> None:
    seen: list[str] = []

    def scrub(text: str) -> str:
        seen.append(text)
        return text.replace("A" * 1000, "[redacted]")

    long = "before " + "A" * 1000 + " after " + "word " * 1000
    text, truncated = encode([message("short"), message(long)], 700, scrub)
    assert seen == [long]
    assert truncated
    assert "AA" not in text
    assert "[redacted]" in text


def test_a_blob_becomes_size_and_digest() -> None:
    data = bytes(range(256)) * 100
    part = {"type": "blob", "modality": "image", "mime_type": "image/png", "content": base64.b64encode(data).decode()}
    text, truncated = encode([{"role": "user", "parts": [part]}], 1000)
    assert not truncated
    assert json.loads(text)[0]["parts"] == [
        {
            "type": "blob",
            "modality": "image",
            "mime_type": "image/png",
            "size_bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
        }
    ]
    assert part["content"], "the caller's part is not changed"


@pytest.mark.parametrize(
    "build",
    [
        lambda url, _: {"type": "uri", "modality": "image", "uri": url},
        lambda url, _: {"type": "text", "content": f"![a chart]({url}) and so on"},
        lambda url, _: {"type": "tool_call_response", "id": "1", "response": {"rows": [{"chart": url}]}},
        lambda _, raw: {"type": "tool_call_response", "response": {"source": {"type": "base64", "data": raw}}},
        lambda _, raw: {"type": "base64", "data": "\n".join(raw[at : at + 76] for at in range(0, len(raw), 76))},
    ],
)
def test_base64_elsewhere_is_replaced_too(build: Any) -> None:
    data = bytes(range(256)) * 20
    raw = base64.b64encode(data).decode()
    text, _ = encode([{"role": "user", "parts": [build("data:image/png;base64," + raw, raw)]}], 10_000)
    assert raw[:76] not in text
    assert hashlib.sha256(data).hexdigest() in text
    assert str(len(data)) in text


def test_text_that_only_talks_about_base64_stays() -> None:
    words = message("the word base64 in a text without any punctuation " * 40)
    assert json.loads(encode([words], 10_000)[0]) == [words]


def test_of_an_object_only_its_type_is_told() -> None:
    class Sentinel:
        def __repr__(self) -> str:
            return "what nobody shall see"

    text, _ = encode([{"temperature": Sentinel(), "nan": float("nan"), Sentinel(): 1}], 1000)
    assert "nobody" not in text
    assert json.loads(text)[0]["nan"] is None


def test_what_contains_itself_ends() -> None:
    loop: list[Any] = []
    loop += [loop, loop]
    assert json.loads(encode(loop, 1000)[0])
