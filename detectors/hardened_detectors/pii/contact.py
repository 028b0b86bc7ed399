"""Where a person or a machine can be reached: e-mail, phone, network addresses."""

# ruff: noqa: E501 - tables of patterns and examples, one item a line

from __future__ import annotations

import re

from hardened_detectors import checks
from hardened_detectors.entry import Context, Entry
from hardened_detectors.lazy import lazy

from .numbers import AFTER, BEFORE

_PHONE_WORDS = (
    "phone", "mobile", "tel", "tél", "telephone", "telefon", "telefono", "téléphone", "teléfono", "telefone", "telefoon", "cell", "cellphone", "fax", "gsm",
    "whatsapp", "sms", "hotline", "call me", "call us", "call him", "call her", "call them", "call at", "call on", "can call", "please call", "to call",
    "reach me", "reach us", "reach him", "reach her", "reach them", "text me", "text us", "ring me", "dial", "answering at", "messages to", "callback",
    "contact number", "contact no", "handy", "rufnummer", "durchwahl", "mobil", "portable", "móvil", "movil", "celular", "cellulare", "telemóvel", "komórka",
    "cep no", "电话", "手机", "電話", "携帯", "전화", "휴대폰",
)  # fmt: skip
_PHONE_TAGS = ("office", "mobile", "cell", "fax", "home", "work", "direct", "phone", "tel", "main")
_OTHER_WORDS = (
    "order",
    "tracking",
    "ticket",
    "invoice",
    "case",
    "reference",
    "serial",
    "imei",
    "timestamp",
    "created at",
    "updated at",
    "call id",
)


def _phone_length(value: str) -> bool:
    """ITU-T E.164: at most 15 digits; at least 8 with the country code."""
    return 8 <= len(checks.digits(value.split("x")[0])) <= 15


# Written as a date, an IP address, a decimal number, or seconds or milliseconds since 1970.
_NO_PHONE = lazy(
    r"\d{4}-\d\d-\d\d.*|\d\d[/.]\d\d[/.]\d{4}.*|\d{1,3}(?:\.\d{1,3}){3}|\d+\.\d{1,3}|1[4-9]\d{8}(?:\d{3})?|(?:19|20)\d{6}",
    re.ASCII,
)


def _local_phone(value: str) -> bool:
    """7 to 13 digits that are not written as something else, and not one digit repeated."""
    number = checks.digits(value.split("x")[0])
    balanced = value.count("(") == value.count(")")
    return 7 <= len(number) <= 13 and len(set(number)) > 1 and balanced and _NO_PHONE.fullmatch(value) is None


ENTRIES = (
    Entry(
        category="email",
        before=r"(?<![A-Za-z0-9._%+-])",
        body=r"[A-Za-z0-9_](?:[A-Za-z0-9._%+'-]{0,62}[A-Za-z0-9_+-])?@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,6}[A-Za-z]{2,24}",
        after=r"(?![A-Za-z0-9_]|[-.@][A-Za-z0-9])",
        longest=64 + 1 + 6 * 64 + 24,
        gate=r"[A-Za-z0-9_+-]@[A-Za-z0-9]",
        score=0.98,
        examples=(
            "write to «jane.doe+x@mail.example.co.uk», please",
            "mailto:«a@b.org».",
            "From: Jane <«jane@example.com»>",
        ),
        counterexamples=("@decorator def f()", "user@localhost", "a @ b.com", "npm install pkg@1.2.3", "git@", "x@y.1"),
    ),
    Entry(
        category="phone",
        before=r"(?<![A-Za-z0-9_+])",
        body=r"\+[1-9](?:[ .()/-]{0,2}\d){7,14}(?: ?x\d{1,5})?",
        after=AFTER,
        longest=1 + 15 * 3 + 7,
        digits=(8, 15),
        spaced=True,
        spans=r"\d",
        check=_phone_length,
        score=0.9,
        examples=("call «+49 170 1234567» now", "«+1 (212) 555-0100», ext", "tel:«+442079460958»"),
        counterexamples=("10:00+0200", "a+12345678", "+12345"),
    ),
    Entry(
        category="phone",
        before=BEFORE,
        body=r"(?:1[ .-])?(?:\([2-9]\d\d\) ?[2-9]\d\d[ .-]|[2-9]\d\d-[2-9]\d\d-|[2-9]\d\d\.[2-9]\d\d\.)\d{4}(?: ?x\d{1,5})?",
        after=AFTER,
        longest=24,
        digits=(10, 16),
        spaced=True,
        spans=r"\d",
        score=0.85,
        examples=("(«212-555-0100»)", "at «(212) 555-0100» or", "«212.555.0100»", "«1-212-555-0100 x12»"),
        counterexamples=("order 212-555-01001", "v212.555.0100", "112-555-0100", "2125550100"),
    ),
    Entry(
        category="phone",
        before=BEFORE,
        body=r"0[1-9]\d{1,3}[ /-]\d{3,4}[ -]?\d{3,5}|0[1-9](?: \d\d){4}|0[1-9](?:\.\d\d){4}|\(0[1-9]\d{0,3}\) ?\d{3,4}[ -]?\d{3,5}|\(\d\d\) ?9?\d{4}-\d{4}",
        after=AFTER,
        longest=18,
        digits=(9, 13),
        spaced=True,
        spans=r"\d",
        score=0.8,
        examples=(
            "ring «020 7946 0958»",
            "«0170 1234567»",
            "au «01 23 45 67 89»",
            "«(030) 1234567»",
            "em «(11) 91234-5678»",
            "(«(04) 7074 5079»)",
        ),
        counterexamples=(
            "0.1234 5678",
            "00 123 456",
            "2024-01-01 10",
            "01 02 03 04",
            "f(12) 1234-5678",
            "01-23-45-67-89",
        ),
    ),
    Entry(
        category="phone",
        before=BEFORE,
        body=r"\(?\d(?:[ .()/-]{0,2}\d){6,12}(?: ?x\d{1,5})?",
        after=AFTER,
        longest=2 + 13 * 3 + 7,
        digits=(7, 18),
        spaced=True,
        spans=r"\d",
        check=_local_phone,
        context=Context(words=_PHONE_WORDS, tags=_PHONE_TAGS, window=40, after=40),
        unless=Context(words=_OTHER_WORDS, window=20),
        score=0.75,
        examples=(
            "phone: «(39) 359-356»",
            '"mobile": "«5550100123»"',
            "contactPhone=«987 225 5171»",
            "then you can call «2038 1328»",
            "Tel. «0171/1234567»",
            "nobody is answering at «48 915 026»",
            "«233 98 565» office",
            "fax\n«167-039-246-3083» mobile",
            "«64-69372813» is my phone number",
            "手机：«13812345678»",
        ),
        counterexamples=(
            "the hotel 5550100123",
            "created_at 1700000000",
            "phone call on 2024-01-15",
            "phone ticket 5550100123",
            "5550100123 mobile users",
            "phone 1715941353",
            "tool_call_id 5550100123",
            "mobile app v2.4, build 20240115",
        ),
    ),
    Entry(
        category="ip_address",
        before=r"(?<![\w.])(?<![=<>~]=)(?<![=<>~] )(?<!\w/)",
        body=r"(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)",
        after=r"(?![A-Za-z0-9_]|[-.][A-Za-z0-9])",
        longest=15,
        gate=r"\d\.\d+\.\d+\.\d",
        check=checks.ip_v4,
        unless=Context(words=("version", "release", "build", "firmware", "chrome", "upgrade to", "bump"), window=16),
        score=0.85,
        examples=("from «203.0.113.7» at", "http://«198.51.100.20»:8080/", "ip=«192.0.2.44»"),
        counterexamples=(
            "version 1.2.3.4.5",
            "Bump to version 4.7.14.17",
            "127.0.0.1",
            "0.0.0.0",  # noqa: S104 - an example, nothing binds to it
            "255.255.255.0",
            "pkg==1.2.3.4",
            "v1.2.3.4",
            "300.1.1.1",
        ),
    ),
    Entry(
        category="ip_address",
        before=r"(?<![\w:.])",
        body=r"(?:[0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}|(?:[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4}){0,6})?::(?:[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4}){0,6})?",
        after=r"(?![A-Za-z0-9_:]|\.\d)",
        longest=70,
        gate=r"[0-9A-Fa-f]::[0-9A-Fa-f]|::[0-9A-Fa-f]+:|[0-9A-Fa-f]:[0-9A-Fa-f]+:[0-9A-Fa-f]+:[0-9A-Fa-f]+:[0-9A-Fa-f]+:[0-9A-Fa-f]+:[0-9A-Fa-f]+:[0-9A-Fa-f]|[0-9A-Fa-f]::|::[0-9A-Fa-f]",
        check=lambda value: len(value) >= 6 and any(c.isdigit() for c in value) and checks.ip_v6(value),
        score=0.85,
        examples=("host «2001:db8::7» up", "[«2001:0db8:85a3:0000:0000:8a2e:0370:7334»]"),
        counterexamples=("std::dead", "10:20:30", "::1", "a::b", "Foo::Bar::add", "00:1a:2b:3c:4d:5e"),
    ),
    Entry(
        category="mac_address",
        before=r"(?<![\w:-])",
        body=r"[0-9A-Fa-f]{2}(?:(?::[0-9A-Fa-f]{2}){5}|(?:-[0-9A-Fa-f]{2}){5})",
        after=r"(?![\w:]|-\w)",
        longest=17,
        gate=r"[0-9A-Fa-f][0-9A-Fa-f][:-][0-9A-Fa-f][0-9A-Fa-f][:-][0-9A-Fa-f][0-9A-Fa-f][:-][0-9A-Fa-f][0-9A-Fa-f][:-][0-9A-Fa-f][0-9A-Fa-f][:-][0-9A-Fa-f][0-9A-Fa-f]",
        check=lambda value: len(set(value.replace("-", ":").split(":"))) > 2,
        examples=("MAC «25:c0:8e:bc:5a:13».", "«5A-21-CD-D9-49-F2»"),
        counterexamples=("00:00:00:00:00:00", "25:c0:8e:bc:5a:13:11", "12-34-56"),
    ),
)
