"""Check digits against numbers that the authorities print as examples, and against every single-digit error."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hardened_detectors import checks

VALID = [
    (checks.luhn, "7992 7398 713"),
    (checks.credit_card, "5555 5555 5555 4444"),
    (checks.credit_card, "3782 822463 10005"),
    (checks.iban, "GB29 NWBK 6016 1331 9268 19"),
    (checks.iban, "NO93 8601 1117 947"),
    (checks.verhoeff, "2363"),
    (checks.aba_routing, "111000025"),
    (checks.ca_sin, "130 692 544"),
    (checks.uk_nhs, "943 476 5919"),
    (checks.nl_bsn, "111222333"),
    (checks.de_tax_id, "86095742719"),
    (checks.fr_nir, "255081416802538"),
    (checks.pl_pesel, "44051401359"),
    (checks.in_aadhaar, "7793 8347 0172"),
    (checks.au_tfn, "123 456 782"),
    (checks.au_abn, "51 824 753 556"),
    (checks.au_medicare, "2123 45670 1"),
    (checks.br_cpf, "529.982.247-25"),
    (checks.br_cnpj, "11.222.333/0001-81"),
    (checks.se_personnummer, "811218-9876"),
    (checks.tr_tckn, "10000000146"),
    (checks.cn_ric, "11010519491231002X"),
    (checks.es_nif, "12345678Z"),
    (checks.es_nie, "X1234567L"),
    (checks.it_fiscal_code, "RSSMRA85T10A562S"),
    (checks.fi_hetu, "131052-308T"),
    (checks.sg_nric, "S1234567D"),
    (checks.sg_nric, "F1234567N"),
    (checks.za_id, "8001015009087"),
    (checks.vin, "1M8GDM9AXKP042788"),
    (checks.base58check, "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"),
]
# A weight of 10 modulo 11, or a modulus that the digit's weight shares a factor with, misses some errors by design.
WEAK = {
    checks.au_medicare,
    checks.tr_tckn,
    checks.br_cpf,
    checks.br_cnpj,
    checks.sg_nric,
    checks.za_id,
    checks.se_personnummer,
    checks.luhn,
}
IDS = [f"{check.__name__}-{value}" for check, value in VALID]


@pytest.mark.parametrize(("check", "value"), VALID, ids=IDS)
def test_published_examples_are_valid(check: Callable[[str], bool], value: str) -> None:
    assert check(value)


@pytest.mark.parametrize(("check", "value"), VALID, ids=IDS)
def test_a_wrong_digit_is_noticed(check: Callable[[str], bool], value: str) -> None:
    wrong = [
        value[:at] + digit + value[at + 1 :]
        for at, character in enumerate(value)
        for digit in "0123456789"
        if character.isdigit() and digit != character and not (check is checks.base58check and digit == "0")
    ]
    missed = sum(map(check, wrong))
    assert missed == 0 if check not in WEAK else missed <= len(wrong) * 0.12


@pytest.mark.parametrize(
    "value", ["000-12-3456", "666-12-3456", "900-12-3456", "123-00-4567", "123-45-0000", "078-05-1120"]
)
def test_numbers_that_no_american_has(value: str) -> None:
    assert not checks.us_ssn(value)


def test_addresses_that_identify_nobody() -> None:
    assert checks.ip_v4("203.0.113.9")
    assert not any(map(checks.ip_v4, ["127.0.0.1", "0.0.0.0", "255.255.255.0", "10.0.0.0"]))
    assert checks.ip_v6("2001:db8::1")
    assert not any(map(checks.ip_v6, ["::1", "::", "1::2::3"]))
