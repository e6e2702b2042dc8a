"""Preparing a text of hidden tests: its asserts are numbered and its comparisons watched, so that they can tell."""

from __future__ import annotations

import ast
import builtins
import symtable
from collections.abc import Iterator
from typing import NamedTuple

from assay.errors import EvalError

__all__ = ["HiddenTests", "prepare"]

_BUILTINS = frozenset(dir(builtins))


class HiddenTests(NamedTuple):
    """Tests as the trial runs them.

    Attributes:
        source: Python that calls `__at__(number)` before each assert and `__compare__(signs, *operands)` for each
            comparison; `check(entry)` and test functions that nothing calls are called at its end.
        asserts: the text of each assert, by number.
        names: what the tests take from the answer; where they import `*`, no more than the entry is known.
        builtins: the built-in names that they use.
        modules: the modules that they import.
    """

    source: str
    asserts: tuple[str, ...]
    names: frozenset[str]
    builtins: frozenset[str]
    modules: tuple[str, ...]


def prepare(text: str, entry: str | None = None) -> HiddenTests:
    """Read and instrument the tests of a sample.

    Args:
        text: Python with asserts, at the top or in functions.
        entry: the name that the answer must define.

    Raises:
        EvalError: it is no Python, asserts nothing, or uses nothing of the answer.
    """
    try:
        tree = ast.parse(text)
        used = _global_names(text)
    except (SyntaxError, ValueError, RecursionError) as error:
        raise EvalError(f"check 'tests': the tests are no Python: {error}") from None
    if any(isinstance(node, ast.Attribute | ast.Name) and _last(node) == "TestCase" for node in ast.walk(tree)):
        raise EvalError("check 'tests': unittest.TestCase is not run; write the tests as plain asserts")
    given = {entry} if entry else set()
    used = {name for name in used if not name.startswith("__")}
    modules = _modules(tree)
    starred = any(isinstance(node, ast.alias) and node.name == "*" for node in ast.walk(tree))
    names = frozenset(given if starred else used - _BUILTINS | given)
    if not names and not starred and "solution" not in modules:
        raise EvalError("check 'tests': the tests use no name of the answer's; if it is a built-in one, give `entry`")
    tree.body += _calls(tree, entry)
    watched = _Watched()
    tree = ast.fix_missing_locations(watched.visit(tree))
    if not watched.asserts:
        raise EvalError("check 'tests': the tests have no assert")
    return HiddenTests(
        source=ast.unparse(tree),
        asserts=tuple(watched.asserts),
        names=names,
        builtins=frozenset((used & _BUILTINS) - given),
        modules=tuple(sorted(modules - {"solution", "__future__"})),
    )


def _last(node: ast.Attribute | ast.Name) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id


def _global_names(text: str) -> set[str]:
    """The names that some scope looks up globally and that the text itself does not bind there."""
    top = symtable.symtable(text, "<tests>", "exec")
    bound = {s.get_name() for s in top.get_symbols() if s.is_assigned() or s.is_imported() or s.is_namespace()}
    used = {s.get_name() for s in top.get_symbols() if s.is_referenced()}
    for scope in _scopes(top):
        used |= {s.get_name() for s in scope.get_symbols() if s.is_global() and s.is_referenced()}
        bound |= {s.get_name() for s in scope.get_symbols() if s.is_declared_global() and s.is_assigned()}
    taken = {
        alias.name
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ImportFrom) and node.module == "solution"
        for alias in node.names
    }
    return used - bound | taken


def _scopes(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    for child in table.get_children():
        yield child
        yield from _scopes(child)


def _modules(tree: ast.AST) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    return found


def _calls(tree: ast.Module, entry: str | None) -> list[ast.stmt]:
    """Calls of `check(entry)` and of the test functions without parameters that the text defines and never calls."""
    called = {n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
    calls: list[str] = []
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef) or node.name in called:
            continue
        needed = len(node.args.posonlyargs) + len(node.args.args) - len(node.args.defaults)
        if node.name.startswith("test") and not needed:
            calls.append(f"{node.name}()")
        elif node.name == "check" and needed == 1 and entry:
            calls.append(f"check({entry})")
    return ast.parse("\n".join(calls)).body


class _Watched(ast.NodeTransformer):
    """`assert a == b` becomes `assert __at__(0) and __compare__(('==',), a, b)`."""

    _SIGNS = {
        ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
        ast.In: "in", ast.NotIn: "not in", ast.Is: "is", ast.IsNot: "is not",
    }  # fmt: skip

    def __init__(self) -> None:
        self.asserts: list[str] = []

    def visit_Assert(self, node: ast.Assert) -> ast.Assert:
        number = len(self.asserts)
        self.asserts.append(ast.unparse(node.test))
        self.generic_visit(node)
        node.test = ast.BoolOp(op=ast.And(), values=[_call("__at__", ast.Constant(value=number)), node.test])
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.Call:
        self.generic_visit(node)
        signs: list[ast.expr] = [ast.Constant(value=self._SIGNS[type(op)]) for op in node.ops]
        return _call("__compare__", ast.Tuple(elts=signs, ctx=ast.Load()), node.left, *node.comparators)


def _call(name: str, *arguments: ast.expr) -> ast.Call:
    return ast.Call(func=ast.Name(id=name, ctx=ast.Load()), args=list(arguments), keywords=[])
