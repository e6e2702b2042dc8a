"""An adaptation as text: what it brought on held-out samples, what was tried, which prompt won, what it cost."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from textwrap import wrap

import msgspec

from assay.config.schema import Example, Settings
from assay.decision.adapting.adaptation import Adaptation, KindAdaptation, Spending
from assay.decision.adapting.luck import RULE
from assay.decision.table import MOST, table
from assay.evals.figures.points import told_points
from assay.numerals import plural, told_usd

__all__ = ["explained"]

_HEAD = ("kind", "candidate", "as configured", "adapted", "difference, 95 %", "on dev", "what won")
_SHOWN_EXAMPLES = 3
_LONGEST = 90


def explained(adaptations: Sequence[Adaptation], only: str | None = None) -> str:
    """All of them, or of one kind: the gains first, then each search."""
    if only is not None:
        adaptations = [_of_kind(one, only) for one in adaptations]
    answers = adaptations[0].answers if adaptations else 0
    gains = [_gain_row(one.candidate, kind) for one in adaptations for kind in one.kinds if kind.won is not None]
    most = plural(answers, "answer")
    lines = [f"Adapted on dev, {most} at most for each candidate and kind; compared on held-out samples:"]
    lines += table(_HEAD, gains, indent="  ", most=MOST) if gains else ["  every prompt is kept as configured"]
    lines += [f"  {line}" for line in _cautions(adaptations)]
    for one in adaptations:
        lines += ["", *_candidate(one)]
    lines += ["", f"Rule: {RULE}."]
    return "\n".join(part for line in lines for part in _wrapped(line))


def _wrapped(line: str) -> list[str]:
    """A long line as several, each as far in as the first; a table's and a prompt's stay as they are."""
    text = line.lstrip()
    if len(line) <= MOST or text.startswith("|"):
        return [line]
    indent = " " * (len(line) - len(text))
    return wrap(text, MOST, initial_indent=indent, subsequent_indent=f"{indent}  ", break_long_words=False)


def _of_kind(one: Adaptation, kind: str) -> Adaptation:
    return msgspec.structs.replace(one, kinds=tuple(found for found in one.kinds if found.kind == kind))


def _gain_row(candidate: str, kind: KindAdaptation) -> tuple[str, ...]:
    dev = next((f"{one.passed} of {one.scored}" for one in kind.tried if one.name == kind.won), "-")
    gain = kind.gain
    if gain is None:
        return (kind.kind, candidate, "-", "-", "could not be asked", dev, kind.won or "-")
    n = gain.comparison.samples
    return (
        kind.kind, candidate, f"{gain.configured} of {n}", f"{gain.adapted} of {n}",
        told_points(gain.comparison.difference, gain.comparison.interval), dev,
        kind.won or "-",
    )  # fmt: skip


def _cautions(adaptations: Sequence[Adaptation]) -> Iterator[str]:
    gaps = [kind.gain.optimism for one in adaptations for kind in one.kinds if kind.gain is not None]
    known = [gap for gap in gaps if gap is not None]
    if known:
        mean = sum(known) / len(known) * 100
        more = f"{abs(mean):.0f} points {'more' if mean >= 0 else 'less'}"
        yield (
            f"What won passed {more} on dev than on held-out samples, on the average: the best of several on few "
            "samples looks better than it is."
        )


# ------------------------------------------------------------------------------------------ one search


def _candidate(one: Adaptation) -> Iterator[str]:
    yield f"{one.candidate}: {_spent(one.spending)}"
    if one.reason:
        yield f"  {one.reason}"
    for kind in one.kinds:
        yield f"  {kind.kind}: {kind.reason}"
        if kind.tried:
            yield f"    tried: {'; '.join(f'{tried.name} {tried.passed} of {tried.scored}' for tried in kind.tried)}"
        if kind.untried:
            yield f"    not tried, for want of answers (--adapt-answers): {kind.untried} more"
        if kind.left_out:
            yield f"    left out of dev: {kind.left_out}, held out as well, or not to be sent to it"
        yield from (f"    {name}: not asked: {why}" for name, why in kind.refused.items())
        if kind.settings is not None:
            yield from (f"    | {line}" for line in _prompt(kind.settings))


def _spent(spending: Spending) -> str:
    costs = [plural(spending.tokens, "token") if spending.tokens is not None else "tokens not told"]
    if spending.usd is not None and (spending.usd or spending.engine_s is None):
        costs.append(told_usd(spending.usd))
    if spending.engine_s is not None:
        costs.append(f"{spending.engine_s:.1f} CPU s")
    return (
        f"{plural(spending.answers, 'answer')} on dev, {spending.asked_now} of them asked now, for {', '.join(costs)}"
    )


def _prompt(settings: Settings) -> Iterator[str]:
    """The prompt that won, as it stands in the configuration."""
    shown = {"style": settings.style, "system": settings.system, "template": settings.template,
             "choices": settings.choices, "reasoning_effort": settings.reasoning_effort}  # fmt: skip
    yield from (f"{key} = {_cut(json.dumps(value, ensure_ascii=False))}" for key, value in shown.items() if value)
    examples = settings.examples or ()
    yield from (_cut(_example(one)) for one in examples[:_SHOWN_EXAMPLES])
    if len(examples) > _SHOWN_EXAMPLES:
        yield f"(and {len(examples) - _SHOWN_EXAMPLES} more)"


def _example(one: Example) -> str:
    said = one.assistant if one.assistant is not None else ", ".join(call.name for call in one.calls)
    return f"example: {json.dumps(one.user, ensure_ascii=False)} -> {json.dumps(said, ensure_ascii=False)}"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
