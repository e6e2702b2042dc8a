"""Choices under letters, as a question shows them."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_uppercase

from assay.errors import SuiteError
from assay.numerals import plural

__all__ = ["letter_of", "with_choices", "without_choices"]


def with_choices(question: str, choices: Sequence[str]) -> str:
    """The question with its choices behind it, one a line: `A) Paris`."""
    return f"{question}\n\n{_lettered(choices)}"


def without_choices(shown: str, choices: Sequence[str]) -> str | None:
    """The question alone; None where `with_choices` did not make the text."""
    end = f"\n\n{_lettered(choices)}"
    return shown.removesuffix(end) if shown.endswith(end) else None


def letter_of(number: int, choices: Sequence[str]) -> str:
    """The letter of a choice by its number, from 0.

    Raises:
        SuiteError: there is no such choice, or there are more than the alphabet has letters.
    """
    if not 0 <= number < len(choices) or len(choices) > len(ascii_uppercase):
        raise SuiteError(f"the right one of {plural(len(choices), 'choice')} is number {number}")
    return ascii_uppercase[number]


def _lettered(choices: Sequence[str]) -> str:
    return "\n".join(f"{letter}) {choice}" for letter, choice in zip(ascii_uppercase, choices, strict=False))
