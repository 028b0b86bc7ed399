"""Token estimates against counts of OpenAI's o200k_base, which were taken with tiktoken 0.14."""

import base64
import hashlib
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardened.spend.tokens import estimate, estimate_messages, estimate_request, fewest
from hardened_instrumentation.calls import RequestView

DIGESTS = [hashlib.sha256(bytes([number])) for number in range(8)]

ENGLISH = (
    "The delivery was delayed by two days because the carrier could not reach the warehouse. "
    "We are sorry for the trouble, and have already refunded the shipping costs to your card."
)
CODE = (
    "def total(prices: list[float]) -> float:\n"
    '    """Sum of all prices, rounded to cents."""\n'
    "    if not prices:\n"
    "        return 0.0\n"
    "    return round(sum(price for price in prices if price > 0), 2)\n"
)
JSON = (
    '{"order_id": 4711, "items": [{"sku": "AB-12", "quantity": 2, "price": 19.99}, '
    '{"sku": "CD-34", "quantity": 1, "price": 5.5}], "status": "shipped"}'
)
GERMAN = (
    "Die Lieferung hat sich um zwei Tage verzögert, weil der Spediteur das Lager nicht erreichen konnte. "
    "Wir bitten um Entschuldigung und haben die Versandkosten bereits erstattet."
)
RUSSIAN = (
    "Доставка задержалась на два дня, потому что перевозчик не смог добраться до склада. "
    "Мы уже вернули стоимость доставки на вашу карту."
)
ARABIC = (
    "تأخر التسليم لمدة يومين لأن شركة النقل لم تتمكن من الوصول إلى المستودع. لقد أعدنا بالفعل تكاليف الشحن إلى بطاقتك."
)
CHINESE = "由于承运人无法到达仓库，交货延迟了两天。我们对此深表歉意，并已将运费退还到您的银行卡。"
JAPANESE = "運送業者が倉庫に到着できなかったため、配達が二日遅れました。送料はすでにカードに返金いたしました。"
KOREAN = "운송업체가 창고에 도착하지 못해 배송이 이틀 지연되었습니다. 배송비는 이미 카드로 환불해 드렸습니다."
HINDI = "डिलीवरी में दो दिन की देरी हुई क्योंकि वाहक गोदाम तक नहीं पहुंच सका। हमने शिपिंग लागत आपके कार्ड पर वापस कर दी है।"


@pytest.mark.parametrize(
    ("text", "tokens", "within"),
    [
        pytest.param(ENGLISH, 34, 0.15, id="english"),
        pytest.param(CODE, 53, 0.15, id="code"),
        pytest.param(JSON, 62, 0.15, id="json"),
        pytest.param(str(2**900), 91, 0.15, id="digits"),
        pytest.param("".join(digest.hexdigest() for digest in DIGESTS[:4]), 142, 0.15, id="hex"),
        pytest.param(GERMAN, 37, 0.4, id="german"),
        pytest.param(RUSSIAN, 29, 0.4, id="russian"),
        pytest.param(ARABIC, 36, 0.4, id="arabic"),
        pytest.param(CHINESE, 35, 0.4, id="chinese"),
        pytest.param(JAPANESE, 38, 0.4, id="japanese"),
        pytest.param(KOREAN, 34, 0.4, id="korean"),
        pytest.param(HINDI, 35, 0.4, id="hindi"),
        pytest.param("😀😃🔥🚀✨" * 4, 28, 0.4, id="emoji"),
        pytest.param(base64.b64encode(b"".join(d.digest() for d in DIGESTS)).decode(), 234, 0.4, id="base64"),
    ],
)
def test_estimates_are_within_their_bounds(text: str, tokens: int, within: float) -> None:
    assert estimate(text) == pytest.approx(tokens, rel=within)


@given(st.text(), st.text())
def test_more_text_is_never_fewer_tokens(one: str, other: str) -> None:
    assert estimate(one + other) + 1 >= max(estimate(one), estimate(other)), "a seam can join two pieces to one"
    assert estimate(one + other) <= estimate(one) + estimate(other) + 1


def test_a_very_long_text_is_estimated_from_slices() -> None:
    assert estimate(ENGLISH * 5000) == pytest.approx(estimate(ENGLISH) * 5000, rel=0.05)


def test_messages_count_every_part_that_has_text() -> None:
    parts = [
        {"type": "text", "content": ENGLISH},
        {"type": "reasoning", "content": GERMAN},
        {"type": "tool_call", "id": "call_1", "name": "refund", "arguments": {"note": CHINESE}},
        {"type": "tool_call_response", "id": "call_1", "response": [CODE]},
        {"type": "tool_call", "id": "call_2", "name": "nothing", "arguments": None},
    ]
    texts = sum(map(estimate, (ENGLISH, GERMAN, CHINESE, CODE)))
    counted = estimate_messages([{"role": "assistant", "parts": parts[:2]}, {"role": "tool", "parts": parts[2:]}])
    assert texts < counted < texts + 30


def test_images_count_as_one_of_usual_size_and_files_as_nothing() -> None:
    image = {"type": "uri", "modality": "image", "uri": "https://example.com/a.png"}
    sound = {"type": "blob", "modality": "audio", "mime_type": "audio/wav", "content": "UklGRg=="}
    assert estimate_messages([{"role": "user", "parts": [image, sound]}]) == 765


def test_a_request_counts_system_messages_tools_and_format() -> None:
    message = {"role": "user", "parts": [{"type": "text", "content": ENGLISH}]}
    alone = estimate_request(RequestView(messages=[message]))
    assert alone == estimate(ENGLISH) + 6
    system = estimate_request(RequestView(messages=[message], system=[{"type": "text", "content": GERMAN}]))
    assert system == alone + estimate(GERMAN)
    tool = {"type": "function", "name": "refund", "parameters": {"type": "object"}}
    assert alone + 10 < estimate_request(RequestView(messages=[message], tools=[tool])) < alone + 40


def test_lone_surrogates_do_no_harm() -> None:
    assert estimate_messages([{"role": "tool", "parts": [{"type": "x", "response": {"a": "\ud800"}}]}]) > 0


FITTED = {ENGLISH: 34, CODE: 53, JSON: 62, GERMAN: 37, RUSSIAN: 29, ARABIC: 36, CHINESE: 35, JAPANESE: 38, KOREAN: 34}


@pytest.mark.parametrize(("text", "tokens"), FITTED.items(), ids=range(len(FITTED)))
def test_the_fewest_are_never_more_than_there_are(text: str, tokens: int) -> None:
    request = RequestView(messages=[{"parts": [{"content": text}]}])
    assert 0 < fewest(request) <= tokens
    assert fewest(RequestView(system=[{"content": text * 3000}])) <= 3000 * tokens  # over many pieces too
    assert fewest(RequestView(system=[{"content": ENGLISH * 3000}])) >= 3000 * 29


@given(st.lists(st.sampled_from(["a", "word", "7", "-", " ", "\n", "é", "物", "_"])).map("".join))
def test_the_fewest_are_the_runs_of_letters_and_of_signs(text: str) -> None:
    request = RequestView(messages=[{"parts": [{"content": text}]}])
    runs = len([run for word in text.split() for run, _ in itertools.groupby(word, str.isalnum)])
    assert runs - 1 <= fewest(request) <= runs
