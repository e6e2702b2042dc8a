"""The memory that a header lets expect, on headers made for it."""

import struct
from pathlib import Path

import pytest

from assay.config.schema import Engine as Settings
from assay.envelope.runtime import LOCAL
from assay.errors import WeightsError
from assay.providers.local.need import need_of

Metadata = dict[str, int | str | list[int] | list[str]]


def gguf(path: Path, metadata: Metadata, *, tensor: str = "w", kind: int = 0) -> Path:
    """A file with these facts and one tensor of 32 numbers: floats, or of the type with this number."""

    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value)) + value.encode()

    def value(given: int | str | list[int] | list[str]) -> bytes:
        if isinstance(given, list):
            of = 8 if given and isinstance(given[0], str) else 4
            items = b"".join(text(one) if isinstance(one, str) else struct.pack("<I", one) for one in given)
            return struct.pack("<IIQ", 9, of, len(given)) + items
        return struct.pack("<I", 8) + text(given) if isinstance(given, str) else struct.pack("<II", 4, given)

    head = struct.pack("<4sIQQ", b"GGUF", 3, 1, len(metadata))
    head += b"".join(text(key) + value(given) for key, given in metadata.items())
    head += text(tensor) + struct.pack("<IQIQ", 1, 32, kind, 0)
    path.write_bytes(head + bytes(-len(head) % 32) + bytes(128))
    return path


LLAMA: Metadata = {
    "general.architecture": "llama",
    "llama.block_count": 10,
    "llama.embedding_length": 64,
    "llama.attention.head_count": 8,
    "llama.attention.head_count_kv": 2,
    "tokenizer.ggml.tokens": ["a", "b", "c"],
    "tokenizer.ggml.merges": ["a b", "b c"],
}


def test_weights_context_and_working_memory_add_up(tmp_path: Path) -> None:
    """Context: layers x heads x (key + value) x 4 bytes x tokens x slots; working: scores, logits, process."""
    need = need_of(gguf(tmp_path / "m.gguf", LLAMA), Settings(context_tokens=512, slots=3))
    assert need.weights_bytes == 128
    assert need.context_bytes == 10 * 2 * (8 + 8) * 4 * 512 * 3
    tokenizer = 3 * LOCAL.token_bytes + 2 * LOCAL.merge_bytes
    assert need.working_bytes == LOCAL.process_bytes + tokenizer + 3 * 4 + 8 * 512 * 4 * 128
    assert need.total_bytes == need.weights_bytes + need.context_bytes + need.working_bytes
    assert "GiB (weights 0.00, context 0.00 for 3 slots x 512 tokens, working 0.04)" in str(need)


@pytest.mark.parametrize(
    ("facts", "floats"),
    [
        ({"llama.attention.key_length": 20, "llama.attention.value_length": 12}, 10 * 2 * 32),
        ({"llama.attention.head_count_kv": [1, 4] * 5}, (5 * 1 + 5 * 4) * 16),  # one per layer, of 16 numbers each
        ({"llama.attention.head_count_kv": 0}, 10 * 8 * 16),  # not stated: as many as there are heads
        ({"llama.block_count": 0, "llama.attention.head_count": 0}, 0),  # nothing is known of its context
    ],
)
def test_other_ways_to_state_the_heads(tmp_path: Path, facts: Metadata, floats: int) -> None:
    """Lengths of key and value, heads per layer, and facts that are missing."""
    need = need_of(gguf(tmp_path / "m.gguf", LLAMA | facts), Settings(context_tokens=256, slots=1))
    assert need.context_bytes == floats * 4 * 256


def test_weights_that_the_engine_repacks_are_there_twice(tmp_path: Path) -> None:
    """Blocks of four bits are copied into another order; embeddings are not, nor are other types."""
    q4_0, q4_1 = 2, 3

    def weights(tensor: str, kind: int) -> int:
        return need_of(
            gguf(tmp_path / f"{tensor}{kind}.gguf", LLAMA, tensor=tensor, kind=kind), Settings()
        ).weights_bytes

    assert weights("blk.0.attn_q.weight", q4_0) == 2 * 18
    assert weights("token_embd.weight", q4_0) == 18
    assert weights("blk.0.attn_q.weight", q4_1) == 20


def test_a_context_is_rounded_up_as_the_engine_does(tmp_path: Path) -> None:
    """To a multiple of 256 tokens for each slot."""
    path = gguf(tmp_path / "m.gguf", LLAMA)
    odd, even = (need_of(path, Settings(context_tokens=tokens)) for tokens in (300, 512))
    assert odd.context_bytes == even.context_bytes


def test_a_file_that_changes_is_read_anew(tmp_path: Path) -> None:
    """What is remembered belongs to a file's size and time."""
    path = gguf(tmp_path / "m.gguf", LLAMA)
    before = need_of(path, Settings())
    gguf(path, LLAMA | {"llama.block_count": 20, "more": "x" * 64})
    assert need_of(path, Settings()).context_bytes == 2 * before.context_bytes
    path.unlink()
    with pytest.raises(WeightsError, match="No such file"):
        need_of(path, Settings())
    path.write_bytes(b"GG")
    with pytest.raises(WeightsError, match="not a GGUF"):
        need_of(path, Settings())
