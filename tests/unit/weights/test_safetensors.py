"""Headers of safetensors files: read, and held against the file."""

import json
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.errors import WeightsError
from assay.weights.safetensors import INDEX, read_folder, read_tensors


def file(path: Path, header: dict[str, Any], data_bytes: int) -> Path:
    """A safetensors file with zeroes as data."""
    raw = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(raw)) + raw + bytes(data_bytes))
    return path


def entry(dtype: str, shape: list[int], start: int, end: int) -> dict[str, Any]:
    """One tensor's description."""
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


def test_reads_tensors_in_the_order_of_their_bytes(tmp_path: Path) -> None:
    """Name, type, shape and size are read; the metadata is no tensor."""
    header = {
        "b": entry("BF16", [2, 3], 8, 20),
        "a": entry("F32", [2], 0, 8),
        "__metadata__": {"format": "pt"},
    }
    found = read_tensors(file(tmp_path / "m.safetensors", header, 20))
    assert [(one.name, one.type_name, one.parameters, one.size_bytes) for one in found] == [
        ("a", "F32", 2, 8),
        ("b", "BF16", 6, 12),
    ]


@pytest.mark.parametrize(
    ("header", "data_bytes", "message"),
    [
        ({"a": entry("F32", [2], 0, 8)}, 4, "truncated"),
        ({"a": entry("F32", [2], 0, 8)}, 9, "truncated or padded"),
        ({"a": entry("F32", [2], 4, 12)}, 12, "gap"),
        ({"a": entry("F32", [2], 0, 8), "b": entry("F32", [2], 4, 12)}, 12, "overlap"),
        ({"a": entry("F32", [3], 0, 8)}, 8, "cannot have 8 bytes"),
        ({"a": entry("F33", [2], 0, 8)}, 8, "unknown type 'F33'"),
        ({"a": entry("F32", [1] * 9, 0, 4)}, 4, "cannot have"),
        ({"a": entry("F32", [-2], 0, 8)}, 8, "cannot be read"),
        ({"a": {"dtype": "F32"}}, 0, "cannot be read"),
    ],
)
def test_damage_of_safetensors_is_named(tmp_path: Path, header: dict[str, Any], data_bytes: int, message: str) -> None:
    """What cannot be is told, with the file."""
    path = file(tmp_path / "m.safetensors", header, data_bytes)
    with pytest.raises(WeightsError, match=message) as raised:
        read_tensors(path)
    assert str(path) in str(raised.value)


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    """Nothing that a file holds escapes as another error."""
    path = tmp_path_factory.getbasetemp() / "any.safetensors"
    path.write_bytes(data)
    with suppress(WeightsError):
        read_tensors(path)


def test_a_header_that_is_no_text_is_named(tmp_path: Path) -> None:
    """JSON is UTF-8."""
    header = b'{"\xff": 1}'
    (tmp_path / "m.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(WeightsError, match="cannot be read"):
        read_tensors(tmp_path / "m.safetensors")


def test_a_length_beyond_the_file_reads_nothing(tmp_path: Path) -> None:
    """A header that claims to be huge is refused before it is read."""
    path = tmp_path / "m.safetensors"
    path.write_bytes(struct.pack("<Q", 1 << 60) + b"{}")
    with pytest.raises(WeightsError, match="no safetensors file"):
        read_tensors(path)


def test_a_folder_is_what_its_index_names(tmp_path: Path) -> None:
    """Shards are joined, the configuration and the template are read."""
    file(tmp_path / "x-1.safetensors", {"a": entry("F16", [2], 0, 4)}, 4)
    file(tmp_path / "x-2.safetensors", {"b": entry("F16", [4], 0, 8)}, 8)
    index = {"weight_map": {"a": "x-1.safetensors", "b": "x-2.safetensors"}}
    (tmp_path / INDEX).write_text(json.dumps(index))
    (tmp_path / "config.json").write_text('{"num_hidden_layers": 3}')
    (tmp_path / "chat_template.jinja").write_text("{{ messages }}")
    folder = read_folder(tmp_path)
    assert [one.name for one in folder.tensors] == ["a", "b"]
    assert folder.config == {"num_hidden_layers": 3}
    assert folder.chat_template == "{{ messages }}"


@pytest.mark.parametrize("name", ["../x.safetensors", "sub/x.safetensors", "..", ""])
def test_an_index_cannot_name_files_elsewhere(tmp_path: Path, name: str) -> None:
    """Files of other folders are not opened."""
    (tmp_path / INDEX).write_text(json.dumps({"weight_map": {"a": name}}))
    with pytest.raises(WeightsError, match="no file of this folder"):
        read_folder(tmp_path)


def test_a_shard_that_is_missing_is_named(tmp_path: Path) -> None:
    """A half-downloaded model says what is not there."""
    (tmp_path / INDEX).write_text(json.dumps({"weight_map": {"a": "x-1.safetensors", "b": "x-2.safetensors"}}))
    with pytest.raises(WeightsError, match=r"x-1.safetensors and 1 more"):
        read_folder(tmp_path)


def test_a_tensor_in_two_files_is_told(tmp_path: Path) -> None:
    """Which of the two would count cannot be told."""
    for name in ("one", "two"):
        file(tmp_path / f"{name}.safetensors", {"a": entry("F16", [2], 0, 4)}, 4)
    with pytest.raises(WeightsError, match="more than one file"):
        read_folder(tmp_path)
