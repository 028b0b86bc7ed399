"""Check digits of identifiers: each function takes the text as matched, separators included, and says if it is valid.

Algorithms: Luhn is ISO/IEC 7812-1 annex B, mod 97 is ISO 7064 as in ISO 13616 (IBAN), Verhoeff is the dihedral-group
scheme of his 1969 thesis. The national ones follow the issuing authorities' published descriptions, named at each
function.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from .lazy import lazy

_DIGIT = lazy(r"\d", re.ASCII)
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def digits(value: str) -> list[int]:
    """The digits in `value`, in order."""
    return [int(digit) for digit in _DIGIT.findall(value)]


def letters_and_digits(value: str) -> str:
    """`value` in upper case without anything else."""
    return re.sub(r"[^A-Z0-9]", "", value.upper())


def weighted(numbers: Iterable[int], weights: Iterable[int]) -> int:
    """The sum of products, as far as the shorter of the two goes."""
    return sum(number * weight for number, weight in zip(numbers, weights, strict=False))


def luhn(value: str) -> bool:
    """Luhn, over all digits."""
    total = 0
    for position, digit in enumerate(reversed(digits(value))):
        total += digit if position % 2 == 0 else digit * 2 - 9 * (digit > 4)
    return total % 10 == 0


# Number of characters by country, from the IBAN registry (SWIFT, the registration authority of ISO 13616).
IBAN_LENGTHS = {
    country: int(length)
    for length, countries in {
        15: "NO", 16: "BE", 18: "DK FI FO GL NL", 19: "MK SI", 20: "AT BA EE KZ LT LU XK", 21: "CH CR HR LI LV",
        22: "BG BH DE GB GE IE ME RS VA", 23: "AE GI IL IQ TL", 24: "AD CZ ES MD PK RO SA SE SK TN VG", 25: "LY PT ST",
        26: "IS TR", 27: "BI DJ FR GR IT MC MR SM", 28: "AL AZ BY CY DO GT HU LB NI PL SV", 29: "BR EG PS QA UA",
        30: "JO KW MU", 31: "MT SC", 32: "LC", 33: "RU",
    }.items()
    for country in countries.split()
}  # fmt: skip


def iban(value: str) -> bool:
    """Length of the country and mod 97; in one piece or in groups of four."""
    if any(len(group) != 4 for group in re.split("[ -]", value)[:-1]):
        return False
    compact = letters_and_digits(value)
    if IBAN_LENGTHS.get(compact[:2]) != len(compact):
        return False
    return int("".join(str(int(c, 36)) for c in compact[4:] + compact[:4])) % 97 == 1


# Multiplication and permutation of the dihedral group D5.
_D5 = tuple(
    tuple((a + b) % 5 + 5 * (b > 4) if a < 5 else (a - b) % 5 + 5 * (b < 5) for b in range(10)) for a in range(10)
)
_P5 = [list(range(10)), [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]]
for _ in range(6):
    _P5.append([_P5[-1][k] for k in _P5[1]])


def verhoeff(value: str) -> bool:
    """Verhoeff, over all digits."""
    check = 0
    for position, digit in enumerate(reversed(digits(value))):
        check = _D5[check][_P5[position % 8][digit]]
    return check == 0


# First digits of the card networks (ISO/IEC 7812-2 issuer identification numbers) and the lengths they use.
_CARD = lazy(
    r"4(?:\d{12}|\d{15}|\d{18})|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}"
    r"|3(?:0[0-5]|[689]\d)\d{11}(?:\d{2})?|6(?:011|4[4-9]\d|5\d\d)\d{12}|35(?:2[89]|[3-8]\d)\d{12}|62\d{14,17}|(?:50|5[6-8]|6\d)\d{10,17}"
)


def credit_card(value: str) -> bool:
    """A number of a card network with the right length and Luhn; not one digit repeated."""
    compact = re.sub(r"\D", "", value)
    return _CARD.fullmatch(compact) is not None and len(set(compact)) > 1 and luhn(compact)


def card_number(value: str) -> bool:
    """Luhn, for a number of any network (ISO/IEC 7812-1); not one digit repeated, no leading 0."""
    compact = re.sub(r"\D", "", value)
    return compact[0] != "0" and len(set(compact)) > 1 and luhn(compact)


def us_ssn(value: str) -> bool:
    """Area, group and serial that the Social Security Administration can assign; no advertised number."""
    d = re.sub(r"\D", "", value)
    if d[0] == "9" or d[:3] in ("000", "666") or d[3:5] == "00" or d[5:] == "0000":
        return False
    return d not in ("078051120", "219099999", "123456789", "987654321")


def us_itin(value: str) -> bool:
    """Begins with 9, group 50 to 65, 70 to 88, 90 to 92 or 94 to 99 (IRS Publication 1915)."""
    d = digits(value)
    group = d[3] * 10 + d[4]
    return d[0] == 9 and (50 <= group <= 65 or 70 <= group <= 88 or 90 <= group <= 92 or 94 <= group <= 99)


def aba_routing(value: str) -> bool:
    """American Bankers Association: Federal Reserve prefix and weights 3, 7, 1."""
    d = digits(value)
    prefix = d[0] * 10 + d[1]
    in_use = prefix <= 12 or 21 <= prefix <= 32 or 61 <= prefix <= 72 or prefix == 80
    return in_use and any(d) and weighted(d, (3, 7, 1) * 3) % 10 == 0


def ca_sin(value: str) -> bool:
    """Luhn; the first digit is neither 0 nor 8 (Service Canada)."""
    return digits(value)[0] not in (0, 8) and luhn(value)


def uk_nhs(value: str) -> bool:
    """Mod 11 with weights 10 to 2 (NHS Data Dictionary)."""
    d = digits(value)
    return len(set(d)) > 1 and (weighted(d, range(10, 1, -1)) + d[9]) % 11 == 0


def nl_bsn(value: str) -> bool:
    """The "elfproef" with weights 9 to 2 and -1."""
    d = digits(value)
    return any(d) and weighted(d, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0


def de_tax_id(value: str) -> bool:
    """ISO 7064 mod 11,10; does not begin with 0, one digit of ten repeats (Bundeszentralamt für Steuern)."""
    d = digits(value)
    product = 10
    for digit in d[:10]:
        product = ((digit + product) % 10 or 10) * 2 % 11
    return d[0] != 0 and len(set(d[:10])) in (8, 9) and (11 - product) % 10 == d[10]


def fr_nir(value: str) -> bool:
    """Key is 97 minus the number mod 97 (INSEE), for sex 1 or 2 and a possible month."""
    d = re.sub(r"\D", "", value)
    month = int(d[3:5])
    return (1 <= month <= 12 or 20 <= month <= 42 or month >= 50) and 97 - int(d[:13]) % 97 == int(d[13:])


_NIF_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"


def es_nif(value: str) -> bool:
    """Letter by mod 23 (Ministerio del Interior)."""
    return _NIF_LETTERS[int(re.sub(r"\D", "", value)) % 23] == value[-1].upper()


def es_nie(value: str) -> bool:
    """As the NIF, with X, Y, Z read as 0, 1, 2."""
    compact = letters_and_digits(value)
    return _NIF_LETTERS[int(str("XYZ".index(compact[0])) + compact[1:-1]) % 23] == compact[-1]


_CF_ODD = dict(
    zip(
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        [1, 0, 5, 7, 9, 13, 15, 17, 19, 21,
         1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23],
        strict=True,
    )
)  # fmt: skip


def it_fiscal_code(value: str) -> bool:
    """Control letter (decree of 23 December 1976)."""
    code = value.upper()
    if code.isalpha():
        return False
    even = sum(int(c) if c.isdigit() else ord(c) - 65 for c in code[1:15:2])
    return chr(65 + (even + sum(_CF_ODD[c] for c in code[:15:2])) % 26) == code[15]


def pl_pesel(value: str) -> bool:
    """Weights 1, 3, 7, 9 and a date of birth whose month tells the century (Polish act on population records)."""
    d = digits(value)
    month, day = (d[2] * 10 + d[3]) % 20, d[4] * 10 + d[5]
    return 1 <= month <= 12 and 1 <= day <= 31 and weighted(d, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)) % 10 == 0


def in_aadhaar(value: str) -> bool:
    """Verhoeff; does not begin with 0 or 1 (UIDAI)."""
    return digits(value)[0] > 1 and verhoeff(value)


def au_tfn(value: str) -> bool:
    """Mod 11 with the weights of the Australian Taxation Office."""
    d = digits(value)
    return any(d) and weighted(d, (1, 4, 3, 7, 5, 8, 6, 9, 10)) % 11 == 0


def au_abn(value: str) -> bool:
    """First digit less one, then mod 89 (Australian Business Register)."""
    d = digits(value)
    return d[0] > 0 and weighted([d[0] - 1, *d[1:]], (10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19)) % 89 == 0


def au_medicare(value: str) -> bool:
    """First digit 2 to 6, ninth digit is the check digit (Services Australia)."""
    d = digits(value)
    return 2 <= d[0] <= 6 and weighted(d[:8], (1, 3, 7, 9, 1, 3, 7, 9)) % 10 == d[8]


def br_cpf(value: str) -> bool:
    """Two check digits mod 11 (Receita Federal)."""
    d = digits(value)
    first = weighted(d[:9], range(10, 1, -1)) * 10 % 11 % 10
    second = weighted(d[:10], range(11, 1, -1)) * 10 % 11 % 10
    return len(set(d)) > 1 and [first, second] == d[9:]


def br_cnpj(value: str) -> bool:
    """Two check digits mod 11 (Receita Federal)."""
    d = digits(value)
    weights = (6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)
    first = weighted(d[:12], weights[1:]) % 11
    second = weighted(d[:13], weights) % 11
    return len(set(d)) > 1 and [0 if r < 2 else 11 - r for r in (first, second)] == d[12:]


_PERSONAL_LETTERS = "0123456789ABCDEFHJKLMNPRSTUVWXY"


def _day_and_month(d: list[int]) -> bool:
    return 1 <= d[0] * 10 + d[1] <= 31 and 1 <= d[2] * 10 + d[3] <= 12


def fi_hetu(value: str) -> bool:
    """Ninth digits mod 31 and a date (Digital and Population Data Services Agency)."""
    compact = letters_and_digits(value[:6] + value[7:])
    return _day_and_month(digits(compact)) and _PERSONAL_LETTERS[int(compact[:9]) % 31] == compact[9]


def se_personnummer(value: str) -> bool:
    """Luhn over the last ten digits and a date; coordination numbers add 60 to the day (Skatteverket)."""
    d = digits(value)[-10:]
    month, day = d[2] * 10 + d[3], (d[4] * 10 + d[5]) % 60
    return 1 <= month <= 12 and 1 <= day <= 31 and luhn("".join(map(str, d)))


def sg_nric(value: str) -> bool:
    """Letter by mod 11; series S, T (citizens), F, G and M (foreigners)."""
    series = value[0].upper()
    total = weighted(digits(value), (2, 7, 6, 5, 4, 3, 2)) + {"T": 4, "G": 4, "M": 3}.get(series, 0)
    if series == "M":
        return "KLJNPQRTUWX"[10 - total % 11] == value[-1].upper()
    return ("JZIHGFEDCBA" if series in "ST" else "XWUTRQPNMLK")[total % 11] == value[-1].upper()


def kr_rrn(value: str) -> bool:
    """A date of birth; the check digit is not required, numbers issued since October 2020 have none."""
    d = digits(value)
    return _day_and_month([d[4], d[5], d[2], d[3]]) and 1 <= d[6] <= 8


def za_id(value: str) -> bool:
    """A date of birth, citizenship 0, 1 or 2, and Luhn (Department of Home Affairs)."""
    d = digits(value)
    return _day_and_month([d[4], d[5], d[2], d[3]]) and d[10] in (0, 1, 2) and luhn(value)


def cn_ric(value: str) -> bool:
    """ISO 7064 mod 11-2 and a date of birth (GB 11643-1999)."""
    if not (1900 <= int(value[6:10]) <= 2100 and _day_and_month(digits(value[12:14] + value[10:12]))):
        return False
    total = weighted(digits(value[:17]), (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2))
    return "10X98765432"[total % 11] == value[17].upper()


def tr_tckn(value: str) -> bool:
    """Two check digits (Turkish population registry)."""
    d = digits(value)
    tenth = (sum(d[0:9:2]) * 7 - sum(d[1:8:2])) % 10
    return d[0] != 0 and d[9] == tenth and sum(d[:10]) % 10 == d[10]


def mx_curp(value: str) -> bool:
    """A date of birth at its place (RENAPO)."""
    return _day_and_month(digits(value[8:10] + value[6:8]))


def vin(value: str) -> bool:
    """Check digit at the ninth place (ISO 3779 as used in North America); has letters and digits."""
    numbers = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", [*range(1, 9), 1, 2, 3, 4, 5, 7, 9, *range(2, 10)], strict=True))
    total = weighted(
        (int(c) if c.isdigit() else numbers[c] for c in value), (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
    )
    return not value.isdigit() and not value.isalpha() and value[8] == "0123456789X"[total % 11]


def ip_v4(value: str) -> bool:
    """Not a network mask, not unspecified or this machine: those identify nobody."""
    from ipaddress import IPv4Address

    address = IPv4Address(value)
    return not (
        address.is_unspecified or address.is_loopback or value.startswith(("255.", "0.")) or value.endswith(".0.0.0")
    )


def ip_v6(value: str) -> bool:
    """A valid address that is not unspecified or this machine."""
    from ipaddress import IPv6Address

    try:
        address = IPv6Address(value)
    except ValueError:
        return False
    return not (address.is_unspecified or address.is_loopback)


def base58check(value: str) -> bool:
    """Bitcoin's address checksum: the first four bytes of a double SHA-256."""
    from hashlib import sha256

    number = 0
    for character in value:
        number = number * 58 + _BASE58.index(character)
    if number >> 200:
        return False
    raw = number.to_bytes(25, "big")
    return sha256(sha256(raw[:21]).digest()).digest()[:4] == raw[21:]
