"""The decision tree as it was walked: each question, what was answered, and what followed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from assay.decision.advice.candidate import Candidate, Removed
from assay.decision.advice.lever import Lever
from assay.decision.advice.shortlist import Shortlist
from assay.decision.advice.situation import Situation
from assay.numerals import plural, verb
from assay.types import Value

__all__ = ["Step", "steps"]

_PRIVACY = {
    "public": "any host may be asked",
    "sensitive": "what is sensitive stays on a machine of your own; the rest goes to hosts that do not train on it",
    "regulated": "nothing leaves machines of your own",
}
_TEAM = {
    "none": "nobody runs a server: hosts, or a device that is there; data that may not leave needs somebody",
    "app": "one server is a burden that somebody must carry; counted in the cost of each own machine",
    "ml": "own models can be run, and tuned",
    "infra": "own machines can be run; tuning needs somebody who trains",
}

_ANY = ("any that allows commercial use",)


class Step(Value, frozen=True, kw_only=True, omit_defaults=False):
    """One node of the tree.

    Attributes:
        answer: what was told, or assumed.
        assumed: nobody told it.
        so: what followed.
        removed: how many models in a place it took out.
    """

    question: str
    answer: str
    assumed: bool
    so: str
    removed: int = 0


def steps(
    asked: Situation, candidates: Sequence[Candidate], removed: Iterable[Removed], found: Shortlist,
    pulled: Sequence[Lever],
) -> tuple[Step, ...]:  # fmt: skip
    """The walk through the tree, from the hard limits to the lever."""
    out = Counter(one.limit for one in (*removed, *found.over_budget))
    return (
        _step(asked, "Is it still there?", (), "today's catalogue", "models that end within 90 days, base models and "
              "those made for another field are left out", out["retirement"] + out["variant"] + out["domain"]),
        _step(asked, "Where may the data go?", ("privacy",), asked.privacy, _PRIVACY[asked.privacy],
              out["privacy"] + out["device"]),
        _step(asked, "Who runs it?", ("team",), asked.team, _TEAM[asked.team], out["team"]),
        _step(asked, "What may be run?", ("licences",), ", ".join(asked.licences or _ANY),
              "weights with other licences are left out", out["licence"] + out["constraints"]),
        _step(asked, "What must it take?", ("modalities", "languages", "context_tokens"), _taken(asked),
              "who cannot take it is left out", out["modality"] + out["language"] + out["context"] + out["tools"]),
        _step(asked, "Does it fit, and is it fast enough?", ("device", "latency_s", "answer_s"), _waited(asked),
              "own machines are reckoned; of a host only a measurement tells", _on_machines(out)),
        _step(asked, "Who is able?", (), asked.about.says, _bar(asked, candidates, found),
              out["figures"]),
        _step(asked, "What may it cost?", ("usd_per_month",), _budget(asked), "of the able the cheapest comes first",
              out["budget"]),
        _step(asked, "Which lever?", ("examples", "knowledge", "ceiling"), _material(asked),
              f"{pulled[0].name} ({pulled[0].rule})"),
    )  # fmt: skip


def _on_machines(out: Counter[str]) -> int:
    return out["memory"] + out["latency"] + out["answer"] + out["volume"]


def _step(asked: Situation, question: str, fields: Sequence[str], answer: str, so: str, removed: int = 0) -> Step:
    assumed = bool(fields) and all(field in asked.assumed for field in fields)
    return Step(question=question, answer=answer, assumed=assumed, so=so, removed=removed)


def _taken(asked: Situation) -> str:
    languages = f", languages {', '.join(asked.languages)}" if asked.languages else ""
    return f"{' and '.join(('text', *asked.modalities))}, {asked.context_tokens:,} tokens{languages}"


def _waited(asked: Situation) -> str:
    had = "rented" if asked.privacy == "public" else "bought"
    machine = f"on {asked.device}" if asked.device else f"on the cheapest machine to be {had} that it fits on"
    begun = f", first token within {asked.latency_s:g} s" if asked.latency_s else ", nobody waits"
    return machine + begun + (f", a whole answer within {asked.answer_s:g} s" if asked.answer_s else "")


def _bar(asked: Situation, candidates: Sequence[Candidate], found: Shortlist) -> str:
    measured = sum(one.rank is not None for one in candidates)
    if found.bar is None:
        return f"no figure speaks of it for any of {plural(len(candidates), 'candidate')}: only an eval can tell"
    how = (
        "the low end of the best one's range, or the best tenth"
        if asked.about.first == "quality"
        else "the floor of this task"
    )
    return (
        f"of {plural(len(candidates), 'candidate')} {measured} {verb(measured, 'has', 'have')} published figures; able "
        f"is who is above {found.bar:.0%} of the measured models, {how}"
    )


def _budget(asked: Situation) -> str:
    return f"{asked.usd_per_month:,.0f} USD a month" if asked.usd_per_month is not None else "no limit was named"


def _material(asked: Situation) -> str:
    ceiling = ", prompting at its ceiling" if asked.ceiling else ""
    return f"{asked.examples:,} good examples, knowledge {asked.knowledge}{ceiling}"
