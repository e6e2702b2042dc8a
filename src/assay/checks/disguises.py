"""Every way to read a text in which a secret could hide: reversed, shifted, encoded once or twice, spelled out."""

from __future__ import annotations

import base64
import binascii
import codecs
import html
import re
import unicodedata
import urllib.parse
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from typing import NamedTuple

__all__ = ["LOOKALIKES", "Reading", "readings", "squeeze"]

MAX_LOOKED_INTO = 20_000
"""Longer texts are not looked into for what is spelled out, shifted or encoded twice."""

_FEW = 4
_MANY = 8  # what is read in dozens of ways says short words by chance
_NOT_ALNUM = re.compile(r"[\W_]+")
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/]+")
_NOT_ALPHABET = re.compile(r"[^A-Za-z0-9]+")
_HEX_MARK = re.compile(r"0x|\\x|\\u\{?|U\+", re.IGNORECASE)
_NOT_HEX = re.compile(r"[^0-9a-fA-F]+")
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})|\\x([0-9a-fA-F]{2})")
_URLSAFE = str.maketrans("-_", "+/")
_BASE32 = re.compile(r"[A-Za-z2-7]{8,}={0,6}")
_CODES = (
    ("binary codes", re.compile(r"(?<![01])[01]{7,8}(?![2-9])"), 2),
    ("octal codes", re.compile(r"(?<!\d)1?[0-7]{2}(?!\d)"), 8),
    ("decimal codes", re.compile(r"(?<!\d)\d{2,3}(?!\d)"), 10),
)
_NAMES_OF_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_DIGITS = {name: str(digit) for digit, name in enumerate(_NAMES_OF_DIGITS)}
_DIGIT_NAME = re.compile("|".join(_NAMES_OF_DIGITS), re.IGNORECASE)
_ALPHABET = "abcdefghijklmnopqrstuvwxyz"
_MIRRORED = str.maketrans(_ALPHABET, _ALPHABET[::-1])
LOOKALIKES = str.maketrans("абвеокмнрстухіјѕԁɡαβεικνορτυχ", "abbeokmhpctyxijsdgabeiknoptux")
"""Greek and Cyrillic letters that look like Latin ones."""
_UNSEEN = re.compile("[\U000e0020-\U000e007e\U000e0100-\U000e01ef]")
_SEEN = {0xE0000 + code: chr(code) for code in range(0x20, 0x7F)} | {
    0xE00F0 + code: chr(code) for code in range(16, 256)
}
"""Characters that no screen shows: Unicode's tags, and variation selectors, each of which can stand for a byte."""
_MORSE = re.compile(r"(?:[.\-·–—]{1,5}[ /|]+){3}")
_MORSE_SIGN = re.compile(r"[.\-·–—]{1,5}")
_STROKES = str.maketrans("·–—", ".--")
_MORSE_CODES = (
    ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- .-- -..- -.-- --.. "
    "----- .---- ..--- ...-- ....- ..... -.... --... ---.. ----."
)
_MORSE_SIGNS = dict(zip(_MORSE_CODES.split(" "), _ALPHABET + "0123456789", strict=True))


class Reading(NamedTuple):
    """A text read in one way: letters and digits only; `least` letters say something, fewer may be chance."""

    disguise: str
    text: str
    least: int = _FEW


def squeeze(text: str) -> str:
    """Letters and digits only, without accents and case; letters that look like Latin ones are taken for them."""
    return _NOT_ALNUM.sub("", unicodedata.normalize("NFKD", text.casefold())).casefold().translate(LOOKALIKES)


def readings(text: str) -> Iterator[Reading]:
    """The text in every way that a secret could hide in."""
    plain = squeeze(text)
    yield Reading("plain or spaced out", plain)
    yield Reading("reversed", plain[::-1])
    yield Reading("ROT13", codecs.encode(plain, "rot13"))
    once = list(_decoded(text))
    for disguise, reading in once:
        squeezed = squeeze(reading)
        yield Reading(disguise, squeezed)
        yield Reading(f"{disguise}, reversed", squeezed[::-1])
    if len(text) <= MAX_LOOKED_INTO:
        yield from (Reading(disguise, squeeze(reading), _MANY) for disguise, reading in _spelled(text))
        yield from _ciphers(plain)
        yield from _twice(text, once)


def _ciphers(plain: str) -> Iterator[Reading]:
    for shift in range(1, 26):
        yield Reading(f"letters shifted by {shift}", plain.translate(_shifted(shift)), _MANY)
    yield Reading("letters mirrored", plain.translate(_MIRRORED), _MANY)


def _twice(text: str, once: list[tuple[str, str]]) -> Iterator[Reading]:
    """What is encoded within a code, or was written backwards after it was encoded."""
    for disguise, reading in once:
        for other, inner in _decoded(reading):
            yield Reading(f"{other} in {disguise}", squeeze(inner), _MANY)
    for disguise, reading in _decoded(text[::-1]):
        yield Reading(f"{disguise}, written backwards", squeeze(reading), _MANY)


def _decoded(text: str) -> Iterator[tuple[str, str]]:
    """What a text says if it, or a part of it, is encoded in bytes or escapes."""
    if unseen := _UNSEEN.findall(text):
        yield "characters that are not shown", "".join(_SEEN[ord(one)] for one in unseen)
    if "\\" in text:
        yield "escaped", _ESCAPE.sub(lambda match: chr(int(match[1] or match[2], 16)), text)
    if "&" in text:
        yield "HTML escapes", html.unescape(text)
    if "%" in text:
        yield "percent escapes", urllib.parse.unquote(text)
    for alphabet in (text.translate(_URLSAFE), text):
        yield from _base64(_NOT_BASE64.sub("", alphabet))
    yield from _base64(_NOT_ALPHABET.sub("", text))
    for digits in (_NOT_HEX.sub("", _HEX_MARK.sub("", text)), "".join(re.findall(r"%([0-9a-fA-F]{2})", text))):
        for start in (0, 1):
            whole = digits[start : start + (len(digits) - start) // 2 * 2]
            if whole:
                yield "hex", bytes.fromhex(whole).decode("utf-8", "ignore")


def _base64(letters: str) -> Iterator[tuple[str, str]]:
    """Decoded from each of the four places where a group of four letters can begin."""
    for start in range(min(4, len(letters))):
        whole = letters[start:]
        whole = whole[: len(whole) - 1] if len(whole) % 4 == 1 else whole
        with suppress(binascii.Error, ValueError):
            yield "base64", base64.b64decode(whole + "=" * (-len(whole) % 4)).decode("utf-8", "ignore")


def _spelled(text: str) -> Iterator[tuple[str, str]]:
    """What a text says in codes that are made for people, or character by character."""
    yield "digits in words", _DIGIT_NAME.sub(lambda match: _DIGITS[match[0].lower()], text)
    for run in _BASE32.findall(text):
        for start in range(8):  # other letters may stand right before it
            letters = run.upper().rstrip("=")[start:]
            with suppress(binascii.Error, ValueError):
                yield "base32", base64.b32decode(letters + "=" * (-len(letters) % 8)).decode("utf-8", "ignore")
    for name, pattern, radix in _CODES:
        codes = [int(one, radix) for one in pattern.findall(text)]
        yield name, "".join(chr(code) if code >= 32 else " " for code in codes)
    if _MORSE.search(text):
        signs = (sign.translate(_STROKES) for sign in _MORSE_SIGN.findall(text))
        yield "Morse code", "".join(_MORSE_SIGNS.get(sign, " ") for sign in signs)


@cache
def _shifted(shift: int) -> dict[int, int]:
    """Each letter of the alphabet to the one `shift` places on."""
    return str.maketrans(_ALPHABET, _ALPHABET[shift:] + _ALPHABET[:shift])
