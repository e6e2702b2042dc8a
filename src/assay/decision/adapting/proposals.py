"""Which variants are tried, the most promising first: a search takes as many of them as its answers allow.

Each changes what is known to matter: examples of the work, the form in which small models are asked, the set of
answers, the instruction, how long is thought. Only what the deployment can be told is proposed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from msgspec import structs

from assay.config.schema import Settings
from assay.decision.adapting.practice import Practice, Shot
from assay.decision.adapting.variant import Variant
from assay.evals.suites.suite import Kind
from assay.inference.deployment import LiveDeployment
from assay.inference.prompt import INPUT
from assay.numerals import plural

__all__ = ["proposals"]

_USUAL, _FEW, _MANY = 4, 2, 8
"""Examples; the usual number is also what other changes are combined with."""

_LESS_TOKENS, _MORE_TOKENS = 1024, 8192
"""Of thinking: the least that hosts take, and what most of them call a high effort."""

_ORDER = (
    ("examples",), ("rewritten 1",), ("rewritten 2",), ("choices",), ("choices", "examples"), ("form", "examples"),
    ("form", "choices", "examples"), ("rewritten 1", "examples"), ("rewritten 2", "examples"), ("low",), ("high",),
    ("described",), ("described", "examples"), ("few",), ("many",), ("none",),
)  # fmt: skip
"""Changes that are made together, in the order in which they are tried: a person's guess before any measurement."""


class _Change(NamedTuple):
    """What is set, and what that is called."""

    name: str
    sets: dict[str, Any]


def proposals(
    live: LiveDeployment, kind: Kind, plain: Variant, practice: Practice, rewritten: Sequence[str] = ()
) -> list[Variant]:
    """The configured prompt, then every other one that makes sense, each different prompt once.

    Args:
        live: whom they are for.
        kind: of work; its description is the plainest instruction.
        plain: the configured prompt.
        practice: what examples are taken from.
        rewritten: instructions that a proposer has written.

    Raises:
        ConfigError: a file of a schema or grammar cannot be read.
    """
    changes = dict(_changes(live, kind, plain.settings, practice))
    changes |= {f"rewritten {n}": _Change(f"rewritten {n}", {"system": text}) for n, text in enumerate(rewritten, 1)}
    together = ([changes[one] for one in names] for names in _ORDER if changes.keys() >= set(names))
    found: dict[str, Variant] = {}
    for variant in (plain, *(_changed(plain.settings, made) for made in together)):
        found.setdefault(variant.prompt.digest, variant)
    return list(found.values())


def _changed(plain: Settings, changes: Sequence[_Change]) -> Variant:
    sets = {name: value for one in changes for name, value in one.sets.items()}
    return Variant(", ".join(one.name for one in changes), structs.replace(plain, **sets))


def _changes(live: LiveDeployment, kind: Kind, plain: Settings, practice: Practice) -> Iterator[tuple[str, _Change]]:
    shown = practice.shown
    if shown:
        yield "examples", _examples(shown[:_USUAL])
        yield "few", _examples(shown[:_FEW])
        yield "many", _examples(shown[:_MANY])
    if plain.examples:
        yield "none", _Change("no examples", {"examples": ()})
    form = _other_form(live, kind, plain, practice)
    if form is not None:
        yield "form", form
    limited = plain.schema_file or plain.grammar_file or plain.choices
    if practice.choices and live.config.runs_here and not limited:  # a grammar: hosts cannot be told one
        yield "choices", _Change("choices", {"choices": practice.choices})
    if described := _instruction(kind, practice):
        yield "described", _Change("the kind's description", {"system": described})
    yield from _thinking(live)


def _thinking(live: LiveDeployment) -> Iterator[tuple[str, _Change]]:
    """Less and more of it, as far as the model has a say in it."""
    how = live.model.reasoning if live.model is not None and not live.config.runs_here else None
    if how == "effort":
        for word in ("low", "high"):
            yield word, _Change(f"effort {word}", {"reasoning_effort": word, "reasoning_tokens": None})
    elif how == "budget":
        for word, tokens in (("low", _LESS_TOKENS), ("high", _MORE_TOKENS)):
            yield (
                word,
                _Change(f"{tokens:,} tokens of thinking", {"reasoning_effort": None, "reasoning_tokens": tokens}),
            )


def _examples(shots: Sequence[Shot]) -> _Change:
    return _Change(plural(len(shots), "example"), {"examples": tuple(shot.example for shot in shots)})


def _other_form(live: LiveDeployment, kind: Kind, plain: Settings, practice: Practice) -> _Change | None:
    """One running text instead of turns, or turns instead of one text, for a model on this machine.

    A small model follows a pattern rather than an instruction, one that was taught to answer may do better in turns. A
    text ends at the line's end, so that it is proposed where every answer is one line.
    """
    answers = [shot.example.assistant for shot in practice.shown]
    if not live.config.runs_here or not all(answer and "\n" not in answer for answer in answers):
        return None
    if plain.style != "text":
        template = plain.template if plain.template is not None else f"{INPUT}\nAnswer:"
        return _Change("text", {"style": "text", "template": template, "stop": plain.stop or ("\n",)})
    if live.model is not None and live.model.variant == "base":  # it knows no turns
        return None
    system = plain.system if plain.system else _instruction(kind, practice)
    return _Change("turns", {"style": "chat", "template": INPUT, "system": system})


def _instruction(kind: Kind, practice: Practice) -> str:
    """What the suite says the work is; empty where it says nothing."""
    if not kind.description:
        return ""
    form = f"one of: {', '.join(practice.choices)}" if practice.choices else "the answer"
    return f"{kind.description[0].upper()}{kind.description[1:].rstrip('.')}. Answer with nothing but {form}."
