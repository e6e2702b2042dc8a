"""Reasoning items of OpenAI's Responses, and how blobs of all makers travel in them: see `opaque`.

An item has the blob under `encrypted_content`, and names another maker than OpenAI under `format`, as OpenRouter
does. What then is still not told of the blob stands under `reasoning_details`. Items that we number ourselves, because
no provider of this format made them, can be told by their id: some clients keep the id and no field that they do
not know.

Each text of the summary and of the content is a part of its own, the blob belongs to the last one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

from assay.dialects.opaque import ANTHROPIC, RESPONSES, Maker, encrypted, secret, signed
from assay.types import Reasoning

__all__ = ["Said", "foreign_id", "is_foreign_id", "read_blob", "read_reasoning", "texts", "write_blob"]

_FOREIGN = "rs_assay_"
_DETAILS = "reasoning_details"
_SECRETS = ("signature", "data")


class Said(NamedTuple):
    """One text of a reasoning item: of its `summary` or its `content`, at a place there."""

    key: str
    place: int
    text: str


def texts(item: Mapping[str, Any]) -> list[Said]:
    """The texts of a reasoning item, in order."""
    found: list[Said] = []
    for key in ("summary", "content"):
        for place, entry in enumerate(item.get(key) or ()):
            text = entry["text"]
            if not isinstance(text, str):
                raise TypeError(f"a text of {key} is {text!r:.100}")
            found.append(Said(key, place, text))
    return found


def read_reasoning(item: Mapping[str, Any]) -> tuple[Reasoning, ...]:
    """The parts of a reasoning item; none where it only has an id."""
    said = [one.text for one in texts(item)]
    blob = read_blob(item)
    if not said and blob is None:
        return ()
    said = said or [""]
    last = Reasoning(text=said[-1], opaque=() if blob is None else (blob,))
    return (*(Reasoning(text=text) for text in said[:-1]), last)


# ---------------------------------------------------------------------------------------------- blobs


def read_blob(item: Mapping[str, Any]) -> dict[str, Any] | None:
    """The blob of a reasoning item, as an entry of `Reasoning.opaque`."""
    data = item.get("encrypted_content")
    known = isinstance(data, str) and bool(data)
    details = item.get(_DETAILS)
    if isinstance(details, list) and details and isinstance(details[0], dict):
        entry = dict(details[0])
        return entry | {_SECRETS[entry.get("type") != "reasoning.text"]: data} if known else entry
    if not known:
        return None
    maker = _maker(item)
    if maker == ANTHROPIC and any(one.text for one in texts(item)):
        return signed(cast(str, data), maker)
    ident = item.get("id")
    return encrypted(cast(str, data), maker, ident if maker == RESPONSES and isinstance(ident, str) else None)


def write_blob(entry: Mapping[str, Any], ident: str, said: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The fields of a reasoning item that hold a blob.

    Args:
        entry: of `Reasoning.opaque`.
        ident: the item's id.
        said: the item's summary.
    """
    wire: dict[str, Any] = {}
    data = secret(entry)
    if data is not None:
        wire["encrypted_content"] = data
    maker = entry.get("format")
    if isinstance(maker, str) and (maker != RESPONSES or is_foreign_id(ident)):
        wire["format"] = maker
    told = read_blob({**wire, "summary": said})
    if told != {key: value for key, value in entry.items() if key != "id"}:
        wire[_DETAILS] = [{key: value for key, value in entry.items() if data is None or key not in _SECRETS}]
    return wire


def foreign_id(unique: str) -> str:
    """The id of an item that no provider of this format made."""
    return _FOREIGN + unique


def is_foreign_id(ident: object) -> bool:
    """Whether no provider of this format made the item with this id."""
    return isinstance(ident, str) and ident.startswith(_FOREIGN)


def _maker(item: Mapping[str, Any]) -> Maker:
    maker = item.get("format")
    if not isinstance(maker, str) or not maker:
        maker = "unknown" if is_foreign_id(item.get("id")) else RESPONSES
    return cast(Maker, maker)
