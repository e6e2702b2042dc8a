"""The statements of an answer, what each cites, and what in it must occur in what it cites.

What can be looked up in a document word for word: quotations, numbers, names and codes. Numbers and names that the
question brought are no claim about a document.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from decimal import Decimal
from typing import Literal, NamedTuple

from assay.checks.citations import cited_ids
from assay.checks.numeric import numbers
from assay.checks.text import normalise

__all__ = ["Fact", "Statement", "missing", "statements"]

Fact = Literal["quotes", "numbers", "names"]

_ABBREVIATION = r"(?<!\b(?:Mr|Ms|Dr|St|No|vs)\.)(?<!\b(?:Mrs|e\.g|i\.e)\.)(?<!Prof\.)"
_END = re.compile(rf"(?<=[.!?…]){_ABBREVIATION}\s+(?=[^\sa-z\d])")
_BULLET = re.compile(r"^\s*(?:[-*+•#>]+|\d{1,3}[.)])\s+")
_GAP = re.compile(r" (?=[.,;:!?])")
_QUOTED = re.compile(r"\"([^\"\n]+)\"|“([^”\n]+)”|«([^»\n]+)»|„([^“\n]+)“")
_ORDINAL = re.compile(r"(?<=\d)(?:st|nd|rd|th)\b")
_WORD = re.compile(r"[^\W_]+(?:[-'’][^\W_]+)*")
_COUNTS: dict[str, Decimal] = {
    "one": Decimal(1), "two": Decimal(2), "three": Decimal(3), "four": Decimal(4), "five": Decimal(5),
    "six": Decimal(6), "seven": Decimal(7), "eight": Decimal(8), "nine": Decimal(9), "ten": Decimal(10),
    "eleven": Decimal(11), "twelve": Decimal(12), "fifteen": Decimal(15), "twenty": Decimal(20),
    "thirty": Decimal(30), "forty": Decimal(40), "fifty": Decimal(50), "sixty": Decimal(60), "ninety": Decimal(90),
    "hundred": Decimal(100),
}  # fmt: skip
"""What a document may write as a word; a number that it has only so and that is not here must be left to a judge."""
_LEAST_WORDS = 3


class Statement(NamedTuple):
    """A sentence or item of a list, without its citations, and the folded ids that it cites."""

    text: str
    cites: tuple[str, ...]


def statements(answer: str, pattern: re.Pattern[str]) -> list[Statement]:
    """The statements of an answer. A citation after a sentence's end belongs to that sentence.

    Without a citation, questions, words that lead to a list (`... :`) and fewer than three words are no statement.
    """
    found: list[Statement] = []
    for line in answer.split("\n"):
        begins = True
        for piece in _END.split(line):
            words = _WORD.search(pattern.sub(lambda match: " " * len(match[0]), piece))
            place = words.start() if words is not None else len(piece)
            if found and (not begins or words is None):  # what stands after a sentence's end belongs to that sentence
                found[-1] = _citing(found[-1], cited_ids(pattern, piece[:place]))
                piece = piece[place:]
            text = _GAP.sub("", " ".join(_BULLET.sub("", pattern.sub(" ", piece)).split())).strip("*_ ")
            if words is not None:
                found.append(Statement(text, tuple(cited_ids(pattern, piece))))
            begins = False
    return [one for one in found if one.cites or _states(one.text)]


def _citing(statement: Statement, ids: list[str]) -> Statement:
    """With further citations."""
    return Statement(statement.text, tuple(dict.fromkeys((*statement.cites, *ids))))


def _states(text: str) -> bool:
    return len(_WORD.findall(text)) >= _LEAST_WORDS and not text.endswith((":", "?"))


def missing(statement: str, source: str, question: str, facts: Collection[Fact]) -> str | None:
    """What a statement says that its source does not have, in words; None if all is there.

    Args:
        statement: without its citations.
        source: the texts that it cites.
        question: what was asked: its numbers and names may be repeated.
        facts: what is looked up.
    """
    if "quotes" in facts:
        words = f" {normalise(source)} "
        for quoted in ("".join(match) for match in _QUOTED.findall(statement)):
            if f" {normalise(quoted)} " not in words:
                return f"the words {quoted!r}"
    if "numbers" in facts:
        known = _amounts(source) | _amounts(question)
        strange = next((one for one in numbers(_ORDINAL.sub("", statement)) if one not in known), None)
        if strange is not None:
            return f"the number {strange}"
    if "names" in facts:
        known_words = _folded(source) | _folded(question)
        name = next((name for name in _names(statement) if not _occurs(name, known_words)), None)
        if name is not None:
            return f"the name {name!r}"
    return None


def _amounts(text: str) -> set[Decimal]:
    said = (_COUNTS.get(word) for word in re.split(r"[\W_]+", text.casefold()))
    return {*numbers(_ORDINAL.sub("", text)), *(one for one in said if one is not None)}


def _folded(text: str) -> set[str]:
    """The words of a text, and the parts of those with a hyphen or apostrophe."""
    words = {_bare(word) for word in _WORD.findall(text)}
    return words | {_bare(part) for word in words for part in re.split("[-']", word)}


def _occurs(name: str, known: set[str]) -> bool:
    """Whether a name is among known words, as it stands or part by part."""
    whole = _bare(name)
    return whole in known or all(_bare(part) in known for part in re.split("[-']", whole))


def _bare(word: str) -> str:
    """Without case and the s of a plural or possessive."""
    word = word.casefold().replace("’", "'").removesuffix("'s")
    return word.removesuffix("s") or word


def _names(statement: str) -> list[str]:
    """Words with a capital that begin no sentence, and codes of letters and digits."""
    found = []
    begins = True
    for match in _WORD.finditer(statement):
        word = match[0]
        code = any(sign.isdigit() for sign in word) and any(sign.isalpha() for sign in word)
        code = code and not _ORDINAL.search(word)
        if code or (not begins and word[0].isupper() and len(word) > 1 and word.split("'")[0].split("’")[0] != "I"):
            found.append(word)
        after = statement[match.end() : match.end() + 1]
        begins = after in (".", "!", "?", ":", "“", '"') or statement[match.end() :].lstrip()[:1] in ('"', "“", "«")
    return found
