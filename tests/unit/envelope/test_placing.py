"""A model on a machine for the most work: format, answers at a time, and what was measured instead."""

from __future__ import annotations

import pytest
from costed import MACHINE, served
from msgspec import structs

from assay.envelope.bills import bills_of
from assay.envelope.hardware import GIB, Machine
from assay.envelope.placing import ENOUGH, Placed, fit_as_measured, placed
from assay.ledger.rows import MeasurementRow
from fit_facts import a_catalog, a_model

SEVEN = a_model("acme/seven", parameters=7_000_000_000, vocabulary=32_000, context_tokens=8192)
CATALOG = a_catalog(SEVEN)
HERE = MACHINE._replace(key="auto")
ROW = MeasurementRow(
    id="1", created_at=1.79e9, host="here", model="acme/seven", weights_sha256="0", quantisation="Q4_K_M",
    engine="llama.cpp", context_tokens=2048, slots=1, threads=1, decode_tok_s=11.0, prefill_tok_s=90.0,
    memory_bytes=None, answers=5, disturbed=False,
)  # fmt: skip


def on(machine: Machine, **given: object) -> Placed | str:
    """Seven on a machine, for answers of 2,048 tokens."""
    values = {"quantisation": None, "context_tokens": 2048, "prompt_tokens": 500}
    return placed(CATALOG, SEVEN, machine, **{**values, **given})  # type: ignore[arg-type]


def found(given: Placed | str) -> Placed:
    """Not a reason."""
    assert isinstance(given, Placed), given
    return given


def test_the_most_exact_format_with_room_for_company() -> None:
    """24 GB hold 16-bit weights and many answers; 12 GB do not, and a smaller format is taken."""
    large, small = found(on(MACHINE)), found(on(MACHINE._replace(memory_bytes=12 * GIB, usable_bytes=11 * GIB)))
    assert large.quantisation == "BF16"
    assert small.quantisation != "BF16"
    assert min(large.sequences, small.sequences) >= ENOUGH


def test_company_answers_more_in_all() -> None:
    """Many answers at a time are more tokens a second than one, and no more than were allowed."""
    alone, many = found(on(MACHINE, most=1)), found(on(MACHINE, most=16))
    assert (alone.sequences, many.sequences) == (1, 16)
    assert many.speed.most_tok_s.value > 2 * alone.speed.most_tok_s.value


def test_what_does_not_fit_says_so() -> None:
    """Two GB hold none of it; the reason tells how much it needs."""
    reason = on(MACHINE._replace(memory_bytes=2 * GIB, usable_bytes=GIB))
    assert isinstance(reason, str)
    assert "GiB" in reason


def test_a_measurement_here_replaces_the_estimate() -> None:
    """What was measured on this machine counts, one answer at a time; on another machine it says nothing."""
    here = found(on(HERE, measured=ROW))
    assert (here.quantisation, here.sequences) == ("Q4_K_M", 1)
    assert here.speed.most_tok_s.value == 11.0
    assert "measured here" in here.speed.most_tok_s.method
    assert found(on(MACHINE, measured=ROW)).speed.most_tok_s.value != 11.0
    assert found(on(HERE, measured=ROW, quantisation="Q8_0")).speed.most_tok_s.value != 11.0


@pytest.mark.parametrize(
    ("machine", "facts", "quantisation", "is_measured"),
    [
        (HERE, {}, "Q4_K_M", True),
        (HERE, {"quantisation": None}, "BF16", True),
        (HERE, {"quantisation": "IQ9_X"}, "BF16", False),
        (HERE, {"memory_bytes": 900 * GIB}, "BF16", False),
        (MACHINE, {}, "BF16", False),
    ],
)
def test_the_measured_format_is_taken_if_it_fits(
    machine: Machine, facts: dict[str, object], quantisation: str, is_measured: bool
) -> None:
    """On this machine only; a format that nobody knows, or that does not fit, leaves the estimate."""
    row = structs.replace(ROW, **facts)
    found = fit_as_measured(CATALOG, SEVEN, machine, row)
    assert (found.quantisation, found.measured is not None) == (quantisation, is_measured)
    assert fit_as_measured(CATALOG, SEVEN, machine, row, quantisation="Q8_0").quantisation == "Q8_0"


@pytest.mark.parametrize(("volume", "said"), [(10_000, 0), (1_000_000, 1)])
def test_one_machine_that_is_there_does_not_make_many(volume: int, said: int) -> None:
    """Where more machines are needed than the one that is there, the bill says what it leaves out."""
    scenario = served(tenure="have")
    scenario = structs.replace(scenario, workload=scenario.workload.at(volume))
    [bill] = bills_of([scenario]).bills
    assert sum("machines are needed" in note for note in bill.notes) == said
