"""Memory of a model: by hand, monotone, and with limits that really are limits."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.catalog.offers import HubFile, Weights
from assay.envelope.file import facts_in, facts_of, model_of
from assay.envelope.fit import fit
from assay.envelope.memory import Plan, memory, plan_of
from assay.envelope.quantisation import choices, quantisation_of
from assay.envelope.runtime import LOCAL, SERVER
from assay.envelope.shape import shape_in, shape_of
from assay.envelope.sizes import sizes_in, sizes_of
from assay.errors import CatalogError, WeightsError
from assay.weights.gguf import read_header
from fit_facts import GIB, TINY, a_catalog, a_file, a_machine, a_model

COUNTS = st.integers(0, 1 << 20)


def test_a_dense_model_by_hand() -> None:
    """8 B parameters in 16 bits, and 32 layers x 2 x 8 heads x 128 numbers x 2 bytes a token."""
    found = memory(a_model(), quantisation="bf16", context_tokens=8192, sequences=2)
    assert found is not None
    assert found.weights == 8_030_261_248 * 2
    assert found.cache == 32 * 2 * 8 * 128 * 2 * 8192 * 2
    assert found.compute == 128_256 * 4 * SERVER.logits_tokens
    assert found.overhead == SERVER.process_bytes
    assert found.total == sum(found)


def test_the_local_engine_keeps_scores_and_wider_numbers() -> None:
    """32-bit keys and values, scores of a piece of the prompt, one row of logits, texts of the vocabulary."""
    found = memory(a_model(), quantisation="q8_0", context_tokens=1000, sequences=1, runtime=LOCAL)
    assert found is not None
    assert found.cache == 32 * 2 * 8 * 128 * 4 * 1024
    assert found.compute == 128_256 * 4 + 32 * 1024 * 4 * 128
    assert found.overhead == LOCAL.process_bytes + 128_256 * (LOCAL.token_bytes + LOCAL.merge_bytes)


def test_windowed_layers_stop_at_the_window() -> None:
    """Five of six layers look 1,024 tokens back: their cache ends there, and at the piece that is at work."""
    model = a_model(layers=48, sliding_window=1024, windowed_layers=40)
    found = memory(model, quantisation="bf16", context_tokens=32_768, sequences=3)
    assert found is not None
    assert found.cache == 3 * 2 * 8 * 128 * 2 * (8 * 32_768 + 40 * 1536)
    short = memory(model, quantisation="bf16", context_tokens=512, sequences=1)
    assert short is not None
    assert short.cache == 2 * 8 * 128 * 2 * 48 * 512


def test_a_window_without_a_number_is_on_every_layer() -> None:
    """Then the cache stops growing altogether."""
    model = a_model(sliding_window=4096)
    long, longer = (
        memory(model, quantisation="bf16", context_tokens=tokens, sequences=1) for tokens in (8192, 131_072)
    )
    assert long is not None
    assert longer is not None
    assert long.cache == longer.cache == 32 * 2 * 8 * 128 * 2 * 4608


@pytest.mark.parametrize(
    ("facts", "cells"),
    [  # by the makers' configurations, at 8,192 tokens: Gemma 4 31B, 26B-A4B and E2B, Gemma 3n E4B, DeepSeek V4-Flash
        (
            {"layers": 60, "sliding_window": 1024, "windowed_layers": 50, "kv_heads": 16, "full_kv_heads": 4},
            10 * 2 * 4 * 512 * 8192 + 50 * 2 * 16 * 256 * 1536,
        ),
        (
            {"layers": 30, "sliding_window": 1024, "windowed_layers": 25, "kv_heads": 8, "full_kv_heads": 2},
            5 * 2 * 2 * 512 * 8192 + 25 * 2 * 8 * 256 * 1536,
        ),
        (
            {"layers": 35, "sliding_window": 512, "windowed_layers": 28, "kv_heads": 1, "full_kv_heads": 1}
            | {"shared_kv_layers": 20},
            3 * 2 * 512 * 8192 + 12 * 2 * 256 * 1024,
        ),
        (
            {"layers": 35, "sliding_window": 512, "windowed_layers": 28, "kv_heads": 2, "full_head_dim": None}
            | {"shared_kv_layers": 15},
            4 * 2 * 2 * 256 * 8192 + 16 * 2 * 2 * 256 * 1024,
        ),
        (
            {"layers": 43, "kv_rank": 512, "rope_dim": None, "cache_share": 0.125, "full_head_dim": None},
            43 * 64 * 8192,
        ),
    ],
)
def test_layers_of_another_shape_that_share_or_compress(facts: dict[str, object], cells: int) -> None:
    """Layers without a window may have fewer and longer heads; some layers read another's cache, or keep a part."""
    model = a_model(**{"head_dim": 256, "full_head_dim": 512, **facts})
    found = memory(model, quantisation="bf16", context_tokens=8192, sequences=1)
    assert found is not None
    assert found.cache == 2 * cells


def test_latent_attention_caches_one_latent_and_a_key() -> None:
    """61 layers x (512 + 64) numbers a token, whatever the heads are."""
    model = a_model(layers=61, kv_rank=512, rope_dim=64, kv_heads=128, head_dim=192)
    found = memory(model, quantisation="fp8", context_tokens=4096, sequences=1)
    assert found is not None
    assert found.cache == 61 * 576 * 2 * 4096


def test_recurrent_layers_hold_a_state_of_constant_size() -> None:
    """A hybrid caches its attention layers and a state for each sequence, a Mamba only the state: in 32-bit floats."""
    hybrid = a_model(architecture="hybrid", layers=52, recurrent_layers=48, state_bytes=1000)
    found = memory(hybrid, quantisation="bf16", context_tokens=4096, sequences=2)
    assert found is not None
    assert found.cache == 2 * (4 * 2 * 8 * 128 * 2 * 4096 + 2000)
    mamba = a_model(architecture="mamba", kv_heads=None, head_dim=None, heads=None, layers=64, state_bytes=5000)
    for tokens in (256, 1 << 20):
        found = memory(mamba, quantisation="bf16", context_tokens=tokens, sequences=3)
        assert found is not None
        assert found.cache == 30_000


def test_the_state_of_a_hybrid_is_what_the_engine_allocates() -> None:
    """Qwen3.6 27B: 48 recurrent layers; llama.cpp's log says 748.12 MiB for five sequences."""
    model = a_model(architecture="hybrid", layers=48, recurrent_layers=48, state_bytes=78_446_592)
    found = memory(model, quantisation="bf16", context_tokens=256, sequences=5)
    assert found is not None
    assert found.cache / (1 << 20) == pytest.approx(748.12, abs=0.01)


@pytest.mark.parametrize(
    ("facts", "missing"),
    [
        ({"layers": None}, "layers"),
        ({"kv_heads": None}, "kv_heads"),
        ({"head_dim": None, "hidden": None}, "head_dim"),
        ({"parameters": None}, "parameters"),
        ({"precision": None, "forms": None}, "forms or precision"),
        ({"mixture_of_experts": True}, "active_parameters"),
        ({"architecture": "hybrid", "state_bytes": 1}, "recurrent_layers"),
        ({"full_head_dim": 512}, "full_kv_heads"),
        ({"full_kv_heads": 2}, "full_head_dim"),
        ({"architecture": "mamba", "kv_heads": None}, "state_bytes"),
    ],
)
def test_an_unknown_fact_is_named(facts: dict[str, object], missing: str) -> None:
    """There is no memory then, and no guess."""
    model = a_model(**facts)
    assert missing in fit(a_catalog(model), model, a_machine()).missing
    assert memory(model, quantisation=None, context_tokens=4096, sequences=1) is None


def test_a_known_file_is_exact() -> None:
    """Its size counts instead of parameters x bits."""
    item = Weights(
        evidence="s", quantisation="Q4_K_M", bytes=5_000_000_000, hub=HubFile(repo="a/b", file="c", evidence="s")
    )
    found = memory(a_model(weights=(item,)), quantisation="q4_k_m", context_tokens=256, sequences=1)
    assert found is not None
    assert found.weights == 5_000_000_000


@pytest.mark.parametrize(
    ("parameters", "vocabulary", "hidden", "name", "file_bytes"),
    [  # sizes of files that were pulled or packaged; the catalogue has their digests
        (134_515_008, 49_152, 576, "q4_1", 98_362_432),
        (268_098_176, 262_144, 640, "q4_k_m", 253_113_024),
    ],
)
def test_small_models_are_heavier_than_their_label(
    parameters: int, vocabulary: int, hidden: int, name: str, file_bytes: int
) -> None:
    """Rows that are no multiple of 256 take larger types, and embeddings are a large part: within 5 % of real files."""
    kind = quantisation_of(name)
    found = kind.bytes_of(parameters, vocabulary * hidden, hidden)
    assert found == pytest.approx(file_bytes, rel=0.05)
    assert 8 * found / parameters > kind.bits * 1.1


def test_an_unknown_quantisation_names_the_nearest() -> None:
    """And the formats of a model follow from what is published and what a device reads."""
    with pytest.raises(CatalogError, match="did you mean 'q4_k_m'"):
        quantisation_of("Q4_K_MM")
    model = a_model(forms=("gguf", "awq", "mlx"))
    assert [one.name for one in choices(model, "cpu")] == ["Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M"]
    assert {one.name for one in choices(model, "gpu")} >= {"BF16", "AWQ", "Q4_K_M"}
    assert "MLX-4BIT" in {one.name for one in choices(model, "apple")}


def test_no_format_is_finer_than_the_published_weights() -> None:
    """More bits than those make a file larger and no better: weights that are published in 4 bits come in 4 bits."""
    forms = ("gguf", "mxfp4", "nvfp4", "mlx")
    four, eight = (a_model(precision=precision, forms=forms) for precision in ("mxfp4", "fp8"))
    for kind in ("gpu", "apple", "cpu"):
        assert [one.name for one in choices(four, kind)] == ["MXFP4"]
    assert [one.name for one in choices(eight, "gpu")] == ["FP8", "Q6_K", "Q5_K_M", "Q4_K_M", "NVFP4", "MXFP4"]
    assert choices(eight, "cpu")[0].name == "Q8_0"
    assert [one.name for one in choices(a_model(precision="int4", forms=("gguf",)), "cpu")] == ["Q4_K_M"]
    item = Weights(evidence="s", quantisation="Q8_0", bytes=9_000, hub=HubFile(repo="a/b", file="c", evidence="s"))
    assert [one.name for one in choices(a_model(precision="mxfp4", weights=(item,)), "gpu")] == ["Q8_0", "MXFP4"]


# ------------------------------------------------------------------------------------------ from a file


def test_a_header_gives_shape_and_sizes(tmp_path: Path) -> None:
    """What it states; embeddings that are only looked up are not read where the output matrix is there too."""
    header = read_header(a_file(tmp_path / "m.gguf"))
    shape, sizes = shape_in(header), sizes_in(header)
    assert (shape.parameters, shape.full_layers, shape.full_values) == (64, 4, 2 * 16)
    assert (shape.vocabulary, shape.merges, shape.heads, shape.context_tokens) == (3, 1, 8, 2048)
    assert (sizes.file, sizes.dense, sizes.routed, sizes.second) == (256, 256, 0, 0)
    tensors = {"token_embd.weight": 0, "output.weight": 0, "blk.0.ffn_up_exps.weight": 0, "blk.0.attn_q.weight": 2}
    apart = sizes_in(read_header(a_file(tmp_path / "n.gguf", TINY, tensors)))
    assert (apart.file, apart.dense, apart.routed, apart.second) == (3 * 128 + 18, 128 + 18, 128, 18)


def test_a_header_cannot_ask_for_more_layers_than_any_model_has(tmp_path: Path) -> None:
    """Four billion layers would be a list of four billion numbers."""
    hostile = a_file(tmp_path / "m.gguf", {**TINY, "llama.block_count": 2**32 - 1})
    with pytest.raises(WeightsError, match="4294967295 layers cannot be"):
        shape_in(read_header(hostile))


@pytest.mark.parametrize(
    ("facts", "full", "windowed"),
    [
        ({"llama.attention.sliding_window": 512}, 4, 0),  # an architecture without a pattern: all look at everything
        ({"llama.attention.sliding_window": 512, "llama.attention.sliding_window_pattern": 2}, 2, 2),
        (
            {
                "llama.attention.sliding_window": 512,
                "llama.attention.sliding_window_pattern": [True, True, True, False],
            },
            1,
            3,
        ),
        (
            {
                "general.architecture": "gemma2",
                "gemma2.block_count": 4,
                "gemma2.attention.head_count": 8,
                "gemma2.attention.sliding_window": 512,
            },
            2,
            2,
        ),
    ],
)
def test_windows_in_a_header(tmp_path: Path, facts: dict[str, object], full: int, windowed: int) -> None:
    """By a pattern in the file, else by that of the architecture."""
    shape = shape_in(read_header(a_file(tmp_path / "m.gguf", {**TINY, **facts})))  # type: ignore[dict-item]
    assert (shape.full_layers, shape.windowed_layers) == (full, windowed)


def test_layers_that_differ_in_a_header(tmp_path: Path) -> None:
    """Heads and lengths by layer, as Gemma 4 has them; the last two read the cache of others, one does not attend."""
    facts = {
        "llama.block_count": 20,
        "llama.attention.head_count_kv": [8, 8, 8, 2] * 4 + [0, 8, 8, 2],
        "llama.attention.key_length": 512,
        "llama.attention.value_length": 512,
        "llama.attention.key_length_swa": 256,
        "llama.attention.value_length_swa": 256,
        "llama.attention.sliding_window": 512,
        "llama.attention.sliding_window_pattern": [True, True, True, False] * 5,
        "llama.attention.shared_kv_layers": 2,
    }
    shape = shape_in(read_header(a_file(tmp_path / "m.gguf", {**TINY, **facts})))  # type: ignore[dict-item]
    assert (shape.full_layers, shape.full_values) == (4, 2 * (512 + 512))
    assert (shape.windowed_layers, shape.windowed_values) == (13, 8 * (256 + 256))


def test_a_hybrid_in_a_header_attends_where_it_has_heads(tmp_path: Path) -> None:
    """Every layer counts, not only the first ones: Granite 4 attends in layers 5, 15, 25 and 35 of 40."""
    listed = [2 if layer % 10 == 5 else 0 for layer in range(40)]
    state = {"llama.ssm.inner_size": 64, "llama.ssm.state_size": 4, "llama.ssm.conv_kernel": 4}
    facts = {"llama.block_count": 40, "llama.attention.head_count_kv": listed, **state}
    shape = shape_in(read_header(a_file(tmp_path / "m.gguf", {**TINY, **facts})))  # type: ignore[dict-item]
    assert (shape.full_layers, shape.full_values) == (4, 2 * 16)
    assert shape.state_values == 36 * (3 * (64 + 0) + 64 * 4)


def test_a_mixture_in_a_header(tmp_path: Path) -> None:
    """Of eight experts two are used: the active parameters, and what one step and many read."""
    tensors = {"token_embd.weight": 0, "blk.0.ffn_up_exps.weight": 0}
    metadata = {**TINY, "llama.expert_count": 8, "llama.expert_used_count": 2}
    header = read_header(a_file(tmp_path / "m.gguf", metadata, tensors))
    shape, sizes = shape_in(header), sizes_in(header)
    assert (shape.is_mixture, shape.active) == (True, 32 + 8)
    assert sizes.read(shape, 1) == 128 + 128 * 0.25
    assert 128 + 128 * 0.4 < sizes.read(shape, 2) < sizes.read(shape, 1000) <= 256


def test_facts_of_a_file_are_remembered_while_it_stays_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second look reads no header; a file that changed is read anew; one that is gone says so."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = a_file(tmp_path / "m.gguf")
    first = facts_of(path)
    monkeypatch.setattr("assay.envelope.file.read_header", lambda path: pytest.fail("read again"))
    assert facts_of(path) == first
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    a_file(path, {**TINY, "llama.block_count": 5, "more": "x" * 64})
    assert facts_of(path).shape.full_layers == 5
    path.unlink()
    with pytest.raises(WeightsError, match="No such file"):
        facts_of(path)


def test_a_model_of_a_file_says_what_the_file_says(tmp_path: Path) -> None:
    """Name and licence from its header, with that as the source."""
    model = model_of(facts_in(read_header(a_file(tmp_path / "My Model.gguf"))))
    assert (model.id, model.name, model.licence, model.parameters) == ("file/my-model", "Tiny", "apache-2.0", 64)
    source = model.provenance("licence")
    assert source is not None
    assert source.title == "header of My Model.gguf"


# ------------------------------------------------------------------------------------------ properties

PLANS = st.builds(
    Plan,
    weights=st.integers(0, 1 << 38),
    overhead=COUNTS,
    buffers=COUNTS,
    buffers_per_token=st.integers(0, 1 << 16),
    cache_per_token=st.integers(0, 1 << 22),
    window_per_token=st.integers(0, 1 << 22),
    window_tokens=st.integers(0, 64).map(lambda steps: 256 * steps),
    state=COUNTS,
)


@given(PLANS, st.integers(1, 1 << 20), st.integers(0, 1 << 18), st.integers(1, 512), st.integers(0, 64))
def test_memory_grows_with_context_and_sequences(plan: Plan, tokens: int, more: int, count: int, others: int) -> None:
    """It is monotone in both, and no part is ever negative."""
    small = plan.memory(tokens, count)
    assert min(small) >= 0
    assert plan.memory(tokens + more, count).total >= small.total
    assert plan.memory(tokens, count + others).total >= small.total


@given(PLANS, st.integers(0, 1 << 40), st.integers(1, 512))
def test_the_longest_context_fits_and_one_token_more_does_not(plan: Plan, usable: int, count: int) -> None:
    """The closed form is the very edge; no limit means that no length needs memory."""
    longest = plan.most_tokens(usable, count)
    if longest is None:
        assert plan.memory(1 << 30, count).total == plan.memory(1 << 20, count).total <= usable
        return
    assert longest == 0 or plan.memory(longest, count).total <= usable
    assert plan.memory(longest + 1, count).total > usable


@given(PLANS, st.integers(0, 1 << 40), st.integers(1, 1 << 20))
def test_the_most_sequences_fit_and_one_more_does_not(plan: Plan, usable: int, tokens: int) -> None:
    """Likewise for how many at once."""
    most = plan.most_sequences(usable, tokens)
    if most is None:
        assert plan.memory(tokens, 1_000_000).total <= usable
        return
    assert most == 0 or plan.memory(tokens, most).total <= usable
    assert plan.memory(tokens, most + 1).total > usable


@given(
    st.integers(1, 128),
    st.integers(1, 64),
    st.sampled_from((64, 80, 128, 256)),
    st.integers(1, 4096),
    st.integers(1, 9),
)
def test_a_window_never_costs_more_than_none(layers: int, heads: int, dim: int, tokens: int, count: int) -> None:
    """A windowed model needs at most what the same model without a window needs."""
    plain = a_model(layers=layers, kv_heads=heads, head_dim=dim)
    windowed = a_model(layers=layers, kv_heads=heads, head_dim=dim, sliding_window=512, windowed_layers=layers // 2)
    both = [memory(one, quantisation="bf16", context_tokens=tokens, sequences=count) for one in (windowed, plain)]
    assert both[0] is not None
    assert both[1] is not None
    assert both[0].total <= both[1].total


def test_every_device_of_several_has_its_own_process() -> None:
    """Two devices hold the weights once and the overhead twice."""
    shape = shape_of(a_model())
    sizes = sizes_of(a_model(), shape, quantisation_of("bf16"))
    assert sizes is not None
    one, two = (plan_of(shape, sizes, SERVER, devices).memory(256, 1) for devices in (1, 2))
    assert (two.weights, two.overhead) == (one.weights, 2 * one.overhead)
    assert two.total < 2 * one.total < 40 * GIB
