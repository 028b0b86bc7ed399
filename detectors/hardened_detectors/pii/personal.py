"""What only the words beside it make personal: dates of birth, documents, vehicles."""

# ruff: noqa: E501 - tables of patterns and examples, one item a line

from __future__ import annotations

import re

from hardened_detectors import checks
from hardened_detectors.entry import Context, Entry

from .numbers import AFTER, BEFORE

_MONTH = "(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)"
# Months of other languages that differ from the English ones; they stand behind the day.
_MONTHS = (
    "J[aä]nner|Januar|Februar|M[aä]rz|Mai|Juni|Juli|Oktober|Dezember|janvier|f[eé]vrier|mars|avril|mai|juin|juillet|ao[uû]t|septembre|octobre|novembre|"
    "d[eé]cembre|enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre|janeiro|fevereiro|mar[cç]o|maio|junho|julho|"
    "setembro|outubro|novembro|dezembro|gennaio|febbraio|aprile|maggio|giugno|luglio|settembre|ottobre|dicembre|januari|februari|maart|april|mei|juni|"
    "juli|augustus|oktober|december|stycznia|lutego|marca|kwietnia|maja|czerwca|lipca|sierpnia|wrze[sś]nia|pa[zź]dziernika|listopada|grudnia|Ocak|"
    "[SŞ]ubat|Mart|Nisan|May[iı]s|Haziran|Temmuz|A[gğ]ustos|Eyl[uü]l|Ekim|Kas[iı]m|Aral[iı]k"
)
_DAY = "(?:3[01]|[12]\\d|0?[1-9])"
_YEAR = "(?:19|20)\\d\\d"
_BIRTH_WORDS = (
    "birth", "birthday", "birthdate", "date of birth", "dob", "d.o.b", "born", "born on", "geburtsdatum", "geburtstag", "geboren", "geb.", "naissance",
    "né le", "née le", "né(e) le", "nacimiento", "nacido", "nacida", "nascita", "nato il", "nata il", "nascimento", "nascido", "nascida", "geboortedatum",
    "urodzenia", "urodzony", "urodzona", "doğum", "dogum", "födelsedatum", "fødselsdato", "syntymäaika", "出生", "生年月日", "생년월일", "生日",
)  # fmt: skip
_PASSPORT_WORDS = (
    "passport", "reisepass", "passeport", "pasaporte", "passaporto", "passaporte", "paspoort", "paszport", "pasaport", "护照", "パスポート", "여권",
)  # fmt: skip
_LICENSE_WORDS = (
    "driver's license", "driver license", "driver's licence", "driver licence", "driving license", "driving licence", "driver's lic", "drivers permit",
    "DL", "DLN", "dl number", "dl no", "dl #", "dl:", "license number", "licence number", "license no", "licence no", "führerschein", "fuehrerschein",
    "permis de conduire", "licencia de conduc", "permiso de conduc", "carnet de conducir", "patente di guida", "carteira de motorista", "CNH",
    "carta de condução", "rijbewijs", "prawo jazdy", "prawa jazdy", "ehliyet", "sürücü belgesi", "驾驶证", "驾照", "運転免許", "운전면허",
)  # fmt: skip

ENTRIES = (
    Entry(
        category="date_of_birth",
        before=r"(?<![A-Za-z0-9_])(?<!\d[-./])",
        body=(
            rf"{_YEAR}[-./](?:0?[1-9]|1[0-2])[-./]{_DAY}|{_DAY}[-./]{_DAY}[-./](?:{_YEAR}|\d\d)|{_DAY}[-. ]{_MONTH}[-. ]{_YEAR}"
            rf"|{_DAY}(?:st|nd|rd|th|er)?(?: of)? {_MONTH},? {_YEAR}|{_MONTH} {_DAY}(?:st|nd|rd|th)?,? {_YEAR}"
            rf"|{_DAY}(?:\.|er|º)?(?: de| d')? (?:{_MONTHS})(?: de| del)? {_YEAR}|{_YEAR}(?:年 ?|년 ?)(?:1[0-2]|0?[1-9])(?:月 ?|월 ?){_DAY}[日일]"
        ),
        after=r"(?![A-Za-z0-9_]|[-./]\d)",
        longest=36,
        spaced=True,
        spans=rf"\d|\b{_MONTH} ",
        context=Context(words=_BIRTH_WORDS, window=56, reach=112, after=40),
        unless=Context(words=("born to",), window=48),
        score=0.75,
        examples=(
            "born on «12 March 1990» in", "DOB: «1974-01-17»", "date of birth «September 19, 1931».", '"dateOfBirth": "«03/02/1983»"', "bornon='«1977-08-21»'",
            "Geburtsdatum: «3. März 1984»", "née le «1er avril 1971»", "fecha de nacimiento: «4 de julio de 1992»", "生年月日 «1990年3月12日»",
            "«1996-07-05» is the date of birth we have", "born «12-Mar-1990»", "who,dob,since\nA. B.,«16.02.1930»,ok",
        ),
        counterexamples=("released on 12 March 1990", "birth rate 2019", "1974-01-17", "He was born in Bonn, or so he says. And then the bill is due on 2024-03-01", "stillborn plan of 2024-03-01",
                         "2024-03-01 birthday: 1", "due 2024-03-01, born later", "Born to run, released 25 August 1975"),
    ),
    Entry(
        category="us_passport",
        before=BEFORE,
        body=r"[A-Za-z]\d{7,8}|\d{8,9}",
        after=AFTER,
        longest=9,
        context=Context(words=_PASSPORT_WORDS, window=56, reach=112, after=40),
        score=0.75,
        examples=("US passport - «K27318341»", "us_passport=«631455391»", '"passportNumber": "«T63869498»"', "«K27318341» is my US passport number",
                  "«K27318341» (passport)", "«K27318341» - passport no.\n", "the passport that they renewed for us last summer should be «K27318341»", "Reisepass-Nr.: «c80109445»"),
        counterexamples=("K27318341", "passport 1234", "passport since 2019", "#12345678: passport renewal", "12345678 - passport renewal", "12345678, passport: no",
                         "No passport so far, we heard, and nothing is known about it. Ticket 12345678"),
    ),
    Entry(
        category="us_driver_license",
        before=BEFORE,
        body=(
            r"[A-Za-z]{1,3}\d{5,14}[A-Za-z]?|[A-Za-z]?\d{3,4}(?:-\d{2,6}){2,4}(?:-\d)?|[A-Za-z](?:-\d{3}){4}|[A-Za-z]\d{4}(?: \d{5}){2}|\d{7,12}|\d\d[A-Z]{3}\d{5}"
            r"|WDL[A-Z0-9]{9}|[A-Z]{2,5}9{0,3}\d{6}[A-Z9]{2}\d[A-Z]{2}"
        ),
        after=AFTER,
        longest=36,
        spaced=True,
        spans=r"\d",
        check=lambda value: re.fullmatch(r"(?:19|20)\d\d-\d\d-\d\d", value) is None,
        context=Context(words=_LICENSE_WORDS, window=56, reach=112, after=40),
        score=0.75,
        examples=('{"driverslicense": "«S4897916»"', "DL number: «J305358694198»", "driver's license «V133648429329»", "driver’s license no. «LJ511211C»", "DL «D400-7836-0001»",
                  "driving licence: «MORGA657054SM9IJ»", "«T7413856» is her driver's license number", "«Z5661604» <- driver's license, as of today", "Führerschein «N072345678»"),
        counterexamples=("S4897916", "the MIT license 2024", "driver 12345678", "driver's license, issued 2024-03-01", "handler 12345678", "printer driver 12345678"),
    ),
    Entry(
        category="vin",
        body=r"[A-HJ-NPR-Z0-9]{8}[0-9X][A-HJ-NPR-Z0-9]{8}",
        longest=17,
        gate=r"\b[A-HJ-NPR-Z0-9]{17}",
        check=checks.vin,
        context=Context(
            words=("VIN", "vehicle", "chassis", "châssis", "fahrgestell", "fahrzeug", "bastidor", "telaio", "chassi", "车架", "車台", "차대번호"),
            close=("vin", "car"), reach=120, after=48,
        ),
        score=0.85,
        examples=("VIN - «0FXGAEPR554PL6768».", "vin_number=«0FXGAEPR554PL6768»", "«0FXGAEPR554PL6768» <- VIN, please store it"),
        counterexamples=("0FXGAEPR554PL6768", "VIN 1VGUMADB458FD6037", "un vin de pays que nous aimons 0FXGAEPR554PL6768"),
    ),
)  # fmt: skip
