"""Advice for this very machine: what was measured on it stands in the estimate's place."""

from __future__ import annotations

import pytest
from tests.unit.decision.advice.conftest import TODAY, USUAL, catalog_of

from assay.decision.advice import machines
from assay.decision.advice.advice import Advice, advise
from assay.decision.advice.candidate import Envelope
from assay.decision.advice.explained import explained
from assay.decision.advice.situation import situation
from assay.ledger.rows import MeasurementRow
from fit_facts import a_machine

ROW = MeasurementRow(
    id="1", created_at=1_793_600_000.0, host="here", model="acme/small", weights_sha256="0", quantisation="Q4_K_M",
    engine="llama.cpp", context_tokens=2048, slots=1, threads=1, decode_tok_s=40.0, prefill_tok_s=5000.0,
    memory_bytes=None, answers=5, disturbed=False,
)  # fmt: skip


def here(monkeypatch: pytest.MonkeyPatch, key: str = "auto") -> Advice:
    """The advice for edge work on a device of this key, of which one model was measured."""
    monkeypatch.setattr(machines, "machine", lambda _catalog, _spec: a_machine(key=key))
    asked = situation("edge", {"device": key})
    return advise(catalog_of(*USUAL), asked, TODAY, measured={"acme/small": ROW})


def envelope_of(found: Advice, model: str) -> Envelope:
    """Where a model would run."""
    plans = [one for plan in found.shortlist for one in plan.candidates if one.model == model]
    assert plans
    assert plans[0].envelope is not None
    return plans[0].envelope


def test_a_measured_model_is_advised_as_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the format that was measured, with its rates, and marked in JSON and text alike."""
    found = here(monkeypatch)
    envelope = envelope_of(found, "acme/small")
    assert (envelope.quantisation, envelope.decode_tok_s) == ("Q4_K_M", pytest.approx((36.0, 44.0)))
    assert envelope.measured == "measured here, 2026-11-02"
    assert "measured here, 2026-11-02" in explained(found, whole=False)


def test_of_another_device_it_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then all of it is an estimate."""
    envelope = envelope_of(here(monkeypatch, "x1"), "acme/small")
    assert (envelope.quantisation, envelope.measured) == ("BF16", None)
