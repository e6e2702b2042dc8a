"""How long batches are waited for."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Patience"]


class Patience(NamedTuple):
    """How long to wait for what, in seconds.

    Attributes:
        first_s, most_s: between two looks at the open jobs; it grows.
        tries: to hand over a job that its host does not take at the moment.
        listed_s: after so long a host lists a job that it has taken on, so that one that is not listed is not there.
    """

    first_s: float = 2.0
    most_s: float = 60.0
    tries: int = 4
    listed_s: float = 30.0
