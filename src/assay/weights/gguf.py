"""Reading the header of a GGUF file (versions 2 and 3) without loading it, and without trusting it.

Layout, from the format's description (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md): magic, version,
counts, key-value pairs, tensor descriptions, padding, tensor data. Everything is little-endian. Whatever a header
claims is held against the size of the file before anything is allocated for it, so that a hostile file costs no
more than a bounded read. Long arrays (vocabularies) are skipped; only their first elements are kept.
"""

from __future__ import annotations

import hashlib
import math
import struct
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, NamedTuple

from assay.errors import WeightsError
from assay.numerals import plural
from assay.weights.tensor_types import TENSOR_TYPES

MAX_HEADER_BYTES = 128 << 20
MAX_STRING_BYTES = 16 << 20
MAX_NAME_BYTES = 4096
MAX_PAIRS = 65_536
MAX_TENSORS = 262_144
MAX_ELEMENTS = 8_000_000
MAX_DEPTH = 3
MAX_DIMENSIONS = 4
ARRAY_HEAD = 512
"""More than any model has layers: lists of one number a layer are kept whole."""

_CHUNK_BYTES = 1 << 20
_PAIR_BYTES = 8 + 4 + 1  # the least that a key-value pair takes: an empty key, its type, a one-byte value
_TENSOR_BYTES = 8 + 4 + 4 + 8  # the least that a tensor description takes
_SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_STRING, _ARRAY = 8, 9


class Array(NamedTuple):
    """An array of the metadata: how many elements it has, and the first few of them."""

    length: int
    head: tuple[Value, ...]


Value = bool | int | float | str | Array


class Tensor(NamedTuple):
    """One tensor's description; `offset` counts from the start of the tensor data."""

    name: str
    shape: tuple[int, ...]
    type: int
    offset: int

    @property
    def type_name(self) -> str:
        """Name of the type, as llama.cpp has it."""
        known = TENSOR_TYPES.get(self.type)
        return known.name if known else f"type {self.type}"

    @property
    def parameters(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)

    @property
    def size_bytes(self) -> int | None:
        """Bytes of its data; `None` for a type that is not known."""
        known = TENSOR_TYPES.get(self.type)
        return None if known is None else self.parameters // known.block * known.bytes


@dataclass(frozen=True)
class Header:
    """What a GGUF file says of itself. A fact that it does not state is `None`."""

    path: Path
    version: int
    metadata: dict[str, Value]
    tensors: tuple[Tensor, ...]
    alignment: int
    data_offset: int
    file_bytes: int

    def _text(self, key: str) -> str | None:
        value = self.metadata.get(key)
        return value if isinstance(value, str) else None

    def whole(self, name: str) -> int | None:
        """A number above 0 of the architecture, such as `block_count`; of one for each layer the largest."""
        value = self.metadata.get(f"{self.architecture}.{name}")
        numbers = value.head if isinstance(value, Array) else (value,)
        known = (one for one in numbers if isinstance(one, int) and not isinstance(one, bool) and one > 0)
        return max(known, default=None)

    def length(self, key: str) -> int | None:
        """How many elements a list of the metadata has, such as `tokenizer.ggml.tokens`."""
        value = self.metadata.get(key)
        return value.length if isinstance(value, Array) else None

    @property
    def architecture(self) -> str | None:
        """`llama`, `qwen2`, `gemma3`, ..."""
        return self._text("general.architecture")

    @property
    def name(self) -> str | None:
        """The model's name as its converter wrote it."""
        return self._text("general.name")

    @property
    def licence(self) -> str | None:
        """The licence that the file claims."""
        return self._text("general.license")

    @property
    def context_length(self) -> int | None:
        """Tokens of context that the model was made for."""
        value = self.metadata.get(f"{self.architecture}.context_length")
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    @property
    def chat_template(self) -> str | None:
        """The Jinja template that turns messages into a prompt; base models have none."""
        return self._text("tokenizer.chat_template")

    @property
    def chat_template_sha256(self) -> str | None:
        """Digest of the chat template."""
        return None if self.chat_template is None else hashlib.sha256(self.chat_template.encode()).hexdigest()

    @cached_property
    def parameters(self) -> int:
        """How many numbers all tensors hold together."""
        return sum(tensor.parameters for tensor in self.tensors)

    @cached_property
    def types(self) -> dict[str, int]:
        """Parameters per tensor type, the largest share first."""
        counts: Counter[str] = Counter()
        for tensor in self.tensors:
            counts[tensor.type_name] += tensor.parameters
        return dict(counts.most_common())

    @property
    def quantisation(self) -> str | None:
        """The tensor type that holds most parameters."""
        return next(iter(self.types), None)

    @cached_property
    def bits_per_weight(self) -> float | None:
        """Mean bits per parameter; `None` if a tensor's type is not known."""
        sizes = [tensor.size_bytes for tensor in self.tensors]
        known = [size for size in sizes if size is not None]
        return 8 * sum(known) / self.parameters if self.parameters and len(known) == len(sizes) else None

    @cached_property
    def expected_bytes(self) -> int:
        """The least size that the file must have for its tensors to be there."""
        ends = (tensor.offset + (tensor.size_bytes or 0) for tensor in self.tensors)
        return self.data_offset + max(ends, default=0)


def read_header(path: Path) -> Header:
    """The header of a GGUF file, checked against the file's size.

    Raises:
        WeightsError: the file is missing, no GGUF, of a version that is not supported, damaged or truncated.
    """
    if path.is_fifo():
        raise WeightsError(f"weights {path}: a pipe is no file, and opening it would wait for a writer")
    try:
        with path.open("rb") as file:
            return _Reader(path, file).header()
    except OSError as error:
        raise WeightsError(f"weights {path}: {error.strerror or error}") from error


class _Reader:
    """A cursor over the header; reads the file piece by piece and never beyond `MAX_HEADER_BYTES`."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path = path
        self._file = file
        self._size = file.seek(0, 2)
        file.seek(0)
        self._data = bytearray()
        self._at = 0
        self._elements = 0

    def _wrong(self, what: str) -> WeightsError:
        return WeightsError(f"weights {self._path}: {what}")

    # ------------------------------------------------------------------------------------------ bytes

    def _left(self) -> int:
        return self._size - self._at

    def _reach(self, count: int) -> int:
        """Make the next `count` bytes available and step over them; returns where they start."""
        start, end = self._at, self._at + count
        if end > self._size:
            wanted = plural(count, "byte")
            raise self._wrong(f"truncated header: {wanted} wanted at {start}, the file ends at {self._size}")
        if end > MAX_HEADER_BYTES:
            raise self._wrong(f"the header is larger than {MAX_HEADER_BYTES >> 20} MiB")
        while len(self._data) < end:
            more = self._file.read(max(_CHUNK_BYTES, end - len(self._data)))
            if not more:
                raise self._wrong("truncated header: the file became shorter while it was read")
            self._data += more
        self._at = end
        return start

    def _number(self, form: str) -> int:
        return int(struct.unpack_from(form, self._data, self._reach(struct.calcsize(form)))[0])

    def _string(self, limit_bytes: int, what: str) -> str:
        length = self._number("<Q")
        if length > limit_bytes:
            raise self._wrong(f"{what} of {length} bytes is too long")
        start = self._reach(length)
        return self._data[start : start + length].decode("utf-8", "replace")

    # --------------------------------------------------------------------------------------- metadata

    def header(self) -> Header:
        version = self._version()
        tensor_count = self._count("tensors", MAX_TENSORS, _TENSOR_BYTES)
        pair_count = self._count("key-value pairs", MAX_PAIRS, _PAIR_BYTES)
        metadata = self._metadata(pair_count)
        alignment = self._alignment(metadata)
        tensors = self._tensors(tensor_count, alignment)
        data_offset = -(-self._at // alignment) * alignment
        header = Header(self._path, version, metadata, tensors, alignment, data_offset, self._size)
        if header.expected_bytes > self._size:
            raise self._wrong(f"truncated: its tensors end at {header.expected_bytes} bytes, the file has {self._size}")
        return header

    def _version(self) -> int:
        if self._size == 0:
            raise self._wrong("the file is empty")
        start = self._reach(min(4, self._size))
        if self._data[start : self._at] != b"GGUF":
            raise self._wrong(f"not a GGUF file (it starts with {bytes(self._data[:4])!r})")
        version = self._number("<I")
        if version not in (2, 3):
            hint = " (a big-endian file?)" if version & 0xFFFF == 0 else ""
            raise self._wrong(f"GGUF version {version} is not supported{hint}; versions 2 and 3 are")
        return version

    def _count(self, what: str, limit: int, least_bytes: int) -> int:
        count = self._number("<Q")
        if count > limit or count * least_bytes > self._left():
            raise self._wrong(f"{count} {what} cannot be: the file has {self._size} bytes, the limit is {limit}")
        return count

    def _metadata(self, count: int) -> dict[str, Value]:
        metadata: dict[str, Value] = {}
        for _ in range(count):
            key = self._string(MAX_NAME_BYTES, "a key")
            if key in metadata:
                raise self._wrong(f"the key {key!r} occurs twice")
            metadata[key] = self._value(self._number("<I"), 0)
        return metadata

    def _value(self, kind: int, depth: int) -> Value:
        if kind == _STRING:
            return self._string(MAX_STRING_BYTES, "a string")
        if kind == _ARRAY:
            return self._array(depth)
        form = _SCALARS.get(kind)
        if form is None:
            raise self._wrong(f"unknown type {kind} of a value at byte {self._at}")
        value = struct.unpack_from(form, self._data, self._reach(struct.calcsize(form)))[0]
        return value if isinstance(value, bool | int | float) else str(value)

    def _array(self, depth: int) -> Array:
        if depth >= MAX_DEPTH:
            raise self._wrong(f"arrays are nested more than {MAX_DEPTH} deep")
        kind = self._number("<I")
        count = self._number("<Q")
        form = _SCALARS.get(kind)
        least = struct.calcsize(form) if form else 12 if kind == _ARRAY else 8
        self._elements += count
        if count * least > self._left() or self._elements > MAX_ELEMENTS:
            raise self._wrong(f"an array of {plural(count, 'element')} cannot be: the file has {self._size} bytes")
        head = tuple(self._value(kind, depth + 1) for _ in range(min(count, ARRAY_HEAD)))
        rest = count - len(head)
        if form:
            self._reach(rest * least)
        elif kind == _STRING:
            self._skip_strings(rest)
        else:
            for _ in range(rest):
                self._value(kind, depth + 1)
        return Array(count, head)

    def _skip_strings(self, count: int) -> None:
        for _ in range(count):
            length = self._number("<Q")
            if length > MAX_STRING_BYTES:
                raise self._wrong(f"a string of {length} bytes is too long")
            self._reach(length)

    def _alignment(self, metadata: dict[str, Value]) -> int:
        value = metadata.get("general.alignment", 32)
        if not isinstance(value, int) or isinstance(value, bool) or not 8 <= value <= 1 << 20 or value & (value - 1):
            raise self._wrong(f"general.alignment is {value!r}, expected a power of two from 8 on")
        return value

    # ---------------------------------------------------------------------------------------- tensors

    def _tensors(self, count: int, alignment: int) -> tuple[Tensor, ...]:
        tensors: dict[str, Tensor] = {}
        for _ in range(count):
            tensor = self._tensor(alignment)
            if tensor.name in tensors:
                raise self._wrong(f"the tensor {tensor.name!r} occurs twice")
            tensors[tensor.name] = tensor
        return tuple(tensors.values())

    def _tensor(self, alignment: int) -> Tensor:
        name = self._string(MAX_NAME_BYTES, "a tensor's name")
        dimensions = self._number("<I")
        if dimensions > MAX_DIMENSIONS:
            raise self._wrong(f"the tensor {name!r} has {dimensions} dimensions, at most {MAX_DIMENSIONS} can be")
        shape = tuple(self._number("<Q") for _ in range(dimensions))
        tensor = Tensor(name, shape, self._number("<I"), self._number("<Q"))
        known = TENSOR_TYPES.get(tensor.type)
        if tensor.parameters == 0 or tensor.parameters >= 1 << 62:
            raise self._wrong(f"the tensor {name!r} has an impossible shape {shape}")
        if known and (shape[0] if shape else 1) % known.block:
            raise self._wrong(f"the tensor {name!r}: rows of {shape} cannot be cut into blocks of {known.block}")
        if tensor.offset % alignment:
            raise self._wrong(f"the tensor {name!r} is not aligned to {alignment} bytes")
        return tensor
