"""What a crashed process had left open, said once by whichever command opens the ledger next."""

from __future__ import annotations

from assay.cli.door import note
from assay.numerals import plural, told_usd

__all__ = ["show_recovered"]


def show_recovered(recovered: object) -> None:
    """Say what a crashed process had left open."""
    from assay.ledger.rows import Recovered

    if isinstance(recovered, Recovered) and recovered.attempts:
        unknown = f" ({recovered.unknown} without a known price)" if recovered.unknown else ""
        note(
            f"assay: an earlier process died with {plural(recovered.attempts, 'call')} in flight; "
            f"they are charged at their bound, {told_usd(recovered.charged_usd)}{unknown}"
        )
