"""`assay bench`: the same prompt on several deployments, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from assay.cli.door import INTERRUPTED, Finite, config_option, emit, finish, json_option, note, read_file, run, utf8

if TYPE_CHECKING:
    from assay.evals.runs.bench import Bench
    from assay.inference.asking import TimedCall
    from assay.types import Request

CUT_CHARS = 300
COLUMNS = ("", "p50", "min", "first token", "in", "out", "tokens/s", "cost each", "finish", "answered", "cold")


@click.command("bench")
@click.option(
    "-m", "--model", "targets", multiple=True, help="Deployment or route; repeat for several [default: all candidates]."
)
@click.option("-p", "--prompt", help="What to ask.")
@click.option("--prompt-file", type=click.Path(), help="A file with what to ask; - is standard input.")
@click.option("--system", help="A system message before it.")
@click.option("-k", "--kind", help="Kind of the request: its prompt and settings are applied.")
@click.option("--label", type=click.Choice(["public", "private-only"]), help="Where the prompt may go.")
@click.option("-n", "--repeats", default=3, show_default=True, type=click.IntRange(1), help="Calls of each.")
@click.option("--warmup", default=0, show_default=True, type=click.IntRange(0), help="Calls before that do not count.")
@click.option("--max-tokens", type=click.IntRange(1), help="Limit of each answer.")
@click.option("--concurrency", default=1, show_default=True, type=click.IntRange(1), help="Calls in flight at once.")
@click.option("--deadline-s", default=300.0, show_default=True, type=Finite(0.01), help="Cuts one call.")
@click.option("--full", is_flag=True, help="Show answers uncut.")
@config_option
@json_option
def command(
    targets: tuple[str, ...], prompt: str | None, prompt_file: str | None, system: str | None, kind: str | None,
    label: str | None, repeats: int, warmup: int, max_tokens: int | None, concurrency: int, deadline_s: float,
    full: bool, config: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Ask several deployments the same and compare time, tokens, cost and text.

    Targets are asked one after another, never from the cache. "first token" is the time to the first piece of the
    answer, "tokens/s" output tokens by the whole time. A call during which a local engine was started is cold: it
    counts only where there is no warm one. Repeats of one prompt may be read from a prefix cache: the cached
    tokens stand in brackets behind "in". What a call cost is unknown where nobody knows a price.

    \b
    Examples:
      assay bench -m small -m frontier -p "Write a haiku about a bicycle."
      assay bench -m small --prompt-file letter.txt -n 10 --warmup 1 --max-tokens 64
      git diff | assay bench -m small -m large --prompt-file - --system "Review this." --json

    Exit code 0: each gave an answer; 3: one of them gave none.
    """
    from assay.types import Label, Message, Request, Sampling

    asked = _prompt(prompt, prompt_file)
    turns = [Message.of("system", system)] if system else []
    request = Request(
        messages=(*turns, Message.of("user", asked)),
        kind=kind,
        label=Label(label) if label else Label.UNLABELLED,
        deadline_s=deadline_s,
        sampling=Sampling(max_tokens=max_tokens),
        stream=True,  # without it a host answers all at once, and there is no first token
        stream_usage=True,
    )
    done: list[Bench] = []
    interrupted = False
    try:
        run(_bench(done, request, targets, repeats, warmup, concurrency, config))
    except KeyboardInterrupt:
        interrupted = True
        note("assay: interrupted; what had been measured by then:")
    emit({"prompt": asked, "system": system, "kind": kind, "targets": done}, as_json, render(done, full))
    finish(INTERRUPTED if interrupted else 0 if all(one.answered for one in done) else 3)


def _prompt(prompt: str | None, prompt_file: str | None) -> str:
    if (prompt is None) == (prompt_file is None):
        raise click.UsageError("give what to ask either as --prompt or as --prompt-file (- is standard input)")
    text = prompt if prompt is not None else read_file(prompt_file or "").decode("utf-8", "replace").rstrip("\n")
    if not text.strip():
        raise click.UsageError("the prompt is empty")
    return utf8(text)


async def _bench(
    done: list[Bench], request: Request, targets: tuple[str, ...], repeats: int, warmup: int, concurrency: int,
    config: str | None,
) -> None:  # fmt: skip
    from assay.app import open_app
    from assay.cli.recovery import show_recovered
    from assay.evals.runs.bench import bench

    async with open_app(config) as app:
        show_recovered(app.ledger.recovered)
        names = app.members(targets or app.candidates)
        await app.require(names)
        for name in names:
            told = _Told(name, warmup, repeats)
            done.append(
                await bench(
                    app.spine, request, name, repeats=repeats, warmup=warmup, concurrency=concurrency, on_call=told
                )
            )


class _Told:
    """Progress: a line for each call, on stderr."""

    def __init__(self, target: str, warmup: int, repeats: int) -> None:
        self._target = target
        self._warmup = warmup
        self._repeats = repeats
        self._count = 0

    def __call__(self, call: TimedCall) -> None:
        """One call is done."""
        from assay.cli.figures import cut, seconds

        self._count += 1
        number = self._count - self._warmup
        place = f"{number} of {self._repeats}" if number > 0 else "warm-up"
        came = cut(call.error, 120) if call.error else seconds(call.total_s) + (" (cold)" if call.load_s else "")
        note(f"  {self._target} {place}: {came}")


# ------------------------------------------------------------------------------------------- text


def render(done: Sequence[Bench], full: bool) -> str:
    """Figures side by side, then errors and answers."""
    from assay.cli.figures import block, cut
    from assay.decision.table import table

    lines = table(COLUMNS, [_row(one) for one in done]) if done else ["nothing was measured"]
    for one in done:
        lines += [""] + [f"{one.target}: {count} of {one.asked} failed: {cut(error, CUT_CHARS)}"
                         for error, count in one.errors.items()]  # fmt: skip
        if one.text is not None:
            also = f", {one.texts} different answers" if one.texts > 1 else ""
            by = ", ".join(name for name in one.deployments if name != one.target)
            name = one.target + (f" (by {by})" if by else "") + also
            lines += block(name, cut(one.text, None if full else CUT_CHARS) or "(an empty answer)", indent="")
    return "\n".join(lines)


def _row(one: Bench) -> tuple[str, ...]:
    from assay.cli.figures import cost, count, seconds

    answered = f"{one.answered} of {one.asked}"
    if not one.answered:
        return (one.target, *("-" for _ in COLUMNS[1:-2]), answered, "-")
    cached = f" ({count(one.cached_tokens)} cached)" if one.cached_tokens else ""
    return (
        one.target,
        seconds(one.p50_s) + (" cold" if one.cold else ""),
        seconds(one.min_s),
        seconds(one.first_token_s),
        count(one.input_tokens) + cached,
        count(one.output_tokens),
        f"{one.tokens_per_s:.1f}" if one.tokens_per_s is not None else "-",
        cost(one.usd, one.engine_s),
        ", ".join(name if n == one.answered else f"{name} {n}" for name, n in one.finishes.items()),
        answered,
        seconds(one.cold_s),
    )
