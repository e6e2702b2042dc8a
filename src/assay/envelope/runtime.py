"""How weights are served, as far as memory depends on it: the local engine of assay, or a server on a GPU.

The local engine's figures are those of `assay.providers.local.child`. What a process, a token of the vocabulary and a
merge take was solved for from the resident memory with three models at one context, and held on other models and
contexts (docs/LOG.md, `benchmarks/fit.py`). A GPU server's figures are of llama.cpp's and vLLM's usual settings and
were not measured here.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["LOCAL", "PROMPT_PIECE_TOKENS", "SERVER", "STATE_VALUE_BYTES", "Runtime", "runtime_of"]

PROMPT_PIECE_TOKENS = 128
"""Tokens of a prompt that the local engine works on at a time: what a disconnected client's slot still finishes."""

STATE_VALUE_BYTES = 4
"""Of each number of a recurrent layer's state, whatever the cache is kept in: llama.cpp has 32-bit floats only
(`llama_model::create_memory`; its log of Qwen3.6 27B tells 748 MiB for five sequences, as this gives)."""


class Runtime(NamedTuple):
    """One way of serving.

    Attributes:
        name: for people.
        value_bytes: of each number of keys and values.
        piece_tokens: tokens of a prompt that are worked on at a time.
        keeps_scores: attention scores are kept whole; with flash attention they are not.
        repacks: some quantised tensors are held twice (see `assay.envelope.memory`).
        logits_tokens: of those, how many have their logits in memory at a time.
        process_bytes: of the process on each device, before anything is loaded.
        token_bytes, merge_bytes: for each token of the vocabulary, and each of the merges that make one: texts and
            look-ups.
    """

    name: str
    value_bytes: int
    piece_tokens: int
    keeps_scores: bool
    repacks: bool
    logits_tokens: int
    process_bytes: int
    token_bytes: int
    merge_bytes: int


LOCAL = Runtime(
    name="assay's local engine (32-bit cache, exact)",
    value_bytes=4,
    piece_tokens=PROMPT_PIECE_TOKENS,
    keeps_scores=True,
    repacks=True,
    logits_tokens=1,  # room for all is reserved, but no page of it is touched before it is written to
    process_bytes=44 << 20,
    token_bytes=307,
    merge_bytes=131,
)
SERVER = Runtime(
    name="a server on the device (16-bit cache, flash attention)",
    value_bytes=2,
    piece_tokens=512,
    keeps_scores=False,
    repacks=False,
    logits_tokens=512,
    process_bytes=600 << 20,
    token_bytes=0,
    merge_bytes=0,
)


def runtime_of(kind: str) -> Runtime:
    """What serves on a device of this kind."""
    return LOCAL if kind == "cpu" else SERVER
