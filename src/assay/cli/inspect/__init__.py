"""`assay inspect`: what a model is, from its file to its next token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import click

from assay.cli.door import Finite, config_option, emit, json_option, read_file, run, utf8

if TYPE_CHECKING:
    from assay.cli.inspect.subject import Subject


@click.command("inspect")
@click.argument("name")
@click.option("--text", help="Show the tokens that the model reads in this text; - is standard input.")
@click.option("-p", "--prompt", help="Show what could come next after this prompt; - is standard input.")
@click.option("--raw", is_flag=True, help="Continue the prompt itself, without the chat template.")
@click.option("--system", help="A system message before the prompt.")
@click.option("--top", default=10, show_default=True, type=click.IntRange(1, 1000), help="So many next tokens.")
@click.option("--temperature", default=1.0, show_default=True, type=Finite(0, 100), help="Draw at this temperature.")
@click.option("--top-k", type=click.IntRange(0), help="Draw from so many tokens only.")
@click.option("--top-p", type=Finite(0, 1), help="Draw from the fewest tokens that have this share.")
@click.option("--beside", multiple=True, help="A further model whose answer to the prompt stands beside; repeat.")
@click.option("--max-tokens", default=80, show_default=True, type=click.IntRange(1), help="Of answers side by side.")
@click.option("--tour", is_flag=True, help="Walk from the prompt to its next token with this model's numbers.")
@click.option("--tensors", is_flag=True, help="List every tensor.")
@click.option("--template", is_flag=True, help="Print the chat template.")
@config_option
@json_option
def command(
    name: str, text: str | None, prompt: str | None, raw: bool, system: str | None, top: int, temperature: float,
    top_k: int | None, top_p: float | None, beside: tuple[str, ...], max_tokens: int, tour: bool, tensors: bool,
    template: bool, config: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Look into a model: its file, its tokens, its next token, its answers beside those of others.

    NAME is a GGUF or safetensors file, a folder of the latter, a model of the catalogue or a deployment. Weights are
    read as far as their header; only --text, --prompt, --beside and --tour run the model. Probabilities are the model's
    own, before anything is drawn; what temperature, top-k and top-p make of them is computed from those that it tells
    (of a host 20 at most). Attention and hidden states are not shown: the engine gives neither.

    \b
    Examples:
      assay inspect huggingfacetb/smollm2-135m-instruct
      assay inspect model.gguf --tensors
      assay inspect smollm2-135m-instruct --text "Strawberry 🍓"
      assay inspect smollm2-135m-instruct --raw -p "The capital of Peru is" --temperature 0.5 --top-p 0.9
      assay inspect google/gemma-3-270m --beside smollm2-135m-instruct -p "What is 3 + 4?"
      assay inspect smollm2-135m-instruct --tour

    Exit code 0: shown; 2: there is nothing of this name; 3: the weights are damaged or not here.
    """
    from assay.cli.inspect.subject import subject

    if beside and prompt is None:
        raise click.UsageError("--beside needs a --prompt that all of them answer")
    found = subject(name, config)
    views: list[View] = []
    if tour or (text is None and prompt is None):
        views.append(_file(found, tensors=tensors, template=template, shown=not tour))
    if text is not None:
        views.append(_tokens(name, _given(text), config))
    if beside and prompt is not None:
        views.append(_beside((name, *beside), _given(prompt), raw, system, max_tokens, config))
    elif prompt is not None and not tour:
        views.append(_next(name, _given(prompt), raw, system, (top, temperature, top_k, top_p), config))
    if tour:
        views.append(_tour(name, found, _given(prompt or "The sky is"), config))
    shown: dict[str, Any] = {"name": name, "model": found.model.id if found.model else None}
    for view in views:
        shown |= view.figures
    emit(shown, as_json, "\n\n".join(view.text for view in views if view.text))


class View(NamedTuple):
    """What is looked at, JSON-able by its name, and as text."""

    figures: dict[str, Any]
    text: str


def _file(found: Subject, *, tensors: bool, template: bool, shown: bool) -> View:
    """The file; where there is none, what the catalogue knows."""
    from assay.cli.inspect.file_view import facts_text, file_text

    if not shown:
        return View({"file": found.anatomy}, "")
    if found.anatomy is not None:
        return View({"file": found.anatomy}, file_text(found.anatomy, tensors=tensors, template=template))
    facts, text = facts_text(found.model, found.missing)
    return View({"file": None, "facts": facts}, text)


def _tokens(name: str, text: str, config: str | None) -> View:
    from assay.cli.inspect.tokens_view import tokens_text

    tokens, told = run(tokens_text(name, text, config))
    return View({"tokens": tokens}, told)


def _next(name: str, prompt: str, raw: bool, system: str | None, drawing: tuple[Any, ...], config: str | None) -> View:
    from assay.cli.inspect.next_view import Drawing, next_text

    following, told = run(next_text(name, prompt, raw, system, Drawing(*drawing), config))
    return View({"next": following}, told)


def _beside(
    names: tuple[str, ...], prompt: str, raw: bool, system: str | None, max_tokens: int, config: str | None
) -> View:
    from assay.cli.inspect.beside_view import beside_text

    answers, told = run(beside_text(names, prompt, raw, system, max_tokens, config))
    return View({"beside": answers}, told)


def _tour(name: str, found: Subject, prompt: str, config: str | None) -> View:
    from assay.cli.inspect.tour import tour_text

    stages, told = run(tour_text(name, found.anatomy, prompt, config))
    return View({"tour": stages}, told)


def _given(text: str) -> str:
    return utf8(read_file("-").decode("utf-8", "replace") if text == "-" else text)
