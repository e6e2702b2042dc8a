"""Just enough of SQL's lexical rules to see a statement's first word, its parentheses and its common tables.

It is no wall: what may be read is decided by the engine's authorizer. It keeps from the engine what the engine
cannot cut off (see `expansion`), and tells a verifier whether the order of rows was asked for.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import NamedTuple

__all__ = ["Token", "ascii_lower", "expansion", "quoted", "syntax_error", "tokens"]

# Words of SQL that a model puts in the wrong place; an error may say them whatever the tables are called.
_KEYWORDS = frozenset({
    "all", "and", "any", "as", "asc", "between", "by", "case", "cast", "collate", "cross", "delete", "desc",
    "distinct", "else", "end", "escape", "except", "exists", "extract", "fetch", "filter", "first", "for", "from",
    "full", "glob", "group", "having", "ilike", "in", "inner", "insert", "intersect", "interval", "into", "is", "join",
    "last", "lateral", "left", "like", "limit", "materialized", "natural", "not", "null", "nulls", "offset", "on",
    "only", "or", "order", "outer", "over", "partition", "qualify", "recursive", "right", "rows", "select", "set",
    "similar", "some", "table", "then", "to", "top", "union", "unnest", "update", "using", "values", "when", "where",
    "window", "with", "within",
})  # fmt: skip

_LEXEME = re.compile(
    r"""
    (?P<space>\s+|--[^\n]*|/\*.*?(?:\*/|\Z))
  | (?P<string>'(?:[^']|'')*(?:'|\Z))
  | (?P<name>"(?:[^"]|"")*(?:"|\Z)|`(?:[^`]|``)*(?:`|\Z)|\[[^\]]*(?:\]|\Z)|[^\W\d][\w$]*)
  | (?P<number>\d[\w.]*)
  | (?P<sign>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_UPPER_TO_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}


class Token(NamedTuple):
    """One lexeme: `kind` is string, name, number or sign; a name's `text` is unquoted and in lower case.

    `depth` counts the parentheses around it (a parenthesis itself has the depth outside).
    """

    kind: str
    text: str
    depth: int
    start: int


def ascii_lower(name: str) -> str:
    """Lower case as SQLite understands it: of A to Z only."""
    return name.translate(_UPPER_TO_LOWER)


def quoted(name: str) -> str:
    """`name` as an identifier of SQL, whatever signs are in it."""
    return '"' + name.replace('"', '""') + '"'


def tokens(sql: str) -> list[Token]:
    """The lexemes of `sql` without white space and comments. Never raises, whatever the text."""
    found: list[Token] = []
    depth = 0
    for match in _LEXEME.finditer(sql):
        kind, text = match.lastgroup or "sign", match.group()
        if kind == "space":
            continue
        if kind == "name":
            text = ascii_lower(text[1:-1] if text[0] in '"`[' else text)
        elif text == ")":
            depth = max(0, depth - 1)
        found.append(Token(kind, text, depth, match.start()))
        depth += text == "(" and kind == "sign"
    return found


def syntax_error(near: str, names: Collection[str]) -> str:
    """An error text that shows the word or sign it is near, unless that is a name which is not in `names`."""
    word = ascii_lower(near)
    if word in _KEYWORDS or word in names or not word.isidentifier():
        return f"syntax error near {near!r}"
    return "syntax error near a name: the query is not valid SQL of this engine"


def expansion(sql: list[Token]) -> int:
    """An upper bound of how many copies of common tables the engine makes while it prepares the statement.

    SQLite copies a common table at each mention, before any limit or interrupt is looked at: thirty tables that
    each name the one before twice would be 2**30 copies. A name counts wherever it stands, so the bound is safe.
    """
    weights: dict[str, int] = {}
    total = 1
    for place, token in enumerate(sql):
        if token.kind != "name":
            continue
        total += weights.get(token.text, 0)
        body = _body(sql, place)
        if body is not None:
            weights[token.text] = 1 + sum(weights.get(t.text, 0) for t in body if t.kind == "name")
    return total


def _body(sql: list[Token], place: int) -> list[Token] | None:
    """What stands in parentheses after `name [(columns)] AS [[NOT] MATERIALIZED]`, if that is what begins here."""
    depth, i = sql[place].depth, place + 1
    if i < len(sql) and sql[i].text == "(":
        i = _close(sql, i, depth) + 1
    if i >= len(sql) or sql[i].text != "as" or sql[i].kind != "name":
        return None
    i += 1
    while i < len(sql) and sql[i].text in ("not", "materialized"):
        i += 1
    if i >= len(sql) or sql[i].text != "(":
        return None
    return sql[i + 1 : _close(sql, i, depth)]


def _close(sql: list[Token], opening: int, depth: int) -> int:
    for i in range(opening + 1, len(sql)):
        if sql[i].depth <= depth and sql[i].text == ")":
            return i
    return len(sql)
