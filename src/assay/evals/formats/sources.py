"""Other tools' files as text and as values: encodings, YAML, JSON, and paths that must not leave their folder."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from assay.errors import SuiteError

__all__ = ["Code", "encoding_of", "inside", "json_lines", "json_value", "text", "yaml_value"]

_MOST_ALIASED_CHARS = 10_000_000
"""A file may come to so much more than is written in it; a few aliases to aliases could fill any memory."""
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


class Code(NamedTuple):
    """`!function NAME` or another tag of a YAML file that stands for code."""

    name: str


class _Loader(yaml.SafeLoader):
    """Safe YAML, in which tags that stand for code are kept as `Code` and never run, and aliases come to an end."""

    def get_single_node(self) -> yaml.Node | None:
        """The document, whose aliases have been reckoned with before anything is made of them."""
        node: yaml.Node | None = super().get_single_node()
        if node is not None:
            sizes: dict[yaml.Node, _Size] = {}
            if _written_out(node, sizes) - sum(size.own for size in sizes.values()) > _MOST_ALIASED_CHARS:
                raise yaml.YAMLError(f"its aliases stand for more than {_MOST_ALIASED_CHARS:,} characters")
        return node


class _CoreLoader(_Loader):
    """YAML as JavaScript reads it: `yes`, `no`, `on`, `off` and `12:30` are texts."""


class _Size(NamedTuple):
    """Of a node in characters: by itself, and with all below it, every alias written out; None = not known yet."""

    own: int
    whole: int | None


def _written_out(node: yaml.Node, sizes: dict[yaml.Node, _Size]) -> int:
    """Characters that a node comes to when every alias is written out, each node reckoned once."""
    if node in sizes:
        whole = sizes[node].whole
        if whole is None:
            raise yaml.YAMLError(f"an alias stands within what it names{node.start_mark}")
        return whole
    own = 1 + (len(node.value) if isinstance(node, yaml.ScalarNode) else 0)
    sizes[node] = _Size(own, None)
    whole = own + sum(_written_out(child, sizes) for child in _children(node))
    sizes[node] = _Size(own, whole)
    return whole


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [child for pair in node.value for child in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _code(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> Code:
    return Code(f"!{suffix} {getattr(node, 'value', '')}".strip())


_Loader.add_multi_constructor("!", _code)
_CORE = {
    "bool": (re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z"), "tTfF"),
    "int": (re.compile(r"(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)\Z"), "-+0123456789"),
    "float": (re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z"), "-+0123456789."),
}
_CoreLoader.yaml_implicit_resolvers = {
    sign: [(tag, pattern) for tag, pattern in resolvers if tag.rpartition(":")[2] not in _CORE]
    for sign, resolvers in _Loader.yaml_implicit_resolvers.items()
}
for _name, (_pattern, _signs) in _CORE.items():
    _CoreLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", _pattern, list(_signs))
_CoreLoader.add_constructor(
    "tag:yaml.org,2002:int", lambda _, node: int(node.value, {"0o": 8, "0x": 16}.get(node.value[:2], 10))
)


def encoding_of(path: Path, wanted: str = "utf-8") -> str:
    """What the mark at the start of a file says, else what is wanted.

    Raises:
        SuiteError: the file cannot be read, or there is no such encoding.
    """
    try:
        codecs.lookup(wanted)
        with path.open("rb") as file:
            start = file.read(4)
    except LookupError as error:
        raise SuiteError(f"there is no encoding {wanted!r}; try utf-8, utf-16, cp1252 or latin-1") from error
    except OSError as error:
        raise SuiteError(f"cannot read {path}: {error.strerror}") from error
    return next((name for mark, name in _MARKS if start.startswith(mark)), wanted)


def text(path: Path, encoding: str = "utf-8") -> str:
    """The whole of a file.

    Raises:
        SuiteError: it cannot be read in its encoding.
    """
    named = encoding_of(path, encoding)
    try:
        return path.read_text(named)
    except OSError as error:
        raise SuiteError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise not_encoded(path, named, error) from error


def not_encoded(path: Path, encoding: str, error: UnicodeDecodeError) -> SuiteError:
    """What to do about bytes that are no text in this encoding."""
    hint = "name the file's own with --encoding, cp1252 for example"
    return SuiteError(f"{path} is not {encoding} (byte {error.start + 1}); {hint}")


def yaml_value(path: Path, encoding: str = "utf-8", *, core: bool = False) -> Any:
    """What a YAML or JSON file holds.

    Args:
        path: the file.
        encoding: of a file without a mark.
        core: as JavaScript reads it, by the core schema of YAML 1.2.

    Raises:
        SuiteError: it cannot be read.
    """
    try:
        return yaml.load(text(path, encoding), _CoreLoader if core else _Loader)  # noqa: S506 - both are safe
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise SuiteError(f"{path} is no YAML: {' '.join(str(error).split())}") from error


def json_value(path: Path, encoding: str = "utf-8") -> Any:
    """What a JSON file holds.

    Raises:
        SuiteError: it cannot be read.
    """
    try:
        return json.loads(text(path, encoding))
    except (ValueError, RecursionError) as error:
        raise SuiteError(f"{path} is no JSON: {error}") from error


def json_lines(path: Path, encoding: str = "utf-8") -> Iterator[tuple[int, Any]]:
    """`(line number, value)` of each line of a JSONL file that is not empty; a line that is no JSON gives its error.

    Raises:
        SuiteError: the file cannot be read.
    """
    named = encoding_of(path, encoding)
    try:
        with path.open(encoding=named, newline="\n") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield number, _line(line)
    except OSError as error:
        raise SuiteError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise not_encoded(path, named, error) from error


def _line(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        return SuiteError(f"is no JSON: {error}")


def inside(folder: Path, name: str) -> Path:
    """A file that another file names, which must be in its folder.

    Raises:
        SuiteError: it would be elsewhere, or is not there.
    """
    try:
        path = (folder / name.removeprefix("file://")).resolve()
    except (OSError, ValueError) as error:
        raise SuiteError(f"{name!r} is no name of a file: {error}") from error
    if not path.is_relative_to(folder.resolve()):
        raise SuiteError(f"{name!r} stands outside of {folder}; only files within that folder are read")
    if not path.is_file():
        raise SuiteError(f"there is no file {name!r} in {folder}")
    return path
