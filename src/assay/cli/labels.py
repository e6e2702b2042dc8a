"""What people say of answers, as commands take it: `--labels FILE`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from assay.numerals import plural

if TYPE_CHECKING:
    from assay.evals.figures.correction import Correction
    from assay.evals.judging.labels import Labels
    from assay.evals.suites.suite import Suite

__all__ = ["labels_option", "told", "usable_labels"]

F = TypeVar("F", bound=Callable[..., Any])


def labels_option(command: F) -> F:
    """`--labels`: verdicts of people."""
    return click.option(
        "--labels",
        type=click.Path(),
        metavar="FILE",
        help="JSONL of people's verdicts on some answers, which put the graders' right.",
    )(command)


def usable_labels(file: str | None, suite: Suite, targets: Sequence[str]) -> Labels | None:
    """The labels in a file, checked before anything is asked; None without a file.

    Raises:
        SuiteError: they cannot be read, or not be used for so many targets.
    """
    from assay.evals.judging.labels import check_labels, read_labels

    if file is None:
        return None
    found = read_labels(file)
    check_labels(found, suite, len(targets))
    return found


def told(found: Correction, raw: float | None = None) -> str:
    """A correction in a sentence; `raw` is the share that graders give."""
    if found.share is None or found.interval is None:
        return f"as people see it: cannot be told: {found.reason}"
    if raw is None:
        low, high = (f"{end * 100:+.0f}" for end in found.interval)
        text = f"{found.share * 100:+.0f} points [{low}, {high}]"
    else:
        text = f"{found.share:.0%} [{found.interval[0]:.0%}, {found.interval[1]:.0%}], where graders say {raw:.0%}"
    how = f"{found.method}, {plural(found.labels, 'label')}, {found.disagreed:g} of them against the graders"
    return f"as people see it: {text} ({how}{_errors(found)})"


def _errors(found: Correction) -> str:
    errors = found.errors
    if errors is None or errors.sensitivity is None or errors.specificity is None:
        return ""
    return f"; graders pass {errors.sensitivity:.0%} of what is right, fail {errors.specificity:.0%} of what is wrong"
