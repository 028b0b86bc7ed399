"""Money: cards, accounts, wallets."""

# ruff: noqa: E501 - tables of patterns and examples, one item a line

from __future__ import annotations

from hardened_detectors import checks
from hardened_detectors.entry import Context, Entry

from .numbers import AFTER, BEFORE

_CARD_WORDS = (
    "card",
    "credit",
    "debit",
    "visa",
    "mastercard",
    "maestro",
    "amex",
    "cc",
    "karte",
    "carte",
    "tarjeta",
    "carta",
)

ENTRIES = (
    Entry(
        category="credit_card",
        before=BEFORE,
        body=r"\d{16}|\d{14,15}|\d{4}(?: \d{4}){3}|\d{4}(?:-\d{4}){3}|\d{4} \d{6} \d{4,5}|\d{4}-\d{6}-\d{4,5}",
        after=AFTER,
        longest=19,
        digits=(14, 16),
        spaced=True,
        spans=r"\d",
        check=checks.credit_card,
        score=0.95,
        examples=("card «4111 1111 1111 1111».", "«5555-5555-5555-4444» 12/27", "«378282246310005»", "«3782 822463 10005»"),
        counterexamples=("4111 1111 1111 1112", "id 0000000000000000", "41111111111111111", "order-4111111111111111"),
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
        check=checks.credit_card,
        context=Context(words=_CARD_WORDS, window=48),
        score=0.9,
        examples=("Visa «4222222222222»", "Maestro card: «6759 6498 2643 8453»"),
        counterexamples=("4222222222222",),
    ),
    Entry(
        category="iban",
        body=r"[A-Z]{2}\d{2}(?:[A-Z0-9]{11,30}|(?:[ -][A-Z0-9]{4}){2,7}(?:[ -][A-Z0-9]{1,3})?)",
        longest=43,
        gate=r"[A-Z][A-Z]\d\d[ -]?[A-Z0-9][A-Z0-9][A-Z0-9][A-Z0-9]",
        spaced=True,
        spans=r"\d",
        check=checks.iban,
        score=0.97,
        examples=("to «DE89370400440532013000».", "IBAN: «GB29 NWBK 6016 1331 9268 19»", "«FR14 2004 1010 0505 0001 3M02 606» ok"),
        counterexamples=("DE88370400440532013000", "XX89370400440532013000", "SKU AB12 CDEF"),
    ),
    Entry(
        category="crypto",
        body=r"0x[0-9a-fA-F]{40}|bc1[ac-hj-np-z02-9]{25,59}",
        longest=62,
        literals=("0x", "bc1"),
        score=0.9,
        examples=("send to «0xaef7ac86d66c7a644fb12853ef86dcfaea21818b»", "«bc1qaha9ewvy804mnzjky8qfc8umrtya0lduqu4nka»,"),
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
        context=Context(words=("routing", "aba", "rtn", "bank transit")),
        score=0.85,
        examples=("routing number «021000021»", "aba=«101399021»"),
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
        context=Context(
            words=("bank account", "account number", "account no", "account nr", "account #", "acct", "checking", "savings account",
                   "accountnumber", "kontonummer"),
            window=32,
        ),
        score=0.7,
        examples=('{"accountNumber": "«31656299»"', "checking account - «756212385»"),
        counterexamples=("on account of 31656299", "31656299", "account number 1234567"),
    ),
)  # fmt: skip
