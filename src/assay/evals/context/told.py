"""What was found of a context, in sentences: the same on the command line and on a page."""

from __future__ import annotations

from assay.evals.context.plan import Quoted
from assay.evals.context.verdict import Finding, Reach
from assay.numerals import plural
from assay.stats.certainty import needed

__all__ = ["DEPTHS", "guarantee", "told", "told_depths", "told_quoted"]

DEPTHS = "A depth is named where that is more than chance: an exact test by length, Holm over depths, at 5 %."
_SAID_CHARS = 160


def told(one: Finding, said: Quoted) -> str:
    """How far a task reaches, with the evidence at both sides of the border."""
    held = [reach for reach in one.reaches if one.effective_tokens and reach.length <= one.effective_tokens]
    beyond = next((reach for reach in one.reaches if reach not in held), None)
    proof = f": {_count(held[-1])} pass there" if held else ""
    return f"{one.task}: {_reaches(one, beyond)}{_share(one, said)}{proof}{_border(beyond)}."


def told_depths(one: Finding) -> str | None:
    """Where less is found than elsewhere; None where no depth is known to lose anything."""
    lost = [effect for effect in one.depth_effects if effect.lost]
    if not lost:
        return None
    at = " and ".join(
        f"{effect.depth} % ({effect.passed} of {effect.scored} pass, elsewhere {effect.elsewhere_passed} of "
        f"{effect.elsewhere_scored}; p = {effect.p_value:.1g})"
        for effect in lost
    )
    return f"{one.task}: less is found at a depth of {at}."


def told_quoted(said: Quoted) -> str:
    """What is said of the context."""
    parts = [f"its model has {said.model:,}"] if said.model is not None else []
    parts += [f"its engine is set to {said.engine:,}"] if said.engine is not None else []
    return f"Quoted tokens of context: {' and '.join(parts) or 'not known'}."


def guarantee(bar: float, error: float, prompts: int) -> str:
    """What the verdicts rest on."""
    sure = (
        f"decided so that the effective context of a task is with {1 - error:.4g} probability the one that all of them "
        "would give (two sequential tests a length)"
        if error
        else "certain for these prompts, of which no more are asked than that takes"
    )
    return (
        f"A length holds when at least {bar:.0%} of its {plural(prompts, 'prompt')} pass ({needed(prompts, bar)} of "
        f"them): {sure}. The interval (95 %; Wilson's where all were asked, else one that holds whenever one stops) is "
        "for other prompts of the same form; your documents may be harder."
    )


def _reaches(one: Finding, beyond: Reach | None) -> str:
    if one.effective_tokens is None:
        return "cannot be told"
    if one.effective_tokens == 0:
        return "nothing, for not even the shortest length holds"
    end = "" if beyond is not None and beyond.verdict == "fails" else "at least "
    return f"effective context {end}{one.effective_tokens:,} tokens"


def _share(one: Finding, said: Quoted) -> str:
    if not one.effective_tokens or said.tokens is None:
        return ""
    return f" ({one.effective_tokens / said.tokens:.0%} of the {said.tokens:,} quoted)"


def _border(beyond: Reach | None) -> str:
    """What is known of the first length that does not hold."""
    if beyond is None:
        return ", the longest asked"
    at = f"; at {beyond.length:,}"
    if beyond.refused is not None and not beyond.passed:
        return f"{at} the prompt is refused: {_cut(beyond.refused)}"
    if beyond.verdict == "not asked":
        return f"{at} nothing was asked"
    unknown = beyond.total - beyond.passed - beyond.failed
    open_ = (
        f", {unknown} of {beyond.total} have no score, so that it cannot be told" if beyond.verdict == "open" else ""
    )
    return f"{at} {_count(beyond)}{open_}"


def _count(reach: Reach) -> str:
    return f"{reach.passed} of {reach.passed + reach.failed}"


def _cut(text: str) -> str:
    text = " ".join(text.split()).rstrip(".")
    return text if len(text) <= _SAID_CHARS else text[: _SAID_CHARS - 1] + "…"
