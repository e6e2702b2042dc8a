"""What the catalogue says of models against their published cards and configurations.

The figures were typed from the card or configuration named beside each, not from the catalogue's files.
"""

from typing import NamedTuple

import pytest

from assay.catalog.load import builtin

ROUNDING = 0.05
"""A card rounds: 14.66 billion parameters are "14B"."""


class Card(NamedTuple):
    """What a model's maker published of it; parameters in billions, `active` where a token uses some only."""

    id: str
    parameters: float
    active: float | None
    layers: int
    kv_heads: int
    context_tokens: int
    licence: str
    source: str


CARDS = (
    Card(
        "meta-llama/llama-2-70b-chat-hf", 70, None, 80, 8, 4096, "llama2",
        "meta-llama/llama-models, models/llama2/MODEL_CARD.md: 70B, 4k, GQA; litgpt 0.5.13, Llama-2-70b-chat-hf",
    ),
    Card(
        "meta-llama/llama-3.1-8b-instruct", 8, None, 32, 8, 131072, "llama3.1",
        "meta-llama/llama-models, models/llama3_1/MODEL_CARD.md: 8B, 128k; copies of its config.json",
    ),
    Card(
        "meta-llama/llama-3.1-405b-instruct", 405, None, 126, 8, 131072, "llama3.1",
        "meta-llama/llama-models, models/llama3_1/MODEL_CARD.md: 405B, 128k; torchtune 0.6.1, llama3_1_405b",
    ),
    Card(
        "meta-llama/llama-3.2-1b-instruct", 1.23, None, 16, 8, 131072, "llama3.2",
        "meta-llama/llama-models, models/llama3_2/MODEL_CARD.md: 1.23B, 128k; litgpt 0.5.13, Llama-3.2-1B-Instruct",
    ),
    Card(
        "meta-llama/llama-4-scout-17b-16e-instruct", 109, 17, 48, 8, 10485760, "llama4",
        "meta-llama/llama-models, models/llama4/MODEL_CARD.md: 109B, 17B activated, 10M; transformers 5.24.0",
    ),
    Card(
        "mistralai/mixtral-8x7b-instruct-v0.1", 47, 13, 32, 8, 32768, "apache-2.0",
        "mistralai/platform-docs-public, mixtral-8x7b-0-1.ts: 47, 13 active, 32k, Apache 2.0; litgpt 0.5.13",
    ),
    Card(
        "mistralai/ministral-8b-instruct-2410", 8, None, 36, 8, 131072, "mrl",
        "mistralai/platform-docs-public, ministral-8b-24-1.ts: 8, 128k, MRL; its config.json as hub copies have it",
    ),
    Card(
        "mistralai/mistral-small-4-119b-2603", 119, 6.5, 36, 32, 262144, "apache-2.0",
        "README of Mistral-Small-4-119B-2603: 119B, 6.5B active, 256k, apache-2.0; transformers 5.24.0, Mistral4Config",
    ),
    Card(
        "google/gemma-3-27b-it", 27, None, 62, 16, 131072, "gemma",
        "google-deepmind/gemma, gemma/gm/nn/_gemma.py: Gemma3_27B; Gemma 3 technical report: 27B, 128K",
    ),
    Card(
        "google/gemma-4-26b-a4b-it", 26, 3.8, 30, 8, 262144, "apache-2.0",
        "google-deepmind/gemma, gemma/gm/nn/gemma4/_gemma4.py: Gemma4_26B_A4B; its card: 26B, 3.8B active, 256K",
    ),
    Card(
        "microsoft/phi-4", 14, None, 40, 10, 16384, "mit",
        "README of microsoft/phi-4: 14B, 16K, MIT; litgpt 0.5.13, phi-4",
    ),
    Card(
        "microsoft/phi-3.5-moe-instruct", 42, 6.6, 32, 8, 131072, "mit",
        "README of microsoft/Phi-3.5-MoE-instruct: 42B, 6.6B active, 128K; transformers 5.24.0, PhimoeConfig",
    ),
    Card(
        "qwen/qwen2.5-3b-instruct", 3.09, None, 36, 2, 32768, "qwen-research",
        "QwenLM/qwenlm.github.io, content/blog/qwen2.5-llm: 3.09B, 36 layers, 16 / 2 heads, 32K, Qwen Research",
    ),
    Card(
        "qwen/qwen2.5-7b-instruct", 7.61, None, 28, 4, 131072, "apache-2.0",
        "QwenLM/qwenlm.github.io, content/blog/qwen2.5-llm: 7.61B, 28 layers, 28 / 4 heads, 128K, Apache 2.0",
    ),
    Card(
        "qwen/qwen2.5-72b-instruct", 72.7, None, 80, 8, 131072, "qwen",
        "QwenLM/qwenlm.github.io, content/blog/qwen2.5-llm: 72.7B, 80 layers, 64 / 8 heads, 128K, Qwen",
    ),
    Card(
        "qwen/qwen3-235b-a22b", 235, 22, 94, 4, 131072, "apache-2.0",
        "QwenLM/qwenlm.github.io, content/blog/qwen3: 235B, 22B activated, 94 layers, 64 / 4 heads, 128K, Apache 2.0",
    ),
    Card(
        "deepseek-ai/deepseek-v3", 671, 37, 61, 128, 131072, "deepseek",
        "deepseek-ai/DeepSeek-V3, README and inference/configs/config_671B.json: 671B, 37B active, 128K, own licence",
    ),
    Card(
        "deepseek-ai/deepseek-r1", 671, 37, 61, 128, 131072, "mit",
        "deepseek-ai/DeepSeek-R1, README: 671B, 37B activated, 128K, MIT, of DeepSeek-V3-Base's architecture",
    ),
    Card(
        "deepseek-ai/deepseek-v4-flash", 284, 13, 43, 1, 1048576, "mit",
        "README of the DeepSeek-V4 series: preview, 284B, 13B active, 1M; transformers 5.24.0, DeepseekV4Config",
    ),
    Card(
        "openai/gpt-oss-120b", 117, 5.1, 36, 8, 131072, "apache-2.0",
        "openai/gpt-oss, README and gpt_oss/torch/model.py: 117B, 5.1B active, 36 layers, 8 KV heads, Apache 2.0",
    ),
    Card(
        "moonshotai/kimi-k2-instruct", 1000, 32, 61, 64, 131072, "modified-mit",
        "MoonshotAI/Kimi-K2, README: 1T, 32B activated, 61 layers, 64 heads, 128K, MLA, Modified MIT",
    ),
    Card(
        "xiaomimimo/mimo-v2-flash", 309, 15, 48, 4, 262144, "mit",
        "XiaomiMiMo/MiMo-V2-Flash, README: 309B, 15B active, 8 blocks of 6 layers, 256k; transformers 5.24.0",
    ),
    Card(
        "coherelabs/c4ai-command-r7b-12-2024", 8, None, 32, 8, 131072, "cc-by-nc-4.0",
        "config.json of a model made from it: 32 layers, 8 key-value heads; transformers documentation, cohere2: 128k",
    ),
)  # fmt: skip


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.id)
def test_catalogue_says_what_the_card_says(card: Card) -> None:
    """Layers, key-value heads, context and licence are the card's; parameters are, as far as the card rounds them."""
    model = builtin().find(card.id)
    assert (model.layers, model.kv_heads, model.context_tokens, model.licence) == card[3:7]
    assert model.parameters == pytest.approx(card.parameters * 1e9, rel=ROUNDING)
    if card.active is None:
        assert model.active_parameters is None
    else:
        assert model.active_parameters == pytest.approx(card.active * 1e9, rel=ROUNDING)
