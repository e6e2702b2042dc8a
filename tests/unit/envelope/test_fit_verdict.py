"""Verdicts: what fits, tightly or not at all, what is unknown, and what a measurement changes."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.catalog.family import Family
from assay.catalog.offers import HubFile, Weights
from assay.config.schema import Constraints
from assay.envelope.fit import Fit, fit, options, rank
from assay.envelope.fit_row import fit_row
from assay.envelope.memory import memory
from assay.envelope.upkeep import burden, failures
from assay.ledger.rows import MeasurementRow
from fit_facts import GIB, SOURCES, a_catalog, a_machine, a_model

CATALOG = a_catalog()
FILES = {"Q8_0": 8_540_000_000, "Q4_K_M": 4_920_000_000}


def judged(model: Any = None, **given: Any) -> Fit:
    """The verdict on a model of `fit_facts` on its machine."""
    machine = given.pop("machine", a_machine())
    return fit(given.pop("catalog", CATALOG), model or a_model(), machine, **given)


@pytest.mark.parametrize(("usable_gib", "verdict"), [(40, "fits"), (17.5, "tight"), (10, "no")])
def test_the_verdict_follows_the_memory(usable_gib: float, verdict: str) -> None:
    """Nine tenths of what may be used is tight, for the estimate may be wrong by that."""
    found = judged(machine=a_machine(usable_bytes=int(usable_gib * GIB)), quantisation="bf16")
    assert found.verdict == verdict
    assert found.memory is not None
    assert f"it needs {found.memory.total / GIB:.1f} of {usable_gib:.1f} GiB" in found.reasons[0]
    assert found.free_bytes == int(usable_gib * GIB) - found.memory.total


def test_what_does_not_fit_says_how_many_devices_would_hold_it() -> None:
    """And really: one fewer would not. Of a processor there is no such figure."""
    machine = a_machine(usable_bytes=6 * GIB)
    found = judged(machine=machine, quantisation="bf16")
    assert found.reasons[0].endswith(": 3 such devices would hold it")
    for count, verdict in ((2, "no"), (3, "tight")):
        several = a_machine(usable_bytes=6 * GIB * count, count=count)
        assert judged(machine=several, quantisation="bf16").verdict == verdict
    assert "such devices" not in judged(machine=a_machine(kind="cpu", usable_bytes=GIB)).reasons[0]


def test_the_most_exact_format_that_fits_is_taken() -> None:
    """And a smaller one where the memory is smaller; a tight one only where no other is left."""
    taken = {gib: judged(machine=a_machine(usable_bytes=gib * GIB)).quantisation for gib in (40, 12, 9, 7)}
    assert taken == {40: "BF16", 12: "Q8_0", 9: "Q6_K", 7: "Q4_K_M"}
    assert judged(machine=a_machine(usable_bytes=7 * GIB)).verdict == "tight"
    assert judged(machine=a_machine(usable_bytes=GIB)).verdict == "no"


def test_a_processor_reads_files_of_its_engine_only() -> None:
    """Published 16-bit weights are no GGUF file: without one nothing is known to run."""
    assert judged(machine=a_machine(kind="cpu")).quantisation == "Q8_0"
    found = judged(a_model(forms=None), machine=a_machine(kind="cpu"))
    assert (found.verdict, found.missing) == ("unknown", ("forms",))


def test_a_longer_context_than_the_model_has_is_refused() -> None:
    """Whatever the memory is; and an unknown limit is said."""
    found = judged(a_model(context_tokens=4096), context_tokens=8192)
    assert (found.verdict, found.reasons) == ("no", ("its context is 4,096 tokens, not 8,192",))
    found = judged(a_model(context_tokens=None))
    assert found.verdict == "fits"
    assert "not known" in found.reasons[1]


@pytest.mark.parametrize(
    ("facts", "missing"),
    [({"kv_heads": None}, ("kv_heads",)), ({"parameters": None, "layers": None}, ("layers", "parameters"))],
)
def test_unknown_is_unknown_and_named(facts: dict[str, Any], missing: tuple[str, ...]) -> None:
    """No figure is made up."""
    found = judged(a_model(**facts))
    assert (found.verdict, found.missing, found.memory, found.speed) == ("unknown", missing, None, None)
    assert f"not known: {', '.join(missing)}" in found.reasons


def test_a_known_file_needs_no_parameters_for_its_memory() -> None:
    """Its bytes are the weights; its speed, and formats whose size nobody knows, stay unknown."""
    hub = HubFile(repo="a/b", file="c", evidence="s")
    files = tuple(Weights(evidence="s", quantisation=name, bytes=size, hub=hub) for name, size in FILES.items())
    model = a_model(parameters=None, weights=files)
    for kind in ("gpu", "cpu"):
        found = judged(model, machine=a_machine(kind=kind))
        assert (found.verdict, found.quantisation, found.speed) == ("fits", "Q8_0", None)
    assert [one.quantisation for one in options(model, a_machine(), context_tokens=256, sequences=1)] == [*FILES]
    least = judged(model, machine=a_machine(kind="cpu"), quantisation="q4_k_m").memory
    known = judged(a_model(weights=files), machine=a_machine(kind="cpu"), quantisation="q4_k_m").memory
    assert least is not None
    assert known is not None
    assert known.weights <= least.weights <= 1.1 * known.weights
    assert judged(model, quantisation="q6_k").missing == ("parameters",)


def test_hosted_models_do_not_fit_anywhere() -> None:
    """Their weights cannot be had."""
    found = judged(a_model(ecosystem="hosted", licence=None))
    assert (found.verdict, found.reasons) == ("no", ("acme/eight is hosted: its weights cannot be had",))


def test_the_licence_is_judged_by_the_use() -> None:
    """The term that decides is named."""
    found = judged(a_model(licence="cc-by-nc-4.0"), constraints=Constraints(commercial=True))
    assert (found.licence.verdict, found.licence.term) == ("forbidden", "commercial_use")
    assert judged(a_model(licence="cc-by-nc-4.0")).licence.verdict == "allowed"
    assert judged(a_model(licence=None)).licence.verdict == "ask"


@given(st.integers(4, 200), st.integers(1, 64), st.sampled_from((256, 1024, 4096, 32_768)))
def test_the_limits_of_a_verdict_are_its_edges(gib: int, count: int, tokens: int) -> None:
    """The longest context and the most sequences fit by the same formula; one more does not."""
    model = a_model(context_tokens=None)
    found = judged(model, machine=a_machine(usable_bytes=gib * GIB), sequences=count, context_tokens=tokens)
    longest, most = found.most_context_tokens, found.most_sequences
    assert longest is not None
    assert most is not None

    def total(context: int, sequences: int) -> int:
        needed = memory(model, quantisation=found.quantisation, context_tokens=context, sequences=sequences)
        assert needed is not None
        return needed.total

    usable = gib * GIB
    assert longest == 0 or total(longest, count) <= usable
    assert total(longest + 1, count) > usable
    assert most == 0 or total(tokens, most) <= usable
    assert total(tokens, most + 1) > usable
    assert (found.verdict == "no") == (most < count) == (longest < tokens)


# ---------------------------------------------------------------------------------------- measurements


def a_measurement(**given: Any) -> MeasurementRow:
    """One of the second of November 2026."""
    values: dict[str, Any] = {
        "id": "1", "created_at": 1_793_600_000.0, "host": "here", "model": "acme/eight", "weights_sha256": "0" * 64,
        "quantisation": "Q8_0", "engine": "e", "context_tokens": 2048, "slots": 1, "threads": 2,
        "decode_tok_s": 12.5, "prefill_tok_s": 100.0, "memory_bytes": 10 * GIB, "answers": 5, "disturbed": False,
    }  # fmt: skip
    return MeasurementRow(**{**values, **given})


HERE = a_machine(key="auto", kind="cpu")


def test_a_measurement_stands_in_the_estimates_place() -> None:
    """Rate, time to the first token and memory, marked with its date; of other contexts the rest is by formula."""
    found = judged(machine=HERE, context_tokens=2048, measured=a_measurement())
    assert found.memory is not None
    assert found.speed is not None
    assert found.speed.first_token_s is not None
    assert (found.memory.total, found.memory_basis) == (10 * GIB, "measured here, 2026-11-02")
    assert found.speed.decode_tok_s.value == 12.5
    assert tuple(found.speed.decode_tok_s[1:3]) == pytest.approx((11.25, 13.75))
    assert found.speed.first_token_s.value == pytest.approx(512 / 100 + 1 / 12.5)
    assert "measured here, 2026-11-02: 5 answers, 2 threads" in found.speed.decode_tok_s.method
    longer = judged(machine=HERE, context_tokens=4096, measured=a_measurement())
    by_formula = judged(machine=HERE, context_tokens=4096), judged(machine=HERE, context_tokens=2048)
    assert longer.memory is not None
    assert by_formula[0].memory is not None
    assert by_formula[1].memory is not None
    assert longer.memory.total - 10 * GIB == by_formula[0].memory.total - by_formula[1].memory.total
    assert "the rest by formula" in longer.memory_basis


def test_limits_follow_the_measured_memory() -> None:
    """More memory than was estimated leaves less for context."""
    more, less = (
        judged(machine=HERE, measured=a_measurement(memory_bytes=gib * GIB)).most_context_tokens or 0 for gib in (9, 12)
    )
    assert more > less > 0


def test_a_measurement_of_something_else_changes_nothing() -> None:
    """Another machine, or another format of the weights."""
    elsewhere = judged(measured=a_measurement(quantisation="BF16"))
    assert elsewhere.measured is None
    assert elsewhere.speed is not None
    assert "formula" in elsewhere.speed.decode_tok_s.method
    other_format = judged(machine=HERE, measured=a_measurement(quantisation="Q4_K_M"))
    assert other_format.measured is None
    assert other_format.speed is not None
    assert "formula" in other_format.speed.decode_tok_s.method
    disturbed = judged(machine=HERE, measured=a_measurement(disturbed=True, memory_bytes=None, prefill_tok_s=None))
    assert disturbed.speed is not None
    assert "beside other work" in disturbed.speed.decode_tok_s.method
    assert disturbed.memory_basis.startswith("formula")


# ---------------------------------------------------------------------------------- what stands around


def test_what_fits_and_may_be_used_comes_first() -> None:
    """Then what is fast enough to be read, then the largest."""
    small, large = a_model("acme/small", parameters=3_000_000_000), a_model("acme/large", parameters=9_000_000_000)
    slow = a_machine(bandwidth_bytes_s=4e10)
    huge = a_model("acme/huge", parameters=400_000_000_000)
    closed = a_model("acme/closed", licence=None)
    order = sorted((judged(one) for one in (huge, closed, small, large)), key=rank)
    assert [one.model.id for one in order] == ["acme/large", "acme/small", "acme/closed", "acme/huge"]
    order = sorted((judged(one, machine=slow, quantisation="q8_0") for one in (large, small)), key=rank)
    assert [one.model.id for one in order] == ["acme/small", "acme/large"]


def test_options_are_listed_from_exact_to_small() -> None:
    """Each with its memory and verdict."""
    found = options(a_model(), a_machine(usable_bytes=10 * GIB), context_tokens=4096, sequences=1)
    assert [one.quantisation for one in found] == ["BF16", "Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M"]
    assert [one.verdict for one in found] == ["no", "tight", "fits", "fits", "fits"]
    assert options(a_model(layers=None), a_machine(), context_tokens=1, sequences=1) == ()


@pytest.mark.parametrize(
    ("facts", "level"),
    [
        ({"engines": ("llama.cpp",), "talent": "easy", "patches": "many"}, "light"),
        ({"engines": ("llama.cpp",), "talent": "some", "patches": "many"}, "moderate"),
        ({"engines": ("llama.cpp",), "talent": "rare", "patches": "many"}, "heavy"),
        ({"engines": ("vllm",), "talent": "easy", "patches": "many"}, "heavy"),  # not on a processor
        ({}, None),
    ],
)
def test_the_support_burden_follows_the_ledger_of_the_family(facts: dict[str, Any], level: str | None) -> None:
    """Engines that serve on the device, people, patches."""
    catalog = a_catalog(family=Family(name="Acme", maker="Acme", evidence="s", sources=SOURCES, **facts))
    assert burden(catalog, a_model(), "cpu").level == level
    assert burden(a_catalog(), a_model(), "cpu").level is None


def test_what_is_left_when_it_fails() -> None:
    """A smaller form, less context, a smaller model of the family that fits, and that there is one device only."""
    small = a_model("acme/small", parameters=1_000_000_000)
    catalog = a_catalog(a_model(), small)
    asked = {"context_tokens": 8192, "sequences": 1}
    machine = a_machine(usable_bytes=20 * GIB)
    lines = failures(catalog, judged(machine=machine), options(a_model(), machine, **asked), **asked)  # type: ignore[arg-type]
    assert lines[0].startswith("degraded: Q8_0 frees ")
    assert "half of the context" in lines[1]
    assert "acme/small fits here;" in lines[2]
    assert "one device" in lines[3]
    alone = failures(a_catalog(a_model()), judged(machine=machine), (), **asked)  # type: ignore[arg-type]
    assert any("no smaller model of its family fits" in line for line in alone)
    tiny = a_machine(usable_bytes=6 * GIB)
    instead = failures(catalog, judged(machine=tiny), (), **asked)  # type: ignore[arg-type]
    assert instead == ("fallback: acme/small fits here; put it into the route. A hosted one would see the data",)


def test_a_row_adds_up_to_the_usable_memory() -> None:
    """Parts and what is free; what is not known is null."""
    row = fit_row(judged(), context_tokens=8192, sequences=1, prompt_tokens=512)
    parts = [row.weights_bytes, row.cache_bytes, row.compute_bytes, row.overhead_bytes, row.free_bytes]
    assert sum(part or 0 for part in parts) == 22 * GIB
    assert row.decode_tok_s is not None
    assert row.joules_per_token == pytest.approx(400 / row.decode_tok_s.value)
    empty = fit_row(judged(a_model(layers=None)), context_tokens=8192, sequences=1, prompt_tokens=512)
    assert (empty.total_bytes, empty.decode_tok_s, empty.joules_per_token, empty.free_bytes) == (None, None, None, None)


def test_a_verdict_is_quick() -> None:
    """Thousands are made for one list: the median of a hundred takes far less than a millisecond."""
    model, machine, times = a_model(), a_machine(), []
    for _ in range(100):
        began = time.perf_counter()
        fit(CATALOG, model, machine)
        times.append(time.perf_counter() - began)
    assert sorted(times)[50] < 0.001
