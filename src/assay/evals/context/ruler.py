"""How many letters of our text make so many tokens of a target: counted by it, or told by the bill, or assumed."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Literal

from msgspec.structs import replace

from assay.errors import BadRequest, NoCandidate, RequestError
from assay.evals.context.haystack import woven
from assay.evals.context.prompt import request_of
from assay.evals.context.tasks import Hidden, hidden
from assay.inference.purse import Purse
from assay.inference.spine import Options, Spine
from assay.types import Request, Value

__all__ = ["ASSUMED", "Basis", "Ruler", "measured_ruler"]

Basis = Literal["counted", "billed", "assumed"]

_ASSUMED_CHARS = 4.0
"""Letters of English prose in a token, where nobody counts."""
_FACTS_CHARS = 800
"""Of a text that is hardly more than its facts."""
_COUNTED_CHARS, _BILLED_CHARS = 12_000, 6000
_SLACK = 0.97
"""One text has a percent or two more tokens for its letters than another: none is to be longer than it should."""


class Ruler(Value, frozen=True, kw_only=True):
    """Tokens of a prompt, from its letters.

    Attributes:
        chars_per_token: of the filler.
        around_tokens: what else a prompt has: the question, the deployment's own prompt, the template, and what facts
            have more than filler of as many letters.
        basis: `counted` by the target's own tokenizer, `billed`: as its host counted two short calls, or `assumed`.
    """

    chars_per_token: float
    around_tokens: int
    basis: Basis

    def chars(self, tokens: int) -> int:
        """Letters of text in a prompt of so many tokens."""
        return max(0, int((tokens - self.around_tokens) * self.chars_per_token * _SLACK))

    @property
    def told(self) -> str:
        """How lengths are known, in a sentence."""
        match self.basis:
            case "counted":
                return "Lengths are in tokens of its own tokenizer; prompts are up to some percent shorter."
            case "billed":
                return "Lengths are in tokens as its host bills them; prompts are up to some percent shorter."
            case _:
                return "Lengths are estimates: its host tells no tokens, and 4 letters are taken for one."


ASSUMED = Ruler(chars_per_token=_ASSUMED_CHARS, around_tokens=60, basis="assumed")
"""What is taken where nobody tells any tokens."""


async def measured_ruler(spine: Spine, target: str, shortest: int, purse: Purse | None = None) -> Ruler:
    """Measure two texts: by a count, where the target can do that, else by asking them, once for all times.

    Args:
        spine: whose target it is.
        target: deployment or route.
        shortest: tokens of the shortest prompt that will be asked; what is asked here is not longer.
        purse: what asking is paid from.

    Raises:
        AssayError: the target cannot be asked.
    """
    options = Options(use_cache=True, seed=0, purse=purse)  # a seed, or the cache would not know it again
    try:
        texts = _texts(_COUNTED_CHARS)
        tokens = [await _tokens(spine, target, replace(_asked(text), form="count"), options) for text in texts]
        basis: Basis = "counted"
    except (BadRequest, NoCandidate, RequestError):  # most hosts do not count
        texts = _texts(min(_BILLED_CHARS, 3 * shortest))
        tokens = [await _tokens(spine, target, _asked(text), options) for text in texts]
        basis = "billed"
    return _through(texts, tokens, basis)


def _through(texts: Sequence[str], tokens: Sequence[int | None], basis: Basis) -> Ruler:
    """The line through two texts that have so many tokens with all that is around them."""
    (short, long), (few, many) = map(len, texts), tokens
    if few is None or many is None or many <= few:
        return ASSUMED
    chars = round((long - short) / (many - few), 3)
    return Ruler(chars_per_token=chars, around_tokens=max(0, round(few - short / chars)), basis=basis)


async def _tokens(spine: Spine, target: str, request: Request, options: Options) -> int | None:
    """What a request has, as the answer to it says."""
    answer = await spine.answer(request, target, None, options)
    return answer.usage.input if answer.usage is not None else None


def _texts(chars: int) -> tuple[str, str]:
    """Two texts with the same facts: one of hardly anything else, and one of so many letters."""
    facts = _facts()
    short, long = (woven(_random(), size, facts.placed, facts.strewn) for size in (_FACTS_CHARS, chars))
    return short, long


def _asked(text: str) -> Request:
    return request_of("hops", text, _facts().question)


def _facts() -> Hidden:
    """Those of the task with the longest question."""
    return hidden("hops", _random(), 0.5)


def _random() -> Random:
    return Random("ruler")  # noqa: S311 - a text, not a secret
