"""`--max-usd` of commands that ask a judge."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from assay.cli.door import finish, note
from assay.errors import BudgetExceeded

if TYPE_CHECKING:
    from assay.inference.purse import Purse

__all__ = ["max_usd_option", "purse_of", "within_purse"]

F = TypeVar("F", bound=Callable[..., Any])


def max_usd_option(command: F) -> F:
    """Take a limit in USD."""
    text = "Spend at most so much in this call; verdicts that were paid for are not asked for again."
    return click.option("--max-usd", type=click.FloatRange(0), help=text)(command)


def purse_of(max_usd: float | None) -> Purse | None:
    """What may be spent; None = no limit but the month's."""
    from assay.inference.purse import Purse

    return Purse(max_usd, "--max-usd") if max_usd is not None else None


@contextmanager
def within_purse() -> Iterator[None]:
    """End with exit code 3 when the money does not suffice: 1 would be an answer about the judge."""
    try:
        yield
    except BudgetExceeded as error:
        note(f"assay: {error}; verdicts that were paid for are kept, the same command goes on with the rest")
        finish(3)
