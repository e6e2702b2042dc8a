"""What a question is decided on: suite, candidates, split, and what error is allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from assay.app import App
    from assay.decision.question import Question
    from assay.evals.suites.suite import Suite

__all__ = ["Material", "material"]


class Material(NamedTuple):
    """What is decided on, and how surely.

    Attributes:
        whole: the suite.
        suite: the part of it that decides.
        names: the candidates.
        split: that decides; None = all samples do.
        tolerance, error: of the tests that stop early, as shares.
    """

    whole: Suite
    suite: Suite
    names: tuple[str, ...]
    split: Literal["dev", "heldout"] | None
    tolerance: float
    error: float


def material(app: App, question: Question) -> Material:
    """What a question is decided on, as configuration and suite are now.

    Raises:
        ConfigError: there is no such candidate.
        SuiteError: the suite cannot be read, or has not what is asked for.
    """
    from assay.evals.graders.grading import check_graders
    from assay.evals.suites.suite import read_suite

    decide = app.loaded.config.decide
    split = decide.part(question.split)
    whole = read_suite(question.folder or app.suite_path)
    suite = whole.only(whole.with_gates(whole.kinds_of(question.profiles, question.kinds)), split)
    check_graders(suite.samples)
    names = app.members(question.targets or app.candidates_for(suite))
    for name in names:
        app.spine.route(name)
    return Material(
        whole, suite, names, split,
        tolerance=decide.tolerance if question.tolerance is None else question.tolerance,
        error=decide.error if question.error is None else question.error,
    )  # fmt: skip
