"""A model on a machine as `assay cost` asks for it: room for the work, and rates that somebody measured."""

from __future__ import annotations

from costed import MACHINE, WORK, bare
from msgspec import structs

from assay.envelope.named import Named
from assay.envelope.scenario import Scenario
from assay.envelope.ways import Serving, Situation, served_ways
from fit_facts import a_catalog, a_model

MODEL = a_model(context_tokens=4096)
SERVING = Serving(catalog=a_catalog(MODEL), machine=MACHINE, tenures=("rent",))


def way(input_tokens: float = 1000.0, **given: object) -> Scenario:
    """The model of 4,096 tokens of context, rented, for requests of 200 tokens of answer."""
    work = structs.replace(WORK, input_tokens=input_tokens)
    serving = structs.replace(SERVING, **given)
    [found] = served_ways(Named(MODEL.id, MODEL, None), serving, Situation(workload=work, overheads=bare()))
    return found


def test_a_context_holds_the_mean_request_or_there_is_no_bill() -> None:
    """Twice the mean is wished for, what the model has is taken; less than the mean is refused with both figures."""
    assert way(3000.0).reason is None
    assert "its context is 4,096 tokens, not 4,200" in (way(4000.0).reason or "")
    assert way(context_tokens=1200).reason is None
    assert way(context_tokens=1199).reason == "a context of 1,199 tokens does not hold a mean request of 1,200"


def test_one_given_rate_stands_in_place_of_its_estimate() -> None:
    """The other is estimated all the same; where no FLOPS are known, the rate of reading makes a bill possible."""
    guess, read, written = way().speed, way(prefill_tok_s=7.0), way(output_tok_s=9.0)
    assert guess is not None
    assert read.speed is not None
    assert written.speed is not None
    assert (read.speed.prefill_tok_s, read.speed.most_tok_s) == ((7.0, 7.0, 7.0, "given", "tok/s"), guess.most_tok_s)
    assert (written.speed.prefill_tok_s, written.speed.most_tok_s[0]) == (guess.prefill_tok_s, 9.0)
    assert "rate of reading: as you gave it" in read.notes
    unknown = MACHINE._replace(flops=None)
    assert "reads a prompt is not known" in (way(machine=unknown).reason or "")
    assert way(machine=unknown, prefill_tok_s=7.0).reason is None
