"""What memory and speed depend on in a model: its layers, what each token leaves in the cache, what each step reads.

From the catalogue's facts, or exactly from the header of a GGUF file. A fact that is needed and not known stands in
`missing`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from assay.catalog.model import Model
from assay.errors import WeightsError
from assay.weights.gguf import ARRAY_HEAD, Array, Header

__all__ = ["Shape", "shape_in", "shape_of"]

WINDOW_PATTERNS = {"gemma2": 2, "gemma3": 6, "gpt-oss": 2, "cohere2": 4, "llama4": 4, "exaone4": 4}
"""Of so many layers one looks at everything, the others at the window: constants of llama.cpp's `src/llama-model.cpp`
for architectures whose files do not say (https://github.com/ggml-org/llama.cpp, read in November 2026)."""


class Shape(NamedTuple):
    """Facts of one model. `None` = not known.

    Attributes:
        parameters, active: all, and those that each token uses; of a file without embeddings that are only looked up.
        vocabulary, merges, hidden, heads: 0 where it is not known; they only matter for buffers.
        full_layers: layers whose cache grows with the context.
        windowed_layers, window: layers whose cache stops growing at the window, in tokens.
        full_values, windowed_values: numbers that one token leaves in the cache of such a layer.
        state_values: numbers that recurrent layers hold for one sequence, all together.
        experts, experts_used: of a mixture of experts; 0 for a dense model, or where it is not known.
        is_mixture: whether it is one.
        context_tokens: the longest context that the maker supports.
        missing: facts without which memory cannot be told.
    """

    parameters: int | None
    active: int | None
    vocabulary: int
    merges: int
    hidden: int
    heads: int
    full_layers: int
    windowed_layers: int
    window: int
    full_values: int
    windowed_values: int
    state_values: int
    experts: int
    experts_used: int
    is_mixture: bool
    context_tokens: int | None
    missing: tuple[str, ...]

    @property
    def embedding(self) -> int:
        """Parameters of one table of embeddings; 0 where it is not known."""
        return self.vocabulary * self.hidden

    @property
    def layers(self) -> int:
        """Layers that have a cache of their own."""
        return self.full_layers + self.windowed_layers

    @property
    def token_values(self) -> int:
        """Numbers that one token leaves in the caches of all layers, before a window lets go of any."""
        return self.full_layers * self.full_values + self.windowed_layers * self.windowed_values


def shape_of(model: Model) -> Shape:
    """From the catalogue's facts."""
    missing: list[str] = []
    recurrent = _recurrent_layers(model, missing)
    attending = max(0, (model.layers or 0) - recurrent)
    if model.layers is None and not _is_recurrent(model):
        missing.append("layers")
    values = _values(model)
    if values is None and (attending or model.layers is None):
        missing.append("kv_heads" if model.kv_heads is None else "head_dim")
    if recurrent and model.state_bytes is None:
        missing.append("state_bytes")
    caching = max(0, attending - (model.shared_kv_layers or 0))
    windowed = _windowed(model, attending, caching)
    full_values = _full_values(model, missing) if caching > windowed else None
    is_mixture = bool(model.mixture_of_experts)
    if is_mixture and model.active_parameters is None:
        missing.append("active_parameters")
    return Shape(
        parameters=model.parameters,
        active=model.active_parameters or (None if is_mixture else model.parameters),
        vocabulary=model.vocabulary or 0,
        merges=model.vocabulary or 0,  # most tokenizers have about as many; no fact of the catalogue says
        hidden=model.hidden or 0,
        heads=model.heads or 0,
        full_layers=caching - windowed,
        windowed_layers=windowed,
        window=model.sliding_window or 0,
        full_values=full_values or 0,
        windowed_values=values or 0,
        state_values=(model.state_bytes or 0) // 2 if recurrent else 0,
        experts=model.experts or 0,
        experts_used=model.experts_used or 0,
        is_mixture=is_mixture,
        context_tokens=model.context_tokens,
        missing=tuple(missing),
    )


def _is_recurrent(model: Model) -> bool:
    return model.architecture in ("mamba", "rwkv")


def _recurrent_layers(model: Model, missing: list[str]) -> int:
    if model.recurrent_layers is not None:
        return model.recurrent_layers
    if _is_recurrent(model):
        return model.layers or 1
    if model.architecture == "hybrid":
        missing.append("recurrent_layers")
    return 0


def _values(model: Model) -> int | None:
    """Numbers that a token leaves in a layer: one latent and a key, or keys and values of each key-value head."""
    if model.kv_rank is not None:
        return model.kv_rank + (model.rope_dim or 0)
    head_dim = model.head_dim
    if head_dim is None and model.hidden is not None and model.heads is not None:
        head_dim = model.hidden // model.heads
    if model.kv_heads is None or head_dim is None:
        return None
    return 2 * model.kv_heads * head_dim


def _full_values(model: Model, missing: list[str]) -> int | None:
    """The same in layers without a window: of their own shape where one is stated, and compressed where they are."""
    heads, dim = model.full_kv_heads, model.full_head_dim
    if heads is None and dim is None:
        values = _values(model)
    elif heads is None or dim is None:
        missing.append("full_kv_heads" if heads is None else "full_head_dim")
        return None
    else:
        values = 2 * heads * dim
    return None if values is None else math.ceil(values * (model.cache_share or 1.0))


def _windowed(model: Model, attending: int, caching: int) -> int:
    """Windowed layers with a cache of their own: those that share one are taken to have as many windows as the rest."""
    if model.sliding_window is None:
        return 0
    windowed = min(attending, model.windowed_layers) if model.windowed_layers is not None else attending
    return round(windowed * caching / attending) if attending else 0


# ------------------------------------------------------------------------------------------- from a file


def shape_in(header: Header) -> Shape:
    """From a GGUF header. What it does not state counts as 0, as the engine takes it.

    Raises:
        WeightsError: it has more layers than any model.
    """
    heads, layers = _fact(header, "attention.head_count"), _fact(header, "block_count")
    if layers > ARRAY_HEAD:
        raise WeightsError(f"weights {header.path}: {layers} layers cannot be; no model has more than {ARRAY_HEAD}")
    hidden, window = _fact(header, "embedding_length"), _fact(header, "attention.sliding_window")
    state = _state_values(header)
    caches = _kv_heads(header, layers, heads, has_state=state > 0)
    attending = sum(1 for one in caches if one)
    own = caches[: max(0, layers - _fact(header, "attention.shared_kv_layers"))]
    windows = _windows(header, layers) if window else [False] * layers
    full, windowed = (
        [one for one, near in zip(own, windows, strict=False) if one and near is want] for want in (False, True)
    )
    experts, used = _fact(header, "expert_count"), _fact(header, "expert_used_count")
    return Shape(
        parameters=header.parameters,
        active=_active(header, experts, used),
        vocabulary=header.length("tokenizer.ggml.tokens") or 0,
        merges=header.length("tokenizer.ggml.merges") or 0,
        hidden=hidden,
        heads=heads,
        full_layers=len(full),
        windowed_layers=len(windowed),
        window=window,
        full_values=_cached_values(header, full, hidden // heads if heads else 0),
        windowed_values=_cached_values(header, windowed, hidden // heads if heads else 0, "_swa"),
        state_values=state * (layers - attending),
        experts=experts,
        experts_used=used,
        is_mixture=experts > 0,
        context_tokens=header.context_length,
        missing=(),
    )


def _active(header: Header, experts: int, used: int) -> int:
    """Parameters that each token is multiplied with: not what is only looked up, and a share of the experts."""
    apart = any(tensor.name == "output.weight" for tensor in header.tensors)
    read = [tensor for tensor in header.tensors if not (apart and is_looked_up(tensor.name))]
    whole = sum(tensor.parameters for tensor in read)
    if not experts or not used:
        return whole
    routed = sum(tensor.parameters for tensor in read if is_routed(tensor.name))
    return whole - routed + routed * used // experts


def is_looked_up(tensor: str) -> bool:
    """Whether a tensor of this name holds embeddings: where the output matrix is one of its own, they are not read."""
    return tensor.startswith("token_embd")


def is_routed(tensor: str) -> bool:
    """Whether a tensor of this name holds the experts that tokens are routed to."""
    return "_exps" in tensor


def _state_values(header: Header) -> int:
    """Numbers that one recurrent layer holds for a sequence: what it convolves, and its state (Mamba's layout)."""
    inner, state = _fact(header, "ssm.inner_size"), _fact(header, "ssm.state_size")
    groups = _fact(header, "ssm.group_count")
    kernel = _fact(header, "ssm.conv_kernel")
    return max(0, kernel - 1) * (inner + 2 * groups * state) + inner * state


def _kv_heads(header: Header, layers: int, heads: int, *, has_state: bool) -> list[int]:
    """Key-value heads of each layer; 0 for one that does not attend."""
    stated = _each(header, "attention.head_count_kv", layers)
    if stated is not None:
        return stated
    alike = _fact(header, "attention.head_count_kv") or heads
    if not has_state:
        return [alike] * layers
    interval = _fact(header, "full_attention_interval")
    return [alike if interval and layer % interval == 0 else 0 for layer in range(1, layers + 1)]


def _cached_values(header: Header, kv_heads: list[int], row: int, suffix: str = "") -> int:
    """Numbers that a token leaves in the cache of each of these layers, on average; lengths are named by a suffix."""
    rank = _fact(header, "attention.kv_lora_rank")
    if not kv_heads or rank:
        return rank + _fact(header, "rope.dimension_count") if rank else 0
    both = 0
    for name in ("attention.key_length", "attention.value_length"):
        both += _fact(header, name + suffix) or _fact(header, name) or row
    return math.ceil(sum(kv_heads) * both / len(kv_heads))


def _windows(header: Header, layers: int) -> list[bool]:
    """Whether each layer has a window: by the file's pattern, else by that of the architecture."""
    stated = _each(header, "attention.sliding_window_pattern", layers)
    if stated is not None:
        return [bool(one) for one in stated]
    every = _fact(header, "attention.sliding_window_pattern") or WINDOW_PATTERNS.get(header.architecture or "", 1)
    return [layer % every != 0 for layer in range(1, layers + 1)]


def _each(header: Header, name: str, layers: int) -> list[int] | None:
    """A number for each layer, where the file lists them; a shorter list goes on as it began."""
    value = header.metadata.get(f"{header.architecture}.{name}")
    if not isinstance(value, Array) or not value.head:
        return None
    known = [max(0, int(one)) if isinstance(one, int) else 0 for one in value.head]
    return [known[layer % len(known)] for layer in range(layers)]


def _fact(header: Header, name: str) -> int:
    """A number of the architecture, 0 where the file states none."""
    return header.whole(name) or 0
