"""From a text to its next token, stage by stage, with the numbers of the model at hand."""

from __future__ import annotations

from textwrap import wrap
from typing import Any, NamedTuple

from assay.app import open_for
from assay.cli.inspect.cache import token_values
from assay.cli.inspect.next_view import MOST_LOCAL
from assay.cli.inspect.tokens_view import marked
from assay.errors import WeightsError
from assay.inference.tokens import Next, Token, next_tokens, tokens_of
from assay.numerals import plural
from assay.stats.sampling import drawn
from assay.weights.anatomy import Anatomy

__all__ = ["tour_text"]

SHOWN = 5
BYTES_16_BIT = 2
WIDTH = 100


class Stage(NamedTuple):
    """One step on the way, with what this model makes of it."""

    name: str
    text: str
    figures: dict[str, Any]


async def tour_text(name: str, found: Anatomy | None, prompt: str, config: str | None) -> tuple[list[Any], str]:
    """The stages, JSON-able, and as text.

    Raises:
        WeightsError: there are no weights here to walk through.
    """
    if found is None:
        raise WeightsError(f"{name}: a tour needs the weights here; see `assay inspect {name}`")
    app, target = open_for(name, config)
    async with app:
        tokens = await tokens_of(app.spine, target, prompt)
        following = await next_tokens(app.spine, target, prompt, chat=False, most=MOST_LOCAL)
    stages = (
        _tokens(prompt, tokens),
        _embeddings(found, len(tokens)),
        _blocks(found),
        _cache(found, len(tokens)),
        _logits(found, following),
        _sampling(following),
    )
    rows = [{"stage": one.name, "text": one.text, **one.figures} for one in stages]
    lines = [line for at, one in enumerate(stages, 1) for line in (f"{at}. {one.name}", *_wrapped(one.text), "")]
    lines.append(
        "Not shown: what each head attends to, and the numbers between the blocks. The engine gives out neither;\n"
        "a framework that runs the unquantised weights (transformers, with output_attentions) does."
    )
    return rows, "\n".join(lines)


def _wrapped(text: str) -> list[str]:
    return wrap(text, width=WIDTH, initial_indent="   ", subsequent_indent="   ")


def _tokens(prompt: str, tokens: tuple[Token, ...]) -> Stage:
    cut = "|".join(marked(one.text) for one in tokens)
    text = f"{plural(len(prompt), 'character')} become {plural(len(tokens), 'token')}: |{cut}|"
    return Stage("text -> tokens", text, {"tokens": len(tokens)})


def _embeddings(found: Anatomy, tokens: int) -> Stage:
    rows, width = found.shape.vocabulary, found.shape.hidden
    table = _parameters(found, "embedding")
    share = 100 * table / found.parameters
    text = (
        f"each token's number picks a row of a table of {_n(rows)} rows x {_n(width)} numbers "
        f"({table / 1e6:,.1f} M parameters, {share:.0f} % of the model): {tokens} x {_n(width)} numbers go on"
    )
    return Stage("tokens -> embeddings", text, {"rows": rows, "width": width, "parameters": table})


def _blocks(found: Anatomy) -> Stage:
    shape = found.shape
    attention = _parameters(found, "attention")
    forward = _parameters(found, "feed-forward", "experts", "router")
    recurrent = _parameters(found, "recurrent")
    parts = [
        f"attention {attention / 1e6:,.1f} M ({_n(shape.heads)} heads that read, {_n(shape.kv_heads)} that are read)"
    ]
    parts.append(f"feed-forward {forward / 1e6:,.1f} M")
    if recurrent:
        parts.append(f"recurrent {recurrent / 1e6:,.1f} M")
    if shape.experts:
        parts.append(f"{plural(shape.experts, 'expert')}, {_n(shape.experts_used)} used for each token")
    dense = not shape.experts
    flops = 2 * (attention + forward + recurrent) if dense else None
    work = f"; some {flops / 1e6:,.0f} M operations a token, two for each parameter" if flops else ""
    text = f"{_n(shape.layers)} blocks, one after another, rewrite them: {', '.join(parts)}{work}"
    return Stage("embeddings -> blocks", text, {"layers": shape.layers, "operations_per_token": flops})


def _cache(found: Anatomy, tokens: int) -> Stage:
    numbers, context = token_values(found), found.shape.context_tokens
    if numbers is None:
        return Stage("what is kept: the cache", "its size is not known from this file", {"bytes_per_token": None})
    each = numbers * BYTES_16_BIT
    whole = f", {context * each / 2**20:,.0f} MiB for its {plural(context, 'token')} of context" if context else ""
    text = (
        f"keys and values of each token stay, so that the next one need not read all again: {numbers:,} numbers, "
        f"{each / 1024:,.1f} KiB a token in 16 bits; {tokens * each / 1024:,.0f} KiB now{whole}"
    )
    return Stage("what is kept: the cache", text, {"bytes_per_token": each})


def _logits(found: Anatomy, following: tuple[Next, ...]) -> Stage:
    table = "the embeddings' own table" if found.tied else "a table of its own"
    text = (
        f"the last token's {_n(found.shape.hidden)} numbers are held against every row of {table}: "
        f"{_n(found.shape.vocabulary)} scores, one for each token; {_top(following)}"
    )
    return Stage("blocks -> logits", text, {"vocabulary": found.shape.vocabulary, "top": _shares(following)})


def _sampling(following: tuple[Next, ...]) -> Stage:
    logprobs = [one.logprob for one in following]
    first = marked(following[0].token)
    cool, hot = (drawn(logprobs, temperature=heat)[0] for heat in (0.5, 1.5))
    text = (
        f"temperature 0 takes {first!r}; drawn at 0.5 it comes {100 * cool:.0f} times in 100, at 1.5 "
        f"{100 * hot:.0f} times. It is appended, and all begins again for the token after it"
    )
    return Stage("logits -> next token", text, {"first": following[0].token, "at_0.5": cool, "at_1.5": hot})


def _top(following: tuple[Next, ...]) -> str:
    text = ", ".join(f"{marked(one.token)!r} {100 * one.probability:.1f} %" for one in following[:SHOWN])
    return f"as shares: {text}"


def _shares(following: tuple[Next, ...]) -> list[dict[str, Any]]:
    return [{"token": one.token, "probability": one.probability} for one in following[:SHOWN]]


def _parameters(found: Anatomy, *kinds: str) -> int:
    return sum(group.parameters for group in found.groups if group.kind in kinds)


def _n(value: int | None) -> str:
    return f"{value:,}" if value is not None else "an unknown number of"
