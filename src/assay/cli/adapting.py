"""`assay choose --adapt`: prompts are searched before it is decided."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from assay.cli.door import F, Finite

if TYPE_CHECKING:
    from assay.app import App
    from assay.cli.material import Material
    from assay.decision.adapting.adaptation import Adaptation
    from assay.decision.question import Question

__all__ = ["Adapt", "adapt_options", "caution", "search", "with_adapted", "with_heldout"]


class Adapt(NamedTuple):
    """How prompts are searched.

    Attributes:
        answers: on dev, of each candidate and kind, at most; None = the usual number.
        usd: of all searches together, at most.
        proposer: who writes instructions.
    """

    answers: int | None
    usd: float | None
    proposer: str | None


def adapt_options(command: F) -> F:
    """`--adapt` and what goes with it: given to the command as `adapt`, an `Adapt` or None."""

    @click.option(
        "--adapt", "wanted", is_flag=True,
        help="Search prompt and examples for each candidate on dev first; what wins is decided beside it on heldout.",
    )  # fmt: skip
    @click.option(
        "--adapt-answers", "answers", type=click.IntRange(2),
        help="With --adapt: dev answers of each candidate and kind, at most [default: 64].",
    )  # fmt: skip
    @click.option(
        "--adapt-usd", "usd", type=Finite(0), help="With --adapt: all searches together, the same for each candidate."
    )
    @click.option("--proposer", help="With --adapt: a deployment or route that writes instructions from mistakes.")
    @wraps(command)
    def with_adapt(*, wanted: bool, answers: int | None, usd: float | None, proposer: str | None, **rest: Any) -> Any:
        if not wanted and (answers is not None or usd is not None or proposer is not None):
            raise click.UsageError("--adapt-answers, --adapt-usd and --proposer go with --adapt")
        return command(adapt=Adapt(answers, usd, proposer) if wanted else None, **rest)

    return with_adapt  # type: ignore[return-value]  # the same command with four options more


def with_heldout(question: Question) -> Question:
    """The question, to be decided on held-out samples.

    Raises:
        click.UsageError: another part was asked for: prompts are searched on dev, which then proves nothing.
    """
    from msgspec import structs

    if question.split not in (None, "heldout"):
        raise click.UsageError(f"--adapt searches on dev and decides on heldout; leave --split {question.split} out")
    return structs.replace(question, split="heldout")


def caution(app: App, adaptations: tuple[Adaptation, ...]) -> str | None:
    """What has to be known before an adapted candidate is put into the configuration."""
    if app.loaded.config.decide.split == "heldout" or not any(one.adapted for one in adaptations):
        return None
    return (
        'prompts were searched on dev: set decide.split = "heldout" in assay.toml, or later decisions count samples '
        "that adapted prompts were made of"
    )


def with_adapted(question: Question, names: tuple[str, ...], adaptations: tuple[Adaptation, ...]) -> Question:
    """The question with adapted candidates beside the others, so that it can be asked again as it was decided."""
    from msgspec import structs

    adapted = [one.adapted for one in adaptations if one.adapted is not None]
    return structs.replace(question, targets=tuple(dict.fromkeys((*names, *adapted)))) if adapted else question


async def search(
    app: App, adapt: Adapt, question: Question, material: Material, concurrency: int
) -> tuple[Adaptation, ...]:
    """The search for every candidate; adapted ones can be called afterwards."""
    from assay.cli.progress import EvalProgress
    from assay.decision.adapting.adapting import ANSWERS, Adapting
    from assay.decision.adapting.search import Searching

    kinds = tuple(material.suite.kinds)
    answers = adapt.answers if adapt.answers is not None else ANSWERS
    with EvalProgress(answers * len(material.names) * len(kinds)) as progress:
        searching = Searching(answers, question.seed, concurrency, progress.result)
        adapting = Adapting(
            app.spine, material.whole, kinds, searching, usd=adapt.usd, proposer=adapt.proposer,
            overall=question.overall, on_kind=progress.verdict,
        )  # fmt: skip
        return await adapting.adapt(material.names)
