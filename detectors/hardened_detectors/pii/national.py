"""Numbers that states give to people and companies."""

# ruff: noqa: E501 - tables of patterns and examples, one item a line

from __future__ import annotations

from collections.abc import Callable

from hardened_detectors import checks
from hardened_detectors.entry import Context, Entry

from .numbers import AFTER, AFTER_ALONE, BEFORE, BEFORE_ALONE, grouped


def _number(
    category: str,
    body: str,
    digits: int | tuple[int, int],
    check: Callable[[str], bool],
    words: tuple[str, ...] = (),
    *,
    close: tuple[str, ...] = (),
    examples: tuple[str, ...],
    counterexamples: tuple[str, ...] = (),
    before: str = BEFORE,
    after: str = AFTER,
    score: float = 0.9,
) -> Entry:
    """An entry that consists of digits and single separators."""
    low, high = (digits, digits) if isinstance(digits, int) else digits
    return Entry(
        category=category,
        before=before,
        body=body,
        after=after,
        longest=2 * high,
        digits=(low, high),
        spaced=" " in body,
        spans=r"\d",
        check=check,
        context=Context(words=words, close=close, reach=120, after=48) if words else None,
        score=score,
        examples=examples,
        counterexamples=counterexamples,
    )


_NUMBERS = (
    _number("us_ssn", r"\d{3}-\d{2}-\d{4}", 9, checks.us_ssn,
            examples=("see «128-19-3896» and", "SSN: «418-15-8799»."),
            counterexamples=("000-12-3456", "666-12-3456", "123-45-67890", "ref 12-128-19-3896", "075-00-1417")),
    _number("us_ssn", r"\d{3} \d{2} \d{4}", 9, checks.us_ssn, score=0.8, before=BEFORE_ALONE, after=AFTER_ALONE,
            examples=("see «229 66 7273» and",), counterexamples=("1 229 66 7273", "229 66 7273 2", "900 31 6115", "564  31 6115", "[[229 66 7273]]", "7,229 66 7273")),
    _number("us_ssn", grouped(3, 2, 4), 9, checks.us_ssn,
            ("ssn", "social security", "social sec", "soc sec", "soc. sec", "ss#", "ss #", "ss no", "seguro social", "社会安全号", "社会保障番号", "사회보장번호"),
            examples=("ssn «229 66 7273»", '"social_security_no": "«298098458»"', "ssnNumber=«298098458»", "«298098458» is my social security number"),
            counterexamples=("564316115", "order 298098458; SSN: 1")),
    _number("us_itin", r"\d{3}-\d{2}-\d{4}", 9, checks.us_itin, score=0.88,
            examples=("ITIN «906-81-8425»",), counterexamples=("989-12-1433", "889-92-1433")),
    _number("us_itin", grouped(3, 2, 4), 9, checks.us_itin, ("itin", "taxpayer", "tax payer", "tax id"), score=0.88,
            examples=("taxpayer id: «989 92 1433»", "itin=«989921433»", "«989 92 1433» as my taxpayer id"), counterexamples=("[964 94 2308]",)),
    _number("ca_sin", grouped(3, 3, 3), 9, checks.ca_sin, ("SIN", "NAS", "social insurance", "assurance sociale"), close=("sin", "nas"),
            examples=("SIN «130 692 544»", "social_insurance_number>«365648930»", '"sin": "«365648930»"', "numéro d'assurance sociale : «130 692 544»",
                      "«130-692-544» is my social insurance number"),
            counterexamples=("130 692 544", "SIN 130 692 545", "using 130692544", "sin embargo, el pedido es el 130692544")),
    _number("au_tfn", grouped(3, 3, 3), 9, checks.au_tfn, ("tfn", "tax file"),
            examples=("TFN: «469 028 197»", "the tax file number that we spoke of some weeks ago when you called should be «469 028 197»"),
            counterexamples=("469 028 197", "TFN 454 525 359")),
    _number("nl_bsn", r"\d{9}|\d{4}[ .]\d{2}[ .]\d{3}|\d{3}[ .]\d{3}[ .]\d{3}|\d{4}[ .]\d{3}[ .]\d{2}", 9, checks.nl_bsn,
            ("bsn", "burgerservice", "burger service", "sofinummer", "sofi nummer", "citizen service"),
            examples=("BSN «799899070»", "bsnNummer: «799899070»", "«799899070» is mijn burgerservicenummer"), counterexamples=("799899070", "BSN 159875044")),
    _number("uk_nhs", grouped(3, 3, 4), 10, checks.uk_nhs, ("nhs", "national health", "health service"),
            examples=("NHS no.: «091 992 4476»", "nhsnumber>«3557837424»", '{"nhsNo": "«577 490 9441»"', "nhsno = «0817396578»"),
            counterexamples=("091 992 4476", "NHS 515 726 7941")),
    _number("au_medicare", r"\d{4}[ -]?\d{5}[ -]?\d(?:[ /-]?\d)?", (10, 11), checks.au_medicare, ("medicare",),
            examples=("Medicare card - «3169 43710 3»",), counterexamples=("3169 43710 3",)),
    _number("de_tax_id", r"\d{11}|\d{2}[ /.-]\d{3}[ /.-]\d{3}[ /.-]\d{3}", 11, checks.de_tax_id,
            ("steuer", "idnr", "id nr", "identifikationsnummer", "tax identification", "german tax", "TIN", "tax id", "tax number"), close=("tin",),
            examples=("Steuer-ID: «60 123 587 137»", "Steueridentifikationsnummer «70675381230»", "IdNr. «70675381230»", "«70675381230» ist meine Steuer-ID"),
            counterexamples=("70675381230", "Steuer-ID 32504961858")),
    _number("au_abn", r"\d{11}|\d{2}[ -]\d{3}[ -]\d{3}[ -]\d{3}", 11, checks.au_abn, ("abn", "business number"),
            examples=("ABN «86 973 036 844»", "abn=«74929424911»"), counterexamples=("86 973 036 844", "ABN 73 947 541 006")),
    _number("pl_pesel", r"\d{11}", 11, checks.pl_pesel, ("pesel",),
            examples=("PESEL «50410132167»", "«50410132167» is my PESEL", "peselNumber: «50410132167»"),
            counterexamples=("50410132167", "50410132167, PESEL: 1", "50410132167\nPESEL", "50410132167 and 1 PESEL", "50410132167, PESEL no. 12")),
    _number("tr_tckn", r"\d{11}|\d{3} \d{3} \d{3} \d{2}", 11, checks.tr_tckn,
            ("tckn", "kimlik", "t.c.", "tc no", "turkish id", "turkish identity", "turkish national", "turkish citizen"),
            examples=("TCKN: «10000000146»", "T.C. kimlik numaram «10000000146»", "tcKimlikNo=«10000000146»"), counterexamples=("10000000146",)),
    _number("br_cpf", r"\d{3}\.\d{3}\.\d{3}-\d{2}", 11, checks.br_cpf, score=0.95,
            examples=("«743.839.041-14».",), counterexamples=("893.287.921-43", "111.111.111-11")),
    _number("br_cpf", r"\d{11}|\d{9}-\d{2}|\d{3}[ .]\d{3}[ .]\d{3}[ -]\d{2}", 11, checks.br_cpf, ("cpf", "cadastro de pessoa"),
            examples=("CPF («06476635034»)", "«06476635034» é o meu CPF"), counterexamples=("06476635034",)),
    _number("br_cnpj", r"\d{2}\.\d{3}\.\d{3}/\d{4}-\d{2}", 14, checks.br_cnpj, score=0.95,
            examples=("«74.970.458/6808-10»",), counterexamples=("43.914.754/0001-61",)),
    _number("br_cnpj", r"\d{14}|\d{12}-\d{2}", 14, checks.br_cnpj, ("cnpj", "cadastro nacional"),
            examples=("cnpj=«43914754000160»",), counterexamples=("43914754000160",)),
    _number("in_aadhaar", r"\d{12}|\d{4} \d{4} \d{4}|\d{4}-\d{4}-\d{4}", 12, checks.in_aadhaar,
            ("aadhaar", "aadhar", "adhaar", "adhar", "uidai", "आधार"), close=("uid",),
            examples=("Aadhaar number is «8151 1502 8223».", '"aadhaar": "«753074120817»"', "आधार संख्या: «8151 1502 8223»"),
            counterexamples=("8151 1502 8223", "Aadhaar 7793 8347 0173")),
    _number("fr_nir", r"[12](?:[ .-]?\d\d){3}(?:[ .-]?\d{3}){2}[ .-]?\d\d", 15, checks.fr_nir, score=0.95,
            examples=("nir «2 65 39 26 186 401 65»", "«284380092406634»", "«1400570709173 54»"), counterexamples=("140057070917355", "340057070917354")),
    _number("za_id", r"\d{13}|\d{6} \d{4} \d{3}|\d{6} \d{4} \d{2} \d", 13, checks.za_id,
            ("south african", "sa id", "rsa id", "za id", "identity number", "identity no", "id number", "identity document"), close=("id", "id no"),
            examples=("South African ID - «1201256984280»", "rsaId: «1201256984280»"), counterexamples=("1201256984280",)),
    _number("kr_rrn", r"\d{6}-[1-8]\d{6}", 13, checks.kr_rrn, score=0.88,
            examples=("RRN: «810416-5377234»",), counterexamples=("839917-1645753", "830217-9645753")),
    _number("kr_rrn", r"\d{13}", 13, checks.kr_rrn,
            ("rrn", "주민등록번호", "주민번호", "주민등록", "외국인등록번호", "resident registration", "korean id"),
            examples=("주민등록번호 «8302171645753»", "rrnNo=«8302171645753»"), counterexamples=("8302171645753",)),
    _number("cn_ric", r"\d{18}", 18, checks.cn_ric, score=0.95,
            examples=("see «308536200605168948» and",), counterexamples=("330106198607122758", "330106178607122757")),
    _number("se_personnummer", r"(?:19|20)\d{6}-\d{4}|\d{6}-\d{4}", (10, 12), checks.se_personnummer, score=0.88,
            examples=("personnummer «570779-8194»", "«20530363-5758»"), counterexamples=("940603-1064", "949903-1063")),
    _number("se_personnummer", r"\d{12}|\d{10}", (10, 12), checks.se_personnummer,
            ("personnummer", "person nr", "personnr", "samordningsnummer", "swedish personal", "personal identity", "personal number"),
            examples=("personnummer: «9406031063»", "«9406031063» är mitt personnummer"), counterexamples=("9406031063",)),
)  # fmt: skip

_CODES = (
    Entry(
        category="cn_ric", body=r"\d{17}[Xx]", longest=18, gate=r"\d{17}[Xx]", check=checks.cn_ric, score=0.95,
        examples=("«33592119840228341X»",), counterexamples=("51010719840623974X",),
    ),
    Entry(
        category="fi_hetu", before=BEFORE, after=AFTER, body=r"\d{6}[-+A-FU-Y]\d{3}[0-9A-FHJ-NPR-Y]", longest=11,
        gate=r"\d{6}[-+A-FU-Y]\d\d\d[0-9A-FHJ-NPR-Y]", check=checks.fi_hetu, score=0.92,
        examples=("«100662-1825»", "«241103-456U» is"), counterexamples=("151093-7895", "991093-7896"),
    ),
    Entry(
        category="uk_nino", body=r"(?![DFIQUV])[A-Z](?![DFIQUVO])[A-Z](?: ?\d{6} ?|(?: \d\d){3} ?|(?:-\d\d){3}-)[A-D]", longest=13,
        gate=r"[A-Z][A-Z][ .-]?\d\d[ .-]?\d\d[ .-]?\d\d[ .-]?[A-D]", spaced=True, spans=r"\d|[A-Z][A-Z] \Z",
        check=lambda value: value[:2] not in ("BG", "GB", "KN", "NK", "NT", "TN", "ZZ"),
        examples=("NINO «CK 02 64 51 A».", "«MG217758B»", "«XK-29-77-67-C»", "«YW 894901 C»"), counterexamples=("DK 29 77 67 C", "XK 29 77 67 E", "XYW894901C", "GB123456A", "SKU JS943940-B"),
    ),
    Entry(
        category="es_nif", body=r"(?:\d{8}|\d\d\.\d{3}\.\d{3})-?[A-HJKMNP-TV-Z]", longest=12, gate=r"\d\d\d-?[A-HJKMNP-TV-Z]", check=checks.es_nif,
        examples=("NIF «45476016W».", "«01445628-D»", "DNI «97.927.583-T»"), counterexamples=("97927583R", "197927583T"),
    ),
    Entry(  # in code, a long integer
        category="es_nif", body=r"(?:\d{8}|\d\d\.\d{3}\.\d{3})-?L", longest=12, gate=r"\d\d\d-?L", check=checks.es_nif,
        context=Context(words=("dni", "nif", "documento", "identidad", "spanish"), window=40, after=40),
        examples=("NIF «12345614L».", "«12345614L» es mi DNI",), counterexamples=("return 34177122L;",),
    ),
    Entry(
        category="es_nie", body=r"[XYZ]-?\d{7}-?[A-HJ-NP-TV-Z]", longest=11, gate=r"[XYZ]-?\d{7}-?[A-Z]", check=checks.es_nie,
        examples=("NIE «Z9448695R»",), counterexamples=("Z1274942C",),
    ),
    Entry(
        category="it_fiscal_code", body=r"[A-Z]{6}[0-9L-NP-V]{2}[A-EHLMPRST][0-9L-NP-V]{2}[A-Z][0-9L-NP-V]{3}[A-Z]", longest=16,
        gate=r"[A-Z][A-Z][0-9L-V][0-9L-V][A-EHLMPRST][0-9L-V][0-9L-V][A-Z][0-9L-V][0-9L-V][0-9L-V][A-Z]", check=checks.it_fiscal_code, score=0.97,
        examples=("«RSSMRA85T10A562S» e",), counterexamples=("RSSMRA85T10A562T",),
    ),
    Entry(
        category="mx_curp", body=r"[A-Z][AEIOUX][A-Z]{2}\d{6}[HMX][A-Z]{2}[B-DF-HJ-NP-TV-Z]{3}[0-9A-Z]\d", longest=18,
        gate=r"[A-Z][A-Z]\d{6}[HMX][A-Z][A-Z]", check=checks.mx_curp, score=0.97,
        examples=("CURP «WEKM400722MPSSNK95»",), counterexamples=("PIBO609908HJCBHB00",),
    ),
    Entry(
        category="in_pan", body=r"[A-Z]{3}[ABCFGHJLPT][A-Z]\d{4}[A-Z]", longest=10, gate=r"[A-Z]{5}\d\d\d\d[A-Z]", score=0.88,
        examples=("PAN card «HNKGX4709I».",), counterexamples=("HNKXX4709I", "AHNKGX4709I", "HNKGX47091"),
    ),
    Entry(
        category="sg_nric", body=r"[STFGM]\d{7}[A-Z]", longest=9, gate=r"[STFGM]\d{7}[A-Z]", check=checks.sg_nric,
        examples=("NRIC «G2018257T»",), counterexamples=("S0329895H",),
    ),
)  # fmt: skip

ENTRIES = (*_NUMBERS, *_CODES)
