"""The gateways whose configuration can be imported, and reading their files."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from assay.config.importers import litellm, portkey, tensorzero
from assay.config.importers.draft import Draft
from assay.errors import ConfigError

__all__ = ["PEERS", "draft_of"]

_MAX_BYTES = 4 * 1024 * 1024
_MAX_VALUES = 200_000
"""YAML's anchors can make a small file stand for a huge one."""


def draft_of(peer: str, data: bytes, file: Path, target: Path) -> Draft:
    """What an `assay.toml` of this configuration holds, and what it cannot.

    Args:
        peer: one of `PEERS`.
        data: the file.
        file: where it is: paths in it start there, and what has no other name is called after it.
        target: folder of the `assay.toml`.

    Raises:
        ConfigError: it cannot be read.
    """
    if len(data) > _MAX_BYTES:
        raise ConfigError(f"the file has {len(data):,} bytes; a configuration has at most {_MAX_BYTES:,}")
    parse, read = PEERS[peer]
    try:
        root = parse(data)
        _count(root)
    except RecursionError as error:
        raise ConfigError("the file is nested too deeply, or holds itself") from error
    if not isinstance(root, Mapping):
        raise ConfigError(f"the file must hold a table, not {type(root).__name__}")
    draft = Draft(file.parent, target)
    read(root, draft, file.stem)
    return draft


def _yaml(data: bytes) -> Any:
    import yaml

    class Loader(yaml.SafeLoader):
        """Plain values only; a key that is there twice is a mistake, not the last one's."""

        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
            """Check the keys first."""
            seen: set[Any] = set()
            for key, _ in node.value:
                name = (key.tag, str(key.value))
                if name in seen and key.value != "<<":
                    raise yaml.YAMLError(f"the key {key.value!r} is there twice{key.start_mark}")
                seen.add(name)
            return super().construct_mapping(node, deep)

    try:
        return yaml.load(data, Loader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, TypeError) as error:
        raise ConfigError(f"not valid YAML: {error}") from error


def _json(data: bytes) -> Any:
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"not valid JSON: {error}") from error


def _toml(data: bytes) -> Any:
    try:
        return tomllib.loads(data.decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"not valid TOML: {error}") from error


def _count(value: object, seen: int = 0) -> int:
    """How many values there are; each repetition counts."""
    seen += 1
    if seen > _MAX_VALUES:
        raise ConfigError(f"the file stands for more than {_MAX_VALUES:,} values")
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    for item in inner:
        seen = _count(item, seen)
    return seen


PEERS: dict[str, tuple[Callable[[bytes], Any], Callable[[Mapping[Any, Any], Draft, str], None]]] = {
    "litellm": (_yaml, litellm.read),
    "portkey": (_json, portkey.read),
    "tensorzero": (_toml, tensorzero.read),
}
"""Name -> how its file is parsed, and what reads it."""
