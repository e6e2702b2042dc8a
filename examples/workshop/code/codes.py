"""Our written forms: frame numbers (NW-48213) and part numbers (NL-204-7B)."""

from __future__ import annotations


def is_frame_number(text: str) -> bool:
    """Whether the text is "NW-" and then exactly five digits."""
    digits = text[3:]
    return text.startswith("NW-") and len(digits) == 5 and digits.isdigit()


def tidy_part_number(text: str) -> str:
    """A part number as it should be: without spaces anywhere, in capitals."""
    return text.replace(" ", "").upper()


def group_of(part_number: str) -> str:
    """The group of a part: "204" for "NL-204-7B"."""
    return part_number.split("-")[1]
