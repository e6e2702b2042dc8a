"""All finders over one suite."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from assay.evals.judging.standing import Standing
from assay.evals.lint.balance import find_constant_answers, find_keyword_labels, find_one_label
from assay.evals.lint.copies import find_copies, find_copies_across_kinds, find_split_leaks
from assay.evals.lint.finding import LEVELS, Finding
from assay.evals.lint.gold import (
    find_equal_alternatives,
    find_failing_gold,
    find_near_contrasts,
    find_two_targets,
    find_ungradable,
)
from assay.evals.lint.graders import find_explosive_patterns, find_loose_texts, find_untried_judges
from assay.evals.lint.leaks import (
    find_answers_in_input,
    find_answers_marked,
    find_questions_in_documents,
    find_samples_in_prompts,
    find_telling_ids,
)
from assay.evals.lint.material import Material, ShownPrompt, glance
from assay.evals.lint.personal import find_personal_data
from assay.evals.lint.results import find_failed_by_all, find_passed_by_all, find_turned_round
from assay.evals.lint.size import find_missing_sides, find_small_kinds, find_synthetic
from assay.evals.lint.trials import try_answers
from assay.evals.runs.run import Run
from assay.evals.suites.suite import Suite
from assay.types import Value

__all__ = ["FINDERS", "Baselined", "Linted", "lint"]

Finder = Callable[[Material], Iterable[Finding]]

FINDERS: tuple[Finder, ...] = (
    find_split_leaks, find_copies, find_copies_across_kinds,
    find_two_targets, find_failing_gold, find_ungradable, find_equal_alternatives, find_near_contrasts,
    find_answers_marked, find_answers_in_input, find_questions_in_documents, find_samples_in_prompts, find_telling_ids,
    find_constant_answers, find_one_label, find_keyword_labels,
    find_explosive_patterns, find_untried_judges, find_loose_texts,
    find_small_kinds, find_missing_sides, find_synthetic, find_personal_data,
    find_turned_round, find_failed_by_all, find_passed_by_all,
)  # fmt: skip
"""What looks for mistakes, each over the whole suite."""


class Baselined(Value, frozen=True, kw_only=True):
    """What no thought scores in a kind.

    Attributes:
        constant: the constant answer that passes most samples; None where only models grade, or nothing could be tried.
        share: of the samples that it was tried on.
        echo_share: of those that the question said back passes.
        tried: how many.
    """

    kind: str
    samples: int
    heldout: int
    bar: float | None
    constant: str | None
    share: float | None
    echo_share: float | None
    tried: int


class Linted(Value, frozen=True, kw_only=True):
    """What was found in a suite, worst first.

    Attributes:
        gold_tried: samples whose right answer was given to their own graders.
        runs: targets whose runs were looked at.
    """

    suite: str
    version: str
    digest: str
    samples: int
    findings: tuple[Finding, ...]
    baselines: tuple[Baselined, ...]
    gold_tried: int
    runs: tuple[str, ...]

    def count(self, level: str) -> int:
        """How many findings of a level there are."""
        return sum(finding.level == level for finding in self.findings)


async def lint(
    suite: Suite, *, bar: float | None = None, prompts: Sequence[ShownPrompt] = (),
    runs: Mapping[str, Run] | None = None, standings: Sequence[Standing] | None = None,
    on_step: Callable[[str], object] = lambda step: None,
) -> Linted:  # fmt: skip
    """Look for what is wrong with a suite. No model is asked; model-written code does not run, right answers may.

    Args:
        suite: as read.
        bar: of kinds that have none.
        prompts: what deployments put around requests.
        runs: target -> its newest run of this suite.
        standings: what is known of the judges; None = nobody has looked.
        on_step: told what is being done.

    Raises:
        SuiteError: a sample cannot be read any more.
    """
    known: dict[str, str] = {}
    on_step("reading samples")
    glances = [glance(sample, lambda text: known.setdefault(text, text)) for sample in suite.samples]
    on_step("trying constants and right answers")
    trials = await try_answers(suite)
    material = Material(
        suite=suite, glances=glances, trials=trials, bar=bar, prompts=prompts, runs=runs or {}, standings=standings
    )
    found: list[Finding] = []
    for finder in FINDERS:
        on_step(finder.__name__.removeprefix("find_").replace("_", " "))
        found.extend(finder(material))
    return Linted(
        suite=suite.name,
        version=suite.version,
        digest=suite.digest,
        samples=len(glances),
        findings=tuple(sorted(found, key=lambda one: LEVELS.index(one.level))),
        baselines=tuple(_baselines(material)),
        gold_tried=trials.gold,
        runs=tuple(material.runs),
    )


def _baselines(material: Material) -> Iterator[Baselined]:
    for kind, members in material.of.items():
        best, echo = material.trials.baselines.get(kind, (None, None))
        yield Baselined(
            kind=kind,
            samples=len(members),
            heldout=sum(one.split == "heldout" for one in members),
            bar=material.bar_of(kind),
            constant=best.answer if best is not None else None,
            share=best.share if best is not None and best.tried else None,
            echo_share=echo.share if echo is not None and echo.tried else None,
            tried=best.tried if best is not None else 0,
        )
