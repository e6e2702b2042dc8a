"""Check digits of card, account and identity numbers. All take digits without separators; pure arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

__all__ = ["is_date", "luhn", "mod97", "verhoeff", "weighted"]

_VERHOEFF_PRODUCT = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
_VERHOEFF_TURN = (
    "0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415", "7046913258",
)  # fmt: skip


def luhn(digits: str) -> bool:
    """ISO/IEC 7812-1, annex B: every second digit from the right doubled, its digits added; a multiple of 10."""
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (sum(map(int, digits[-1::-2])) + sum(doubled)) % 10 == 0


def mod97(account: str) -> bool:
    """ISO 13616 (IBAN): the first four characters moved to the end, letters as 10 to 35, leave 1 when divided by 97."""
    try:
        return int("".join(str(int(char, 36)) for char in account[4:] + account[:4])) % 97 == 1
    except ValueError:
        return False


def verhoeff(digits: str) -> bool:
    """Verhoeff (1969), over the dihedral group of order 10: as Aadhaar numbers have it."""
    check = 0
    for place, digit in enumerate(reversed(digits)):
        check = int(_VERHOEFF_PRODUCT[check][int(_VERHOEFF_TURN[place % 8][int(digit)])])
    return check == 0


def weighted(digits: str, weights: Sequence[int]) -> int:
    """The sum of digits by weights, as far as both go."""
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=False))


def is_date(year: int, month: int, day: int) -> bool:
    """Whether there is such a day; a year below 100 is of this century or the last, whichever has the day."""
    for full in (year,) if year >= 100 else (1900 + year, 2000 + year):
        try:
            date(full, month, day)
        except ValueError:
            continue
        return True
    return False
