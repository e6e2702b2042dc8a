"""Assumptions as data: each with a source, each replaceable by name."""

import pytest

from assay.envelope.overheads import Overheads, assumed, defaults
from assay.errors import ConfigError


def test_every_assumption_has_a_source_and_a_meaning() -> None:
    """None stands without who says so, as of when, and what it is."""
    for fact in Overheads.FACTS:
        source = defaults().provenance(fact)
        assert source is not None
        assert source.as_of
        assert fact in defaults().notes


def test_an_assumption_is_replaced_and_marked_as_given() -> None:
    """The new value counts, and its source is the user from then on; the others stay."""
    changed = assumed(["usd_per_kwh=0.4", "self_served.serving=8"])
    assert (changed.usd_per_kwh, changed.self_served.serving) == (0.4, 8)
    assert changed.provenance("usd_per_kwh").title == "given with --assume"  # type: ignore[union-attr]
    assert changed.provenance("pue") == defaults().provenance("pue")
    assert changed.hosted == defaults().hosted


def test_all_hours_at_once() -> None:
    """`hours=0` leaves people out altogether."""
    changed = assumed(["hours=0"])
    assert changed.hosted == changed.self_served
    assert changed.hosted.serving == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("usd_per_kWh=1", "usd_per_kwh"), ("hosted=3", "there is no assumption"), ("pue=0.5", "cannot be"),
        ("peak_utilisation=0", "cannot be"), ("usd_per_kwh", "NAME=NUMBER"), ("hosted.server=1", "hosted.serving"),
        ("usd_per_kwh=nan", "cannot be"), ("evidence=1", "there is no assumption"),
    ],
)  # fmt: skip
def test_what_cannot_be_assumed_is_refused(change: str, said: str) -> None:
    """An unknown name shows the nearest, an impossible value its place."""
    with pytest.raises(ConfigError, match=said):
        assumed([change])
