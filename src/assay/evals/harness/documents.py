"""The documents of a public benchmark, as a suite that runs of it can be compared on. Their texts are the harness's."""

from __future__ import annotations

from collections.abc import Sequence

from assay.evals.runs.run import Run
from assay.evals.suites.suite import Kind, Sample, Samples, Suite
from assay.types import Label, Message, Text

__all__ = ["documents"]


def documents(runs: Sequence[Run]) -> Suite:
    """A suite of what runs of a benchmark were asked: a kind for each task, a sample for each document.

    Its content is that of the first run, so that a run of other tasks, or of another version of them, is none of it.

    Args:
        runs: at least one, whose `harness` is set.
    """
    found = {row.sample_id: row.kind for run in runs for row in run.results.values()}
    first = runs[0].row
    return Suite(
        name=first.suite,
        version="",
        description=f"A public benchmark, asked by {first.harness}.",
        folder="",
        digest=first.suite_digest,
        kinds={task: _task(task) for task in dict.fromkeys(found.values())},
        samples=Samples.held([_document(one, task) for one, task in sorted(found.items())]),
    )


def _task(name: str) -> Kind:
    return Kind(name=name, description="", bar=None, gate=False, guards=None, label=Label.PUBLIC)


def _document(one: str, task: str) -> Sample:
    text = Text(text=f"(a document of {task}: its text is in the harness)")
    return Sample(
        id=one, kind=task, messages=(Message(role="user", parts=(text,)),), target=None, graders=(), split="heldout",
        label=Label.PUBLIC,
    )  # fmt: skip
