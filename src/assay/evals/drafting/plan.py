"""What is known of a kind before samples are written for it: from its suite, its drafts, and what a person says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from assay.errors import SuiteError
from assay.evals.drafting.asking import Task
from assay.evals.drafting.draft import Drafts, read_drafts
from assay.evals.suites.readable import said, target_text
from assay.evals.suites.samples import GraderSpec
from assay.evals.suites.suite import Sample, read_suite
from assay.types import Label

__all__ = ["Plan", "plan"]

EXAMPLES = 3


class Plan(NamedTuple):
    """Samples are written for `task`, checked with `graders`, and must be unlike `known`; they go to `drafts`."""

    task: Task
    graders: tuple[GraderSpec, ...]
    known: tuple[str, ...]
    drafts: Drafts


def plan(
    folder: Path, kind: str, *, about: str | None = None, form: str | None = None, check: str | None = None,
    label: Label | None = None,
) -> Plan:  # fmt: skip
    """Put together what is known of a kind; what is given here wins over what the suite says, but for `private-only`.

    Raises:
        SuiteError: the suite cannot be read, or a new kind is not described.
    """
    earlier = read_drafts(folder, kind)
    samples: Sequence[Sample] = ()
    graders: tuple[GraderSpec, ...] = ({"check": check},) if check is not None else ()
    described, kept = "", Label(earlier.table.get("label", Label.UNLABELLED)) if earlier else Label.UNLABELLED
    if (folder / "suite.toml").exists():
        suite = read_suite(folder)
        if kind in suite.kinds:
            samples = suite.of(kind)
            described, kept = suite.kinds[kind].description, suite.kinds[kind].label
            graders = graders or samples[0].graders
    graders = graders or (tuple(earlier.table.get("graders", ())) if earlier is not None else ())
    about = about or (earlier.about if earlier is not None else "") or described
    form = form or (earlier.form if earlier is not None else "")
    if not about:
        raise SuiteError(f"nothing says what the kind {kind!r} is; describe it with --about")
    if not graders:
        raise SuiteError(f"nothing says how the kind {kind!r} is graded; name a check with --check (normalised, say)")
    examples = sorted(samples, key=lambda sample: sample.split != "dev")[:EXAMPLES]
    private = Label.PRIVATE_ONLY in (kept, *(sample.label for sample in examples))
    label = Label.PRIVATE_ONLY if private else label or kept
    table = {"description": about, "graders": list(graders)} | (
        {} if label is Label.UNLABELLED else {"label": str(label)}
    )
    drafts = earlier or Drafts(kind=kind)
    drafts.about, drafts.form, drafts.table = about, form, earlier.table if earlier is not None else table
    return Plan(
        task=Task(kind, about, form, tuple((said(one), target_text(one.target)) for one in examples), label),
        graders=graders,
        known=(*(said(sample) for sample in samples), *(str(one.line.input) for one in drafts.drafts)),
        drafts=drafts,
    )
