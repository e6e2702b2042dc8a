"""Reasoning items of OpenAI's Responses, and how blobs of all makers travel in them: see `opaque`.

An item has the blob under `encrypted_content`, and names another maker than OpenAI under `format`, as OpenRouter
does. What then is still not told of it, and further blobs, stand under `reasoning_details`. Items that we number
ourselves, because no provider of this format made them, can be told by their id: some clients keep the id and no field
that they do not know.

Each text of the summary and of the content is a part of its own, the blob belongs to the last one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

from assay.dialects.opaque import ANTHROPIC, RESPONSES, Maker, encrypted, secret, signed
from assay.types import Reasoning

__all__ = ["Said", "foreign_id", "is_foreign_id", "read_blobs", "read_reasoning", "texts", "write_blobs"]

_FOREIGN = "rs_assay_"
_DETAILS = "reasoning_details"


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
    blobs = read_blobs(item)
    if not said and not blobs:
        return ()
    said = said or [""]
    return (*(Reasoning(text=text) for text in said[:-1]), Reasoning(text=said[-1], opaque=blobs))


# ---------------------------------------------------------------------------------------------- blobs


def read_blobs(item: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
    """The blobs of a reasoning item, as entries of `Reasoning.opaque`."""
    data = item.get("encrypted_content")
    known = data if isinstance(data, str) and data else None
    details = item.get(_DETAILS)
    if isinstance(details, list) and details and all(isinstance(entry, dict) for entry in details):
        first: dict[str, Any] = dict(details[0])
        if known is not None:
            first[_secret_field(first)] = known
        return (first, *details[1:])
    if known is None:
        return ()
    maker = _maker(item)
    if maker == ANTHROPIC and any(one.text for one in texts(item)):
        return (signed(known, maker),)
    ident = item.get("id")
    return (encrypted(known, maker, ident if maker == RESPONSES and isinstance(ident, str) else None),)


def write_blobs(entries: Sequence[Mapping[str, Any]], item: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a reasoning item that hold blobs.

    Args:
        entries: of one part's `opaque`.
        item: what else it has: its id and texts.
    """
    first, *more = entries
    wire: dict[str, Any] = {}
    known = secret(first)
    if known is not None:
        wire["encrypted_content"] = known
    maker = first.get("format")
    if isinstance(maker, str) and (maker != RESPONSES or is_foreign_id(item.get("id"))):
        wire["format"] = maker
    told = [_nameless(entry) for entry in read_blobs({**item, **wire})]
    if more or told != [_nameless(first)]:
        hidden = _secret_field(first) if known is not None else None
        wire[_DETAILS] = [{key: value for key, value in first.items() if key != hidden}, *more]
    return wire


def _secret_field(entry: Mapping[str, Any]) -> str:
    return "signature" if entry.get("type") == "reasoning.text" else "data"


def _nameless(entry: Mapping[str, Any]) -> dict[str, Any]:
    """An entry without the id of its item, which the item has itself."""
    return {key: value for key, value in entry.items() if key != "id"}


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
