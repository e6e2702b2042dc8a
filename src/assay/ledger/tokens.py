"""Tokens that the answers of a run took, as their hosts counted them."""

from __future__ import annotations

from collections.abc import Sequence

from assay.ledger.rows import Row
from assay.ledger.store import Ledger

__all__ = ["TokenRow", "tokens_of"]


class TokenRow(Row, frozen=True, kw_only=True):
    """Sums over some answers; None = not known. Answers from the cache took none and are not among them."""

    answers: int
    input_tokens: int | None
    output_tokens: int | None


async def tokens_of(ledger: Ledger, run_id: str, kinds: Sequence[str]) -> TokenRow:
    """What the answers of a run to some kinds took, judges and failed tries not."""
    marks = ", ".join("?" for _ in kinds)
    statement = (
        "select count(*) as answers, sum(input_tokens) as input_tokens, sum(output_tokens) as output_tokens "  # noqa: S608 - marks only
        f"from attempts where outcome = 'ok' and run_id = ? and kind in ({marks})"
    )
    found = await ledger.rows(TokenRow, statement, (run_id, *kinds))
    return found[0]
