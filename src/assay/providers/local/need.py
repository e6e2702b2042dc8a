"""How much memory an engine will need, from what its file of weights says of itself."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from assay.config.schema import Engine as Settings
from assay.providers.local.child import PROMPT_PIECE_TOKENS
from assay.weights.gguf import Array, Header, Tensor, read_header

GIB = 1 << 30

FLOAT_BYTES = 4
"""Keys, values and scores are 32-bit floats here (see `child`)."""

CONTEXT_STEP_TOKENS = 256
"""The engine rounds a slot's context up to a multiple of this."""

PROCESS_BYTES = 48 << 20
TOKEN_BYTES = 200
"""Measured on two models, five contexts each: interpreter and engine, and the vocabulary's texts and look-ups for
each of its tokens. The whole estimate was 2 to 9 % above the resident memory of the engine after a long prompt."""

REPACKED = {"Q4_0", "Q4_K", "IQ4_NL", "MXFP4"}
"""Types of which llama.cpp makes a second copy, in an order that its kernels for x86 like
(`ggml_repack_get_optimal_repack_type`). Measured: a model with 596 MiB of Q4_K held 554 MiB more than expected."""


class Need(NamedTuple):
    """Bytes that an engine needs, by what for; `what` words the context's part."""

    weights_bytes: int
    context_bytes: int
    working_bytes: int
    what: str

    @property
    def total_bytes(self) -> int:
        """All together."""
        return self.weights_bytes + self.context_bytes + self.working_bytes

    def __str__(self) -> str:
        weights, context, working = (gib(part) for part in self[:3])
        return f"{gib(self.total_bytes)} GiB (weights {weights}, context {context} for {self.what}, working {working})"


class _Facts(NamedTuple):
    """What a header tells about memory; a fact that it does not state is 0."""

    weights_bytes: int
    layers: int
    heads: int
    key_value_floats: int  # of one token in one layer
    vocabulary_tokens: int


def need_of(weights: Path, settings: Settings) -> Need:
    """The estimate for a file of weights with these settings; a measurement of the running engine replaces it.

    Weights: the size of each tensor, twice for `REPACKED` types.
    Context: layers x key-value heads x (length of a key + of a value) x 4 bytes x tokens x slots, which is what
    llama.cpp allocates (https://github.com/ggml-org/llama.cpp, `llama_kv_cache`: one row for keys and one for values
    per layer and cell). Working memory: logits (vocabulary x 4 bytes) and attention scores (heads x context x 4 bytes)
    of the tokens that are worked on at a time, and what `PROCESS_BYTES` and `TOKEN_BYTES` stand for. Layers that look
    at a sliding window only need less; they are counted in full.

    Raises:
        WeightsError: the file is missing or damaged.
    """
    try:
        stat = weights.stat()
        facts = _facts(weights, stat.st_size, stat.st_mtime_ns)
    except OSError:
        facts = _facts_of(read_header(weights))  # its error says what is wrong with the file
    tokens = -(-settings.context_tokens // CONTEXT_STEP_TOKENS) * CONTEXT_STEP_TOKENS
    scored = facts.vocabulary_tokens + facts.heads * tokens
    return Need(
        weights_bytes=facts.weights_bytes,
        context_bytes=facts.layers * facts.key_value_floats * FLOAT_BYTES * tokens * settings.slots,
        working_bytes=PROCESS_BYTES
        + facts.vocabulary_tokens * TOKEN_BYTES
        + scored * FLOAT_BYTES * PROMPT_PIECE_TOKENS,
        what=f"{settings.slots} slots x {settings.context_tokens} tokens",
    )


def gib(count_bytes: int) -> str:
    """Bytes as GiB with two digits, without the unit."""
    return f"{count_bytes / GIB:.2f}"


@lru_cache(maxsize=64)
def _facts(weights: Path, _size: int, _mtime_ns: int) -> _Facts:
    """Remembered while the file stays as it is: reading a large vocabulary takes half a second."""
    return _facts_of(read_header(weights))


def _facts_of(header: Header) -> _Facts:
    heads = _fact(header, "attention.head_count")
    key_value_heads = _fact(header, "attention.head_count_kv") or heads
    row = _fact(header, "embedding_length") // heads if heads else 0
    key, value = _fact(header, "attention.key_length") or row, _fact(header, "attention.value_length") or row
    vocabulary = header.metadata.get("tokenizer.ggml.tokens")
    return _Facts(
        weights_bytes=sum((tensor.size_bytes or 0) * _copies(tensor) for tensor in header.tensors),
        layers=_fact(header, "block_count"),
        heads=heads,
        key_value_floats=key_value_heads * (key + value),
        vocabulary_tokens=vocabulary.length if isinstance(vocabulary, Array) else 0,
    )


def _copies(tensor: Tensor) -> int:
    """How often a tensor is in memory; rows of embeddings are only looked up, and stay as they are."""
    return 2 if tensor.type_name in REPACKED and not tensor.name.startswith("token_embd") else 1


def _fact(header: Header, name: str) -> int:
    """A number of the architecture, 0 where the file states none; of one per layer the largest of the first ones."""
    value = header.metadata.get(f"{header.architecture}.{name}")
    if isinstance(value, Array):
        return max((one for one in value.head if isinstance(one, int)), default=0)
    return max(0, value) if isinstance(value, int) else 0
