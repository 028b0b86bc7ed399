"""What people call a value, and where they write it: every label in every layout."""

from __future__ import annotations

import pytest

from hardened_detectors.overlaps import resolve
from hardened_detectors.registry import create
from hardened_detectors.scanner import Scanner

SCANNER = Scanner([create("pii")])

LABELS = {
    "us_ssn": (
        "564316115",
        (
            "SSN",
            "ssn",
            "Social Security Number",
            "social_security_number",
            "socialSecurityNumber",
            "SocialSecurityNo",
            "customerSsn",
            "user_ssn",
            "número de seguro social",
            "Soc. Sec. No.",
            "SS #",
        ),
    ),
    "us_itin": ("989921433", ("ITIN", "itin", "Individual Taxpayer Identification Number", "taxpayerId", "tax_id")),
    "ca_sin": (
        "130692544",
        (
            "SIN",
            "sin",
            "Social Insurance Number",
            "sinNumber",
            "social_insurance_no",
            "NAS",
            "Numéro d'assurance sociale",
        ),
    ),
    "au_tfn": ("454525358", ("TFN", "tfn", "Tax File Number", "taxFileNumber", "tax_file_no")),
    "nl_bsn": (
        "799899070",
        ("BSN", "bsn", "Burgerservicenummer", "burgerServiceNummer", "bsn_nr", "Sofinummer", "citizen service number"),
    ),
    "uk_nhs": (
        "5157267940",
        ("NHS", "nhs_number", "NHS Number", "nhsNumber", "nhsNo", "National Health Service number"),
    ),
    "au_medicare": ("6898699741", ("Medicare", "medicare_no", "Medicare card number", "medicareNumber")),
    "de_tax_id": (
        "70675381230",
        (
            "Steuer-ID",
            "steuerId",
            "steuer_id",
            "Steueridentifikationsnummer",
            "IdNr",
            "Steuerliche Identifikationsnummer",
            "German tax ID",
            "tax_id",
            "Tax ID number",
            "TIN",
        ),
    ),
    "au_abn": ("74929424911", ("ABN", "abn", "Australian Business Number", "abnNumber", "business_number")),
    "pl_pesel": ("50410132167", ("PESEL", "pesel", "numer PESEL", "peselNumber", "PESEL nr")),
    "tr_tckn": (
        "10000000146",
        (
            "TCKN",
            "tckn",
            "T.C. Kimlik No",
            "tcKimlikNo",
            "tc_kimlik_no",
            "TC Kimlik Numarası",
            "Turkish ID",
            "Kimlik numarası",
            "TC No",
        ),
    ),
    "br_cpf": (
        "06476635034",
        ("CPF", "cpf", "Número do CPF", "cpfNumber", "cpf_cliente", "Cadastro de Pessoas Físicas"),
    ),
    "br_cnpj": ("43914754000160", ("CNPJ", "cnpj", "cnpj_empresa", "Cadastro Nacional da Pessoa Jurídica")),
    "in_aadhaar": (
        "753074120817",
        ("Aadhaar", "aadhaar_number", "aadhaarNo", "Aadhar card", "UIDAI number", "आधार संख्या", "UID"),
    ),
    "za_id": (
        "1201256984280",
        (
            "South African ID",
            "sa_id_number",
            "SA ID",
            "ID number",
            "identity_number",
            "RSA ID no",
            "idNumber",
            "id_number",
            "South African identity number",
        ),
    ),
    "kr_rrn": ("8302171645753", ("RRN", "주민등록번호", "resident registration number", "rrn", "주민번호")),
    "se_personnummer": (
        "9406031063",
        (
            "personnummer",
            "Personnummer",
            "personNummer",
            "Swedish personal number",
            "person_nr",
            "personal identity number",
        ),
    ),
    "aba_routing": (
        "021000021",
        (
            "routing number",
            "ABA",
            "aba_number",
            "routingNumber",
            "RTN",
            "ABA routing no",
            "bank routing",
            "routing_no",
            "abaNumber",
        ),
    ),
    "us_bank_account": (
        "756212385001",
        (
            "account number",
            "bank account",
            "checking account",
            "acct_no",
            "accountNumber",
            "bank_account_number",
            "Acct #",
            "savings account number",
            "Account No.",
            "checking acct",
            "bankAcct",
            "account_num",
        ),
    ),
    "us_passport": (
        "K27318341",
        ("passport", "Passport No.", "passport_number", "passportNo", "US passport number", "passeport", "Reisepass"),
    ),
    "us_driver_license": (
        "S4897916",
        (
            "driver's license",
            "Driver License No",
            "drivers_license",
            "driverLicenseNumber",
            "driver_s_license",
            "DL",
            "DL#",
            "dl_number",
            "driving licence",
            "licenseNumber",
            "license_no",
            "Driver’s License",
            "DLN",
            "permis de conduire",
        ),
    ),
    "date_of_birth": (
        "2043-01-17",
        (
            "DOB",
            "dob",
            "date of birth",
            "dateOfBirth",
            "birth_date",
            "birthdate",
            "Birthday",
            "born",
            "born on",
            "D.O.B.",
            "Geburtsdatum",
            "date de naissance",
            "fecha de nacimiento",
            "data di nascita",
            "geboortedatum",
            "data urodzenia",
            "doğum tarihi",
            "生年月日",
            "birthDate",
            "Geb.",
            "date_naissance",
            "fechaNacimiento",
            "geboren am",
            "né(e) le",
        ),
    ),
    "vin": (
        "0FXGAEPR554PL6768",
        ("VIN", "vin", "vehicle identification number", "vinNumber", "vehicle_id", "Fahrgestellnummer", "chassis no"),
    ),
    "phone": (
        "5550100123",
        (
            "phone",
            "Phone",
            "mobile",
            "tel",
            "Telefon",
            "phone_number",
            "phoneNumber",
            "contactPhone",
            "cell",
            "Tel.",
            "teléfono",
            "téléphone",
            "mobileNumber",
            "cellphone",
            "home phone",
            "work_phone",
            "Telefonnummer",
            "Handy",
            "fax",
            "WhatsApp",
            "contact number",
            "電話番号",
        ),
    ),
    "credit_card": (
        "6759649826438453",
        (
            "card",
            "card number",
            "cardNumber",
            "credit_card",
            "CC",
            "ccNumber",
            "Kreditkarte",
            "tarjeta de crédito",
            "carte bancaire",
            "debit card",
            "PAN",
            "card no",
            "carta di credito",
            "cc_num",
            "payment card",
        ),
    ),
}

LAYOUTS = (
    "{l}: {v}",
    "{l}={v}",
    "My {l} is {v}.",
    '{{"{l}": "{v}", "open": true}}',
    '{{"{l}": {v}}}',
    "who,{l},since\nA. B.,{v},2019",
    "id,who,{l},town\n17,Ann Bee,{v},Bonn",
    '<input name="{l}" value="{v}">',
    "<{l}>{v}</{l}>",
    "| {l} | {v} |",
    "| who | {l} | room |\n|---|---|---|\n| A. B. | {v} | 12 |",
    "{l}\t{v}",
    "{l} - {v}",
    "{l} → {v}",
    "{l} ({v})",
    "- And your {l}?\n- {v}",
    "Q: {l}\nA: it is {v}, thanks",
    "{v} is my {l}.",
    "{v} ({l})",
    "{v} <- {l} of the tenant",
    "Is it true that {v} is the {l} in her file?",
    "We noted {v} as the customer's {l}.",
    "{v} — {l}",
    "The {l} that you gave to my colleague when you opened your contract in spring must have been {v}.",
    "INSERT INTO people ({l}) VALUES ('{v}');",
    "{l}\n{v}\n",
    "level=info {l}={v} took=12ms",
    "Sorry, {l} {v} is unknown here; try again.",
    "[{l}: {v}]",
    "{l} #{v}",
    "{l} no. {v}",
    "https://x.example/p?{l}={v}&a=1",
    '{l}: "{v}"\n',
    "{l} '{v}'",
)


@pytest.mark.parametrize("category", LABELS)
def test_labels_are_understood_wherever_they_stand(category: str) -> None:
    value, labels = LABELS[category]
    missed: list[str] = []
    for label in labels:
        for layout in LAYOUTS:
            text = layout.format(l=label, v=value)
            start = text.index(value)
            found = {(f.category, f.start, f.end) for f in resolve(SCANNER.scan(text, views=True).findings)}
            if (category, start, start + len(value)) not in found:
                missed.append(text)
    # A word that means other things as well is only understood close by, a phone number not far away in a sentence.
    assert len(missed) <= 0.08 * len(labels) * len(LAYOUTS), missed
