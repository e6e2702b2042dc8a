"""What a question is decided on: suite, candidates and split."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from assay.app import App
    from assay.decision.question import Question
    from assay.evals.suites.suite import Suite

__all__ = ["Material", "material"]


class Material(NamedTuple):
    """What is decided on: the whole suite, the part of it that decides, the candidates, the split."""

    whole: Suite
    suite: Suite
    names: tuple[str, ...]
    split: Literal["dev", "heldout"] | None


def material(app: App, question: Question) -> Material:
    """What a question is decided on, as configuration and suite are now.

    Raises:
        ConfigError: there is no such candidate.
        SuiteError: the suite cannot be read, or has not what is asked for.
    """
    from assay.evals.graders.grading import check_graders
    from assay.evals.suites.suite import read_suite

    said = question.split if question.split is not None else app.loaded.config.decide.split
    split = None if said == "all" else said
    whole = read_suite(question.folder or app.suite_path)
    suite = whole.only(whole.with_gates(whole.kinds_of(question.profiles, question.kinds)), split)
    check_graders(suite.samples)
    names = app.members(question.targets or app.candidates_for(suite))
    for name in names:
        app.spine.route(name)
    return Material(whole, suite, names, split)
