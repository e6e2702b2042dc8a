"""A decision as text: the verdict first, then each kind with every candidate and its reason."""

from __future__ import annotations

from assay.decision.adapting.explained import explained
from assay.decision.cost import cost_of
from assay.decision.decision import CandidateResult, Decision, KindDecision, Status
from assay.decision.line import told
from assay.decision.table import table
from assay.evals.figures.more_tokens import told_steps
from assay.evals.runs.tokens import told_tokens
from assay.numerals import plural, told_usd

_MARKS = {
    Status.CHOSEN: "+",
    Status.FAILED: "-",
    Status.GATED: "x",
    Status.EXCLUDED: "x",
    Status.UNPROVEN: "?",
    Status.OPEN: "?",
    Status.NOT_NEEDED: " ",
}


def explain(decision: Decision, kind: str | None = None) -> str:
    """The whole decision, or one kind of it, as plain text."""
    kinds = [one for one in decision.kinds if kind is None or one.name == kind or kind in one.kinds]
    blocks = [summary(decision)] if kind is None else []
    blocks += [text] if (text := told(decision, kind)) else []
    blocks += [explained(decision.adaptations, kind)] if decision.adaptations else []
    blocks += [_kind(one) for one in kinds]
    blocks.append(method(decision))
    return "\n\n".join(blocks) + "\n"


def summary(decision: Decision) -> str:
    """One line per kind: who does it, on what evidence."""
    won = [one for one in decision.kinds if one.chosen is not None]
    name = f"{decision.suite} {decision.suite_version}"
    verb = "has" if 1 in (len(won), len(decision.kinds)) else "have"
    head = f"Suite {name}: {len(won)} of {plural(len(decision.kinds), 'kind')} {verb} a proven model."
    columns = ("kind", "bar", "who does it", "evidence", "95 % interval", "cost each")
    return "\n".join([head, *table(columns, [_line(one) for one in decision.kinds], indent="  ")])


def _line(kind: KindDecision) -> tuple[str, ...]:
    """The winner with its evidence, else the candidate that came closest."""
    what = f"{kind.bar:.0%}" + (" gate" if kind.gate else "")
    asked = [one for one in kind.candidates if one.passed + one.failed]
    best = next(
        (one for one in asked if one.name == kind.chosen),
        max(asked, key=lambda one: one.passed / (one.passed + one.failed), default=None),
    )
    if best is None:
        return (kind.name, what, _nobody(kind), "nobody could be asked", "-", "-")
    evidence = f"{best.passed} of {best.passed + best.failed}{' made up' if kind.made_up else ''}"
    if kind.chosen is None:
        return (kind.name, what, _nobody(kind), f"{evidence} at best, by {best.name}", _interval(best), cost_of(best))
    return (kind.name, what, kind.chosen, evidence, _interval(best), cost_of(best))


def _nobody(kind: KindDecision) -> str:
    return "(cannot be told)" if kind.open else "(none passes)"


def _interval(one: CandidateResult) -> str:
    return f"{one.interval[0]:.0%} to {one.interval[1]:.0%}" if one.interval is not None else "-"


def _kind(kind: KindDecision) -> str:
    what = "gate" if kind.gate else "bar"
    lines = [
        f"{kind.name}: {kind.reason}",
        f"  {what} {kind.bar:.0%}: {kind.needed} of {kind.total} {'made-up ' if kind.made_up else ''}samples must pass"
        + (f"; {kind.left_out} made-up ones decide nothing" if kind.left_out else ""),
    ]
    lines += table(
        ("", "candidate", "passed", "asked", "95 % interval", "tokens", "cost", "p95", "verdict"),
        [_row(one) for one in kind.candidates],
        indent="  ",
    )
    lines += [
        f"  {one.name}: {one.failed} of {one.passed + one.failed} failed; failure rate at most "
        f"{one.failure_bound:.0%} (95 %, exact)"
        for one in kind.candidates
        if kind.gate and one.failure_bound is not None
    ]
    if steps := told_steps(kind.more_tokens):
        lines += ["  what more tokens bought:", *(f"    - {line}" for line in steps)]
    if kind.moves:
        lines += ["  moves that are left:", *(f"    - {move}" for move in kind.moves)]
    return "\n".join(lines)


def _row(one: CandidateResult) -> tuple[str, ...]:
    asked = one.passed + one.failed
    return (
        _MARKS[one.status],
        one.name,
        f"{one.passed}" if asked else "-",
        f"{asked + one.unscored}" if asked + one.unscored else "-",
        _interval(one),
        told_tokens(one.tokens),
        cost_of(one),
        f"{one.p95_s:.2f} s" if one.p95_s is not None else "-",
        f"{one.status.value}: {one.reason}",
    )


def method(decision: Decision) -> str:
    """What the verdicts rest on: calls, guarantee, population, digests."""
    saved = decision.grid - decision.asked
    spent = []
    if decision.spent_usd:
        spent.append(told_usd(decision.spent_usd))
    if decision.spent_engine_s:
        spent.append(f"{decision.spent_engine_s:.1f} CPU s")
    lines = [
        f"Asked: {decision.asked} of {plural(decision.grid, 'answer')} that the full grid has ({saved} saved); "
        f"{decision.asked_now} in this call"
        + (f" ({decision.replayed_now} from the cache)" if decision.replayed_now else "")
        + (f", for {' and '.join(spent)}." if spent else "."),
        "Order: by expected cost, from prompts, limits and prices; whoever may undercut what the best has really cost "
        "is asked too. ~ marks an expected figure, others are measured.",
        f"Guarantee: {decision.guarantee}.",
        f"Speaks of: {decision.population}.",
        f"Decision {decision.id}, seed {decision.seed}, suite {decision.suite_digest[:12]}, "
        f"config {decision.config_digest[:12] or '-'}"
        + (f", made again of {decision.again_of[:12]}." if decision.again_of is not None else "."),
    ]
    return "\n".join(lines)
