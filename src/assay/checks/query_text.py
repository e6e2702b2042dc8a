"""Queries as text: the one in an answer, and those that a target stands for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations, islice, pairwise

from assay.checks.check import MAX_CHARS, fenced_blocks, shorten
from assay.errors import EvalError
from assay.sandbox.lexer import Token, tokens

__all__ = ["expand", "extract_sql", "literals", "reads_no_table"]

# Prose begins with "With the data at hand" and "From what I see" too, so these need what follows them in SQL.
_START = re.compile(
    r"^[ \t]*(?:SQL(?: query)?:?[ \t]+)?(?P<query>SELECT\b|VALUES\s*\("
    r"|WITH\s+(?:RECURSIVE\s+)?[\w\"`\[\]]+\s*(?:\([^)]*\)\s*)?AS\b"
    r"|FROM\s+[\w\".]+(?:\s+(?:SELECT|WHERE|GROUP\s+BY|ORDER\s+BY|LIMIT|JOIN)\b|\s*;?\s*\Z))",
    re.IGNORECASE | re.MULTILINE,
)
_INLINE = re.compile(r"`(?:``\s*sql\b)?\s*((?:SELECT|WITH|VALUES)\b[^`]+)`", re.IGNORECASE)
# Words that can go on with a query after an empty line, and further ones that a query cannot end with.
_GO_ON = frozenset({
    "and", "cross", "except", "fetch", "from", "full", "group", "having", "inner", "intersect", "join", "left", "limit",
    "natural", "offset", "on", "or", "order", "qualify", "right", "select", "union", "where", "window",
})  # fmt: skip
_OPEN = _GO_ON | {
    "all", "as", "between", "by", "case", "distinct", "else", "in", "is", "like", "not", "set", "then", "values",
    "when", "with",
}  # fmt: skip
_LANGUAGES = ("sql", "sqlite", "duckdb")
_MAX_ALTERNATIVES = 200


def extract_sql(text: str) -> str | None:
    """The query in an answer.

    It is the last code block marked as SQL, else the last that looks like it, else the last; without blocks the text
    from SELECT on, else the last query that stands between backticks in a sentence. A bare query ends at its semicolon,
    or at an empty line that prose follows.
    """
    if len(text) > MAX_CHARS:
        return None
    blocks = fenced_blocks(text)
    marked = [content for language, content in blocks if language in _LANGUAGES]
    marked = marked or [content for _, content in blocks if _START.search(content)]
    marked = marked or [content for _, content in blocks]
    if marked:
        return marked[-1].rstrip("; \n\t") or None
    text = text.strip().strip("`").strip()
    start = _START.search(text)
    if start is not None:
        return _one_statement(text[start.start("query") :].strip())
    if text.startswith(("(", "--", "/*")):
        return text.rstrip("; \n\t")
    inline = _INLINE.findall(text)
    return inline[-1].rstrip("; \n\t") if inline else None


def _one_statement(text: str) -> str:
    words = tokens(text)
    for before, token in pairwise([*words[:1], *words]):
        if token.text == ";" and token.kind == "sign":
            return text if _START.match(text[token.start + 1 :].strip()) else text[: token.start].rstrip()
        if token.depth == 0 and _prose_begins(before, token) and _empty_line(text[before.start : token.start]):
            return text[: token.start].rstrip()
    return text


def _empty_line(gap: str) -> bool:
    return gap[len(gap.rstrip()) :].count("\n") > 1


def _prose_begins(before: Token, token: Token) -> bool:
    """Whether a query can end before this token, and cannot go on with it."""
    ended = before.text not in _OPEN if before.kind == "name" else before.kind != "sign" or before.text in ")*"
    return ended and token.text not in _GO_ON and (token.kind == "name" or token.text in "#*-|>")


def reads_no_table(sql: str) -> bool:
    """Whether no word of it can begin a table: it computes from constants alone."""
    return not any(token.kind == "name" and token.text in ("from", "join", "table") for token in tokens(sql))


def literals(sql: str) -> str:
    """The texts in quotes that stand in it."""
    return " ".join(token.text.strip("'") for token in tokens(sql) if token.kind == "string")


def expand(target: str) -> list[str]:
    """The queries that one target stands for, each accepted: `a; b` two, `{a, b}` any of the columns, or several.

    `GROUP BY {}` repeats the columns that were taken. Braces around a struct (`{'a': 1}`) are left as they are.

    Raises:
        EvalError: they are more than 200.
    """
    meant = (query for part in _statements(target) for query in _unbraced(part))
    found = list(islice(meant, _MAX_ALTERNATIVES + 1))  # several braces multiply: not all are made to be counted
    if len(found) > _MAX_ALTERNATIVES:
        raise EvalError(f"check 'sql': a target stands for more than {_MAX_ALTERNATIVES} queries: {shorten(target)}")
    return found or [target]


def _statements(target: str) -> Iterator[str]:
    start = 0
    for token in tokens(target):
        if token.kind == "sign" and token.text == ";":
            yield target[start : token.start].strip()
            start = token.start + 1
    yield target[start:].strip()


def _unbraced(query: str) -> Iterator[str]:
    if not query:
        return
    braces = _braces(query)
    if braces is None:
        yield query
        return
    head, names, tail = query[: braces[0]], _columns(query[braces[0] + 1 : braces[1]]), query[braces[1] + 1 :]
    for size in range(1, len(names) + 1):
        for chosen in combinations(names, size):
            columns = ", ".join(chosen)
            yield from _unbraced(head + columns + re.sub(r"(?i)(GROUP\s+BY\s*)\{\s*\}", rf"\g<1>{columns}", tail))


def _braces(query: str) -> tuple[int, int] | None:
    """Where the first braces that hold columns open and close."""
    opened: Token | None = None
    for token in tokens(query):
        if token.kind != "sign":
            continue
        if token.text == "{":
            opened = token
        elif token.text == ":" and opened is not None:
            opened = None
        elif token.text == "}" and opened is not None:
            if query[opened.start + 1 : token.start].strip():
                return opened.start, token.start
            opened = None
    return None


def _columns(inside: str) -> list[str]:
    """The parts between the commas that stand in no parentheses."""
    commas = [token.start for token in tokens(inside) if token.text == "," and token.kind == "sign" and not token.depth]
    places = [-1, *commas, len(inside)]
    names = [inside[a + 1 : b].strip() for a, b in pairwise(places)]
    if len(names) > 8:
        raise EvalError(f"check 'sql': braces hold at most 8 columns: {shorten(inside)}")
    return names
