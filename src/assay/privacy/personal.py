"""Detectors of personal data: addresses of mail and machines, telephone, card and account numbers, birth dates.

What no rule can test is not looked for: names and postal addresses pass.
"""

from __future__ import annotations

import ipaddress
import re

from assay.privacy.check_digits import luhn, mod97
from assay.privacy.detector import Detector, digits_of, longest, whole
from assay.privacy.identifiers import IDENTIFIERS

__all__ = ["PERSONAL"]

# Lengths of cards by how they begin: ISO/IEC 7812 and what the networks say.
_CARDS = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}"
    r"|3(?:0[0-5]|[68]\d)\d{11}|(?:2131|1800)\d{11}|35(?:2[89]|[3-8]\d)\d{12}|6(?:011|4[4-9]\d|5\d\d)\d{12}|62\d{14,17}"
    r"|(?:5[06-9]|6\d)\d{10,17}"
)
_NORTH_AMERICA = re.compile(r"(?:1[-. ])?(?:\([2-9]\d\d\) ?|[2-9]\d\d[-. ])[2-9]\d\d[-. ]\d{4}")
_TRUNK = re.compile(r"(?:0[1-9]\d{0,4}[ /-]+|\(0[1-9]\d{0,4}\) ?)\d+(?:[ /-]+\d+){0,4}")
_EXTENSION = re.compile(r" ?(?:x|ext\.?) ?\d{1,6}$", re.IGNORECASE)
_DATE = re.compile(r"\d{4}[-/.]\d\d?[-/.]\d\d?|\d\d?[-/.]\d\d?[-/.]\d{4}")
_CALLED = (
    r"(?i:\b(?:tel|telephone|phone|mobile|cell|cellphone|fax|whatsapp|call(?: (?:me|us|him|her|them|back))?|ring|text|"
    r"sms|handy|telefon|mobil|rufnummer|t[ée]l[ée]phone|portable|tel[ée]fono|m[óo]vil|telefone|celular)"
    r"(?: (?:number|no|nr|is|on|at|under|unter))*[.:#]?(?:[ \t]|(?<=[:.#])))"
)


def _is_card(found: str) -> bool:
    digits = digits_of(found)
    return _CARDS.fullmatch(digits) is not None and luhn(digits) and len(set(digits)) > 1


def _is_account(found: str) -> bool:
    compact = found.replace(" ", "").replace("-", "")
    return 15 <= len(compact) <= 34 and mod97(compact)


def _is_telephone(found: str) -> bool:
    found = _EXTENSION.sub("", found)
    count = len(digits_of(found))
    if _DATE.match(found) or not 7 <= count <= 15:
        return False
    if found.startswith(("+", "(+")):
        return count >= 8
    if found.startswith("00"):
        return count >= 10 and found[2] != "0"
    if _NORTH_AMERICA.fullmatch(found):
        return True
    return 8 <= count <= 12 and _TRUNK.fullmatch(found) is not None


def _is_called(found: str) -> bool:
    return 6 <= len(digits_of(found)) <= 15 and _DATE.match(found) is None


def _is_machine(found: str) -> bool:
    try:
        address = ipaddress.ip_address(found)
    except ValueError:
        return False
    if address.version == 6 and (sum(map(bool, found.split(":"))) < 3 or not digits_of(found)):
        return False
    return not (address.is_loopback or address.is_unspecified or address.is_multicast or found.startswith("255."))


PERSONAL = (
    Detector(
        "email",
        re.compile(r"(?<![\w.+%-])\w[\w.+%'-]{0,63}@(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}(?![\w-])"),
        words=("@",),
    ),
    Detector(
        "email",
        re.compile(
            r"(?i)(?<![\w.+%-])[\w.+%-]{1,64} ?[(\[]at[)\]] ?[\w-]{1,63}(?:(?:\.| ?[(\[]dot[)\]] ?)[\w-]{1,63}){1,4}"
        ),
        words=("[at]", "(at)"),
    ),
    Detector(
        "iban",
        re.compile(r"(?<![\w-])[A-Z]{2}\d\d(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,3})?(?![A-Za-z0-9])"),
        longest(_is_account),
        digits=8,
    ),
    Detector("card", re.compile(r"(?<![\w.+-])\d(?:[ -]?\d){11,21}(?![\w]|[.,]\d)"), longest(_is_card), digits=12),
    Detector(
        "device",
        re.compile(r"(?<![\w:-])(?:[0-9A-Fa-f]{2}([:-]))(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}(?![\w:-])"),
        words=(":", "-"),
    ),
    Detector("ip", re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?!\.?\w)"), whole(_is_machine), digits=4),
    Detector(
        "ip",
        re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])"),
        whole(_is_machine),
        words=(":",),
        digits=1,
    ),
    *IDENTIFIERS,
    Detector(
        "phone",
        re.compile(r"(?<![\w.+=/-])(?:\(?\+|\()?\d(?:[ .\-/()]{0,2}\d){6,16}(?:(?i: ?(?:x|ext\.?) ?)\d{1,6})?(?!\w)"),
        longest(_is_telephone, " "),
        digits=7,
    ),
    Detector(
        "phone", re.compile(_CALLED + r"(?P<it>\+?\(?\d(?:[ .\-/()]{0,2}\d){5,16})(?!\w)"), whole(_is_called), digits=6
    ),
    Detector(
        "birth-date",
        re.compile(
            r"(?i:\b(?:born(?: on)?|birth ?date|date of birth|d\.?o\.?b\.?|geboren am|geburtsdatum|n[ée]e? le)"
            r"[: \t]{1,3})"
            r"(?P<it>\d{1,4}[-/. ](?:\d{1,2}|[^\W\d_]{3,9})[-/. ]\d{1,4}|[^\W\d_]{3,9} \d{1,2},? \d{4})(?!\d)"
        ),
        words=("born", "birth", "d.o.b", "dob", "geb", "né", "ne"),
        digits=3,
    ),
)
"""In this order: what has a check digit comes before what has only a form."""
