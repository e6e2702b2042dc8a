"""Short prompts of our own, many of which have no best answer: among them a model's near-ties are looked for.

Each asks for a word or two, so that an answer costs a few tokens. Nothing in them is anybody's data.
"""

from __future__ import annotations

import random
from itertools import combinations, product

__all__ = ["pool", "variants"]

_PAIRS = (
    "left right", "heads tails", "tea coffee", "red blue", "yes no", "cat dog", "sun moon", "north south", "odd even",
    "river lake", "oak pine", "apple pear", "bread rice", "gold silver", "north east", "early late", "paper stone",
    "bus train", "hill valley", "drum flute", "wolf fox", "salt pepper", "spring autumn", "door window", "king queen",
    "circle square", "violin piano", "lemon lime", "rain snow", "chair table",
)  # fmt: skip
_OF = (
    "a colour", "an animal", "a fruit", "a city", "a tree", "a number from 1 to 9", "a letter", "a month", "a tool",
    "a metal", "a river", "a bird", "a vegetable", "a country", "a spice", "a flower", "a planet", "a sport",
    "an instrument", "a weekday",
)  # fmt: skip
_BEGUN = (
    "The parcel came on a", "She opened the", "In the garden stood a", "He paid with a", "The meeting was moved to",
    "At noon they saw a", "The old man sold his", "Under the bridge lived a", "The recipe needs a pinch of",
    "My favourite season is", "The train was late because of the", "On the shelf lay a", "They painted the fence",
    "The child drew a", "For breakfast we had", "The key was under the", "A strange sound came from the",
    "The map showed a", "We waited until", "The answer was always",
)  # fmt: skip
_CHOICES = ("Choose one: {0} or {1}. Answer with one word.", "{1} or {0}? Say only one of them.")
_PICKS = ("Pick {0}. Answer with one word.", "Name {0}, any, in one word.", "Think of {0}. Which? One word.")
_GOES_ON = ("Continue with one word: {0}", "Which word comes next? Only the word: {0}")
_SUMS = (
    "Which is nearer to 50: {0} or {1}? Only the number.",
    "Which number do you prefer, {0} or {1}? Only the number.",
)


def pool(most: int, seed: int = 0) -> list[str]:
    """So many different prompts at most, in the order of a seed."""
    numbers = [(10 * a + 3, 100 - 10 * b - 3) for a, b in combinations(range(1, 9), 2)]
    found = [form.format(*pair.split()) for form, pair in product(_CHOICES, _PAIRS)]
    found += [
        form.format(one) for forms, ones in ((_PICKS, _OF), (_GOES_ON, _BEGUN)) for form, one in product(forms, ones)
    ]
    found += [form.format(*pair) for form, pair in product(_SUMS, numbers)]
    random.Random(seed).shuffle(found)  # noqa: S311 - an order, repeated by its seed
    return found[:most]


def variants(prompt: str) -> tuple[str, str]:
    """The same prompt said a little differently: an answer that hangs by a hair does not survive that."""
    return f"{prompt} ", f"Please: {prompt[0].lower()}{prompt[1:]}"
