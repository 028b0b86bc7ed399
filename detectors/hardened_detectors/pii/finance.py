"""Money: cards, accounts, wallets."""

# ruff: noqa: E501 - tables of patterns and examples, one item a line

from __future__ import annotations

from hardened_detectors import checks
from hardened_detectors.entry import Context, Entry

from .numbers import AFTER, BEFORE

_CARD_WORDS = (
    "card", "credit", "debit", "visa", "mastercard", "maestro", "amex", "american express", "ccnumber", "PAN", "karte", "carte", "tarjeta", "carta",
    "cartão", "cartao", "kaart", "karta", "karty", "kart", "kreditkort", "银行卡", "信用卡", "カード", "카드",
)  # fmt: skip
_ACCOUNT_WORDS = (
    "bank account", "account number", "account no", "account nr", "account num", "account #", "acct", "checking", "savings account", "cuenta bancaria", "número de cuenta",
    "numero de cuenta", "kontonummer", "compte bancaire", "numéro de compte", "conto corrente", "número da conta", "conta bancária", "rekeningnummer",
    "numer konta", "hesap numarası", "银行账号", "银行账户", "口座番号", "계좌번호",
)  # fmt: skip


def _iban_body() -> str:
    """For each country as many characters as it uses, so that a word behind an IBAN never becomes a part of it."""
    countries: dict[int, list[str]] = {}
    for country, length in checks.IBAN_LENGTHS.items():
        countries.setdefault(length, []).append(country)
    return "|".join(
        rf"(?:{'|'.join(names)})\d\d(?:[ -]?[A-Z0-9]{{4}}){{{(length - 4) // 4}}}"
        + (rf"[ -]?[A-Z0-9]{{{length % 4}}}" if length % 4 else "")
        for length, names in sorted(countries.items())
    )


ENTRIES = (
    Entry(
        category="credit_card",
        before=BEFORE + r"(?<!\d{4}[ -])",
        body=r"\d{16}|\d{14,15}|\d{4}(?: \d{4}){3}|\d{4}(?:-\d{4}){3}|\d{4} \d{6} \d{4,5}|\d{4}-\d{6}-\d{4,5}",
        after=AFTER,
        longest=19,
        digits=(14, 16),
        spaced=True,
        spans=r"\d",
        check=checks.credit_card,
        score=0.95,
        examples=("card «4111 1111 1111 1111».", "«5555-5555-5555-4444» 12/27", "«378282246310005»", "«3782 822463 10005»"),
        counterexamples=("4111 1111 1111 1112", "id 0000000000000000", "41111111111111111", "order-4111111111111111", "USPS 9400 4111 1111 1111 1111 22"),
    ),
    Entry(
        category="credit_card",
        before=BEFORE,
        body=r"\d(?:[ -]?\d){11,18}",
        after=AFTER,
        longest=37,
        digits=(12, 19),
        spaced=True,
        spans=r"\d",
        check=checks.card_number,
        context=Context(words=_CARD_WORDS, close=("cc",), window=48, reach=112, after=40),
        score=0.85,
        examples=("Visa «4222222222222»", "Maestro card: «6759 6498 2643 8453»", "tarjeta «6759649826438453»", "«6304000000000000» is my card number",
                  "my card 4222222222222 is old, the new one «859816896508984»"),
        counterexamples=("4222222222222", "card 4222222222223", "card 0000000000000"),
    ),
    Entry(
        category="iban",
        ignore_case=True,
        body=_iban_body(),
        longest=41,
        gate=r"[A-Za-z][A-Za-z]\d\d[ -]?[A-Za-z0-9]{4}",
        spaced=True,
        spans=r"\d",
        check=checks.iban,
        score=0.97,
        examples=("to «DE89370400440532013000».", "IBAN: «GB29 NWBK 6016 1331 9268 19»", "«FR14 2004 1010 0505 0001 3M02 606» ok",
                  "iban «gb29nwbk60161331926819»", "«BE71 0961 2345 6769» BIC GKCCBEBB", "«no93 8601 1117 947» it is"),
        counterexamples=("DE88370400440532013000", "XX89370400440532013000", "SKU AB12 CDEF", "DE89-3704-0044053201-3000"),
    ),
    Entry(
        category="crypto",
        body=r"0x[0-9a-fA-F]{40}|bc1[ac-hj-np-z02-9]{25,59}",
        longest=62,
        literals=("0x", "bc1"),
        score=0.9,
        examples=("send to «0x4ab1f260f90c609112346569ee782092f0317978»", "«bc1qehe04wvy578mnzjky5q8c9umrtye9leuqu5nk5»,"),
        counterexamples=("0xdeadbeef", "bc1", "0xaef7ac86d66c7a644fb12853ef86dcfaea21818b00"),
    ),
    Entry(
        category="crypto",
        body=r"[13][1-9A-HJ-NP-Za-km-z]{25,34}",
        longest=35,
        gate=r"\b[13][1-9A-HJ-NP-Za-km-z][1-9A-HJ-NP-Za-km-z][1-9A-HJ-NP-Za-km-z][1-9A-HJ-NP-Za-km-z]{22}",
        check=checks.base58check,
        score=0.95,
        examples=("BTC «1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa»", "«3EJocoVZjsLupb8bUwhM4rqBM5UZFoymyP».", ),
        counterexamples=("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb", "3" + "a" * 30),
    ),
    Entry(
        category="aba_routing",
        before=BEFORE,
        body=r"\d{9}",
        after=AFTER,
        longest=9,
        digits=(9, 9),
        check=checks.aba_routing,
        context=Context(words=("routing", "ABA", "RTN", "bank transit", "transit number"), close=("aba", "rtn"), reach=120, after=48),
        score=0.85,
        examples=("routing number «021000021»", "aba=«020273464»", "«021000021» is the routing number", "«021000021» <- ABA"),
        counterexamples=("021000021", "routing 021000022"),
    ),
    Entry(
        category="us_bank_account",
        before=BEFORE,
        body=r"\d{8,17}",
        after=AFTER,
        longest=17,
        digits=(8, 17),
        check=lambda value: len(set(value)) > 2,
        context=Context(words=_ACCOUNT_WORDS, window=48, reach=112, after=40),
        unless=Context(words=("aws", "amazon"), window=32),
        score=0.7,
        examples=('{"accountNumber": "«88106297»"', "checking account - «478241749»", "«88483810» <- checking account", "bank_acct_no: «000123456789»",
                  "the account number that you gave to us when we last spoke is «00327408»", "Kontonummer «532013000»"),
        counterexamples=("on account of 88106297", "88106297", "account number 1234567", "AWS account number 123456789012", "88106297: bank account closed",
                         "Your account number was changed. See ticket no longer than a month ago, which is 88106297"),
    ),
)  # fmt: skip
