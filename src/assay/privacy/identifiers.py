"""Detectors of national identity numbers whose form or check digit can be tested.

A number that only its length would tell (a Dutch or Australian one, say) counts where a word before it says what it is.
The rules are those that each country's authority publishes.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from assay.privacy.check_digits import is_date, luhn, verhoeff, weighted
from assay.privacy.detector import Detector, digits_of, whole

__all__ = ["IDENTIFIERS"]

_FI = "0123456789ABCDEFHJKLMNPRSTUVWXY"
_ES = "TRWAGMYFPDXBNJZSQVHLCKE"
_IT_ODD = dict(
    zip("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", (
        1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16,
        10, 22, 25, 24, 23,
    ), strict=True)
)  # fmt: skip


def _usa(found: str) -> bool:
    area, group, serial = found.split("-")
    return area not in ("000", "666") and group != "00" and serial != "0000"


def _britain(found: str) -> bool:
    return found[:2].upper() not in ("BG", "GB", "NK", "KN", "TN", "NT", "ZZ")


def _nhs(found: str) -> bool:
    digits = digits_of(found)
    rest = 11 - weighted(digits, range(10, 1, -1)) % 11
    return rest % 11 == int(digits[9]) and rest != 10


def _spain(found: str) -> bool:
    compact = found.upper().replace("-", "").translate(str.maketrans("XYZ", "012", ""))
    return compact[:-1].isdecimal() and _ES[int(compact[:-1]) % 23] == found[-1].upper()


def _france(found: str) -> bool:
    compact = found.replace(" ", "").upper().replace("2A", "19").replace("2B", "18")
    return 97 - int(compact[:13]) % 97 == int(compact[13:])


def _italy(found: str) -> bool:
    odd = sum(_IT_ODD[char] for char in found[0:15:2])
    even = sum(int(char) if char.isdecimal() else ord(char) - 65 for char in found[1:15:2])
    return chr(65 + (odd + even) % 26) == found[15]


def _germany(found: str) -> bool:
    """ISO 7064, mod 11,10; one digit of the first ten occurs two or three times."""
    digits, product = digits_of(found), 10
    if digits[0] == "0" or not 7 < len(set(digits[:10])) < 10:
        return False
    for digit in digits[:10]:
        product = (((int(digit) + product) % 10) or 10) * 2 % 11
    return (11 - product) % 10 == int(digits[10])


def _netherlands(found: str) -> bool:
    digits = digits_of(found)
    return int(digits) > 0 and weighted(digits, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0


def _poland(found: str) -> bool:
    year, month, day = (int(found[place : place + 2]) for place in (0, 2, 4))
    century = {0: 1900, 1: 2000, 2: 2100, 3: 2200, 4: 1800}[month // 20]
    control = -weighted(found, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)) % 10
    return is_date(century + year, month % 20, day) and control == int(found[10])


def _sweden(found: str) -> bool:
    digits = digits_of(found)[-10:]
    return luhn(digits) and is_date(int(digits[:2]), int(digits[2:4]), int(digits[4:6]) % 60)


def _finland(found: str) -> bool:
    digits = digits_of(found[:6] + found[7:10])
    born = is_date(int(found[4:6]), int(found[2:4]), int(found[:2]))
    return born and _FI[int(digits) % 31] == found[10].upper()


def _denmark(found: str) -> bool:
    return is_date(int(found[4:6]), int(found[2:4]), int(found[:2]))


def _norway(found: str) -> bool:
    first = -weighted(found, (3, 7, 6, 1, 8, 9, 4, 5, 2)) % 11
    second = -weighted(found, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return is_date(int(found[4:6]), int(found[2:4]), int(found[:2]) % 40) and f"{first}{second}" == found[9:]


def _switzerland(found: str) -> bool:
    digits = digits_of(found)
    return -weighted(digits, (1, 3) * 6) % 10 == int(digits[12])


def _belgium(found: str) -> bool:
    digits = digits_of(found)
    born = int(digits[2:4]) % 20 <= 12 and int(digits[4:6]) <= 31
    return born and any(97 - int(century + digits[:9]) % 97 == int(digits[9:]) for century in ("", "2"))


def _brazil(found: str) -> bool:
    digits = digits_of(found)
    first = weighted(digits[:9], range(10, 1, -1)) * 10 % 11 % 10
    second = weighted(digits[:10], range(11, 1, -1)) * 10 % 11 % 10
    return len(set(digits)) > 1 and digits[9:] == f"{first}{second}"


def _china(found: str) -> bool:
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    born = is_date(int(found[6:10]), int(found[10:12]), int(found[12:14]))
    return born and "10X98765432"[weighted(found[:17], weights) % 11] == found[17].upper()


def _korea(found: str) -> bool:
    return is_date(int(found[:2]), int(found[2:4]), int(found[4:6]))


def _india(found: str) -> bool:
    return verhoeff(digits_of(found))


def _canada(found: str) -> bool:
    return luhn(digits_of(found))


def _anything(found: str) -> bool:
    return len(digits_of(found)) >= 4


_FORMS: tuple[tuple[str, Callable[[str], bool], int], ...] = (
    (r"[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z]", _italy, 5),
    (r"[A-Z]{4}\d{6}[HMX][A-Z]{5}[A-Z0-9]\d", _anything, 6),  # Mexico's CURP
    (r"[12] ?\d\d ?\d\d ?(?:\d\d|2[AB]) ?\d{3} ?\d{3} ?\d\d", _france, 13),
    (r"[1-9]\d{5}(?:18|19|20)\d{9}[\dXx]", _china, 17),
    (r"756\.\d{4}\.\d{4}\.\d\d", _switzerland, 13),
    (r"\d\d\.\d\d\.\d\d-\d{3}\.\d\d", _belgium, 11),
    (r"\d{3}\.\d{3}\.\d{3}-\d\d", _brazil, 11),
    (r"[2-9]\d{3} \d{4} \d{4}", _india, 12),
    (r"[A-Z]{3}P[A-Z]\d{4}[A-Z]", _anything, 4),  # India's PAN of a person
    (r"\d\d ?\d{3} ?\d{3} ?\d{3}", _germany, 11),
    (r"\d{11}", _poland, 11),
    (r"\d{11}", _norway, 11),
    (r"\d{11}", _brazil, 11),
    (r"\d{11}", _belgium, 11),
    (r"(?:\d\d)?\d{6}[-+]\d{4}", _sweden, 10),
    (r"\d{6}-\d{4}", _denmark, 10),
    (r"\d{6}-[1-8]\d{6}", _korea, 13),
    (r"\d{6}[-+A]\d{3}[0-9A-FHJ-NPR-Y]", _finland, 9),
    (r"\d{3} \d{3} \d{4}", _nhs, 10),
    (r"\d{3}[ -]\d{3}[ -]\d{3}", _canada, 9),
    (r"\d{3}-\d\d-\d{4}", _usa, 9),
    (r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d\d ?\d\d ?\d\d ?[A-D]", _britain, 6),
    (r"(?:\d{8}|[XYZ]-?\d{7})-?[A-Z]", _spain, 7),
)
_WORDS = (
    "pass", "pas", "ssn", "social", "national", "tax", "tfn", "steuer", "bsn", "burger", "nif", "nie", "dni", "licen",
    "card", "personalausweis",
)  # fmt: skip
_SAID = (
    r"(?i:\b(?:passport|passeport|pasaporte|reisepass|ssn|social security|national insurance|national id|tax id|tfn|"
    r"tax file number|steuer-?id|bsn|burgerservicenummer|nif|nie|dni|driving licen[cs]e|driver'?s licen[cs]e|id card|"
    r"identity card|personalausweis)"
    r"(?: (?:number|no|nr|is|card)\b){0,2}\.?[ \t]?[:#]?[ \t]?(?:is[ \t])?)"
    r"(?P<it>[A-Za-z0-9](?:[ -]?[A-Za-z0-9]){4,14})(?![\w-])"
)

IDENTIFIERS = (
    *(
        Detector("id", re.compile(rf"(?<![\w.+-]){form}(?![\w]|-\d)"), whole(holds), digits=digits)
        for form, holds, digits in _FORMS
    ),
    Detector(
        "id", re.compile(r"(?i:\bbsn\b[^\d\n]{0,12})(?P<it>\d{9})(?!\d)"), whole(_netherlands), words=("bsn",), digits=9
    ),
    Detector("id", re.compile(_SAID), whole(_anything), words=_WORDS, digits=4),
)
"""In this order: those that are told apart best come first."""
