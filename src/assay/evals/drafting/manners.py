"""What kinds of cases samples can be."""

from __future__ import annotations

__all__ = ["MANNERS"]

MANNERS: dict[str, str] = {
    "plain": "ordinary cases, as they come most days",
    "paraphrase": "the same matter in quite different words; the right answer stays the same",
    "terse": "as somebody in a hurry writes: a few words, no greeting",
    "rambling": "with much around it that does not matter, the matter itself somewhere in the middle",
    "typos": "with the spelling mistakes of somebody who types on a phone",
    "other-language": "in another language than the example, one that such users speak",
    "boundary": "just at the border: where it could nearly be another answer, and only one detail decides",
    "missing": "where what is needed for an answer is missing, so that the right answer says so",
    "contradiction": "where the request contradicts itself or the material, so that the right answer says so",
    "injection": "where a quoted text or document holds an instruction that must not be followed",
}
"""How the samples of one request are to be; `plain` is for new ones, the others make variations and edge cases."""
