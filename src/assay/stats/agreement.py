"""Do two graders agree, and by more than chance?"""

from __future__ import annotations

import math
from typing import NamedTuple

from assay.stats.intervals import Interval, z_score
from assay.stats.misjudged import Confusion

__all__ = ["Kappa", "kappa"]


class Kappa(NamedTuple):
    """Cohen's kappa with its interval, cut at -1 and 1."""

    value: float
    interval: Interval


def kappa(seen: Confusion, confidence: float = 0.95) -> Kappa | None:
    """Agreement beyond chance: (p_o - p_e) / (1 - p_e), Cohen (1960, Educational and Psychological Measurement 20:37).

    The interval is that of Fleiss, Cohen and Everitt (1969, Psychological Bulletin 72:323), for large samples: below
    about 50 answers it is a rough guide.

    Returns:
        None when both gave every answer the same verdict, so that chance alone would agree always.
    """
    n = sum(seen)
    if n == 0:
        return None
    cells = (
        (seen.hits / n, seen.misses / n),
        (seen.false_alarms / n, seen.rejections / n),
    )  # [judge wrong][person wrong]
    human = (cells[0][0] + cells[0][1], cells[1][0] + cells[1][1])
    judge = (cells[0][0] + cells[1][0], cells[0][1] + cells[1][1])
    agreed = cells[0][0] + cells[1][1]
    chance = human[0] * judge[0] + human[1] * judge[1]
    if chance >= 1.0:
        return None
    value = (agreed - chance) / (1.0 - chance)
    on = sum(cells[i][i] * (1.0 - (human[i] + judge[i]) * (1.0 - value)) ** 2 for i in (0, 1))
    off = sum(cells[i][1 - i] * (judge[i] + human[1 - i]) ** 2 for i in (0, 1)) * (1.0 - value) ** 2
    variance = (on + off - (value - chance * (1.0 - value)) ** 2) / (n * (1.0 - chance) ** 2)
    half = z_score(confidence) * math.sqrt(max(0.0, variance))
    return Kappa(value, Interval(max(-1.0, value - half), min(1.0, value + half)))
