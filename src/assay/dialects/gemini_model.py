"""What differs between the generations of Gemini, as far as a request must know it.

| since | difference |
|---|---|
| 2.0 | schemas may be JSON schemas (`responseJsonSchema`, `parametersJsonSchema`), not only Google's own subset |
| 2.5 | the model thinks; how much is said in tokens (`thinkingBudget`) |
| 3 | how much is said in words (`thinkingLevel`); a call of the current turn needs a signature; images inside a tool's answer |

The generation is read from the model's name. A name without one (`gemini-flash-latest`) counts as a new model that takes
the older words, which new ones still do. Quirks overrule it: `schema_dialect`, `thinking`, `sign_calls`, see `gemini`.
"""  # noqa: E501 - a table row cannot be broken

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, cast, get_args

from assay.errors import RequestError

__all__ = ["Facts", "facts"]

Schemas = Literal["json-schema", "openapi"]
Thinking = Literal["budget", "level", "none"]
_GENERATION = re.compile(r"gemini-(\d+(?:\.\d+)?)")


class Facts(NamedTuple):
    """What a request must know of its model.

    Attributes:
        schemas: `json-schema`, or `openapi` for Google's own subset.
        thinking: how it is told how much to think; `none` = it does not.
        is_large: of the `pro` line, which cannot be kept from thinking.
        needs_signatures: a call of the current turn that comes without a signature is refused.
        media_in_results: a tool's answer may hold images.
    """

    schemas: Schemas
    thinking: Thinking
    is_large: bool
    needs_signatures: bool
    media_in_results: bool


def facts(model: str, quirks: Mapping[str, Any]) -> Facts:
    """The facts of a model by its name, as the host's quirks correct them.

    Raises:
        RequestError: a quirk has a value that there is not.
    """
    found = _GENERATION.search(model)
    generation = float(found[1]) if found else None
    schemas: Schemas = "openapi" if generation is not None and generation < 2 else "json-schema"
    return Facts(
        schemas=cast(Schemas, _quirk(quirks, "schema_dialect", get_args(Schemas), schemas)),
        thinking=cast(Thinking, _quirk(quirks, "thinking", get_args(Thinking), _thinking(model, generation))),
        is_large=re.search(r"\bpro\b", model) is not None,
        needs_signatures=bool(quirks.get("sign_calls", generation >= 3 if generation else "gemini" in model)),
        media_in_results=generation is not None and generation >= 3,
    )


def _thinking(model: str, generation: float | None) -> Thinking:
    if generation is None:
        return "budget" if "gemini" in model else "none"
    if generation < 2.5:
        return "none"
    return "budget" if generation < 3 else "level"


def _quirk(quirks: Mapping[str, Any], name: str, known: tuple[str, ...], default: str) -> str:
    value = quirks.get(name, default)
    if value not in known:
        raise RequestError(f"quirks: {name} = {value!r} must be one of {', '.join(known)}", field="quirks")
    return str(value)
