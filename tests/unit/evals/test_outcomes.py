"""What a run has come to, in columns."""

from __future__ import annotations

from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from assay.evals.figures.metrics import metrics
from assay.evals.runs import outcomes as module
from assay.evals.runs.outcomes import Outcomes, read_outcomes
from assay.evals.runs.repeats import Repeats
from assay.ledger.rows import Outcome, ResultRow, RunRow
from assay.ledger.store import SqliteLedger

_number = some.none() | some.floats(0, 1e6)
answers = some.lists(
    some.builds(
        Outcome, run_id=some.just("r"), sample_id=some.sampled_from("abcd"), kind=some.sampled_from(["x", "y"]),
        value=some.none() | some.floats(0, 1), unscored=some.none() | some.text(max_size=5),
        cost_basis=some.sampled_from(["held", "measured", "bound", "unknown", "none"]), cached=some.booleans(),
        created_at=some.floats(0, 2e9), repeat=some.integers(0, 3), request_id=some.none(), latency_s=_number,
        engine_s=_number, cost_usd=_number, grading_usd=_number, batched=some.booleans(),
    ),
    max_size=20,
)  # fmt: skip


@given(answers)
def test_what_is_put_in_comes_out(rows: list[Outcome]) -> None:
    """Every field of every answer; a later one for the same sample and repeat takes the place of the earlier."""
    kept = Outcomes("r")
    for row in rows:
        kept.add(row)
    last = {(row.sample_id, row.repeat): row for row in rows}
    assert {(row.sample_id, row.repeat): row for row in kept.all_answers()} == last
    assert list(kept) == list(dict.fromkeys(row.sample_id for row in rows))
    for (sample, repeat), row in last.items():
        assert kept.has_value(sample, repeat) == (row.value is not None)
    assert not kept.has_value("e", 0)


def row(sample: str, repeat: int = 0, value: float | None = 1.0, unscored: str | None = None) -> ResultRow:
    """A row of the ledger."""
    return ResultRow(
        run_id="r", sample_id=sample, repeat=repeat, kind="k", value=value, unscored=unscored, cost_basis="none",
        cached=False, created_at=5.0, scores=b"[]", answer="yes",
    )  # fmt: skip


def test_a_sample_is_what_its_repeats_come_to() -> None:
    """Repeats beyond those that are wanted now do not count; with fewer than wanted, the sample is open."""
    kept = Outcomes("r", lambda _: Repeats(2, "all"))
    for repeat, value in enumerate([1.0, 1.0, 0.0]):
        kept.add(row("a", repeat, value))
    kept.add(row("b", 1))
    assert (kept["a"].value, kept["b"].value, len(kept), kept.repeated) == (1.0, None, 2, True)
    with pytest.raises(KeyError):
        kept["c"]


def test_reasons_without_end_are_kept_by_class() -> None:
    """A host that words each error anew does not fill the memory."""
    kept = Outcomes("r")
    for number in range(1500):
        kept.add(row(f"s{number}", value=None, unscored=f"ProviderFault: request {number}"))
    assert kept["s3"].unscored == "ProviderFault: request 3"
    assert kept["s1400"].unscored == "ProviderFault"


async def test_a_run_is_read_page_by_page(ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the ledger has, whole pages and a begun one, without the answers."""
    monkeypatch.setattr(module, "_PAGE", 4)
    head = RunRow(
        id="r", suite="s", suite_digest="d", target="t", target_digest="d", config_digest="", seed=0, created_at=1.0,
        version="1",
    )  # fmt: skip
    await ledger.open_run(head)
    rows = [row(f"s{number}", repeat, None if number == 2 else 1.0) for number in range(5) for repeat in range(2)]
    for one in rows:
        await ledger.add_result(one)
    kept = Outcomes("r", lambda _: Repeats(2))
    await read_outcomes(ledger, "r", kept)
    want = [Outcome(**{name: getattr(one, name) for name in Outcome.__struct_fields__}) for one in rows]
    assert list(kept.all_answers()) == want
    assert msgspec.structs.asdict(kept["s2"])["value"] is None
    empty = Outcomes("other")
    await read_outcomes(ledger, "other", empty)
    assert len(empty) == 0


def test_an_outcome_that_was_read_is_not_a_stale_one() -> None:
    """What is kept of a reading goes when another answer to the sample comes."""
    outcomes = Outcomes("run")
    outcomes.add(row("a", value=0.0))
    assert outcomes["a"].value == 0.0
    outcomes.add(row("a", value=1.0))
    assert outcomes["a"].value == 1.0


@given(some.lists(some.floats(0, 100), min_size=2, max_size=20), some.randoms(use_true_random=False))
def test_means_do_not_depend_on_the_order(seconds: list[float], chance: Random) -> None:
    """A run that is read again comes in another order, and comes to the same figures to the last digit."""
    rows = [msgspec.structs.replace(row(str(number)), engine_s=one) for number, one in enumerate(seconds)]
    first = metrics(rows, len(rows))
    chance.shuffle(rows)
    assert metrics(rows, len(rows)) == first
