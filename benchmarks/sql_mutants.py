"""Other spellings of a hostile query, and gold queries with one wrong token. Deterministic."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from assay.sandbox.lexer import Token, tokens

_GOLD_MUTATIONS: tuple[tuple[str, Callable[[re.Match[str]], str]], ...] = (
    (r"\b(\d+)\b", lambda m: str(int(m[1]) + 1)),
    (r"'([^']{2,})'", lambda m: f"'{m[1][:-1]}~'"),
    (r"<>|!=", lambda m: "="),
    (r"(?<![<>!])=", lambda m: "<>"),
    (r">=?", lambda m: "<"),
    (r"(?<!<)<(?![>=])", lambda m: ">"),
    (r"\bSUM\(", lambda m: "MIN("),
    (r"\bAVG\(", lambda m: "MAX("),
    (r"\bMAX\(", lambda m: "MIN("),
    (r"\bMIN\(", lambda m: "MAX("),
    (r"\bCOUNT\((?!\*)", lambda m: "MAX("),
    (r"\bAND\b", lambda m: "OR"),
    (r"\bDESC\b", lambda m: "ASC"),
    (r"\bSELECT\b", lambda m: "SELECT 1,"),
)


def gold_mutants(gold: str) -> Iterator[str]:
    """Versions of a query in which one token is another."""
    for pattern, change in _GOLD_MUTATIONS:
        for match in re.finditer(pattern, gold, re.IGNORECASE):
            yield gold[: match.start()] + change(match) + gold[match.end() :]


def spellings(probe: str, engine: str) -> list[str]:
    """The same question in other words: case, comments, quotes, and as a part of a larger query."""
    plain = [change(probe) for change in _WRITTEN]
    plain += [_quoted(probe, open_sign, close_sign) for open_sign, close_sign in _QUOTES[engine]]
    if not re.match(r"(?i)\s*(select|with|from|values|\()", probe) or ";" in probe:
        return _new(probe, plain)
    nested = [form.replace("@", probe) for form in _NESTED]
    both = [form.replace("@", change(probe)) for form in _NESTED[:4] for change in _WRITTEN[:2]]
    return _new(probe, [*plain, *nested, *both])


def _new(probe: str, made: list[str]) -> list[str]:
    return [one for one in dict.fromkeys(made) if one != probe]


_QUOTES = {"sqlite": (('"', '"'), ("[", "]"), ("`", "`")), "duckdb": (('"', '"'),)}
_NESTED = (
    "with w as (@) select * from w",
    "select * from (@) as users",
    "select 'x' union all @",
    "@ union all @",
    "with w as materialized (@), v as (select * from w) select * from v",
    "select (@)",
    "select id, (@) from users",
    "select name from users where name in (@)",
    "select count(*) from (@) q group by 1",
    "(((@)))",
    "select q.* from orders o left join (@) q on true limit 3",
    "with recursive r as (select 1 n union all select n + 1 from r where n < 2) select * from r, (@) q",
)


def _alternating(sql: str) -> str:
    return "".join(sign.upper() if place % 2 else sign.lower() for place, sign in enumerate(sql))


def _outside_strings(sql: str, change: Callable[[Token, str], str]) -> str:
    """`sql` with each lexeme but strings changed; what stands between them stays."""
    made, end = [], 0
    for token in tokens(sql):
        if token.kind == "string":
            continue
        quotes = 2 if token.kind == "name" and sql[token.start] in '"`[' else 0
        word = sql[token.start : token.start + len(token.text) + quotes]
        made.append(sql[end : token.start] + change(token, word))
        end = token.start + len(word)
    return "".join(made) + sql[end:]


def _cased(sql: str) -> str:
    return _outside_strings(sql, lambda token, word: _alternating(word))


def _upper(sql: str) -> str:
    return _outside_strings(sql, lambda token, word: word.upper())


def _commented(sql: str) -> str:
    return _outside_strings(sql, lambda token, word: f"{word}/* ' */" if token.kind == "name" else word)


def _lined(sql: str) -> str:
    return _outside_strings(sql, lambda token, word: f'{word} -- "\n' if token.kind == "name" else word)


def _aliased(sql: str) -> str:
    return re.sub(r"(?i)\bfrom (\w+)(?=$|[ )])(?! as\b)", r"from \1 as \1", sql)


_WRITTEN: tuple[Callable[[str], str], ...] = (
    _cased,
    _commented,
    _upper,
    _lined,
    _aliased,
    lambda sql: f"/**/{sql}",
    lambda sql: f"{sql};",
    lambda sql: f"{sql} --",
    lambda sql: re.sub(r" ", "\t\n", sql),
)

_NAMES = {
    *("salary", "salary_fts", "users", "orders", "v_users", "v_pay"),
    *("id", "name", "city", "ssn", "note", "amount", "user_id", "total"),
}


def _quoted(sql: str, open_sign: str, close_sign: str) -> str:
    """The probe set's tables and columns in quotes."""
    return _outside_strings(
        sql, lambda token, word: f"{open_sign}{word}{close_sign}" if word.lower() in _NAMES else word
    )
