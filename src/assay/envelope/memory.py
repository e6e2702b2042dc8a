"""How much memory a model needs: weights, cache, working buffers and overhead, in bytes.

    weights   every tensor once; what the engine repacks (`assay.envelope.sizes`) twice
    cache     layers x values of a token x bytes x tokens x sequences. Values: 2 x key-value heads x length of a head;
              with multi-head latent attention one latent and one key. A layer with a sliding window holds no more than
              the window and the piece of the prompt at work; recurrent layers hold a state of constant size.
    compute   logits (vocabulary) and, without flash attention, scores (heads x context) of the tokens of a prompt that
              are worked on at a time, as 32-bit floats
    overhead  the process itself, and the vocabulary's texts and look-ups

That is what llama.cpp allocates (https://github.com/ggml-org/llama.cpp: `llama_kv_cache`, `llama_kv_cache_iswa`). Both
grow with the context by steps of 256 tokens. Measured against the local engine: `benchmarks/fit.py`.
"""

from __future__ import annotations

from typing import NamedTuple

from assay.catalog.model import Model
from assay.envelope.file import FileFacts
from assay.envelope.quantisation import quantisation_of
from assay.envelope.runtime import SERVER, STATE_VALUE_BYTES, Runtime
from assay.envelope.shape import Shape, shape_of
from assay.envelope.sizes import Sizes, sizes_of

__all__ = ["Memory", "Plan", "memory", "plan_of", "published", "stepped"]

CONTEXT_STEP_TOKENS = 256
"""An engine rounds a context up to a multiple of this."""
FLOAT_BYTES = 4


class Memory(NamedTuple):
    """Bytes, by what for."""

    weights: int
    cache: int
    compute: int
    overhead: int

    @property
    def total(self) -> int:
        """All together."""
        return self.weights + self.cache + self.compute + self.overhead


class Plan(NamedTuple):
    """What a model's memory is made of, ready for any context and number of sequences; bytes.

    Attributes:
        weights, overhead: whatever the context is.
        buffers: working buffers, whatever the context is.
        buffers_per_token: of context, once for all sequences.
        cache_per_token: for each sequence, in layers that look at everything.
        window_per_token: for each sequence, in windowed layers, up to `window_tokens`.
        state: for each sequence, whatever the context is.
    """

    weights: int
    overhead: int
    buffers: int
    buffers_per_token: int
    cache_per_token: int
    window_per_token: int
    window_tokens: int
    state: int

    def memory(self, context_tokens: int, sequences: int) -> Memory:
        """The memory for so many sequences of so much context each."""
        tokens = stepped(context_tokens)
        return Memory(
            weights=self.weights,
            cache=sequences * self.sequence_bytes(tokens),
            compute=self.buffers + self.buffers_per_token * tokens,
            overhead=self.overhead,
        )

    def sequence_bytes(self, tokens: int) -> int:
        """Cache of one sequence."""
        windowed = self.window_per_token * min(tokens, self.window_tokens)
        return self.cache_per_token * tokens + windowed + self.state

    def most_sequences(self, usable_bytes: int, context_tokens: int) -> int | None:
        """How many sequences of this context fit into the memory; `None`: they need none, so any number does."""
        alone = self.memory(context_tokens, 0).total
        each = self.sequence_bytes(stepped(context_tokens))
        if usable_bytes < alone:
            return 0
        return (usable_bytes - alone) // each if each else None

    def most_tokens(self, usable_bytes: int, sequences: int) -> int | None:
        """Longest context for so many sequences; 0: none fits; `None`: it needs no memory, so any length does.

        The memory is a line with one bend, where the windows are full: each side is solved by a division.
        """
        fixed = self.weights + self.overhead + self.buffers + sequences * self.state
        slope = self.buffers_per_token + sequences * self.cache_per_token
        left = usable_bytes - fixed
        if left < 0:
            return 0
        steep = slope + sequences * self.window_per_token
        if steep == 0:
            return None
        tokens = left // steep
        if self.window_per_token and tokens >= self.window_tokens:
            left -= sequences * self.window_per_token * self.window_tokens
            if slope == 0:
                return None
            tokens = left // slope
        return tokens // CONTEXT_STEP_TOKENS * CONTEXT_STEP_TOKENS


def stepped(tokens: int) -> int:
    """Tokens of context that are allocated for so many."""
    return -(-tokens // CONTEXT_STEP_TOKENS) * CONTEXT_STEP_TOKENS


def memory(
    model: Model,
    *,
    quantisation: str | None,
    context_tokens: int,
    sequences: int,
    file: FileFacts | None = None,
    runtime: Runtime = SERVER,
    devices: int = 1,
) -> Memory | None:
    """The memory that a model needs; `None`: a needed fact is unknown; `assay.envelope.fit` names it.

    Args:
        model: its facts.
        quantisation: number format of the weights; default: as they are published.
        context_tokens: context of each sequence.
        sequences: at the same time.
        file: a GGUF file: then weights and shape are exact.
        runtime: what serves.
        devices: over how many devices it is spread; each has the overhead of a process.

    Raises:
        CatalogError: no such quantisation is known.
    """
    if file is not None:
        return plan_of(file.shape, file.sizes, runtime, devices).memory(context_tokens, sequences)
    shape, name = shape_of(model), quantisation or published(model)
    sizes = sizes_of(model, shape, quantisation_of(name)) if name is not None else None
    if sizes is None or shape.missing:
        return None
    return plan_of(shape, sizes, runtime, devices).memory(context_tokens, sequences)


def published(model: Model) -> str | None:
    """The number format of the weights as their maker, or the first known file, has them."""
    return model.precision or next((one.quantisation for one in model.weights if one.quantisation is not None), None)


def plan_of(shape: Shape, sizes: Sizes, runtime: Runtime, devices: int = 1) -> Plan:
    """What the memory is made of, for weights of these sizes served so."""
    scores = shape.heads * FLOAT_BYTES * runtime.piece_tokens if runtime.keeps_scores and shape.layers else 0
    return Plan(
        weights=sizes.file + (sizes.second if runtime.repacks else 0),
        overhead=runtime.process_bytes * devices
        + shape.vocabulary * runtime.token_bytes
        + shape.merges * runtime.merge_bytes,
        buffers=shape.vocabulary * FLOAT_BYTES * runtime.logits_tokens,
        buffers_per_token=scores,
        cache_per_token=shape.full_layers * shape.full_values * runtime.value_bytes,
        window_per_token=shape.windowed_layers * shape.windowed_values * runtime.value_bytes,
        window_tokens=stepped(shape.window + runtime.piece_tokens),
        state=shape.state_values * STATE_VALUE_BYTES,
    )
