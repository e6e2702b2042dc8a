"""Reading the headers of safetensors files without loading them, and without trusting them.

Layout, from the format's description (https://github.com/huggingface/safetensors#format): eight bytes with the length
of the header, the header as JSON (tensor -> type, shape, and where its bytes are), the data. What a header claims is
held against the size of the file. A model of several files is a folder with `model.safetensors.index.json`; its
`config.json` and `tokenizer_config.json` say what the tensors are for.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta

from assay.errors import WeightsError, did_you_mean
from assay.numerals import plural

__all__ = ["DTYPES", "Folder", "SafeTensor", "read_folder", "read_tensors"]

MAX_HEADER_BYTES = 100_000_000
"""What the format's own readers accept."""
MAX_JSON_BYTES = 64 << 20
MAX_DIMENSIONS = 8
INDEX = "model.safetensors.index.json"

DTYPES = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16,
    "I32": 32, "U32": 32, "F32": 32, "F64": 64, "I64": 64, "U64": 64, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
}  # fmt: skip
"""Bits of each number format (`Dtype` in the format's own library)."""

Count = Annotated[int, Meta(ge=0)]


class SafeTensor(NamedTuple):
    """One tensor: its name, shape, number format, and bytes in its file."""

    name: str
    shape: tuple[int, ...]
    type_name: str
    size_bytes: int

    @property
    def parameters(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)


class Folder(NamedTuple):
    """A model as the hub lays it out.

    Attributes:
        files: the safetensors files, sorted.
        tensors: of all of them.
        config, tokenizer: the JSON of `config.json` and `tokenizer_config.json`; empty where there is none.
        chat_template: from the tokenizer's configuration, or `chat_template.jinja`.
    """

    files: tuple[Path, ...]
    tensors: tuple[SafeTensor, ...]
    config: dict[str, Any]
    tokenizer: dict[str, Any]
    chat_template: str | None


class _Entry(msgspec.Struct, frozen=True):
    dtype: str
    shape: tuple[Count, ...]
    data_offsets: tuple[Count, Count]


class _Index(msgspec.Struct, frozen=True):
    weight_map: dict[str, str]


def read_tensors(path: Path) -> tuple[SafeTensor, ...]:
    """The tensors of one file, in the order of their bytes.

    Raises:
        WeightsError: the file is missing, no safetensors file, damaged or truncated.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(0)
            length = int.from_bytes(file.read(8), "little")
            if size < 8 or length > min(MAX_HEADER_BYTES, size - 8) or length < 2:
                raise WeightsError(
                    f"weights {path}: no safetensors file (its header would have {length} bytes, the file has {size})"
                )
            header = file.read(length)
    except OSError as error:
        raise WeightsError(f"weights {path}: {error.strerror or error}") from error
    return _tensors(path, header, size - 8 - length)


def read_folder(folder: Path) -> Folder:
    """A model's folder: all its safetensors files and what its JSON files say.

    Raises:
        WeightsError: it holds none, a file that the index names is missing, or one cannot be read.
    """
    files = _files(folder)
    tensors = tuple(tensor for file in files for tensor in read_tensors(file))
    doubled = len(tensors) - len({tensor.name for tensor in tensors})
    if doubled:
        raise WeightsError(f"weights {folder}: {plural(doubled, 'tensor')} in more than one file")
    tokenizer = _json(folder / "tokenizer_config.json")
    return Folder(files, tensors, _json(folder / "config.json"), tokenizer, _template(folder, tokenizer))


def _files(folder: Path) -> tuple[Path, ...]:
    index = folder / INDEX
    if not index.is_file():
        found = tuple(sorted(folder.glob("*.safetensors")))
        if not found:
            raise WeightsError(f"weights {folder}: no *.safetensors in this folder")
        return found
    try:
        names = set(msgspec.json.decode(_read(index), type=_Index).weight_map.values())
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise WeightsError(f"weights {index}: {error}") from error
    for name in names:
        if "/" in name or "\\" in name or name in ("", ".", ".."):
            raise WeightsError(f"weights {index}: {name!r} is no file of this folder")
    missing = sorted(name for name in names if not (folder / name).is_file())
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise WeightsError(f"weights {folder}: {missing[0]}{more} of the index is not here")
    return tuple(sorted(folder / name for name in names))


def _tensors(path: Path, header: bytes, data_bytes: int) -> tuple[SafeTensor, ...]:
    try:
        raw = msgspec.json.decode(header, type=dict[str, msgspec.Raw])
        raw.pop("__metadata__", None)
        entries = {name: msgspec.json.decode(value, type=_Entry) for name, value in raw.items()}
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise WeightsError(f"weights {path}: its header cannot be read: {error}") from error
    ordered = sorted(entries.items(), key=lambda item: item[1].data_offsets)
    at, found = 0, []
    for name, entry in ordered:
        start, end = entry.data_offsets
        if start != at or end < start:  # the format allows neither gaps nor overlaps
            raise WeightsError(f"weights {path}: the bytes of tensor {name!r} overlap others or leave a gap at {at}")
        found.append(_checked(path, name, entry))
        at = end
    if at != data_bytes:
        raise WeightsError(f"weights {path}: truncated or padded: its tensors take {at} bytes, there are {data_bytes}")
    return tuple(found)


def _checked(path: Path, name: str, entry: _Entry) -> SafeTensor:
    bits = DTYPES.get(entry.dtype)
    if bits is None:
        near = did_you_mean(entry.dtype, DTYPES)
        raise WeightsError(f"weights {path}: tensor {name!r} has the unknown type {entry.dtype!r}; {near}")
    size = entry.data_offsets[1] - entry.data_offsets[0]
    if len(entry.shape) > MAX_DIMENSIONS or math.prod(entry.shape) * bits != size * 8:
        raise WeightsError(
            f"weights {path}: tensor {name!r} of {entry.dtype} {list(entry.shape)} cannot have {size} bytes"
        )
    return SafeTensor(name, entry.shape, entry.dtype, size)


def _json(path: Path) -> dict[str, Any]:
    """An object of a JSON file; empty where there is no such file."""
    if not path.is_file():
        return {}
    try:
        return msgspec.json.decode(_read(path), type=dict[str, Any])
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise WeightsError(f"weights {path}: {error}") from error


def _template(folder: Path, tokenizer: dict[str, Any]) -> str | None:
    own = tokenizer.get("chat_template")
    if isinstance(own, str):
        return own
    if isinstance(own, list):  # several by name; the one called default is used
        named = {one.get("name"): one.get("template") for one in own if isinstance(one, dict)}
        found = named.get("default")
        return found if isinstance(found, str) else None
    file = folder / "chat_template.jinja"
    return _read(file).decode("utf-8", "replace") if file.is_file() else None


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_JSON_BYTES:
            raise WeightsError(f"weights {path}: larger than {MAX_JSON_BYTES >> 20} MiB")
        return path.read_bytes()
    except OSError as error:
        raise WeightsError(f"weights {path}: {error.strerror or error}") from error
