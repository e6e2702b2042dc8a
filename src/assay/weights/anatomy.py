"""What is inside a file of weights, whichever format it has: shape, tensors by kind, bits, tokenizer, template."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from assay.errors import WeightsError
from assay.types import Value
from assay.weights.gguf import Header, read_header
from assay.weights.safetensors import DTYPES, SafeTensor, read_folder, read_tensors

__all__ = ["KINDS", "Anatomy", "Dimensions", "Group", "Part", "Tokenizer", "anatomy", "kind_of"]

Kind = Literal["embedding", "attention", "feed-forward", "experts", "router", "recurrent", "norm", "output", "other"]
KINDS: dict[Kind, re.Pattern[str]] = {
    # first those whose names hold other kinds' words; GGUF's names (gguf-py, constants.py) | the hub's
    "norm": re.compile(r"norm|\bln_|layernorm"),
    "experts": re.compile(r"_exps?\b|_shexp|experts?\."),
    "router": re.compile(r"ffn_gate_inp|(mlp|moe|mixer)\.gate\.weight|router"),
    "recurrent": re.compile(
        r"\.ssm_|\.time_mix|\.channel_mix|mamba|mixer\.(?![qkvo]_proj|(up|down|gate)_proj)|\.rwkv"
        r"|linear_attn|shortconv|layers\.\d+\.conv\."
    ),
    "attention": re.compile(r"\.attn_|self_attn|attention\.|\.attn\.|mixer\.[qkvo]_proj"),
    "feed-forward": re.compile(r"\.ffn_|\.mlp\.|feed_forward|mixer\."),
    "embedding": re.compile(r"token_embd|embed_tokens|\bwte\b|position_embd|\bwpe\b|embeddings?\."),
    "output": re.compile(r"^output\.|lm_head|\bhead\.weight"),
}
"""What a tensor of each kind is called."""


class Part(Value, frozen=True, kw_only=True, omit_defaults=False):
    """One tensor. `size_bytes` is None for a number format that is not known."""

    name: str
    kind: str
    shape: tuple[int, ...]
    type_name: str
    parameters: int
    size_bytes: int | None


class Group(Value, frozen=True, kw_only=True, omit_defaults=False):
    """The tensors of one kind.

    Attributes:
        types: parameters by number format, the largest share first.
        bits_per_weight: mean; None if a format is not known.
    """

    kind: str
    tensors: int
    parameters: int
    size_bytes: int | None
    bits_per_weight: float | None
    types: dict[str, int]


class Dimensions(Value, frozen=True, kw_only=True, omit_defaults=False):
    """The numbers that a model is built by; None where the file states none. Tokens, layers, or elements.

    Attributes:
        kv_rank, rope_dim: of multi-head latent attention: lengths of the latent, and of the key that positions turn.
    """

    layers: int | None = None
    hidden: int | None = None
    feed_forward: int | None = None
    heads: int | None = None
    kv_heads: int | None = None
    head_dim: int | None = None
    experts: int | None = None
    experts_used: int | None = None
    kv_rank: int | None = None
    rope_dim: int | None = None
    sliding_window: int | None = None
    context_tokens: int | None = None
    vocabulary: int | None = None
    rope_base: float | None = None


class Tokenizer(Value, frozen=True, kw_only=True, omit_defaults=False):
    """How text becomes tokens.

    Attributes:
        model: the algorithm, as the file names it (`gpt2` is byte-level BPE, `llama` SentencePiece).
        special: what special tokens are for -> their id, or their text where the file gives that.
    """

    model: str | None
    vocabulary: int | None
    special: dict[str, int | str]


class Anatomy(Value, frozen=True, kw_only=True, omit_defaults=False):
    """One model's weights, JSON-able. None = the file does not say.

    Attributes:
        tied: the table of embeddings is also the output, so that there is no tensor for the latter.
        bits_per_weight: mean over all tensors.
        groups: by kind, the largest first.
    """

    path: str
    format: Literal["gguf", "safetensors"]
    files: int
    file_bytes: int
    name: str | None
    architecture: str | None
    licence: str | None
    parameters: int
    bits_per_weight: float | None
    quantisation: str | None
    tied: bool
    shape: Dimensions
    tokenizer: Tokenizer
    chat_template: str | None
    groups: tuple[Group, ...]
    tensors: tuple[Part, ...]


def anatomy(path: Path) -> Anatomy:
    """What is inside a GGUF file, a safetensors file, or a folder of the latter.

    Raises:
        WeightsError: it is none of these, or damaged.
    """
    if path.is_dir():
        return _of_hub(path)
    if path.suffix == ".safetensors":
        return _of_hub(path)
    if path.suffix in (".bin", ".pt", ".pth", ".ckpt"):
        raise WeightsError(f"weights {path}: a pickle runs code when it is read; convert it to safetensors or GGUF")
    return _of_gguf(read_header(path))


def kind_of(name: str) -> Kind:
    """What a tensor is for, by its name in either format."""
    return next((kind for kind, pattern in KINDS.items() if pattern.search(name)), "other")


# -------------------------------------------------------------------------------------------- GGUF


def _of_gguf(header: Header) -> Anatomy:
    parts = tuple(
        Part(
            name=tensor.name,
            kind=kind_of(tensor.name),
            shape=tensor.shape,
            type_name=tensor.type_name,
            parameters=tensor.parameters,
            size_bytes=tensor.size_bytes,
        )
        for tensor in header.tensors
    )
    return _anatomy(
        parts,
        path=str(header.path),
        format="gguf",
        files=1,
        file_bytes=header.file_bytes,
        name=header.name,
        architecture=header.architecture,
        licence=header.licence,
        quantisation=header.quantisation,
        chat_template=header.chat_template,
        shape=_gguf_dimensions(header),
        tokenizer=_gguf_tokenizer(header),
    )


def _gguf_dimensions(header: Header) -> Dimensions:
    heads, hidden = header.whole("attention.head_count"), header.whole("embedding_length")
    rank = header.whole("attention.kv_lora_rank")
    base = header.metadata.get(f"{header.architecture}.rope.freq_base")
    return Dimensions(
        layers=header.whole("block_count"),
        hidden=hidden,
        feed_forward=header.whole("feed_forward_length"),
        heads=heads,
        kv_heads=header.whole("attention.head_count_kv") or heads,
        head_dim=header.whole("attention.key_length") or (hidden // heads if hidden and heads else None),
        experts=header.whole("expert_count"),
        experts_used=header.whole("expert_used_count"),
        kv_rank=rank,
        rope_dim=header.whole("rope.dimension_count") if rank else None,
        sliding_window=header.whole("attention.sliding_window"),
        context_tokens=header.context_length,
        vocabulary=_gguf_vocabulary(header),
        rope_base=float(base) if isinstance(base, float) else None,
    )


def _gguf_tokenizer(header: Header) -> Tokenizer:
    model = header.metadata.get("tokenizer.ggml.model")
    return Tokenizer(
        model=model if isinstance(model, str) else None,
        vocabulary=_gguf_vocabulary(header),
        special={
            key.removeprefix("tokenizer.ggml.").removesuffix("_token_id"): value
            for key, value in header.metadata.items()
            if key.endswith("_token_id") and isinstance(value, int)
        },
    )


def _gguf_vocabulary(header: Header) -> int | None:
    return header.length("tokenizer.ggml.tokens") or header.whole("vocab_size")


# -------------------------------------------------------------------------------------------- safetensors


def _of_hub(path: Path) -> Anatomy:
    """A folder with its configuration; or one file, beside which a `config.json` may lie."""
    if path.is_dir():
        files, tensors, config, tokenizer, template = read_folder(path)
    else:
        files, tensors, config, tokenizer, template = (path,), read_tensors(path), {}, {}, None
    inner = config.get("text_config")
    text: dict[str, Any] = inner if isinstance(inner, dict) else config
    types = {tensor.type_name for tensor in tensors}
    architectures = config.get("architectures")
    return _anatomy(
        tuple(_part(tensor) for tensor in tensors),
        path=str(path),
        format="safetensors",
        files=len(files),
        file_bytes=sum(file.stat().st_size for file in files),
        name=_text(config, "_name_or_path"),
        architecture=(str(architectures[0]) if isinstance(architectures, list) and architectures else None)
        or _text(config, "model_type"),
        licence=None,
        quantisation=_text(config.get("quantization_config"), "quant_method")
        or (types.pop() if len(types) == 1 else None),
        chat_template=template,
        shape=_hub_dimensions(text),
        tokenizer=Tokenizer(
            model=_text(tokenizer, "tokenizer_class"),
            vocabulary=_whole(text, "vocab_size"),
            special=_special(tokenizer),
        ),
    )


def _hub_dimensions(text: Mapping[str, Any]) -> Dimensions:
    """From the configuration of the part that reads text."""
    heads, hidden = _whole(text, "num_attention_heads", "n_head"), _whole(text, "hidden_size", "n_embd")
    theta = text.get("rope_theta")
    return Dimensions(
        layers=_whole(text, "num_hidden_layers", "n_layer"),
        hidden=hidden,
        feed_forward=_whole(text, "intermediate_size", "n_inner"),
        heads=heads,
        kv_heads=_whole(text, "num_key_value_heads") or heads,
        head_dim=_whole(text, "head_dim") or (hidden // heads if hidden and heads else None),
        experts=_whole(text, "num_local_experts", "num_experts", "n_routed_experts"),
        experts_used=_whole(text, "num_experts_per_tok"),
        kv_rank=_whole(text, "kv_lora_rank"),
        rope_dim=_whole(text, "qk_rope_head_dim"),
        sliding_window=_whole(text, "sliding_window"),
        context_tokens=_whole(text, "max_position_embeddings", "n_positions"),
        vocabulary=_whole(text, "vocab_size"),
        rope_base=float(theta) if isinstance(theta, int | float) else None,
    )


def _part(tensor: SafeTensor) -> Part:
    return Part(
        name=tensor.name,
        kind=kind_of(tensor.name),
        shape=tensor.shape,
        type_name=tensor.type_name,
        parameters=tensor.parameters,
        size_bytes=tensor.size_bytes if tensor.type_name in DTYPES else None,
    )


def _whole(config: Mapping[str, Any], *names: str) -> int | None:
    """The first of these that the configuration states as a number above 0."""
    for name in names:
        value = config.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
    return None


def _text(config: object, name: str) -> str | None:
    value = config.get(name) if isinstance(config, dict) else None
    return value if isinstance(value, str) and value else None


def _special(tokenizer: Mapping[str, Any]) -> dict[str, int | str]:
    """Texts of the special tokens; each is a text, or an object with one."""
    found: dict[str, int | str] = {}
    for key, value in tokenizer.items():
        content = value.get("content") if isinstance(value, dict) else value
        if key.endswith("_token") and isinstance(content, str):
            found[key.removesuffix("_token")] = content
    return found


# -------------------------------------------------------------------------------------------- both


def _anatomy(parts: tuple[Part, ...], **facts: Any) -> Anatomy:
    groups = sorted((_group(kind, parts) for kind in {part.kind for part in parts}), key=lambda one: -one.parameters)
    whole = _group("all", parts)
    return Anatomy(
        parameters=whole.parameters,
        bits_per_weight=whole.bits_per_weight,
        tied=not any(group.kind == "output" for group in groups),
        groups=tuple(groups),
        tensors=parts,
        **facts,
    )


def _group(kind: str, parts: Iterable[Part]) -> Group:
    own = [part for part in parts if kind in ("all", part.kind)]
    parameters = sum(part.parameters for part in own)
    sizes = [part.size_bytes for part in own if part.size_bytes is not None]
    size = sum(sizes) if len(sizes) == len(own) else None
    types: dict[str, int] = {}
    for part in own:
        types[part.type_name] = types.get(part.type_name, 0) + part.parameters
    return Group(
        kind=kind,
        tensors=len(own),
        parameters=parameters,
        size_bytes=size,
        bits_per_weight=8 * size / parameters if size is not None and parameters else None,
        types=dict(sorted(types.items(), key=lambda item: -item[1])),
    )
