"""Which lever is the right one: prompt, retrieve, tune or route; a table of rules, each with its reason.

Of each lever the first rule that fires counts. The levers in the order of `ORDER`: the first one that is to be pulled
now is the advice, since what a later one does an earlier one would undo. The thresholds are judgements that the named
evals put to the test, not measurements; docs/decisions/043-advice.md says why they are what they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

from assay.decision.advice.situation import HOT_PER_DAY, Situation
from assay.types import Value

__all__ = ["ENOUGH_EXAMPLES", "ORDER", "RULES", "SAVES", "Facts", "Lever", "Rule", "levers", "pays"]

Name = Literal["prompt", "retrieve", "tune", "route"]
ORDER: tuple[Name, ...] = ("retrieve", "tune", "route", "prompt")
ENOUGH_EXAMPLES = 500
"""Good examples from which on tuning is worth a try."""
FEW_EXAMPLES = 50
SAVES = 0.3
"""Share of the month's cost that routing must save to be worth a second model."""
SAVES_USD = 100.0
"""And what it must save in a month: somebody has to look after the route."""


class Facts(NamedTuple):
    """What the rules look at.

    Attributes:
        saved: share of the best single plan's cost that the cascade saves; `None` = there is none, or its cost is
            not known.
        saved_usd: the same in USD a month.
        split: sensitive work goes to a machine of one's own and the rest elsewhere.
        tunable: an open model within the limits whose family has a tuning recipe.
    """

    asked: Situation
    saved: float | None
    saved_usd: float | None
    split: bool
    tunable: str | None


class Rule(NamedTuple):
    """One rule of the tree.

    Attributes:
        when: whether it fires.
        because: the reason in words; takes fields of the situation in braces.
    """

    name: str
    lever: Name
    verdict: Literal["now", "later", "no"]
    when: Callable[[Facts], bool]
    because: str


class Lever(Value, frozen=True, kw_only=True, omit_defaults=False):
    """What became of one lever.

    Attributes:
        verdict: pull it `now`, `later` (the reason says after what), or `no`.
        rule: the one that fired.
        refuted_by: the result of an eval that would show that the lever is the wrong one.
        on: for tuning: the model to begin from.
    """

    name: Name
    verdict: Literal["now", "later", "no"]
    rule: str
    reason: str
    refuted_by: str
    on: str | None = None


def levers(facts: Facts) -> tuple[Lever, ...]:
    """Every lever with the rule that fired, the advised one first."""
    found = {name: _decided(name, facts) for name in ORDER}
    first = next((name for name in ORDER if found[name].verdict == "now"), ORDER[-1])
    return (found[first], *(found[name] for name in ORDER if name != first))


def _decided(name: Name, facts: Facts) -> Lever:
    rule = next(rule for rule in RULES if rule.lever == name and rule.when(facts))
    reason = rule.because.format(
        **{key: getattr(facts.asked, key) for key in ("examples", "requests_per_day", "input_tokens")},
        saved=facts.saved or 0.0, saved_usd=facts.saved_usd or 0.0,
    )  # fmt: skip
    on = facts.tunable if name == "tune" and rule.verdict != "no" else None
    return Lever(
        name=name, verdict=rule.verdict, rule=rule.name, reason=reason, refuted_by=_REFUTED_BY[name], on=on
    )  # fmt: skip


_REFUTED_BY: Mapping[Name, str] = {
    "prompt": "assay compare of a deployment with and one without instruction or examples shows no difference",
    "retrieve": "assay eval with the right documents in the request (context_files of the samples) passes no more than "
                "without",
    "tune": "assay compare of the tuned model and the best prompted one shows no gain on held-out samples",
    "route": "assay eval of the route passes less than its strongest candidate alone, or costs more",
}  # fmt: skip


def _always(facts: Facts) -> bool:
    return True


def pays(asked: Situation, saved: float | None, saved_usd: float | None) -> bool:
    """Whether a cascade that saves so much a month, as a share and in USD, is worth a second model."""
    return asked.checkable and saved is not None and saved >= SAVES and (saved_usd or 0.0) >= SAVES_USD


RULES: tuple[Rule, ...] = (
    Rule("changing-knowledge", "retrieve", "now", lambda f: f.asked.knowledge == "changing",
         "what a right answer rests on changes: look it up at each request; in weights it is stale the day after, and "
         "nobody can say where an answer comes from"),
    Rule("documents-at-hand", "retrieve", "later", lambda f: f.asked.task == "long-documents",
         "the documents fit into the request ({input_tokens:,} tokens): send them whole first; retrieve when they "
         "outgrow the context, or when paying for all of them each time is what costs"),
    Rule("stable-knowledge", "retrieve", "no", _always,
         "nothing that a right answer rests on changes from week to week"),
    Rule("knowledge-is-no-behaviour", "tune", "no", lambda f: f.asked.knowledge == "changing",
         "weights hold behaviour, not facts that change; once retrieval is right, the form of the answers may be "
         "tuned"),
    Rule("nothing-to-tune", "tune", "no", lambda f: f.tunable is None,
         "no open model within the limits has a known tuning recipe"),
    Rule("nobody-to-tune", "tune", "no", lambda f: f.asked.team == "none",
         "nobody is there to train a model, prove it and look after it"),
    Rule("too-few-examples", "tune", "no", lambda f: f.asked.examples < ENOUGH_EXAMPLES,
         f"{{examples}} good examples are too few: begin with some {ENOUGH_EXAMPLES}; below that they do more as "
         "few-shot examples and as held-out samples"),
    Rule("ceiling-unproven", "tune", "later", lambda f: not f.asked.ceiling,
         "nobody has measured what prompting reaches: eval zero-shot against few-shot first, and tune what is then "
         "still missing (--ceiling says that this was done)"),
    Rule("too-cold", "tune", "later", lambda f: not f.asked.hot,
         f"{{requests_per_day:,.10g}} requests a day are too few to pay back training and a model of one's own: from "
         f"some {HOT_PER_DAY:,.0f} on"),
    Rule("stable-hot-proven", "tune", "now", _always,
         "{examples} good examples, {requests_per_day:,.10g} requests a day of a behaviour that stays, and prompting "
         "proven to be at its ceiling: put it into the weights of a small model, and stop paying for the "
         "instruction"),
    Rule("split-by-label", "route", "now", lambda f: f.split,
         "a part of the work may not leave: the label of each request sends it to the machine of your own, and the "
         "rest to the stronger model"),
    Rule("cascade-saves", "route", "now", lambda f: pays(f.asked, f.saved, f.saved_usd),
         "a check tells a wrong answer as it comes, so that a small open model may try first and only what fails goes "
         "on: saves {saved:.0%} ({saved_usd:,.0f} USD a month) if the assumed share is right"),
    Rule("no-saving", "route", "no", lambda f: f.saved is None or f.saved <= 0,
         "no second model makes it cheaper"),
    Rule("no-check", "route", "later", lambda f: not f.asked.checkable,
         "two models would save {saved:.0%}, but no check of this work tells a wrong answer as it comes (--checkable "
         "says that one does); label which requests are hard first, and see whether a rule finds them"),
    Rule("small-saving", "route", "later", _always,
         f"two models would save {{saved:.0%}} ({{saved_usd:,.0f}} USD a month), less than is worth a second one "
         f"({SAVES:.0%} and {SAVES_USD:,.0f} USD)"),
    Rule("prompt-at-ceiling", "prompt", "later", lambda f: f.asked.ceiling,
         "prompting was measured at its ceiling: keep that prompt as what the next lever must beat; where no other can "
         "be pulled yet, take a stronger model, or collect examples"),
    Rule("few-shot-first", "prompt", "now", lambda f: f.asked.examples >= FEW_EXAMPLES,
         "{examples} good examples: half of them as held-out samples, a few as few-shot examples; it is the cheapest "
         "lever, is undone in a second, and shows what is left for others"),
    Rule("instruction-first", "prompt", "now", _always,
         f"it is the cheapest lever, is undone in a second, and shows what is left for others; write {FEW_EXAMPLES} "
         "samples first, to see whether it helps"),
)  # fmt: skip
"""The whole tree of levers, in the order in which it is read."""
