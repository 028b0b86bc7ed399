"""What only the words beside it make personal: dates of birth, documents, vehicles."""

# ruff: noqa: E501 - tables of patterns and examples, one item a line

from __future__ import annotations

from hardened_detectors import checks
from hardened_detectors.entry import Context, Entry

from .numbers import AFTER, BEFORE

_MONTH = "(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)"
_BIRTH_WORDS = (
    "birth", "birthday", "birthdate", "dob", "d.o.b", "born", "geburtsdatum", "geboren", "geb.", "naissance", "nacimiento", "nascita", "nascimento",
    "geboortedatum",
)  # fmt: skip

ENTRIES = (
    Entry(
        category="date_of_birth",
        before=r"(?<![A-Za-z0-9_])(?<!\d[-./])",
        body=(
            r"(?:19|20)\d\d[-./](?:0?[1-9]|1[0-2])[-./](?:3[01]|[12]\d|0?[1-9])|(?:3[01]|[12]\d|0?[1-9])[-./](?:3[01]|[12]\d|0?[1-9])[-./](?:(?:19|20)\d\d|\d\d)"
            rf"|(?:3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th)?(?: of)? {_MONTH},? (?:19|20)\d\d"
            rf"|{_MONTH} (?:3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th)?,? (?:19|20)\d\d"
        ),
        after=r"(?![A-Za-z0-9_]|[-./]\d)",
        longest=24,
        spaced=True,
        spans=rf"\d|\b{_MONTH} ",
        context=Context(words=_BIRTH_WORDS, window=40),
        score=0.75,
        examples=("born on «12 March 1990» in", "DOB: «1983-03-02»", "date of birth «September 18, 1959».", '"dateOfBirth": "«03/02/1983»"'),
        counterexamples=("released on 12 March 1990", "birth rate 2019", "1983-03-02"),
    ),
    Entry(
        category="us_passport",
        before=BEFORE,
        body=r"[A-Z]\d{7,8}|\d{8,9}",
        after=AFTER,
        longest=9,
        context=Context(words=("passport", "reisepass", "passeport", "pasaporte", "passaporto"), window=32),
        score=0.75,
        examples=("US passport - «C80109445»", "us_passport=«273701688»", '"passportNumber": "«A80588609»"'),
        counterexamples=("C80109445", "passport 1234", "passport since 2019"),
    ),
    Entry(
        category="us_driver_license",
        before=BEFORE,
        body=r"[A-Z]{1,2}\d{6,14}|[A-Z]\d{3}-\d{4}-\d{4}|\d{7,10}",
        after=AFTER,
        longest=16,
        context=Context(
            words=("driver's license", "drivers license", "driver license", "driving license", "driving licence", "driver's licence", "driver licence",
                   "drivers licence", "dl number", "dl no", "dl #", "driverslicense", "driverlicense", "license number", "licence number", "führerschein"),
            window=32,
        ),
        score=0.75,
        examples=('{"driverslicense": "«P8348978»"', "DL number: «C406177226871»", "driver's license «T792547804779»"),
        counterexamples=("P8348978", "the MIT license 2024", "driver 12345678"),
    ),
    Entry(
        category="vin",
        body=r"[A-HJ-NPR-Z0-9]{8}[0-9X][A-HJ-NPR-Z0-9]{8}",
        longest=17,
        gate=r"\b[A-HJ-NPR-Z0-9]{17}",
        check=checks.vin,
        context=Context(words=("vin", "vehicle", "chassis", "fahrgestell", "car")),
        score=0.85,
        examples=("VIN - «1VGUMADB458FD6036».",),
        counterexamples=("1VGUMADB458FD6036", "VIN 1VGUMADB458FD6037"),
    ),
)  # fmt: skip
