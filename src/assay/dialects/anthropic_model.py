"""What Anthropic's models take differently, by the version in their names.

| since | what | source |
|---|---|---|
| 4.1 | `temperature` or `top_p`, not both | the host's refusal, as users of several clients report it |
| 4.5, Opus 4.1 | answers and arguments held to a schema | the maker's page on structured outputs |
| 4.6 | `thinking` of type `adaptive` with an `effort`; a budget of tokens is deprecated | the maker's SDK warns of the old way |
| 4.7 | no `temperature`, `top_p` or `top_k`; thinking is shown only when asked for | the SDK's types; the host's refusal |
| 4.8 | system messages among the turns | the maker's page on mid-conversation system messages; older ones refuse the role |

A name without a version is that of another maker's model, or one that we cannot place: it thinks by a budget, takes no
later system messages, and is told schemas, since hosts of this format that know none say so (their quirks do).
"""  # noqa: E501 - a table row cannot be broken

from __future__ import annotations

import re

__all__ = [
    "draws_by_itself", "hides_thinking", "lacks_schemas", "takes_later_system", "takes_one_sampler",
    "thinks_adaptively",
]  # fmt: skip

_VERSION = re.compile(r"claude-(?:[a-z]+-)?(\d{1,2})(?!\d)(?:[-.](\d{1,2})(?!\d))?")


def thinks_adaptively(model: str) -> bool:
    """Whether the model decides itself how long it thinks, and is told an effort."""
    return _version(model) >= (4, 6)


def hides_thinking(model: str) -> bool:
    """Whether the text of the thinking is told only to those who ask for it."""
    return _version(model) >= (4, 7)


def draws_by_itself(model: str) -> bool:
    """Whether the model refuses to be told how tokens are drawn."""
    return _version(model) >= (4, 7)


def takes_one_sampler(model: str) -> bool:
    """Whether the model takes a temperature or a share of the probability, but not both."""
    return _version(model) >= (4, 1)


def takes_later_system(model: str) -> bool:
    """Whether system messages may stand among the turns."""
    return _version(model) >= (4, 8)


def _version(model: str) -> tuple[int, int]:
    found = _VERSION.search(model)
    return (int(found[1]), int(found[2] or 0)) if found else (0, 0)


def lacks_schemas(model: str) -> bool:
    """Whether the model is known not to hold an answer or a tool's arguments to a schema."""
    version = _version(model)
    return (0, 0) < version < (4, 5) and not ("opus" in model and version == (4, 1))
