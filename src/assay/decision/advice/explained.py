"""Advice as text: the answer first, then why, then how it would be refuted; every value is in the JSON too."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import groupby
from textwrap import wrap

from assay.decision.advice.advice import Advice
from assay.decision.advice.candidate import Candidate, Envelope, Rank, Removed
from assay.decision.advice.doubts import THINKING_TOKENS
from assay.decision.advice.plan import Plan
from assay.decision.advice.use_cases import UseCase
from assay.decision.table import table
from assay.envelope.hardware import GIB
from assay.numerals import plural

__all__ = ["explained", "tabled"]

WIDTH = 110
_FEW = 3


def explained(found: Advice, *, whole: bool = False) -> str:
    """The advice; `whole` with every step of the tree and every model that was removed."""
    advised = [_plans(found), *_details(found), _levers(found)] if found.best is not None else []
    walked = [_tree(found), _removed(found.removed)] if whole else []
    proved = [_proof(found), _folded(found.caveat)] if found.best is not None else []
    blocks = [_answer(found), *advised, *walked, *proved]
    return "\n\n".join(blocks) + "\n"


def _answer(found: Advice) -> str:
    asked = found.situation
    head = (
        f"For {asked.about.says} ({asked.privacy} data, {asked.requests_per_day:,.10g} requests a day), {found.as_of}:"
    )
    if found.best is None:
        none = "  no model of the catalogue is left within these limits."
        return "\n".join([head, none, *_most_common(found), *_assumed_limits(found)])
    lines = [head, f"  best:      {found.best.title}, {_cost(found.best)}"]
    if found.runner_up is not None:
        lines.append(f"  runner-up: {found.runner_up.title}, {_cost(found.runner_up)}")
    lines.append(f"  lever:     {found.lever.name} ({found.lever.rule})")
    if not found.best.able:
        lines.append("  No figure puts any plan above the bar: take this as a place to begin measuring, no more.")
        lines += _assumed_limits(found)
    return "\n".join([*lines, *_cautions(found)])


_TIMES = (("latency", "latency_s", "first token"), ("answer", "answer_s", "whole answer"))


def _assumed_limits(found: Advice) -> list[str]:
    """That limits which nobody named took models out."""
    asked, lines = found.situation, []
    for limit, field, what in _TIMES:
        late = sum(one.limit == limit for one in found.removed)
        if late and field in asked.assumed:
            said = f"A {what} within {getattr(asked, field):g} s, which nobody asked for, took out"
            lines.append(f"  {said} {plural(late, 'model')}: --{field.replace('_', '-')} 0 lets them wait.")
    return lines


def _cautions(found: Advice) -> list[str]:
    """What the answer rests on that somebody must know before they read on."""
    asked, lines = found.situation, []
    if asked.task == "bilingual" and not asked.languages:
        lines.append("No language was named, so nobody looked whether these models know yours: --language de ...")
    if asked.team == "none" and asked.privacy != "public" and found.best is not None and found.best.kind != "hosted":
        lines.append(
            "Somebody must run this, and nobody is there (team none): find them; or, where a managed host's data "
            "policy fits (assay models --hosts), let the data go there: --privacy public."
        )
    return [piece for line in lines for piece in _bullet("!", line)]


def _most_common(found: Advice) -> list[str]:
    """The limits that took most out."""
    limits = sorted(one.limit for one in found.removed)
    counted = sorted(((len(list(group)), limit) for limit, group in groupby(limits)), reverse=True)
    return [f"  {limit} removed {count} of {len(limits)}" for count, limit in counted[:_FEW]]


def _cost(plan: Plan) -> str:
    if plan.bill_usd_per_month is None:
        return "price unknown"
    return f"{_usd(plan.bill_usd_per_month)} a month ({_usd(plan.usd_per_query)} a query)"


def _plans(found: Advice) -> str:
    head = ("", "plan", "what", "figures (range)", "USD/month", "with staff", "USD/query")
    rows = [_row(found, plan) for plan in found.shortlist]
    return "\n".join(["Shortlist", *table(head, rows, indent="  ")])


def _row(found: Advice, plan: Plan) -> tuple[str, ...]:
    mark = "best" if plan == found.best else "next" if plan == found.runner_up else ""
    names = plan.title if len(plan.parts) == 1 else " + ".join(one.name for one in plan.candidates)
    return (
        mark, plan.kind, names, _rank(plan.rank), _number(plan.bill_usd_per_month), _number(plan.usd_per_month),
        _query(plan.usd_per_query, thinks=plan.thinks),
    )  # fmt: skip


def _seconds(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def _query(usd: float | None, *, thinks: bool) -> str:
    return _number(usd) + (" + thinking" if thinks and usd is not None else "")


def _rank(rank: Rank | None) -> str:
    return f"above {rank.share:.0%} ({rank.low:.0%} to {rank.high:.0%})" if rank is not None else "none published"


def _details(found: Advice) -> Iterable[str]:
    """Best and runner-up with their reasons, and the cheapest where it is another."""
    for name, plan in (("Best", found.best), ("Runner-up", found.runner_up)):
        if plan is not None:
            yield "\n".join([f"{name}: {plan.title}", *_plan(plan)])
    if (one := found.cheapest) is not None:
        figures = "no figure speaks for it" if one.rank is None else f"figures: {_rank(one.rank)}"
        said = f"{one.title}, {_usd(one.bill_usd_per_month)} a month; {figures}. An eval may show that it will do."
        yield _folded(f"Cheapest: {said}")


def _plan(plan: Plan) -> list[str]:
    lines: list[str] = []
    for part in plan.parts:
        if len(plan.parts) > 1:
            cost = _usd(part.candidate.bill_usd_per_month)
            lines.append(f"  {part.role}: {part.candidate.title}, {cost} a month")
        lines += _candidate(part.candidate)
    marked = [("+", plan.reasons), ("-", plan.warnings), ("refuted by:", plan.refuted_by)]
    return lines + [line for mark, texts in marked for text in texts for line in _bullet(mark, text)]


def _candidate(one: Candidate) -> list[str]:
    lines = []
    if one.rank is not None:
        own = f"{one.rank.by_others} of {len(one.rank.figures)} by others than its maker"
        figures = ", ".join(one.rank.figures[:_FEW])
        lines.append(f"figures: {figures} ({own}, {one.rank.oldest} to {one.rank.newest})")
    if one.envelope is not None:
        lines.append(f"envelope: {_envelope(one.envelope)}")
    if (span := one.usd_per_month_range) is not None and span[1] > 1.05 * span[0]:
        lines.append(
            f"cost: {_number(span[0])} to {_number(span[1])} USD a month with staff, as fast or slow as it may be"
        )
    return [piece for line in lines for piece in _bullet("=", line)]


def _envelope(one: Envelope) -> str:
    machines = f"{one.machines} x " if one.machines not in (None, 1) else ""
    parts = [f"{one.verdict} on {machines}{one.machine}" + (f" as {one.quantisation}" if one.quantisation else "")]
    if one.memory_bytes is not None and one.free_bytes is not None:
        parts.append(f"{one.memory_bytes / GIB:.1f} GiB, {one.free_bytes / GIB:.1f} GiB free")
    if one.decode_tok_s is not None:
        parts.append(f"{one.decode_tok_s[0]:,.0f} to {one.decode_tok_s[1]:,.0f} tok/s")
    if one.first_token_s is not None:
        parts.append(f"first token in {_seconds(one.first_token_s[0])} to {_seconds(one.first_token_s[1])} s")
    if one.answer_s is not None:
        parts.append(f"an answer in {_seconds(one.answer_s[0])} to {_seconds(one.answer_s[1])} s")
    if one.measured is not None:
        parts.append(one.measured)
    return "; ".join(parts)


def _levers(found: Advice) -> str:
    lines = ["Lever"]
    for lever in found.levers:
        on = f" (from {lever.on})" if lever.on else ""
        lines += _bullet(f"{lever.name}, {lever.verdict}:", f"{lever.reason}{on} [{lever.rule}]")
    lines += _bullet("refuted by:", found.lever.refuted_by)
    return "\n".join(lines)


def _tree(found: Advice) -> str:
    rows = [
        (
            step.question,
            step.answer + (" (assumed)" if step.assumed else ""),
            f"-{step.removed}" if step.removed else "",
            step.so,
        )
        for step in found.tree
    ]
    return "\n".join(["Tree", *table(("question", "answer", "removed", "so"), rows, indent="  ")])


def _removed(removed: Sequence[Removed]) -> str:
    rows = [(one.model, one.at or one.place, one.limit, one.reason) for one in removed]
    return "\n".join([f"Removed: {len(rows)}", *table(("model", "at", "limit", "reason"), rows, indent="  ")])


def _proof(found: Advice) -> str:
    proof = found.proof
    lines = [f"Prove or refute it: {proof.samples} held-out samples of {proof.kind}, bar {proof.bar:.0%}"]
    for command in proof.commands:
        lines += [f"  {command.command}", f"      # {command.why}"]
    return "\n".join(lines)


def tabled(rows: Sequence[UseCase]) -> str:
    """The use cases, two lines each: best and runner-up."""
    head = ("use case", "", "what", "figures (range)", "USD/query", "lever")
    cells = []
    for row in rows:
        rank = f"above {row.share:.0%} ({row.low:.0%} to {row.high:.0%})" if row.share is not None else "none published"
        cells.append(
            (row.task, "best", row.best or "nobody", rank, _query(row.usd_per_query, thinks=row.thinks), row.lever)
        )
        second = row.runner_up or "nobody"
        tokens = f"{row.input_tokens:,} in, {row.output_tokens:,} out"
        cells.append(("", "next", second, tokens, _query(row.runner_up_usd_per_query, thinks=row.runner_up_thinks), ""))
    note = "USD/query is what is billed for the tokens shown; own machines are spread over the task's usual volume."
    thinking = (
        f"{THINKING_TOKENS:,} tokens of thinking are in it where a model always thinks; + thinking: it may think."
    )
    return (
        "\n".join([*table(head, cells), "", note, thinking, "assay advise --task NAME says why, and how to refute it."])
        + "\n"
    )


def _usd(value: float | None) -> str:
    return f"{_number(value)} USD" if value is not None else "unknown"


def _number(value: float | None) -> str:
    """Whole from a hundred on, two decimals from one on, else two figures; unknown is said."""
    if value is None:
        return "unknown"
    if value >= 100 or value == 0:
        return f"{value:,.0f}"
    return f"{value:.2f}" if value >= 1 else format(Decimal(f"{value:.2g}"), "f")


def _bullet(mark: str, text: str) -> list[str]:
    head = f"  {mark} "
    return wrap(
        text, WIDTH, initial_indent=head, subsequent_indent=" " * (4 if len(head) < 6 else 6), break_on_hyphens=False
    )


def _folded(text: str) -> str:
    return "\n".join(wrap(text, WIDTH, break_on_hyphens=False))
