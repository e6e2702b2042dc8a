"""A report as Markdown, for a pull request: tables and reasons, and never the text of a sample."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

from assay.decision.again import told_effect
from assay.evals.figures.more_tokens import told_steps
from assay.evals.figures.points import told_points
from assay.numerals import plural
from assay.report import numbers
from assay.report.shown import visible
from assay.report.view import AgainView, DecisionView, KindView, PromptView, RunKind, RunView, Samples, Source, View

_SPECIAL = re.compile(r"([\\`*_{}\[\]#|~])")
PROMPTS = (
    "Each candidate had the same number of answers on dev to find the prompt that suits it. Both prompts answered all "
    "held-out samples; on dev the winner was picked, so that its share there flatters it."
)
_SIDES = {
    "own": "own",
    "rent": "rent",
    "both": "own and rent",
    "unknown": "not known any more",
    "none": "nobody passes",
    "open": "cannot be told",
}


def markdown(view: View) -> str:
    """The whole report. Everything that was written by somebody else is escaped."""
    blocks = _decision(view) if isinstance(view, DecisionView) else _run(view)
    return "\n\n".join(block for block in blocks if block) + "\n"


def escape(text: str) -> str:
    """Text that Markdown shows as it is, on one line; `@` calls nobody."""
    return _SPECIAL.sub(r"\\\1", _line(text)).replace("@", "&#64;")


def _line(text: str) -> str:
    """Text on one line, harmless to HTML: an empty line within would end the HTML that it stands in."""
    return html.escape(" ".join(visible(text).split()), quote=False)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {escape(line)}" for line in lines)


def _fold(summary: str, *blocks: str) -> str:
    inner = "\n\n".join(block for block in blocks if block)
    return f"<details><summary>{summary}</summary>\n\n{inner}\n\n</details>"


# ----------------------------------------------------------------------------------------- decision


def _decision(view: DecisionView) -> list[str]:
    name = f"{view.source.suite} {view.source.suite_version}"
    return [
        f"## Who does the work of {escape(name)}",
        f"**{escape(view.verdict)}**",
        _bullets(view.details),
        _table(
            ("kind", "who does it", "where", "evidence", "95 % interval", "bar", "cost each", "p95"),
            (_kind_row(kind) for kind in view.kinds),
        ),
        *(_again(view.again) if view.again is not None else ()),
        "### Why, kind by kind",
        *(_kind(kind) for kind in view.kinds),
        *_prompts(view.prompts),
        "### Calls and money",
        _table(
            ("", "candidate", "where", "private", "asked", "of the grid", "spent", "the full grid", "p50", "p95"),
            (_candidate_row(view, place) for place in range(len(view.candidates))),
        ),
        _calls(view),
        "### Method",
        _bullets([*_guarantee(view), *method(view.source, view.samples)]),
    ]


def _again(again: AgainView) -> list[str]:
    rows = [tuple(map(escape, (one.subject, one.about, one.said))) for one in again.changes or ()]
    return [
        "### Made again",
        told_again(again),
        *([_table(("what", "about", "has changed"), rows)] if rows else []),
        *(
            [_bullets(f"{told_effect(one)}. {'; '.join(one.because)}" for one in again.effects)]
            if again.effects
            else []
        ),
    ]


def told_again(again: AgainView) -> str:
    """Of which decision, and what is not in the lists of changes and effects."""
    of = f"Decision {again.of[:12]} of {numbers.moment(again.created_at)} was made again."
    if again.changes is None:
        of += " It does not say what it rested on, so that it cannot be told what has changed since."
    elif not again.changes:
        of += " Nothing that decides has changed since."
    return of if again.effects else f"{of} Each kind is done by who did it."


def _kind_row(kind: KindView) -> tuple[str, ...]:
    leader = kind.leader
    bar = numbers.percent(kind.bar) + (" gate" if kind.gate else "")
    name = escape(kind.name) + (" (private-only)" if kind.label == "private-only" else "")
    if leader is None:
        return (
            name,
            numbers.DASH,
            _SIDES[kind.side],
            "nobody could be asked",
            numbers.DASH,
            bar,
            numbers.DASH,
            numbers.DASH,
        )
    evidence = numbers.count(leader.measure)
    who = f"**{escape(leader.name)}**" if kind.chosen is not None else numbers.DASH
    closest = "" if kind.chosen is not None else f" by {escape(leader.name)} at best"
    return (
        name,
        who,
        _SIDES[kind.side],
        evidence + closest,
        numbers.span(leader.measure.interval),
        bar,
        numbers.cost(leader.measure.cost),
        numbers.duration(leader.measure.p95_s),
    )


def _kind(kind: KindView) -> str:
    rows = [
        (
            one.letter,
            escape(one.name),
            f"{one.status}, early" if one.early else one.status,
            numbers.count(one.measure),
            numbers.span(one.measure.interval),
            numbers.tokens(one.measure),
            numbers.cost(one.measure.cost),
            numbers.duration(one.measure.p95_s),
            escape(one.reason),
        )
        for one in kind.standings
    ]
    bounds = [
        f"{one.name}: {numbers.failures(one.measure, one.failure_bound)}"
        for one in kind.standings
        if one.failure_bound is not None
    ]
    summary = f"<b>{_line(kind.name)}</b>: {_line(kind.reason)}".replace("@", "&#64;")
    return _fold(
        summary,
        f"{numbers.demand(kind)}.",
        f"The other side: {escape(kind.other_side)}." if kind.other_side is not None else "",
        _table(("", "candidate", "verdict", "passed", "95 % interval", "tokens", "cost", "p95", "reason"), rows),
        _bullets(bounds),
        "What more tokens bought:\n\n" + _bullets(steps) if (steps := told_steps(kind.more_tokens)) else "",
        "Moves that are left:\n\n" + _bullets(kind.moves) if kind.moves else "",
    )


def _prompts(prompts: Sequence[PromptView]) -> list[str]:
    """What searches for prompts have brought; nothing where there were none."""
    if not prompts:
        return []
    head = ("kind", "candidate", "as configured", "adapted", "difference, 95 %", "on dev", "what won")
    kept = [f"{one.kind}, {one.candidate}: {one.reason}" for one in prompts if one.won is None]
    rows = [_prompt_row(one) for one in prompts if one.won is not None]
    return ["### Prompts that were searched", PROMPTS, _table(head, rows) if rows else "", _bullets(kept)]


def _prompt_row(one: PromptView) -> tuple[str, ...]:
    return (
        escape(one.kind),
        escape(one.candidate),
        f"{one.configured} of {one.samples}" if one.samples else numbers.DASH,
        f"{one.adapted} of {one.samples}" if one.samples else numbers.DASH,
        told_points(one.difference, one.interval, numbers.DASH),
        f"{one.dev_passed} of {one.dev_scored}" if one.dev_scored else numbers.DASH,
        escape(one.won or ""),
    )


def _candidate_row(view: DecisionView, place: int) -> tuple[str, ...]:
    one = view.candidates[place]
    p50, p95 = one.latency or (None, None)
    spent = [text for text in (money_or(one.usd), seconds_or(one.engine_s)) if text]
    full = [text for text in (money_or(one.full_usd), seconds_or(one.full_engine_s)) if text]
    return (
        one.letter,
        escape(one.name),
        escape(one.place),
        {True: "yes", False: "no", None: "not known"}[one.private],
        f"{one.asked:,}",
        f"{one.grid:,}",
        " + ".join(spent) or (numbers.DASH if not one.asked else "unknown"),
        f"~{' + '.join(full)}" if full else "unknown",
        numbers.duration(p50.value) if p50 is not None else numbers.DASH,
        numbers.duration(p95.value) if p95 is not None else numbers.DASH,
    )


def money_or(usd: float | None) -> str:
    """USD, or nothing where it is not known or nothing was billed."""
    return numbers.money(usd) if usd else ""


def seconds_or(engine_s: float | None) -> str:
    """CPU seconds, or nothing where none were used."""
    return numbers.seconds(engine_s) if engine_s else ""


def _calls(view: DecisionView) -> str:
    spent = [text for text in (money_or(view.spent_usd), seconds_or(view.spent_engine_s)) if text]
    text = f"{view.asked:,} of {plural(view.grid, 'answer')}; {view.asked_now:,} of them in the call that decided"
    text += f", for {' and '.join(spent)}." if spent else "."
    if view.unpriced:
        text += f" The cost of {plural(view.unpriced, 'answer')} is unknown, which is not 0."
    return text


def _guarantee(view: DecisionView) -> list[str]:
    return [f"Guarantee: {view.guarantee}.", f"Speaks of: {view.population}."]


# ---------------------------------------------------------------------------------------------- run


def _run(view: RunView) -> list[str]:
    reasons = [f"{count} unscored: {reason}" for reason, count in view.unscored]
    return [
        f"## {escape(view.target)} on {escape(view.source.suite)}",
        f"**{escape(view.verdict)}**",
        _bullets(view.details),
        _table(
            ("kind", "bar", "passed", "of", "95 % interval", "verdict", "tokens", "cost each", "p50", "p95"),
            (_run_row(kind) for kind in view.kinds),
        ),
        _bullets(reasons),
        "### Method",
        _bullets(method(view.source, view.samples)),
    ]


def _run_row(kind: RunKind) -> tuple[str, ...]:
    found = kind.measure
    bar = numbers.percent(kind.bar) + (" gate" if kind.gate else "") if kind.bar is not None else numbers.DASH
    return (
        escape(kind.name),
        bar,
        numbers.count(found),
        f"{found.total}",
        numbers.measured_span(found),
        meets(kind),
        numbers.tokens(found),
        numbers.cost(found.cost) if found.asked else numbers.DASH,
        numbers.duration(found.p50_s),
        numbers.duration(found.p95_s),
    )


def meets(kind: RunKind) -> str:
    """Whether a kind of a run reaches its bar, in words."""
    if kind.bar is None:
        return numbers.DASH
    return {True: "reaches the bar", False: "below the bar", None: "cannot be told yet"}[kind.meets]


# ------------------------------------------------------------------------------------------- method


def method(source: Source, samples: Samples) -> list[str]:
    """Where the figures come from, line by line: what, when, which suite, configuration, seed and version."""
    suite = f"suite {source.suite} {source.suite_version}".rstrip() + f", digest {source.suite_digest[:12]}"
    split = f", split {source.split}" if source.split else ""
    changed = " (it has changed since)" if source.config_changed else ""
    lines = [
        f"{source.what} {source.id} of {numbers.moment(source.created_at)}, seed {source.seed}{split}",
        f"{suite}; configuration {source.config_digest[:12] or 'not known'}{changed}",
        f"measured by assay {', '.join(source.versions) or '(the runs are gone)'}",
    ]
    return [*lines, samples.note] if samples.note else lines
