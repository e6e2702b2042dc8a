"""`assay inspect`: what is read from files, and what is refused. The engine's part is in tests/e2e/test_inspect.py."""

import json
import struct
from pathlib import Path

import pytest
from click.testing import CliRunner

from assay.cli.main import assay
from assay.errors import AssayError, CatalogError, WeightsError
from fit_facts import a_file

SMOLLM2 = "huggingfacetb/smollm2-135m-instruct"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """A folder without a configuration."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ASSAY_CONFIG", raising=False)
    return CliRunner()


def shown(run: CliRunner, *args: str) -> str:
    """What the command prints; it must succeed."""
    result = run.invoke(assay, ["inspect", *args], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_a_file_is_shown_by_kinds(run: CliRunner) -> None:
    """Parameters, bits, cache and tokenizer of the real file, by its catalogue name."""
    text = shown(run, SMOLLM2)
    assert "134.5 M parameters in 272 tensors" in text
    assert "5.74 bits per weight" in text
    assert "11,520 numbers" in text
    assert "embedding     1        28.31 M     21.0 %" in text
    assert "read backwards" in text
    assert len(max(text.splitlines(), key=len)) < 160


def test_json_holds_every_tensor(run: CliRunner) -> None:
    """The groups add up to the tensors."""
    found = json.loads(shown(run, SMOLLM2, "--json"))
    assert found["model"] == SMOLLM2
    assert len(found["file"]["tensors"]) == 272
    assert sum(one["parameters"] for one in found["file"]["tensors"]) == found["file"]["parameters"]


def test_tensors_and_the_whole_template_on_demand(run: CliRunner) -> None:
    """They are long, so only then."""
    assert "blk.29.ffn_up.weight" not in shown(run, SMOLLM2)
    text = shown(run, SMOLLM2, "--tensors", "--template")
    assert "blk.29.ffn_up.weight" in text
    assert "add_generation_prompt" in text


def test_a_safetensors_file_is_shown(run: CliRunner, tmp_path: Path) -> None:
    """What a bare file does not say is unknown."""
    header = json.dumps({"lm_head.weight": {"dtype": "F16", "shape": [2, 2], "data_offsets": [0, 8]}}).encode()
    (tmp_path / "m.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(8))
    text = shown(run, "m.safetensors")
    assert "layers unknown" in text
    assert "16.00 bits per weight, mostly F16" in text
    assert "a table of its own" in text


def folder(path: Path, tensor: str, **config: object) -> None:
    """A folder of the hub with one tensor, and what its configuration says."""
    path.mkdir()
    header = json.dumps({tensor: {"dtype": "F16", "shape": [2, 2], "data_offsets": [0, 8]}}).encode()
    (path / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(8))
    (path / "config.json").write_text(json.dumps(config))


def test_the_cache_is_what_fit_reckons_with(run: CliRunner, tmp_path: Path) -> None:
    """A latent and its key where attention is latent, in both formats; of recurrent layers nothing is made up."""
    heads = {"num_hidden_layers": 61, "hidden_size": 7168, "num_attention_heads": 128, "num_key_value_heads": 128}
    folder(tmp_path / "plain", "lm_head.weight", **heads)
    folder(tmp_path / "latent", "lm_head.weight", **heads, kv_lora_rank=512, qk_rope_head_dim=64)
    folder(tmp_path / "hybrid", "model.layers.0.mamba.in_proj.weight", **heads)
    latent = {
        "general.architecture": "deepseek2", "deepseek2.block_count": 61, "deepseek2.attention.head_count": 128,
        "deepseek2.embedding_length": 7168, "deepseek2.attention.kv_lora_rank": 512,
        "deepseek2.rope.dimension_count": 64,
    }  # fmt: skip
    a_file(tmp_path / "latent.gguf", latent)
    assert f"{2 * 61 * 128 * 56:,} numbers" in shown(run, "plain")
    assert f"{61 * (512 + 64):,} numbers" in shown(run, "latent")
    assert f"{61 * (512 + 64):,} numbers" in shown(run, "latent.gguf")
    assert "cache per token: not known" in shown(run, "hybrid")


def test_a_deployment_comes_before_a_folder_of_its_name(run: CliRunner, tmp_path: Path) -> None:
    """What is looked at is what --text and --prompt would ask: a folder that happens to be called so is not meant."""
    (tmp_path / "small").mkdir()
    (tmp_path / "assay.toml").write_text(f'[deployments.small]\nmodel = "{SMOLLM2}"\ndialect = "local"\n')
    assert "134.5 M parameters" in shown(run, "small")


def test_without_a_file_the_catalogue_speaks(run: CliRunner) -> None:
    """A hosted model has facts, and no file to look into."""
    text = shown(run, "openai/gpt-4o")
    assert "it is hosted: its weights are not given out" in text
    assert "context_tokens" in text


@pytest.mark.parametrize(
    ("args", "error", "message"),
    [
        (("no-such-model",), CatalogError, "no model 'no-such-model'"),
        (("missing.gguf",), WeightsError, "no such file"),
        (("openai/gpt-4o", "--tour"), WeightsError, "needs the weights here"),
        (("openai/gpt-4o", "--text", "a"), AssayError, "name a deployment"),
    ],
)
def test_what_cannot_be_looked_into_is_told(
    run: CliRunner, args: tuple[str, ...], error: type[AssayError], message: str
) -> None:
    """The name, and what to do."""
    result = run.invoke(assay, ["inspect", *args])
    assert isinstance(result.exception, error)
    assert message in str(result.exception)


def test_beside_needs_a_prompt(run: CliRunner) -> None:
    """There is nothing to answer otherwise."""
    result = run.invoke(assay, ["inspect", SMOLLM2, "--beside", "x"])
    assert result.exit_code == 2
    assert "--prompt" in result.output
