"""The text that facts are hidden in: sentences of a grammar of our own, drawn by a seed.

Every sentence is about a port and says nothing that a question asks: there are no digits in it, and neither codes,
depots, parcels nor names of people. Two million sentences can be drawn, so that a long text is no repetition of a
short one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

__all__ = ["sentences", "woven"]

_SENTENCES_A_PARAGRAPH = 6

_WHEN = (
    "Before noon", "After the storm", "At first light", "On the last day of the month", "During the low tide",
    "Once the fog had lifted", "Late in the evening", "While the market was open", "In the second week of spring",
    "Shortly before the bells rang", "When the wind turned north", "As soon as the ice was gone",
)  # fmt: skip
_WHO = (
    "the harbour master", "a carpenter from the old quay", "the crew of the northern ferry", "two apprentices",
    "the keeper of the lighthouse", "a merchant in a grey coat", "the cook of the training ship", "an older sailor",
    "the pilot on duty", "a clerk of the customs house", "the net makers", "the teacher of the village school",
    "the owner of the fish hall", "a painter who lived by the sea", "the baker's youngest daughter", "the dock guard",
)  # fmt: skip
_DID = (
    "counted", "repaired", "carried", "described", "borrowed", "painted", "inspected", "sold", "washed", "measured",
    "forgot", "looked for", "praised", "unloaded", "covered", "returned",
)  # fmt: skip
_WHAT = (
    "the wooden barrels", "a torn sail", "the new lanterns", "some rusty anchors", "the long ropes", "a cart of hay",
    "the copper kettles", "a map of the western islands", "the boats with green hulls", "several crates of apples",
    "the broken weather vane", "a bundle of wool", "the sacks of salt", "a set of oars", "the window frames",
    "the ledger of the tavern", "three heavy chains", "the tarred planks",
)  # fmt: skip
_WHERE = (
    "behind the chapel", "on the narrow pier", "near the salt works", "in the shade of the cranes",
    "under the stone bridge", "next to the ferry landing", "at the foot of the hill", "along the eastern wall",
    "in front of the tavern", "between the two jetties", "outside the rope factory", "below the watch tower",
)  # fmt: skip
_THEN = (
    "and nobody minded", "although it was raining", "which took longer than planned", "and went home afterwards",
    "while the gulls circled above", "because the weather was about to change", "as was the custom there",
    "and wrote a short note about it", "before anyone could object", "to the surprise of the visitors",
)  # fmt: skip


def sentences(random: Random) -> Iterator[str]:
    """Sentences without end."""
    while True:
        yield _sentence(random)


def woven(random: Random, chars: int, placed: Sequence[tuple[float, str]], strewn: Sequence[str]) -> str:
    """A text of about so many letters with sentences of our own in it, never longer than `chars` allow.

    Args:
        random: decides the text and where `strewn` sentences stand.
        chars: letters of all of it; the text ends at the last sentence that fits.
        placed: `(depth, sentence)`: at 0 it is the first, at 1 the last; of equal depth the first named comes first.
        strewn: sentences that may stand anywhere.
    """
    room = chars - sum(len(sentence) + 1 for _, sentence in placed) - sum(len(sentence) + 1 for sentence in strewn)
    text: list[str] = []
    for sentence in sentences(random):
        room -= len(sentence) + 1
        if room < 0:
            break
        text.append(sentence)
    for sentence in strewn:
        text.insert(random.randint(0, len(text)), sentence)
    whole = len(text)
    for depth, sentence in sorted(reversed(placed), key=lambda one: -one[0]):  # from the end: no place moves
        text.insert(round(depth * whole), sentence)
    return _paragraphs(text)


def _sentence(random: Random) -> str:
    when, who, did, what, where, then = (random.choice(words) for words in (_WHEN, _WHO, _DID, _WHAT, _WHERE, _THEN))
    match random.randrange(4):
        case 0:
            return f"{when}, {who} {did} {what} {where}."
        case 1:
            return f"{who[0].upper()}{who[1:]} {did} {what} {where}, {then}."
        case 2:
            return f"{where[0].upper()}{where[1:]}, {who} {did} {what}, {then}."
        case _:
            return f"{when}, {who} {did} {what}, {then}."


def _paragraphs(text: Sequence[str]) -> str:
    starts = range(0, len(text), _SENTENCES_A_PARAGRAPH)
    return "\n".join(" ".join(text[at : at + _SENTENCES_A_PARAGRAPH]) for at in starts)
