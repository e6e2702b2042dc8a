"""`{{ name }}` in a text: the small part of Jinja and Nunjucks that needs no engine; all else is refused by its words.

An expression is a name, `a.b`, `a[0]`, `a["b"]`, `a[b]`, a list of such, a text or number, or one of a few methods of
texts and lists without effects. Nothing of it is ever run as Python.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from assay.errors import SuiteError

__all__ = ["evaluated", "has_marks", "rendered", "value_of"]

_PLACE = re.compile(r"\{\{-?(.*?)-?\}\}", re.DOTALL)
_MARKS = re.compile(r"\{\{|\{%|\{#")
_METHODS = ("strip", "lstrip", "rstrip", "lower", "upper", "title", "capitalize", "index")
_LONGEST = 2000


def has_marks(text: str) -> bool:
    """Whether a template engine would read anything in it."""
    return _MARKS.search(text) is not None


def rendered(template: str, values: Mapping[str, Any], text_of: Callable[[Any], str] = str) -> str:
    """The template with every `{{ expression }}` replaced.

    Args:
        template: what is filled in.
        values: what names stand for.
        text_of: a value as text.

    Raises:
        SuiteError: it holds more than plain expressions, or a name has no value.
    """
    rest = _PLACE.sub("", template)
    if _MARKS.search(rest):
        found = _MARKS.search(rest)
        shown = rest[found.start() : found.start() + 40] if found else rest
        raise SuiteError(f"the template holds {shown!r}; only plain {{{{ name }}}} is filled in")
    return _PLACE.sub(lambda match: text_of(evaluated(match[1], values)), template)


def value_of(template: str, values: Mapping[str, Any], text_of: Callable[[Any], str] = str) -> Any:
    """Like `rendered`, but a template that is one expression and nothing else gives its value as it is."""
    whole = _PLACE.fullmatch(template.strip())
    if whole is not None and "}}" not in whole[1]:
        return evaluated(whole[1], values)
    return rendered(template, values, text_of)


def evaluated(expression: str, values: Mapping[str, Any]) -> Any:
    """The value of one expression; errors as in `rendered`."""
    said = expression.strip()
    try:
        tree = ast.parse(said[:_LONGEST], mode="eval").body
        return _value(tree, values, said)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise _refused(said) from error


def _value(node: ast.expr, values: Mapping[str, Any], said: str) -> Any:
    match node:
        case ast.Constant(value=str() | int() | float() as value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() as value)):
            return -value
        case ast.Name(id=name):
            return _member(values, name, said)
        case ast.Attribute(value=owner, attr=name):
            return _member(_value(owner, values, said), name, said)
        case ast.Subscript(value=owner, slice=place):
            return _member(_value(owner, values, said), _value(place, values, said), said)
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [_value(item, values, said) for item in items]
        case ast.Call(func=ast.Attribute(value=owner, attr=name), args=given, keywords=[]) if name in _METHODS:
            return _called(_value(owner, values, said), name, [_value(one, values, said) for one in given], said)
    raise _refused(said)


def _member(owner: Any, key: Any, said: str) -> Any:
    if isinstance(owner, str) and isinstance(key, str):  # a cell of a CSV file may hold an object
        try:
            owner = json.loads(owner)
        except ValueError:
            owner = None
    try:
        if isinstance(owner, Mapping) or (isinstance(owner, list | str) and isinstance(key, int)):
            return owner[key]
    except LookupError:
        pass
    raise SuiteError(f"{{{{ {said} }}}}: there is no value for {key!r}")


def _called(owner: Any, name: str, given: list[Any], said: str) -> Any:
    if (isinstance(owner, list) and name == "index") or (
        isinstance(owner, str) and all(isinstance(g, str) for g in given)
    ):
        try:
            return getattr(owner, name)(*given)
        except (ValueError, TypeError) as error:
            raise SuiteError(f"{{{{ {said} }}}}: {error}") from error
    raise _refused(said)


def _refused(said: str) -> SuiteError:
    shown = said if len(said) <= 60 else said[:60] + "…"
    return SuiteError(f"{{{{ {shown} }}}} is more than a plain name, and is not worked out here")
